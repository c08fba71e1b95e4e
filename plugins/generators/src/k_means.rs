//! k-means for all classes at once, the initialisation of a mixture.
//!
//! The initial centres are samples chosen by k-means++ (Arthur and Vassilvitskii, SODA 2007): each
//! with a probability proportional to its squared distance from the nearest centre chosen before.
//! Then Lloyd's algorithm runs until no sample changes its cluster. A class with fewer distinct
//! samples than the requested clusters gets one cluster per distinct sample.

use crate::mixture::{Samples, chosen};
use clbench_torch::Noise;
use clbench_torch::tch::{Kind, TchError, Tensor};

/// Lloyd's algorithm terminates by itself, but rounding could move samples on a cluster border back
/// and forth for ever. scikit-learn's default limit.
const MOST_ITERATIONS: u32 = 300;
/// Convergence is checked only every few iterations, because reading it synchronises with the
/// device. After convergence, further iterations change nothing.
const CHECK_EVERY: u32 = 4;

/// The clusters of some classes.
pub(crate) struct Clusters {
    /// f64 `[classes, clusters, width]`; zeros for a cluster that a class does not have.
    pub(crate) centres: Tensor,
    /// 1 where a sample belongs to a cluster, f64 `[classes, samples, clusters]`; padding belongs
    /// to none.
    pub(crate) members: Tensor,
}

/// Finds `clusters` clusters in each class.
pub(crate) fn clusters(
    samples: &Samples,
    clusters: i64,
    noise: &mut Noise,
) -> Result<Clusters, TchError> {
    let (mut centres, there) = first_centres(samples, clusters, noise)?;
    let mut nearest = samples.nearest(&centres, &there)?;
    for iteration in 1..=MOST_ITERATIONS {
        centres = samples.centres(&nearest, &centres)?;
        let next = samples.nearest(&centres, &there)?;
        let settled = iteration % CHECK_EVERY == 0 && next.f_equal(&nearest)?;
        nearest = next;
        if settled {
            break;
        }
    }
    Ok(Clusters {
        centres,
        members: nearest,
    })
}

/// The initial centres, and which of them exist, bool `[classes, clusters]`.
fn first_centres(
    samples: &Samples,
    clusters: i64,
    noise: &mut Noise,
) -> Result<(Tensor, Tensor), TchError> {
    // Squared distances from the nearest centre, [classes, samples]; for the first centre all
    // samples are equally likely.
    let mut distance = samples.mask.shallow_clone();
    let (mut centres, mut there) = (Vec::new(), Vec::new());
    for cluster in 0..clusters {
        // If every sample is a centre already, there is nothing left to choose.
        let left = distance
            .f_sum_dim_intlist([1_i64].as_slice(), true, Kind::Double)?
            .f_gt(0.0)?;
        let row = chosen(&distance, &noise.uniform(&[1])?)?;
        let row = row
            .f_unsqueeze(2)?
            .f_expand([-1, -1, samples.width()], false)?;
        // [classes, 1, width].
        let centre = samples.features.f_gather(1, &row, false)?;
        let to_centre = samples
            .features
            .f_sub(&centre)?
            .f_square()?
            .f_sum_dim_intlist([2_i64].as_slice(), false, Kind::Double)?
            .f_mul(&samples.mask)?;
        distance = match cluster {
            0 => to_centre,
            _ => distance.f_minimum(&to_centre)?,
        };
        centres.push(centre.f_mul(&left.f_unsqueeze(2)?)?);
        there.push(left);
    }
    Ok((Tensor::f_cat(&centres, 1)?, Tensor::f_cat(&there, 1)?))
}

impl Samples {
    /// The cluster of each sample, in the form of [`Clusters::members`].
    fn nearest(&self, centres: &Tensor, there: &Tensor) -> Result<Tensor, TchError> {
        // |x − c|² without |x|², which is the same for all centres: [classes, samples, clusters].
        let lengths =
            centres
                .f_square()?
                .f_sum_dim_intlist([2_i64].as_slice(), false, Kind::Double)?;
        let distances = lengths
            .f_masked_fill(&there.f_logical_not()?, f64::INFINITY)?
            .f_unsqueeze(1)?
            .f_baddbmm(&self.features, &centres.f_transpose(1, 2)?, 1.0, -2.0)?;
        let nearest = distances.f_argmin(2, true)?;
        let numbers = Tensor::f_arange(centres.size()[1], (Kind::Int64, nearest.device()))?;
        nearest
            .f_eq_tensor(&numbers)?
            .f_to_kind(Kind::Double)?
            .f_mul(&self.mask.f_unsqueeze(2)?)
    }

    /// The means of the clusters; a cluster that has lost all its samples keeps its centre.
    fn centres(&self, members: &Tensor, before: &Tensor) -> Result<Tensor, TchError> {
        // [classes, clusters, 1].
        let counts = members
            .f_sum_dim_intlist([1_i64].as_slice(), false, Kind::Double)?
            .f_unsqueeze(2)?;
        members
            .f_transpose(1, 2)?
            .f_bmm(&self.features)?
            .f_div(&counts.f_clamp_min(1.0)?)?
            .f_where_self(&counts.f_gt(0.0)?, before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::tch::Device;

    fn samples(classes: &[&[f64]]) -> Samples {
        let classes: Vec<Tensor> = classes
            .iter()
            .map(|class| Tensor::from_slice(class).view((-1, 1)))
            .collect();
        Samples::new(&classes).unwrap()
    }

    fn found(classes: &[&[f64]], count: i64) -> Clusters {
        let names: Vec<u32> = (0..classes.len() as u32).collect();
        let mut noise = Noise::new(1, "test", 1, &names, Device::Cpu).unwrap();
        clusters(&samples(classes), count, &mut noise).unwrap()
    }

    #[test]
    fn well_separated_clusters_are_found() {
        let far = [0.0, 0.2, 9.0, 9.1, 9.2, -5.0];
        let two = [1.0, 1.5, 1.0, 40.0];
        let clusters = found(&[&far, &two], 3);
        let mut centres = Vec::<f64>::try_from(clusters.centres.get(0).view(-1)).unwrap();
        centres.sort_by(f64::total_cmp);
        for (centre, expected) in centres.iter().zip([-5.0, 0.1, 9.1]) {
            assert!((centre - expected).abs() < 1e-12, "{centres:?}");
        }
        // The second class: its distinct samples, and two rows of padding.
        let mut centres = Vec::<f64>::try_from(clusters.centres.get(1).view(-1)).unwrap();
        centres.sort_by(f64::total_cmp);
        assert_eq!(centres, [1.0, 1.5, 40.0]);
        let members = clusters
            .members
            .get(1)
            .sum_dim_intlist([1_i64].as_slice(), false, None);
        assert_eq!(
            Vec::<f64>::try_from(members).unwrap(),
            [1.0, 1.0, 1.0, 1.0, 0.0, 0.0]
        );
    }

    #[test]
    fn a_class_has_no_more_clusters_than_distinct_samples() {
        let clusters = found(&[&[2.0, 3.0, 2.0], &[7.0]], 3);
        let sizes = clusters
            .members
            .sum_dim_intlist([1_i64].as_slice(), false, None);
        let mut of_first = Vec::<f64>::try_from(sizes.get(0)).unwrap();
        of_first.sort_by(f64::total_cmp);
        assert_eq!(of_first, [0.0, 1.0, 2.0]);
        assert_eq!(Vec::<f64>::try_from(sizes.get(1)).unwrap(), [1.0, 0.0, 0.0]);
        assert_eq!(
            Vec::<f64>::try_from(clusters.centres.get(1).view(-1)).unwrap(),
            [7.0, 0.0, 0.0]
        );
    }
}

//! The cache: features of past samples as keys, their classes as values.
//!
//! For an image's unit feature f, the votes of the cache for a class are
//!
//! ```text
//! Σ exp(−β (1 − f · k))     over the keys k of the class
//! logit = s · f · t + α · votes
//! ```
//!
//! with the model's logit scale s and the class's unit text feature t.

use clbench_torch::During;
use clbench_torch::bridge::state;
use clbench_torch::prompting::cosine;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use harness_abi::{Result, State};

/// How many keys vote at once, for how many images; limits memory use for any size of the cache.
const KEYS_AT_ONCE: i64 = 8192;
const IMAGES_AT_ONCE: i64 = 2048;

/// The weights of the cache.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// α, the factor of the votes.
    pub alpha: f64,
    /// β, the sharpness of the affinity.
    pub beta: f64,
}

/// Keys and their classes.
#[derive(Debug)]
pub struct Cache {
    /// `[rows, width]`.
    keys: Tensor,
    /// The class id of every key, i64 `[rows]`, on the device and here.
    labels: Tensor,
    classes: Vec<i64>,
}

impl Cache {
    /// A cache of the given keys, `[rows, width]`, and the class id of each.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn new(keys: Tensor, classes: Vec<i64>) -> Result<Cache, TchError> {
        Ok(Cache {
            labels: Tensor::f_from_slice(&classes)?.f_to_device(keys.device())?,
            keys,
            classes,
        })
    }

    /// A cache without keys.
    ///
    /// # Errors
    ///
    /// If the device is not available.
    pub fn empty(width: u32, device: Device) -> Result<Cache, TchError> {
        let keys = Tensor::f_zeros([0, i64::from(width)], (Kind::Float, device))?;
        Cache::new(keys, Vec::new())
    }

    /// The keys, `[rows, width]`.
    pub fn keys(&self) -> &Tensor {
        &self.keys
    }

    /// The class id of every key.
    pub fn classes(&self) -> &[i64] {
        &self.classes
    }

    /// Some of the rows, in the order given.
    ///
    /// # Errors
    ///
    /// If a row does not exist.
    pub fn rows(&self, rows: &[usize]) -> Result<Cache, TchError> {
        let index: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
        let index = Tensor::f_from_slice(&index)?.f_to_device(self.keys.device())?;
        let keys = self.keys.f_index_select(0, &index)?;
        Cache::new(keys, rows.iter().map(|&row| self.classes[row]).collect())
    }

    /// This cache followed by another.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn followed_by(&self, other: &Cache) -> Result<Cache, TchError> {
        let keys = Tensor::f_cat(&[&self.keys, &other.keys], 0)?;
        Cache::new(keys, [&self.classes[..], &other.classes[..]].concat())
    }

    /// The votes for classes of images, unit features `[images, width]`: `[images, classes]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn votes(&self, images: &Tensor, classes: &[i64], beta: f64) -> Result<Tensor, TchError> {
        let device = self.keys.device();
        let wanted = Tensor::f_from_slice(classes)?.f_to_device(device)?;
        let mut votes = Vec::new();
        let images_total = images.size()[0];
        for start in (0..images_total).step_by(IMAGES_AT_ONCE as usize) {
            let images = images.f_narrow(0, start, IMAGES_AT_ONCE.min(images_total - start))?;
            votes.push(self.votes_for(&images, &wanted, beta)?);
        }
        match votes.is_empty() {
            true => Tensor::f_zeros([0, classes.len() as i64], (Kind::Float, device)),
            false => Tensor::f_cat(&votes, 0),
        }
    }

    /// The votes for `wanted` classes, i64 `[classes]`, of images that are few enough.
    fn votes_for(&self, images: &Tensor, wanted: &Tensor, beta: f64) -> Result<Tensor, TchError> {
        let shape = [images.size()[0], wanted.size()[0]];
        let mut votes = Tensor::f_zeros(shape, (Kind::Float, self.keys.device()))?;
        let rows = self.keys.size()[0];
        for start in (0..rows).step_by(KEYS_AT_ONCE as usize) {
            let length = KEYS_AT_ONCE.min(rows - start);
            let keys = self.keys.f_narrow(0, start, length)?;
            let labels = self.labels.f_narrow(0, start, length)?;
            // [keys, classes]
            let values = labels.f_unsqueeze(1)?.f_eq_tensor(wanted)?;
            let values = values.f_to_kind(Kind::Float)?;
            votes = votes.f_add(&affinity(images, &keys, beta)?.f_matmul(&values)?)?;
        }
        Ok(votes)
    }

    /// The logits of images, unit features `[images, width]`, for classes with the given unit text
    /// features `[classes, width]`: `[images, classes]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn logits(
        &self,
        images: &Tensor,
        classes: &[i64],
        texts: &Tensor,
        scale: f64,
        weights: Weights,
    ) -> Result<Tensor, TchError> {
        let votes = self.votes(images, classes, weights.beta)?;
        cosine::logits(images, texts, scale)?.f_add(&votes.f_mul_scalar(weights.alpha)?)
    }

    /// Adds the cache to a state.
    ///
    /// # Errors
    ///
    /// If memory is short.
    pub fn put(&self, written: &mut State) -> Result<()> {
        state::put(written, "cache.keys", &self.keys)?;
        state::put(written, "cache.classes", &self.labels)
    }

    /// Restores the cache from a state.
    ///
    /// # Errors
    ///
    /// If the state does not belong to a cache of this width.
    pub fn take(&mut self, written: &mut State) -> Result<()> {
        let (kind, device) = (Kind::Int64, Device::Cpu);
        let classes = state::taken(written, "cache.classes", &[-1], (kind, device))?;
        let classes = Vec::<i64>::try_from(&classes).during("restoring the cache")?;
        let shape = [classes.len() as i64, self.keys.size()[1]];
        let options = (Kind::Float, self.keys.device());
        let keys = state::taken(written, "cache.keys", &shape, options)?;
        *self = Cache::new(keys, classes).during("restoring the cache")?;
        Ok(())
    }
}

/// exp(−β (1 − f · k)), `[images, keys]`. Differentiable.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn affinity(images: &Tensor, keys: &Tensor, beta: f64) -> Result<Tensor, TchError> {
    images
        .f_matmul(&keys.f_tr()?)?
        .f_mul_scalar(beta)?
        .f_sub_scalar(beta)?
        .f_exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::Generator;
    use clbench_torch::prompting::cosine::unit_rows;

    fn unit(rows: i64, purpose: &str) -> Tensor {
        let mut generator = Generator::new(3, purpose, 0);
        let rows = generator.normal_tensor(&[rows, 6], 1.0, Device::Cpu);
        unit_rows(&rows.unwrap()).unwrap()
    }

    fn values(tensor: &Tensor) -> Vec<Vec<f64>> {
        Vec::try_from(tensor.to_kind(Kind::Double)).unwrap()
    }

    #[test]
    fn votes_are_the_formula_by_hand_for_the_requested_classes() {
        // More keys than vote at once.
        let rows = KEYS_AT_ONCE + 100;
        let (keys, images) = (unit(rows, "keys"), unit(3, "images"));
        let classes: Vec<i64> = (0..rows).map(|row| row % 5).collect();
        let cache = Cache::new(keys.shallow_clone(), classes.clone()).unwrap();
        let wanted = [4, 9, 1];
        let votes = values(&cache.votes(&images, &wanted, 5.5).unwrap());
        let (keys, images) = (values(&keys), values(&images));
        for (image, votes) in images.iter().zip(votes) {
            for (class, vote) in wanted.into_iter().zip(votes) {
                let its = keys.iter().zip(&classes).filter(|(_, its)| **its == class);
                let by_hand: f64 = its
                    .map(|(key, _)| {
                        let cosine: f64 = key.iter().zip(image).map(|(a, b)| a * b).sum();
                        (-5.5 * (1.0 - cosine)).exp()
                    })
                    .sum();
                assert!(
                    (vote - by_hand).abs() < 1e-5 * by_hand.max(1.0),
                    "{vote}, {by_hand}"
                );
            }
        }
    }

    #[test]
    fn an_empty_cache_leaves_the_zero_shot_logits() {
        let (images, texts) = (unit(4, "images"), unit(2, "texts"));
        let weights = Weights {
            alpha: 3.0,
            beta: 2.0,
        };
        let cache = Cache::empty(6, Device::Cpu).unwrap();
        let logits = cache.logits(&images, &[7, 3], &texts, 10.0, weights);
        assert_eq!(
            logits.unwrap(),
            cosine::logits(&images, &texts, 10.0).unwrap()
        );
    }

    #[test]
    fn joined_selected_and_restored_caches_have_their_rows() {
        let keys = unit(5, "keys");
        let part = |start, classes: &[i64]| {
            let keys = keys.narrow(0, start, classes.len() as i64);
            Cache::new(keys, classes.into()).unwrap()
        };
        let cache = part(0, &[8, 2]).followed_by(&part(2, &[2, 0, 8])).unwrap();
        assert_eq!(
            (cache.keys(), cache.classes()),
            (&keys, &[8, 2, 2, 0, 8][..])
        );
        let some = cache.rows(&[4, 1]).unwrap();
        assert_eq!(some.classes(), [8, 2]);
        assert_eq!(some.keys().get(0), keys.get(4));
        let mut written = State::default();
        cache.put(&mut written).unwrap();
        let mut other = Cache::empty(6, Device::Cpu).unwrap();
        other.take(&mut written).unwrap();
        assert_eq!((other.keys(), other.classes()), (&keys, cache.classes()));
    }
}

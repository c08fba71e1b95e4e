//! Boundary-aware replay: draws of past classes from their Gaussians.
//!
//! Every step of training replays the next few of all past classes, in an order drawn for each
//! epoch and followed cyclically. A new class whose text is close to a past class's is likely to
//! attract its images. For each such pair (o, n), every step also draws samples of the past class
//! o, and the loss keeps them closer to t_o than to t_n by a margin.

use super::adapter::{Boundary, Step};
use super::statistics::{Statistics, factor, shrunk};
use crate::seen::Seen;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use clbench_torch::{During, Generator, Noise};
use harness_abi::{Error, Host, Result};

/// How past classes are replayed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// How many past classes a step replays.
    pub classes: u32,
    /// How many draws a step makes of each of them.
    pub draws: u32,
    /// How many draws a step makes for each boundary pair.
    pub boundary_draws: u32,
    /// Pairs of an old and a new class are boundary pairs if the distance of their texts is below
    /// this.
    pub threshold: f64,
    /// Whether covariances are shrunk.
    pub shrinkage: bool,
}

/// The past classes of a task, ready to draw from.
#[derive(Debug)]
pub struct Replay {
    plan: Plan,
    /// Their positions among the texts, i64 `[past]`.
    positions: Tensor,
    /// f32 `[past, width]`.
    means: Tensor,
    /// Cholesky factors, f32 `[past, width, width]`.
    factors: Tensor,
    /// The boundary pairs of each past class that has some, by its index here.
    boundary: Vec<(i64, i64)>,
    /// The old and the new class of every boundary draw, as positions among the texts.
    targets: Option<[Tensor; 2]>,
    noise: Noise,
    order: Generator,
    /// The past classes in the order of the current epoch, and how many of it are used up.
    epoch: (Vec<i64>, usize),
}

impl Replay {
    /// Prepares the classes that have statistics. The last `new` classes of `seen` are new in this
    /// task.
    ///
    /// # Errors
    ///
    /// If a covariance cannot be factorised, or the host cancels.
    pub fn new(
        plan: Plan,
        statistics: &Statistics,
        seen: &Seen,
        new: usize,
        (seed, task): (u64, u32),
        host: &Host,
    ) -> Result<Replay> {
        let device = seen.texts().device();
        let ids = statistics.classes();
        let mut positions = Vec::new();
        let (mut means, mut factors) = (Vec::new(), Vec::new());
        for &id in &ids {
            if host.cancelled() {
                return Err(Error::cancelled());
            }
            let doing = format!("the statistics of class {id}");
            let mut covariance = statistics.covariance(id)?;
            if plan.shrinkage {
                covariance = shrunk(&covariance).during(&doing)?;
            }
            let factor = factor(&covariance).map_err(|error| error.context(&doing))?;
            let single = |tensor: &Tensor| tensor.f_to_kind(Kind::Float).during(&doing);
            means.push(single(statistics.mean(id)?)?);
            factors.push(single(&factor)?);
            positions.push(seen.position(id.into())?);
        }
        let doing = "preparing the replay";
        let first_new = (seen.ids().len() - new) as i64;
        let pairs = boundary_pairs(seen.texts(), &positions, first_new, plan.threshold);
        let pairs = pairs.during(doing)?;
        let mut replay = Replay {
            plan,
            positions: on(device, &positions).during(doing)?,
            means: Tensor::f_stack(&means, 0).during(doing)?,
            factors: Tensor::f_stack(&factors, 0).during(doing)?,
            boundary: Vec::new(),
            targets: None,
            noise: Noise::new(seed, "replay", task, &[0], device)?,
            order: Generator::new(seed, "replay-order", task),
            epoch: (Vec::new(), 0),
        };
        replay
            .set_boundary(&pairs, &positions, device)
            .during(doing)?;
        Ok(replay)
    }

    /// The number of boundary pairs.
    pub fn pairs(&self) -> u64 {
        self.boundary.iter().map(|&(_, pairs)| pairs as u64).sum()
    }

    /// Draws a new order of the past classes.
    pub fn start_epoch(&mut self) {
        let past = self.means.size()[0] as usize;
        self.epoch = (self.order.permutation(past), 0);
    }

    /// Adds replayed samples to a step.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn join(&mut self, step: &Step) -> Result<Step, TchError> {
        let chosen = self.next();
        let count = i64::from(self.plan.draws);
        let mut features = vec![step.features.shallow_clone()];
        for &index in &chosen {
            features.push(self.drawn(index, count)?);
        }
        let chosen = on(step.features.device(), &chosen)?;
        let targets = self
            .positions
            .f_index_select(0, &chosen)?
            .f_repeat_interleave_self_int(count, 0, None)?;
        Ok(Step {
            features: Tensor::f_cat(&features, 0)?,
            targets: Tensor::f_cat(&[&step.targets, &targets], 0)?,
            boundary: self.boundary()?,
        })
    }

    /// The past classes of the next step.
    fn next(&mut self) -> Vec<i64> {
        let (order, used) = &mut self.epoch;
        let classes = (*used..*used + self.plan.classes as usize)
            .map(|at| order[at % order.len()])
            .collect();
        *used += self.plan.classes as usize;
        classes
    }

    fn boundary(&mut self) -> Result<Option<Boundary>, TchError> {
        let Some([old, new]) = &self.targets else {
            return Ok(None);
        };
        let (old, new) = (old.shallow_clone(), new.shallow_clone());
        let mut features = Vec::new();
        for (index, pairs) in self.boundary.clone() {
            features.push(self.drawn(index, pairs * i64::from(self.plan.boundary_draws))?);
        }
        Ok(Some(Boundary {
            features: Tensor::f_cat(&features, 0)?,
            old,
            new,
        }))
    }

    fn set_boundary(
        &mut self,
        pairs: &[(i64, i64)],
        positions: &[i64],
        device: Device,
    ) -> Result<(), TchError> {
        if pairs.is_empty() {
            return Ok(());
        }
        for &(old, _) in pairs {
            match self.boundary.last_mut() {
                Some((index, pairs)) if *index == old => *pairs += 1,
                _ => self.boundary.push((old, 1)),
            }
        }
        let count = i64::from(self.plan.boundary_draws);
        let each =
            |classes: Vec<i64>| on(device, &classes)?.f_repeat_interleave_self_int(count, 0, None);
        let old = pairs.iter().map(|&(old, _)| positions[old as usize]);
        let new = pairs.iter().map(|&(_, new)| new);
        self.targets = Some([each(old.collect())?, each(new.collect())?]);
        Ok(())
    }

    /// Draws of one past class, `[count, width]`.
    fn drawn(&mut self, index: i64, count: i64) -> Result<Tensor, TchError> {
        let width = self.means.size()[1];
        let noise = self.noise.normal(&[count, width])?.f_squeeze_dim(0)?;
        transformed(
            &noise,
            &self.means.f_select(0, index)?,
            &self.factors.f_select(0, index)?,
        )
    }
}

/// Draws from a Gaussian, `[draws, width]`, from standard normal numbers of that shape.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn transformed(noise: &Tensor, mean: &Tensor, factor: &Tensor) -> Result<Tensor, TchError> {
    noise.f_matmul(&factor.f_tr()?)?.f_add(mean)
}

/// The pairs of an old and a new class whose texts are closer than the threshold: the old class as
/// an index into `old`, the new one as a position among the texts, where new classes start at
/// `first_new`. Sorted by old class.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn boundary_pairs(
    texts: &Tensor,
    old: &[i64],
    first_new: i64,
    threshold: f64,
) -> Result<Vec<(i64, i64)>, TchError> {
    let new = texts.f_narrow(0, first_new, texts.size()[0] - first_new)?;
    if old.is_empty() || new.size()[0] == 0 {
        return Ok(Vec::new());
    }
    let old_texts = texts.f_index_select(0, &on(texts.device(), old)?)?;
    // Mode 2 subtracts: distances by matrix products lose digits where classes are close.
    let distances = Tensor::f_cdist(&old_texts, &new, 2.0, 2)?;
    let close = distances.f_lt(threshold)?.f_nonzero()?;
    let close = Vec::<i64>::try_from(close.f_to_device(Device::Cpu)?.f_reshape([-1])?)?;
    let pairs = close.chunks_exact(2);
    Ok(pairs.map(|pair| (pair[0], first_new + pair[1])).collect())
}

fn on(device: Device, numbers: &[i64]) -> Result<Tensor, TchError> {
    Tensor::f_from_slice(numbers)?.f_to_device(device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::prompting::templates::ClassTexts;
    use harness_abi::Class;
    use harness_abi::testkit::ToyBackbone;

    const PLAN: Plan = Plan {
        classes: 2,
        draws: 3,
        boundary_draws: 4,
        threshold: 10.0,
        shrinkage: false,
    };

    /// Five classes, ids 4 to 0; those named in `past` have statistics.
    fn seen() -> Seen {
        let classes: Vec<Class> = (0..5)
            .map(|at| Class {
                id: 4 - at,
                name: ["seal", "tern", "crab", "gull", "whale"][at as usize].into(),
                templates: vec!["{}".into()],
            })
            .collect();
        let mut seen = Seen::new(16, Device::Cpu).unwrap();
        let mut texts = ClassTexts::new(None, ToyBackbone::handle(), Device::Cpu);
        seen.add(&classes, &mut texts).unwrap();
        seen
    }

    fn statistics(past: &[u32]) -> Statistics {
        let mut statistics = Statistics::new(16, Device::Cpu);
        for &class in past {
            let mut generator = Generator::new(1, "samples", class);
            let noise = generator
                .normal_tensor(&[400, 16], 0.5, Device::Cpu)
                .unwrap();
            statistics
                .add(class, &(noise + 10.0 * f64::from(class)))
                .unwrap();
        }
        statistics
    }

    fn replay(plan: Plan, past: &[u32], new: usize) -> Replay {
        let host = Host::silent();
        let mut replay = Replay::new(plan, &statistics(past), &seen(), new, (1, 2), &host).unwrap();
        replay.start_epoch();
        replay
    }

    fn empty() -> Step {
        Step {
            features: Tensor::zeros([0, 16], (Kind::Float, Device::Cpu)),
            targets: Tensor::zeros([0], (Kind::Int64, Device::Cpu)),
            boundary: None,
        }
    }

    fn numbers(tensor: &Tensor) -> Vec<i64> {
        Vec::try_from(tensor).unwrap()
    }

    /// Every draw is near the mean of the class that its target says.
    fn check_draws(features: &Tensor, targets: &Tensor) {
        let means = features.mean_dim([1_i64].as_slice(), false, Kind::Float);
        let means = Vec::<f64>::try_from(means.to_kind(Kind::Double)).unwrap();
        assert_eq!(means.len(), targets.numel());
        for (mean, target) in means.into_iter().zip(numbers(targets)) {
            let class = (4 - target) as f64;
            assert!((mean - 10.0 * class).abs() < 2.0, "{mean} of class {class}");
        }
    }

    #[test]
    fn an_epoch_replays_all_past_classes_cyclically_in_a_new_order() {
        let mut replay = replay(PLAN, &[4, 3, 2], 2);
        let epoch = |replay: &mut Replay| {
            replay.start_epoch();
            let mut all = Vec::new();
            for _ in 0..3 {
                let step = replay.join(&empty()).unwrap();
                assert_eq!(step.features.size(), [6, 16]);
                check_draws(&step.features, &step.targets);
                let targets = numbers(&step.targets);
                assert!(
                    targets
                        .chunks(3)
                        .all(|its| its.iter().all(|&t| t == its[0]))
                );
                all.extend(targets.chunks(3).map(|its| its[0]));
            }
            assert_eq!(all[..3], all[3..]);
            all.truncate(3);
            all
        };
        let orders: Vec<_> = (0..8).map(|_| epoch(&mut replay)).collect();
        for order in &orders {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2]);
        }
        assert!(orders.iter().any(|order| order != &orders[0]));
    }

    #[test]
    fn boundary_draws_come_from_the_old_class_of_every_pair() {
        // All texts are close: each of two old classes pairs with both new ones. Class 2 is
        // neither: it came before, but has no samples.
        let mut replay = replay(PLAN, &[4, 3], 2);
        assert_eq!(replay.pairs(), 4);
        let boundary = replay.join(&empty()).unwrap().boundary.unwrap();
        check_draws(&boundary.features, &boundary.old);
        let four = |class: i64| vec![class; 4];
        assert_eq!(
            numbers(&boundary.old),
            [four(1), four(1), four(0), four(0)].concat()
        );
        assert_eq!(
            numbers(&boundary.new),
            [four(3), four(4), four(3), four(4)].concat()
        );
    }

    #[test]
    fn without_close_or_new_classes_there_is_no_boundary() {
        let far = Plan {
            threshold: 0.0,
            ..PLAN
        };
        for mut replay in [replay(far, &[4, 3], 2), replay(PLAN, &[4, 3, 2], 0)] {
            assert_eq!(replay.pairs(), 0);
            assert!(replay.join(&empty()).unwrap().boundary.is_none());
        }
    }

    #[test]
    fn draws_have_the_covariance_of_their_class() {
        let mut replay = replay(PLAN, &[1], 0);
        let draws = replay.drawn(0, 20_000).unwrap().to_kind(Kind::Double);
        let covariance = draws.tr().cov(1, None::<&Tensor>, None::<&Tensor>);
        let off = covariance - statistics(&[1]).covariance(1).unwrap();
        let off = off.abs().max().double_value(&[]);
        assert!(off < 0.02, "{off}");
    }
}

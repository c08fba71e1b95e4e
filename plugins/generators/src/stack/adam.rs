//! Adam for the parameters of many classes at once, some of which take fewer steps than others.
//!
//! See [`clbench_torch::training::adam`].

use clbench_torch::tch::{TchError, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::training::adam::{Moments, Steps};
use std::ops::Range;

/// Consecutive classes of the stack that take all their steps together.
#[derive(Debug)]
struct Group {
    classes: Range<i64>,
    steps: Steps,
    parts: Vec<Part>,
}

/// The part of one parameter that belongs to a group's classes, flat.
#[derive(Debug)]
struct Part {
    /// The offset in the flat parameter, and in the gradient of the first classes.
    start: i64,
    length: i64,
    moments: Moments,
}

/// The optimiser of some parameters, `[classes, …]` each.
#[derive(Debug)]
pub(crate) struct Adam {
    groups: Vec<Group>,
    /// λ.
    weight_decay: f64,
}

impl Adam {
    /// Creates the optimiser of `parameters`, which it updates in place. The groups are in order
    /// and cover all classes that take steps.
    pub fn new(
        parameters: &[Tensor],
        groups: &[Range<i64>],
        weight_decay: f64,
    ) -> Result<Adam, TchError> {
        let _mode = GradientMode::off();
        let group = |classes: &Range<i64>| {
            let parts = parameters
                .iter()
                .map(|parameter| Part::new(parameter, classes));
            Ok(Group {
                classes: classes.clone(),
                steps: Steps::default(),
                parts: parts.collect::<Result<_, TchError>>()?,
            })
        };
        Ok(Adam {
            groups: groups.iter().map(group).collect::<Result<_, TchError>>()?,
            weight_decay,
        })
    }

    /// Makes a step for the first `active` classes, which must be whole groups. `gradients` has one
    /// tensor per parameter, for these classes only, and is overwritten.
    pub fn step(&mut self, active: i64, gradients: &[Tensor], lr: f64) -> Result<(), TchError> {
        let _mode = GradientMode::off();
        let flat = gradients.iter().map(|gradient| gradient.f_reshape([-1]));
        let flat: Vec<Tensor> = flat.collect::<Result<_, _>>()?;
        let groups = self.groups.iter_mut();
        for group in groups.take_while(|group| group.classes.end <= active) {
            let step = group.steps.next(lr, self.weight_decay);
            for (part, gradient) in group.parts.iter_mut().zip(&flat) {
                let own = gradient.f_narrow(0, part.start, part.length)?;
                part.moments.step(own, step)?;
            }
        }
        Ok(())
    }
}

impl Part {
    fn new(parameter: &Tensor, classes: &Range<i64>) -> Result<Part, TchError> {
        let of_a_class: i64 = parameter.size()[1..].iter().product();
        let start = classes.start * of_a_class;
        let length = classes.end * of_a_class - start;
        let flat = parameter.f_detach()?.f_view([-1])?;
        let moments = Moments::new(&flat.f_narrow(0, start, length)?)?;
        Ok(Part {
            start,
            length,
            moments,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::tch::nn::{self, OptimizerConfig, VarStore};
    use clbench_torch::tch::{Device, Kind};

    /// Two classes, of which the second skips every third step, each compared with libtorch's
    /// optimiser: in one pass (f32), and with libtorch's operations (f64).
    #[test]
    fn each_class_matches_libtorchs_optimiser() {
        for (weight_decay, kind) in [(0.0, Kind::Float), (0.3, Kind::Float), (0.3, Kind::Double)] {
            let mut generator = clbench_torch::Generator::new(2, "adam", 0);
            let mut normal = || {
                let tensor = generator.normal_tensor(&[2, 3, 4], 1.0, Device::Cpu);
                tensor.unwrap().to_kind(kind)
            };
            let parameters = normal();
            let stacked = [parameters.shallow_clone()];
            let mut ours = Adam::new(&stacked, &[0..1, 1..2], weight_decay).unwrap();
            let mut theirs: Vec<_> = (0..2)
                .map(|class| {
                    let variables = VarStore::new(Device::Cpu);
                    let variable = variables.root().var_copy("p", &parameters.get(class));
                    let adam_w = nn::AdamW {
                        wd: weight_decay,
                        ..nn::AdamW::default()
                    };
                    let optimiser = adam_w.build(&variables, 0.02).unwrap();
                    (variables, variable, optimiser)
                })
                .collect();
            for step in 0..9 {
                let active = if step % 3 == 2 { 1 } else { 2 };
                let gradient = normal().narrow(0, 0, active);
                ours.step(active, &[gradient.copy()], 0.02).unwrap();
                for class in 0..active {
                    let (_, variable, optimiser) = &mut theirs[class as usize];
                    let loss = (&*variable * gradient.get(class)).sum(kind);
                    optimiser.backward_step(&loss);
                }
            }
            for (class, (_, variable, _)) in theirs.iter().enumerate() {
                let off = (parameters.get(class as i64) - variable).abs().max();
                let off = off.double_value(&[]);
                assert!(
                    off < 1e-6,
                    "{kind:?}, decay {weight_decay}, class {class}: {off}"
                );
            }
        }
    }
}

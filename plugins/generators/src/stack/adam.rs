//! Adam for the parameters of many classes at once, some of which take fewer steps than others.
//!
//! AdamW (Loshchilov and Hutter, ICLR 2019), which without weight decay is Adam (Kingma and Ba,
//! ICLR 2015). With gradient g and weight decay λ, the t-th step is
//!
//! ```text
//! p ← p − η λ p
//! m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²
//! p ← p − η · m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε)
//! ```
//!
//! Adam is bound by memory bandwidth, so on the CPU it processes the parameters in blocks that stay
//! in the cache during all operations.

use clbench_torch::tch::{Device, TchError, Tensor};
use clbench_torch::training::GradientMode;
use std::ops::Range;

const BETAS: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;

/// Numbers in a block on the CPU: four tensors of this size, 512 KiB in f32, fit into a core's L2
/// cache.
const BLOCK: i64 = 1 << 15;

/// Consecutive classes of the stack that take all their steps together.
#[derive(Debug)]
struct Group {
    classes: Range<i64>,
    /// β₁ᵗ and β₂ᵗ of the last step.
    powers: [f64; 2],
    blocks: Vec<Block>,
}

/// A part of one parameter of a group's classes, flat.
#[derive(Debug)]
struct Block {
    /// The index of the parameter.
    parameter: usize,
    /// The offset in the flat parameter, and in the gradient of the first classes.
    start: i64,
    length: i64,
    /// p, sharing memory with the parameter.
    value: Tensor,
    /// m.
    mean: Tensor,
    /// v.
    square: Tensor,
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
        let mut made: Vec<Group> = groups
            .iter()
            .map(|classes| Group {
                classes: classes.clone(),
                powers: [1.0; 2],
                blocks: Vec::new(),
            })
            .collect();
        for (parameter, tensor) in parameters.iter().enumerate() {
            let value = tensor.f_detach()?.f_view([-1])?;
            let (mean, square) = (value.f_zeros_like()?, value.f_zeros_like()?);
            let of_a_class: i64 = tensor.size()[1..].iter().product();
            let longest = match tensor.device() {
                Device::Cpu => BLOCK,
                _ => i64::MAX,
            };
            for group in &mut made {
                let mut start = group.classes.start * of_a_class;
                let end = group.classes.end * of_a_class;
                while start < end {
                    let length = longest.min(end - start);
                    group.blocks.push(Block {
                        parameter,
                        start,
                        length,
                        value: value.f_narrow(0, start, length)?,
                        mean: mean.f_narrow(0, start, length)?,
                        square: square.f_narrow(0, start, length)?,
                    });
                    start += length;
                }
            }
        }
        Ok(Adam {
            groups: made,
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
            for (power, beta) in group.powers.iter_mut().zip(BETAS) {
                *power *= beta;
            }
            let [mean, square] = group.powers.map(|power| 1.0 - power);
            let rate = lr / mean;
            // −rate · m / (√v / √(1 − β₂ᵗ) + ε), as one quotient.
            let (factor, term) = (-1.0 / (rate * square.sqrt()), -EPSILON / rate);
            for block in &mut group.blocks {
                let mut gradient = flat[block.parameter].f_narrow(0, block.start, block.length)?;
                let _ = block.mean.f_lerp_(&gradient, 1.0 - BETAS[0])?;
                let _ = gradient.f_square_()?;
                let _ = block.square.f_lerp_(&gradient, 1.0 - BETAS[1])?;
                let mut divisor = block.square.f_sqrt_out(&gradient)?;
                let _ = divisor.f_mul_scalar_(factor)?;
                let _ = divisor.f_add_scalar_(term)?;
                if self.weight_decay != 0.0 {
                    let kept = 1.0 - lr * self.weight_decay;
                    let _ = block.value.f_mul_scalar_(kept)?;
                }
                let _ = block.value.f_addcdiv_(&block.mean, &divisor)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::tch::Kind;
    use clbench_torch::tch::nn::{self, OptimizerConfig, VarStore};

    /// Two classes, of which the second skips every third step, each compared with libtorch's
    /// optimiser.
    #[test]
    fn each_class_matches_libtorchs_optimiser() {
        for weight_decay in [0.0, 0.3] {
            let mut generator = clbench_torch::Generator::new(2, "adam", 0);
            let mut normal = || {
                let tensor = generator.normal_tensor(&[2, 3, 4], 1.0, Device::Cpu);
                tensor.unwrap()
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
                    let loss = (&*variable * gradient.get(class)).sum(Kind::Float);
                    optimiser.backward_step(&loss);
                }
            }
            for (class, (_, variable, _)) in theirs.iter().enumerate() {
                let off = (parameters.get(class as i64) - variable).abs().max();
                let off = off.double_value(&[]);
                assert!(off < 1e-6, "decay {weight_decay}, class {class}: {off}");
            }
        }
    }
}

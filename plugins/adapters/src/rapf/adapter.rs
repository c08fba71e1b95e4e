//! The adapter: a square matrix between the frozen image encoder and the texts, its training step,
//! and the fusion with the matrix that the previous task left.
//!
//! For an image's raw feature f and the unit text features t_c of the classes:
//!
//! ```text
//! g       W f / ‖W f‖
//! logit   s · gᵀ t_c                                    s: the model's logit scale
//! loss    mean cross-entropy over the classes seen, of the task's samples and the replayed ones
//!         + mean of max(0, gᵀ t_n − gᵀ t_o + margin) over draws of the boundary pairs (o, n)
//! ```
//!
//! The fusion takes the singular value decomposition W_old = U Σ Vᵀ and compares the rows of both
//! matrices in the basis U: where the new one departs most, it is kept; elsewhere both are mixed.
//!
//! ```text
//! P = Uᵀ W_new,  O = Σ Vᵀ,  D = |P − O|,  M = min(1, D / max D + b),  W = U (M ∘ P + (1 − M) ∘ O)
//! ```

use clbench_torch::bridge::state;
use clbench_torch::prompting::cosine::{self, unit_rows};
use clbench_torch::tch::nn::{Adam, Optimizer, OptimizerConfig, VarStore};
use clbench_torch::tch::{Device, Kind, Reduction, TchError, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::{During, Generator};
use harness_abi::{Result, State};

/// What a step trains on, on the adapter's device.
#[derive(Debug)]
pub struct Step {
    /// Raw features, `[rows, width]`: the task's samples and draws of past classes.
    pub features: Tensor,
    /// The class of every row as a position among the texts, i64 `[rows]`.
    pub targets: Tensor,
    /// Draws of past classes that a new class is close to.
    pub boundary: Option<Boundary>,
}

/// Draws of past classes with the new class that each must stay away from.
#[derive(Debug)]
pub struct Boundary {
    /// Raw features, `[draws, width]`.
    pub features: Tensor,
    /// The past class of every draw as a position among the texts, i64 `[draws]`.
    pub old: Tensor,
    /// The new class, i64 `[draws]`.
    pub new: Tensor,
}

/// The constants of the loss.
#[derive(Debug, Clone, Copy)]
pub struct Loss {
    /// The model's logit scale.
    pub scale: f64,
    /// The margin of the hinge.
    pub margin: f64,
}

/// The matrix.
#[derive(Debug)]
pub struct Adapter {
    /// Owns the tensor below, for the optimiser.
    variables: VarStore,
    /// W, `[width, width]`.
    weight: Tensor,
}

impl Adapter {
    /// An adapter with a copy of the given matrix.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn new(weight: &Tensor) -> Result<Adapter> {
        let _mode = GradientMode::off();
        let variables = VarStore::new(weight.device());
        let weight = variables.root().f_var_copy("weight", weight);
        Ok(Adapter {
            weight: weight.during("making the adapter")?,
            variables,
        })
    }

    /// A random adapter, as PyTorch initialises a linear layer: uniform within ±1/√width.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn random(width: u32, generator: &mut Generator, device: Device) -> Result<Adapter> {
        let most = 1.0 / f64::from(width).sqrt();
        let shape = [i64::from(width); 2];
        Adapter::new(&generator.uniform_tensor(&shape, -most, most, device)?)
    }

    /// A copy of the matrix.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn weight(&self) -> Result<Tensor, TchError> {
        let _mode = GradientMode::off();
        self.weight.f_detach_copy()
    }

    /// Creates an optimiser without state: Adam without weight decay.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn optimiser(&self, lr: f64) -> Result<Optimizer, TchError> {
        Adam::default().build(&self.variables, lr)
    }

    /// Makes one step. Returns its loss before the step, on the device.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn step(
        &self,
        optimiser: &mut Optimizer,
        step: &Step,
        texts: &Tensor,
        loss: Loss,
    ) -> Result<Tensor, TchError> {
        let _mode = GradientMode::on();
        let loss = self.loss(step, texts, loss)?;
        optimiser.zero_grad();
        loss.f_backward()?;
        optimiser.step();
        loss.f_detach()
    }

    /// Logits `[images, texts]` of raw features `[images, width]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn logits(
        &self,
        features: &Tensor,
        texts: &Tensor,
        scale: f64,
    ) -> Result<Tensor, TchError> {
        cosine::logits(&self.adapted(features)?, texts, scale)
    }

    /// Replaces the matrix with its fusion with an older one; see [`fused`].
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn fuse(&mut self, old: &Tensor, bias: f64) -> Result<(), TchError> {
        let _mode = GradientMode::off();
        let weight = fused(old, &self.weight.f_detach()?, bias)?;
        self.weight.f_copy_(&weight)
    }

    /// Adds the matrix to a state.
    ///
    /// # Errors
    ///
    /// If memory is short.
    pub fn put(&self, written: &mut State) -> Result<()> {
        state::put(written, "adapter", &self.weight)
    }

    /// Restores the matrix from a state.
    ///
    /// # Errors
    ///
    /// If the state does not belong to an adapter of this width.
    pub fn take(&mut self, written: &mut State) -> Result<()> {
        state::take(written, "adapter", &mut self.weight)
    }

    /// W f of unit length, `[rows, width]`.
    fn adapted(&self, features: &Tensor) -> Result<Tensor, TchError> {
        unit_rows(&features.f_linear(&self.weight, None::<&Tensor>)?)
    }

    fn loss(&self, step: &Step, texts: &Tensor, loss: Loss) -> Result<Tensor, TchError> {
        let entropy = self
            .logits(&step.features, texts, loss.scale)?
            .f_cross_entropy_loss(&step.targets, None::<&Tensor>, Reduction::Mean, -100, 0.0)?;
        let Some(boundary) = &step.boundary else {
            return Ok(entropy);
        };
        let adapted = self.adapted(&boundary.features)?;
        let old = texts.f_index_select(0, &boundary.old)?;
        let new = texts.f_index_select(0, &boundary.new)?;
        entropy.f_add(&hinge(&adapted, &old, &new, loss.margin)?)
    }
}

/// The mean of max(0, gᵀ t_n − gᵀ t_o + margin) over rows of unit length: the adapted draws g, the
/// texts of their classes and those of the new classes, each `[draws, width]`.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn hinge(
    adapted: &Tensor,
    old: &Tensor,
    new: &Tensor,
    margin: f64,
) -> Result<Tensor, TchError> {
    adapted
        .f_mul(&new.f_sub(old)?)?
        .f_sum_dim_intlist([1_i64].as_slice(), false, adapted.kind())?
        .f_add_scalar(margin)?
        .f_relu()?
        .f_mean(adapted.kind())
}

/// The fusion of the matrices before and after a task with the mixing bias b, `[width, width]`,
/// computed in f64. With equal matrices, or b of at least 1, it is the new one.
///
/// # Errors
///
/// If the decomposition fails, as for a matrix that is not finite.
pub fn fused(old: &Tensor, new: &Tensor, bias: f64) -> Result<Tensor, TchError> {
    let (u, sizes, v) = old.f_to_kind(Kind::Double)?.f_svd(false, true)?;
    let new_rows = u.f_tr()?.f_matmul(&new.f_to_kind(Kind::Double)?)?;
    let old_rows = v.f_mul(&sizes)?.f_tr()?;
    let change = new_rows.f_sub(&old_rows)?;
    let most = change.f_abs()?.f_max()?.f_clamp_min(f64::MIN_POSITIVE)?;
    let mask = change
        .f_abs()?
        .f_div(&most)?
        .f_add_scalar(bias)?
        .f_clamp_max(1.0)?;
    u.f_matmul(&old_rows.f_add(&change.f_mul(&mask)?)?)?
        .f_to_kind(new.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(seed: u64) -> Tensor {
        let mut generator = Generator::new(seed, "matrix", 0);
        generator.normal_tensor(&[5, 5], 1.0, Device::Cpu).unwrap()
    }

    fn off(a: &Tensor, b: &Tensor) -> f64 {
        (a - b).abs().max().double_value(&[])
    }

    #[test]
    fn fusion_keeps_the_new_matrix_if_nothing_is_mixed() {
        let (old, new) = (matrix(1), matrix(2));
        assert!(off(&fused(&old, &new, 1.0).unwrap(), &new) < 1e-6);
        assert!(off(&fused(&old, &old, 0.0).unwrap(), &old) < 1e-6);
        // Without a bias, the least changed entries are the old ones.
        let mixed = fused(&old, &new, 0.0).unwrap();
        assert!(off(&mixed, &old) > 0.1 && off(&mixed, &new) > 0.1);
        assert!((&mixed - &old).norm().double_value(&[]) < (&new - &old).norm().double_value(&[]));
    }

    #[test]
    fn fusion_is_the_formula_by_hand() {
        // In a basis of its own: U is a permutation and Vᵀ the identity.
        let old = Tensor::from_slice(&[0.0_f32, 2.0, 5.0, 0.0]).view((2, 2));
        let new = Tensor::from_slice(&[1.0_f32, 2.5, 1.0, 0.2]).view((2, 2));
        let (differences, most, bias) = ([1.0, 0.5, -4.0, 0.2], 4.0, 0.3);
        let fused = fused(&old, &new, bias).unwrap();
        let fused: Vec<f64> = Vec::try_from(fused.to_kind(Kind::Double).view(-1)).unwrap();
        let old: Vec<f64> = Vec::try_from(old.to_kind(Kind::Double).view(-1)).unwrap();
        for at in 0..4 {
            let mask = (f64::abs(differences[at]) / most + bias).min(1.0);
            let expected = old[at] + mask * differences[at];
            assert!((fused[at] - expected).abs() < 1e-6, "{at}: {}", fused[at]);
        }
    }

    #[test]
    fn the_hinge_is_the_mean_over_draws() {
        let rows = |values: &[f32]| Tensor::from_slice(values).view((-1, 2));
        let adapted = rows(&[1.0, 0.0, 0.6, 0.8, 0.0, 1.0]);
        let old = rows(&[1.0, 0.0, 1.0, 0.0, 0.8, 0.6]);
        let new = rows(&[0.0, 1.0, 0.8, 0.6, 0.6, 0.8]);
        // 0 − 1 + 0.1 < 0; 0.96 − 0.6 + 0.1; 0.8 − 0.6 + 0.1.
        let hinge = hinge(&adapted, &old, &new, 0.1).unwrap().double_value(&[]);
        assert!((hinge - (0.46 + 0.3) / 3.0).abs() < 1e-6, "{hinge}");
    }

    #[test]
    fn features_of_zero_length_do_not_make_the_weights_nan() {
        let adapter = Adapter::new(&matrix(3)).unwrap();
        let options = (Kind::Float, Device::Cpu);
        let texts = Tensor::eye(5, options).narrow(0, 0, 2);
        let zeros = || Tensor::zeros([3, 5], options);
        let step = Step {
            features: zeros(),
            targets: Tensor::from_slice(&[0_i64, 1, 1]),
            boundary: Some(Boundary {
                features: zeros(),
                old: Tensor::from_slice(&[0_i64, 0, 0]),
                new: Tensor::from_slice(&[1_i64, 1, 1]),
            }),
        };
        let loss = Loss {
            scale: 10.0,
            margin: 0.1,
        };
        let mut optimiser = adapter.optimiser(0.1).unwrap();
        let value = adapter.step(&mut optimiser, &step, &texts, loss).unwrap();
        let expected = 2_f64.ln() + 0.1;
        assert!((value.double_value(&[]) - expected).abs() < 1e-6);
        assert!(off(&adapter.weight().unwrap(), &matrix(3)) < 1e-6);
    }
}

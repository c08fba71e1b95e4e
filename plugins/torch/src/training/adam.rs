//! A step of Adam in one pass over the CPU's memory.
//!
//! AdamW (Loshchilov and Hutter, ICLR 2019), which without weight decay is Adam (Kingma and Ba,
//! ICLR 2015). With gradient g and weight decay λ, the t-th step is
//!
//! ```text
//! p ← p − η λ p
//! m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²
//! p ← p − η · m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε)
//! ```

use crate::training::GradientMode;
use tch::nn::VarStore;
use tch::{Device, Kind, TchError, Tensor};

/// β₁ and β₂.
pub const BETAS: [f64; 2] = [0.9, 0.999];
/// ε.
pub const EPSILON: f64 = 1e-8;

/// Counts the steps of some parameters.
#[derive(Debug, Clone, Copy)]
pub struct Steps {
    /// β₁ᵗ and β₂ᵗ.
    powers: [f64; 2],
}

/// The factors of a step, which are the same for all numbers.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// −η / (1 − β₁ᵗ) · √(1 − β₂ᵗ): p changes by `scale` · m / (√v + `epsilon`).
    pub scale: f64,
    /// ε √(1 − β₂ᵗ).
    pub epsilon: f64,
    /// 1 − η λ.
    pub kept: f64,
}

impl Default for Steps {
    fn default() -> Steps {
        Steps { powers: [1.0; 2] }
    }
}

impl Steps {
    /// The next step, with learning rate η and weight decay λ.
    pub fn next(&mut self, lr: f64, weight_decay: f64) -> Step {
        for (power, beta) in self.powers.iter_mut().zip(BETAS) {
            *power *= beta;
        }
        let [mean, square] = self.powers.map(|power| 1.0 - power);
        Step {
            scale: -lr / mean * square.sqrt(),
            epsilon: EPSILON * square.sqrt(),
            kept: 1.0 - lr * weight_decay,
        }
    }
}

crate::vectorised! {
    /// Makes a step for parameters p with gradients g: updates p, m and v.
    pub fn update(p: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32], step: Step) {
        let [of_mean, of_square] = BETAS.map(|beta| (1.0 - beta) as f32);
        let (scale, epsilon) = (step.scale as f32, step.epsilon as f32);
        let kept = step.kept as f32;
        for (((p, m), v), g) in p.iter_mut().zip(m).zip(v).zip(g) {
            *m += of_mean * (g - *m);
            *v += of_square * (g * g - *v);
            *p = *p * kept + scale * *m / (v.sqrt() + epsilon);
        }
    }
}

/// A parameter's numbers with their moments.
#[derive(Debug)]
pub struct Moments {
    /// p, sharing memory with the parameter.
    value: Tensor,
    /// m.
    mean: Tensor,
    /// v.
    square: Tensor,
}

impl Moments {
    /// The moments, 0 at first, of a parameter that [`step`](Self::step) updates in place.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn new(parameter: &Tensor) -> Result<Moments, TchError> {
        let value = parameter.f_detach()?;
        Ok(Moments {
            mean: value.f_zeros_like()?,
            square: value.f_zeros_like()?,
            value,
        })
    }

    /// Makes a step: in one pass in f32 on the CPU, otherwise with libtorch's operations. The
    /// gradient may be overwritten.
    ///
    /// # Errors
    ///
    /// If the gradient has another shape than the parameter.
    pub fn step(&mut self, mut gradient: Tensor, step: Step) -> Result<(), TchError> {
        let _mode = GradientMode::off();
        let Moments {
            value,
            mean,
            square,
        } = self;
        if update_tensors(value, mean, square, &gradient, step)? {
            return Ok(());
        }
        let _ = mean.f_lerp_(&gradient, 1.0 - BETAS[0])?;
        let _ = gradient.f_square_()?;
        let _ = square.f_lerp_(&gradient, 1.0 - BETAS[1])?;
        let mut divisor = square.f_sqrt_out(&gradient)?;
        // scale · m / (√v + ε'), as one quotient.
        let _ = divisor.f_add_scalar_(step.epsilon)?;
        let _ = divisor.f_div_scalar_(step.scale)?;
        if step.kept != 1.0 {
            let _ = value.f_mul_scalar_(step.kept)?;
        }
        let _ = value.f_addcdiv_(mean, &divisor)?;
        Ok(())
    }
}

/// AdamW for all trainable tensors of a variable store.
#[derive(Debug)]
pub struct AdamW {
    parameters: Vec<Parameter>,
    /// η.
    lr: f64,
    /// λ.
    weight_decay: f64,
}

#[derive(Debug)]
struct Parameter {
    variable: Tensor,
    moments: Moments,
    steps: Steps,
}

impl AdamW {
    /// The optimiser of the variables, which it updates in place.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn new(variables: &VarStore, lr: f64, weight_decay: f64) -> Result<AdamW, TchError> {
        let parameters = variables.trainable_variables().into_iter().map(|variable| {
            Ok(Parameter {
                moments: Moments::new(&variable)?,
                variable,
                steps: Steps::default(),
            })
        });
        Ok(AdamW {
            parameters: parameters.collect::<Result<_, TchError>>()?,
            lr,
            weight_decay,
        })
    }

    /// Sets all gradients to zero.
    pub fn zero_grad(&mut self) {
        for parameter in &mut self.parameters {
            parameter.variable.zero_grad();
        }
    }

    /// Makes a step with the gradients in `grad()` of each variable that has one.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn step(&mut self) -> Result<(), TchError> {
        for Parameter {
            variable,
            moments,
            steps,
        } in &mut self.parameters
        {
            let gradient = variable.grad();
            if gradient.defined() {
                moments.step(gradient, steps.next(self.lr, self.weight_decay))?;
            }
        }
        Ok(())
    }
}

/// [`update`] for tensors. Returns whether it was made: the tensors must be contiguous, of type f32
/// and on the CPU. If they differ in length, it is an error.
fn update_tensors(
    p: &mut Tensor,
    m: &mut Tensor,
    v: &mut Tensor,
    g: &Tensor,
    step: Step,
) -> Result<bool, TchError> {
    let all = [&*p, &*m, &*v, g];
    let suitable = |tensor: &&Tensor| {
        tensor.device() == Device::Cpu && tensor.kind() == Kind::Float && tensor.is_contiguous()
    };
    if !all.iter().all(suitable) {
        return Ok(false);
    }
    let length = p.numel();
    if all.iter().any(|tensor| tensor.numel() != length) {
        let sizes = all.map(Tensor::size);
        return Err(TchError::Shape(format!(
            "Adam's tensors have the sizes {sizes:?}"
        )));
    }
    let [p, m, v, g] = all.map(|tensor| tensor.data_ptr().cast::<f32>());
    let apart =
        |a: *mut f32, b: *mut f32| (a.addr().abs_diff(b.addr())) >= length * size_of::<f32>();
    let pairs = [(p, m), (p, v), (p, g), (m, v), (m, g), (v, g)];
    if length == 0 || !pairs.iter().all(|&(a, b)| apart(a, b)) {
        return Ok(length == 0);
    }
    // SAFETY: each tensor holds `length` contiguous f32, which stay alive during this function; no
    // two of them overlap. As for libtorch's own operations in place, the caller must not use the
    // same memory from another thread at the same time.
    let (p, m, v, g) = unsafe {
        (
            std::slice::from_raw_parts_mut(p, length),
            std::slice::from_raw_parts_mut(m, length),
            std::slice::from_raw_parts_mut(v, length),
            std::slice::from_raw_parts(g, length),
        )
    };
    update(p, m, v, g, step);
    Ok(true)
}

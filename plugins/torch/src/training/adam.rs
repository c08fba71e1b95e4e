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

/// [`update`] for tensors. Returns whether it was made: the tensors must be contiguous, of type f32
/// and on the CPU.
///
/// # Errors
///
/// If the tensors differ in length.
pub fn update_tensors(
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

//! The dual form: kernel ridge regression on the features of all samples so far.
//!
//! With the kernel k(x, z) = exp(−γ‖x − z‖²) of unit features and the one-hot labels Y,
//! α = (K + λI)⁻¹Y, and the scores of x are Σᵢ k(x, xᵢ) αᵢ. α is solved anew after every task.

use crate::features::Samples;
use crate::nearest_class_mean::squared_distances;
use crate::ridge::warn_of;
use crate::symmetric::{Symmetric, ridge_solution};
use clbench_torch::During;
use clbench_torch::bridge::{self, state};
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use harness_abi::{Error, Host, Result, State};

/// The regression.
#[derive(Debug)]
pub struct Dual {
    gamma: f64,
    classes: i64,
    width: i64,
    device: Device,
    memory: Option<Memory>,
}

/// All samples so far, and the solution.
#[derive(Debug)]
struct Memory {
    /// As the backbone returned them, `[samples, width]`.
    features: Tensor,
    /// Class ids, i64 `[samples]`.
    labels: Tensor,
    /// α, f64 `[samples, classes]`.
    alpha: Tensor,
}

impl Dual {
    /// A regression without samples.
    pub fn new(gamma: f64, width: i64, classes: i64, device: Device) -> Dual {
        Dual {
            gamma,
            classes,
            width,
            device,
            memory: None,
        }
    }

    /// Adds samples and solves with λ.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch; [`Error::cancelled`].
    pub fn add(&mut self, samples: &Samples, lambda: f64, host: &Host) -> Result<()> {
        let doing = "solving the kernel ridge regression";
        let joined = || {
            let labels = samples.labels()?;
            let features = samples.features.shallow_clone();
            Ok::<_, TchError>(match &self.memory {
                None => (features, labels),
                Some(memory) => (
                    Tensor::f_cat(&[&memory.features, &features], 0)?,
                    Tensor::f_cat(&[&memory.labels, &labels], 0)?,
                ),
            })
        };
        let (features, labels) = joined().during(doing)?;
        if host.cancelled() {
            return Err(Error::cancelled());
        }
        let system = || {
            let all = self.classes;
            let classes = Tensor::f_arange(all, (Kind::Int64, self.device))?;
            let one_hot = labels.f_unsqueeze(1)?.f_eq_tensor(&classes)?;
            let unit = unit_rows(&features.f_to_kind(Kind::Double)?)?;
            Ok((self.kernel(&unit, &unit)?, one_hot.f_to_kind(Kind::Double)?))
        };
        let (kernel, one_hot) = system().during(doing)?;
        let mut kernel = Symmetric::from(kernel);
        let (alpha, _) = ridge_solution(&mut kernel, &one_hot, lambda, |larger| {
            warn_of(larger, host);
        })?;
        self.memory = Some(Memory {
            features,
            labels,
            alpha: alpha.f_contiguous().during(doing)?,
        });
        Ok(())
    }

    /// k of all pairs of unit rows.
    fn kernel(&self, x: &Tensor, z: &Tensor) -> Result<Tensor, TchError> {
        squared_distances(x, z)?
            .f_mul_scalar_(-self.gamma)?
            .f_exp_()
    }

    /// Which of the classes have samples, bool `[ids]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn learned(&self, ids: &Tensor) -> Result<Tensor, TchError> {
        match &self.memory {
            None => ids.f_lt(0),
            Some(memory) => ids
                .f_unsqueeze(1)?
                .f_eq_tensor(&memory.labels)?
                .f_any_dim(1, false),
        }
    }

    /// The scores `[rows, ids]` of features `[rows, width]`; 0 for classes without samples.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn of(&self, features: &Tensor, ids: &Tensor) -> Result<Tensor, TchError> {
        let Some(memory) = &self.memory else {
            let shape = [features.size()[0], ids.size()[0]];
            return Tensor::f_zeros(shape, (Kind::Double, self.device));
        };
        let kept = unit_rows(&memory.features.f_to_kind(Kind::Double)?)?;
        self.kernel(&unit_rows(features)?, &kept)?
            .f_matmul(&memory.alpha.f_index_select(1, ids)?)
    }

    /// Writes the samples and α.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn put(&self, written: &mut State) -> Result<()> {
        let Some(memory) = &self.memory else {
            return Ok(());
        };
        state::put(written, "features", &memory.features)?;
        state::put(written, "labels", &memory.labels)?;
        state::put(written, "alpha", &memory.alpha)
    }

    /// Reads the samples and α.
    ///
    /// # Errors
    ///
    /// If they have other shapes.
    pub fn take(&mut self, written: &mut State) -> Result<()> {
        self.memory = None;
        if written.tensors.is_empty() {
            return Ok(());
        }
        let mut read = |name: &str, kind, width: Option<i64>| {
            let stored = written.take(name)?;
            let (view, what) = (stored.view(), format!("the state's tensor `{name}`"));
            match width {
                Some(width) => view.expect_shape(&what, &[-1, width])?,
                None => view.expect_shape(&what, &[-1])?,
            };
            let tensor = bridge::copy_to(view, self.device)?;
            match tensor.kind() == kind {
                true => Ok(tensor),
                false => Err(Error::failed(format!("{what} should be {kind:?}"))),
            }
        };
        self.memory = Some(Memory {
            features: read("features", Kind::Float, Some(self.width))?,
            labels: read("labels", Kind::Int64, None)?,
            alpha: read("alpha", Kind::Double, Some(self.classes))?,
        });
        Ok(())
    }
}

/// The memory in bytes for `samples` samples in all: K and its factor, α with its copies, and the
/// features with theirs.
pub fn memory_bytes(samples: u64, classes: u64, width: u64) -> u64 {
    8 * (2 * samples * samples + 4 * samples * classes) + 4 * 5 * samples * width
}

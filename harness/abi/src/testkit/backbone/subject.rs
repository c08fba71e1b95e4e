//! The backbone under test. It is called through the boundary; every call is watched.

use crate::backbone::{BackboneInfo, Inputs, Site};
use crate::error::{Error, Result};
use crate::foreign::{BackboneHandle, Forwarded, PullbackHandle};
use crate::guard;
use crate::tensor::{DType, Tensor, TensorView};
use crate::testkit::report::{Check, Report};
use crate::testkit::watch::Watch;

/// What all checks share.
pub(super) struct Subject<'k> {
    pub(super) handle: BackboneHandle,
    pub(super) seed: u64,
    pub(super) probes: usize,
    pub(super) step: f64,
    pub(super) tolerance: f64,
    pub(super) prompt_scale: f64,
    pub(super) same: f64,
    pub(super) watch: &'k Watch,
}

impl Subject<'_> {
    pub(super) fn info(&self) -> &BackboneInfo {
        self.handle.info()
    }

    pub(super) fn encode_images(&self, images: TensorView<'_>) -> Result<Tensor> {
        self.called("encode_images", || self.handle.encode_images(images))
    }

    pub(super) fn encode_texts(&self, texts: &[&str]) -> Result<Tensor> {
        self.called("encode_texts", || self.handle.encode_texts(texts))
    }

    pub(super) fn forward(
        &self,
        inputs: &Inputs<'_>,
        sites: &[Site<'_>],
        wanted: &[&str],
    ) -> Result<Forwarded> {
        self.called("forward", || self.handle.forward(inputs, sites, wanted))
    }

    pub(super) fn pull(
        &self,
        pullback: &mut PullbackHandle,
        gradients: &[(&str, TensorView<'_>)],
    ) -> Result<Vec<(String, Tensor)>> {
        self.called("pullback", || pullback.call(gradients))
    }

    fn called<T>(&self, call: &str, f: impl FnOnce() -> Result<T>) -> Result<T> {
        self.watch
            .during(call, f)
            .map_err(|error| error.context(format!("`{call}`")))
    }

    /// Drops the backbone, as its last owner, and reports a panic in the author's `Drop`.
    pub(super) fn drop_watched(self, report: &mut Report) {
        let Subject { handle, watch, .. } = self;
        if let Some(message) = watch.during("drop", || guard::swallowed(|| drop(handle))) {
            report.fail(
                Check::Errors,
                format!("the backbone panicked when it was dropped: {message}"),
            );
        }
    }
}

/// A tensor's values.
pub(super) fn read(what: &str, tensor: &Tensor) -> Result<Vec<f64>> {
    let view = tensor.view();
    match view.dtype() {
        _ if !view.device().is_cpu() => Err(Error::failed(format!(
            "{what} is {view:?}, but the testkit can only read tensors on the CPU"
        ))),
        DType::F64 => view.to_vec(),
        DType::F32 => Ok(view.to_vec::<f32>()?.into_iter().map(f64::from).collect()),
        _ => Err(Error::failed(format!(
            "{what} is {view:?}, but the testkit can only read f32 and f64"
        ))),
    }
}

/// The first place where two lists of rows differ by more than the tolerance times the largest
/// entry.
pub(super) fn rows_difference(a: &[f64], b: &[f64], rows: usize, tolerance: f64) -> Option<String> {
    if a.len() != b.len() {
        return Some(format!("{} values and {}", a.len(), b.len()));
    }
    let largest = a.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    // Written so that NaN does not count as agreement.
    let agree = |a: f64, b: f64| (a - b).abs() <= tolerance * largest;
    let position = a.iter().zip(b).position(|(a, b)| !agree(*a, *b))?;
    Some(format!(
        "row {}: {:e} and {:e}",
        position / (a.len() / rows.max(1)).max(1),
        a[position],
        b[position]
    ))
}

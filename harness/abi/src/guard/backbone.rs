//! A backbone behind the guard.

use super::{Guarded, contained};
use crate::backbone::{Backbone, BackboneSetting, Forward, Inputs, Place, Pullback, Site};
use crate::error::{Error, RawError, RawResult, Result};
use crate::tensor::{Tensor, TensorView};
use crate::wire::{
    BackboneObject, RawBackbone, RawBackbone_TO, RawForwarded, RawInputs, RawNamedTensor,
    RawNamedView, RawPullback, RawPullback_TO,
};
use abi_stable::erased_types::TD_Opaque;
use abi_stable::std_types::{RArc, RBox, ROption, RSlice, RStr, RVec};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Creates a backbone, as an object that crosses.
///
/// # Errors
///
/// If the author's code reports an error or panics.
pub fn guard_backbone<B: Backbone>(
    parameters: &[u8],
    setting: BackboneSetting,
) -> Result<BackboneObject> {
    contained("create", || {
        let backbone = B::create(crate::parameters::parse(parameters)?, setting)?;
        let guarded = GuardedBackbone(Some(backbone));
        Ok(RawBackbone_TO::from_ptr(RArc::new(guarded), TD_Opaque))
    })
}

/// It is shared, so it has no poisoning as [`Guarded`] has: after a panic in a `&self` method, the
/// author's own locks decide whether the backbone is still usable.
struct GuardedBackbone<B>(Option<B>);

impl<B: Backbone> GuardedBackbone<B> {
    fn call<T>(&self, name: &str, f: impl FnOnce(&B) -> Result<T>) -> RawResult<T> {
        let backbone = self.0.as_ref().expect("emptied only by drop");
        contained(name, || f(backbone))
            .map_err(RawError::from)
            .into()
    }
}

impl<B> Drop for GuardedBackbone<B> {
    fn drop(&mut self) {
        let backbone = self.0.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(backbone)));
    }
}

impl<B: Backbone> RawBackbone for GuardedBackbone<B> {
    fn info(&self) -> RawResult<RVec<u8>> {
        self.call("info", |backbone| {
            serde_json::to_vec(&backbone.info())
                .map(RVec::from)
                .map_err(|error| Error::failed(error.to_string()))
        })
    }

    fn encode_texts(&self, texts: RSlice<'_, RStr<'_>>) -> RawResult<Tensor> {
        let texts: Vec<&str> = texts.as_slice().iter().map(|text| text.as_str()).collect();
        self.call("encode_texts", |backbone| backbone.encode_texts(&texts))
    }

    fn encode_images(&self, images: TensorView<'_>) -> RawResult<Tensor> {
        self.call("encode_images", |backbone| {
            backbone.encode_images(images.validated("the batch of images")?)
        })
    }

    fn forward(
        &self,
        inputs: RawInputs<'_>,
        sites: RSlice<'_, RawNamedView<'_>>,
        wanted: RSlice<'_, RStr<'_>>,
    ) -> RawResult<RawForwarded> {
        let texts: Vec<&str> = inputs.texts.as_slice().iter().map(|t| t.as_str()).collect();
        let wanted: Vec<&str> = wanted.as_slice().iter().map(|name| name.as_str()).collect();
        self.call("forward", |backbone| {
            let options = inputs.options.as_slice();
            let inputs = match inputs.images {
                ROption::RSome(images) => Inputs::Images {
                    images: images.validated("the batch of images")?,
                    options,
                },
                ROption::RNone => Inputs::Texts {
                    texts: &texts,
                    row_text: checked_rows(inputs.row_text.as_slice(), texts.len())?,
                    place: Place::from_raw(inputs.place)?,
                    options,
                },
            };
            let sites = sites
                .as_slice()
                .iter()
                .map(|site| {
                    Ok(Site {
                        name: site.name.as_str(),
                        prompt: site
                            .view
                            .validated(&format!("the prompt at `{}`", site.name))?,
                    })
                })
                .collect::<Result<Vec<_>>>()?;
            let Forward { outputs, pullback } = backbone.forward(&inputs, &sites, &wanted)?;
            if outputs.len() != wanted.len() {
                return Err(Error::failed(format!(
                    "the backbone returned {} outputs, expected {}",
                    outputs.len(),
                    wanted.len()
                )));
            }
            let pullback = RawPullback_TO::from_ptr(
                RBox::new(GuardedPullback(Guarded::new(pullback))),
                TD_Opaque,
            );
            Ok(RawForwarded {
                outputs: outputs.into(),
                pullback: ROption::RSome(pullback),
            })
        })
    }
}

fn checked_rows(row_text: &[i64], texts: usize) -> Result<&[i64]> {
    match row_text
        .iter()
        .find(|&&text| usize::try_from(text).map_or(true, |text| text >= texts))
    {
        Some(text) => Err(Error::failed(format!(
            "`row_text` contains {text}, but there are {texts} texts"
        ))),
        None => Ok(row_text),
    }
}

struct GuardedPullback(Guarded<Pullback>);

impl RawPullback for GuardedPullback {
    fn call(&mut self, gradients: RSlice<'_, RawNamedView<'_>>) -> RawResult<RVec<RawNamedTensor>> {
        self.0
            .with("pullback", |pullback| {
                let gradients = gradients
                    .as_slice()
                    .iter()
                    .map(|named| {
                        let what = format!("the gradient of `{}`", named.name);
                        Ok((named.name.as_str(), named.view.validated(&what)?))
                    })
                    .collect::<Result<Vec<_>>>()?;
                let gradients = pullback.call(&gradients)?;
                Ok(gradients
                    .into_iter()
                    .map(|(name, tensor)| RawNamedTensor {
                        name: name.into(),
                        tensor,
                    })
                    .collect())
            })
            .map_err(RawError::from)
            .into()
    }
}

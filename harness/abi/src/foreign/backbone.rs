//! A plugin's backbone, as the host and strategies use it.

use crate::backbone::{BackboneInfo, Inputs, Place, Site};
use crate::error::{Error, Result, received};
use crate::tensor::{Tensor, TensorView};
use crate::wire::{BackboneObject, PullbackObject, RawBackbone_TO, RawInputs, RawNamedView};
use abi_stable::std_types::{ROption, RSlice, RStr};
use std::fmt;
use std::sync::Arc;

/// A shared backbone. It is cheap to clone: all clones use one model in memory. It can be used from
/// any thread.
pub struct BackboneHandle {
    object: BackboneObject,
    info: Arc<BackboneInfo>,
}

impl BackboneHandle {
    pub(crate) fn from_raw(object: BackboneObject) -> Result<BackboneHandle> {
        let info = received(object.info())?;
        let info: BackboneInfo = serde_json::from_slice(&info)
            .map_err(|error| Error::failed(format!("the backbone's info: {error}")))?;
        if info.embedding_width == 0 || info.image.height == 0 || info.image.width == 0 {
            return Err(Error::failed(
                "the backbone's info is invalid: the embedding width and the image's height and width must be \
                 above 0",
            ));
        }
        Ok(BackboneHandle {
            object,
            info: Arc::new(info),
        })
    }

    pub(crate) fn to_raw(&self) -> BackboneObject {
        RawBackbone_TO::from_sabi(self.object.obj.shallow_clone())
    }

    /// Describes the backbone.
    pub fn info(&self) -> &BackboneInfo {
        &self.info
    }

    /// See [`Backbone::encode_texts`](crate::Backbone::encode_texts).
    ///
    /// # Errors
    ///
    /// If the backbone reports an error.
    pub fn encode_texts(&self, texts: &[&str]) -> Result<Tensor> {
        let texts = raw_strings(texts);
        received(self.object.encode_texts(RSlice::from_slice(&texts)))?.validated("the embeddings")
    }

    /// See [`Backbone::encode_images`](crate::Backbone::encode_images).
    ///
    /// # Errors
    ///
    /// If the backbone reports an error.
    pub fn encode_images(&self, images: TensorView<'_>) -> Result<Tensor> {
        received(self.object.encode_images(images))?.validated("the embeddings")
    }

    /// See [`Backbone::forward`](crate::Backbone::forward).
    ///
    /// # Errors
    ///
    /// If the backbone reports an error.
    pub fn forward(
        &self,
        inputs: &Inputs<'_>,
        sites: &[Site<'_>],
        wanted: &[&str],
    ) -> Result<Forwarded> {
        let empty = Vec::new();
        let texts;
        let inputs = match *inputs {
            Inputs::Images { images, options } => RawInputs {
                images: ROption::RSome(images),
                texts: RSlice::from_slice(&empty),
                row_text: RSlice::EMPTY,
                place: Place::Front.to_raw(),
                options: RSlice::from_slice(options),
            },
            Inputs::Texts {
                texts: given,
                row_text,
                place,
                options,
            } => {
                texts = raw_strings(given);
                RawInputs {
                    images: ROption::RNone,
                    texts: RSlice::from_slice(&texts),
                    row_text: RSlice::from_slice(row_text),
                    place: place.to_raw(),
                    options: RSlice::from_slice(options),
                }
            }
        };
        let sites: Vec<_> = sites
            .iter()
            .map(|site| RawNamedView {
                name: RStr::from_str(site.name),
                view: site.prompt,
            })
            .collect();
        let wanted = raw_strings(wanted);
        let forwarded = received(self.object.forward(
            inputs,
            RSlice::from_slice(&sites),
            RSlice::from_slice(&wanted),
        ))?;
        Ok(Forwarded {
            outputs: forwarded
                .outputs
                .into_iter()
                .map(|output| output.validated("an output"))
                .collect::<Result<_>>()?,
            pullback: PullbackHandle(forwarded.pullback.into_option().ok_or_else(|| {
                Error::failed("the backbone returned outputs without a pullback")
            })?),
        })
    }
}

impl Clone for BackboneHandle {
    fn clone(&self) -> BackboneHandle {
        BackboneHandle {
            object: RawBackbone_TO::from_sabi(self.object.obj.shallow_clone()),
            info: self.info.clone(),
        }
    }
}

impl fmt::Debug for BackboneHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BackboneHandle").field(&self.info).finish()
    }
}

/// The result of a differentiable call.
#[derive(Debug)]
pub struct Forwarded {
    /// The wanted outputs, in the order asked for.
    pub outputs: Vec<Tensor>,
    /// Takes gradients of the outputs back to the prompts.
    pub pullback: PullbackHandle,
}

/// The backward pass of one differentiable call.
pub struct PullbackHandle(PullbackObject);

impl PullbackHandle {
    /// Takes the gradients of a loss with respect to outputs, by name, and returns those with
    /// respect to every prompt of the call, by site and in the call's order. It runs once.
    ///
    /// A gradient has the type, shape and device of its output; outputs left out have a gradient of
    /// zero. The returned gradients are f32, in the shape of the prompt, on the first prompt's device.
    ///
    /// # Errors
    ///
    /// If it has already run, or the backbone reports an error.
    pub fn call(&mut self, gradients: &[(&str, TensorView<'_>)]) -> Result<Vec<(String, Tensor)>> {
        let gradients: Vec<_> = gradients
            .iter()
            .map(|(name, view)| RawNamedView {
                name: RStr::from_str(name),
                view: *view,
            })
            .collect();
        received(self.0.call(RSlice::from_slice(&gradients)))?
            .into_iter()
            .map(|named| {
                let tensor = named.tensor.validated("a gradient")?;
                Ok((named.name.into_string(), tensor))
            })
            .collect()
    }
}

impl fmt::Debug for PullbackHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PullbackHandle")
    }
}

fn raw_strings<'a>(strings: &[&'a str]) -> Vec<RStr<'a>> {
    strings.iter().map(|&text| RStr::from_str(text)).collect()
}

//! The backbone's text encoder, which computes in the requested precision and caches the layouts of
//! recent calls.
//!
//! On the CPU in f32, calls that may be repeated use [`FusedText`], all others [`PooledModel`].

use crate::model::fused::{Backward, FusedLayout, FusedText};
use crate::model::pooled::{Layout, PooledModel, PooledTexts};
use crate::packing::{Contexts, Packing};
use crate::recent::{Recent, Request};
use crate::rows::Row;
use clbench_torch::During;
use clbench_torch::tch::{TchError, Tensor};
use clbench_transformer::compute::ComputeType;
use clbench_transformer::work::Work;
use harness_abi::Result;
use std::sync::Arc;

const ENCODING: &str = "encoding";

/// The text encoder with its cache.
#[derive(Debug)]
pub(crate) struct TextEncoder {
    models: Models,
    fused: Option<Arc<FusedText>>,
    layouts: Recent<Prepared>,
}

/// Encoded rows of text.
#[derive(Debug)]
pub(crate) struct EncodedRows {
    pub(crate) texts: PooledTexts,
    /// The backward pass to the contexts; `None` if autograd has recorded it.
    pub(crate) backward: Option<Backward>,
}

/// The layout of a request's rows.
#[derive(Debug)]
enum Prepared {
    Recorded(Layout),
    Fused(Arc<FusedText>, Arc<FusedLayout>),
}

/// The model in each precision that was requested.
#[derive(Debug)]
struct Models {
    /// In the backbone's own precision.
    own: (ComputeType, PooledModel),
    /// In the other precision, converted on first use.
    other: Option<PooledModel>,
}

impl Models {
    fn of(&mut self, precision: ComputeType) -> Result<&PooledModel> {
        let (own, model) = &self.own;
        if precision == *own {
            return Ok(model);
        }
        if self.other.is_none() {
            let made = model.to_kind(precision.kind());
            self.other = Some(made.during("converting the text encoder to another precision")?);
        }
        Ok(self.other.as_ref().unwrap_or(model))
    }
}

impl TextEncoder {
    pub(crate) fn new(precision: ComputeType, model: PooledModel) -> TextEncoder {
        // SAFETY: nothing writes to a backbone's weights, and the model, which nobody else has, only
        // lends them for reading.
        let fused = unsafe { FusedText::new(&model) };
        TextEncoder {
            models: Models {
                own: (precision, model),
                other: None,
            },
            fused: fused.map(Arc::new),
            layouts: Recent::default(),
        }
    }

    /// Encodes rows without a context in the backbone's own precision, without caching.
    pub(crate) fn encode(&self, rows: &[Row]) -> Result<PooledTexts> {
        let (_, model) = &self.models.own;
        let encoded = model
            .lay_out(&Packing::new(rows, 0, Contexts::PerRow))
            .and_then(|layout| model.encode(&layout, None));
        Work::Texts(rows.len() as i64).during(ENCODING, encoded)
    }

    /// Encodes the rows of a request, with their contexts if they have any: `[rows, n, width]`, or
    /// `[1, n, width]` if the rows share one.
    /// `rows` builds the rows, and is only called if the request is not cached.
    pub(crate) fn encode_again(
        &mut self,
        request: Request<'_>,
        rows: impl FnOnce() -> Result<Vec<Row>>,
        context: Option<&Tensor>,
    ) -> Result<EncodedRows> {
        let work = Work::Texts(request.row_text.len() as i64);
        let fused = (self.fused.as_ref()).filter(|_| request.precision == self.models.own.0);
        let model = self.models.of(request.precision)?;
        self.layouts.with(
            request,
            || {
                let packing = Packing::new(&rows()?, request.n, request.contexts);
                let prepared = match fused {
                    Some(text) => {
                        let layout = FusedLayout::new(text, &packing);
                        Prepared::Fused(Arc::clone(text), Arc::new(layout))
                    }
                    None => Prepared::Recorded(work.during(ENCODING, model.lay_out(&packing))?),
                };
                let bytes = prepared.bytes();
                Ok((prepared, bytes))
            },
            |prepared| {
                let encoded = match prepared {
                    Prepared::Fused(text, layout) => fused_rows(text, layout, context),
                    Prepared::Recorded(layout) => recorded_rows(model, layout, context),
                };
                work.during(ENCODING, encoded)
            },
        )
    }
}

fn fused_rows(
    text: &Arc<FusedText>,
    layout: &Arc<FusedLayout>,
    context: Option<&Tensor>,
) -> Result<EncodedRows, TchError> {
    let context = match context {
        Some(context) => numbers(context)?,
        None => Vec::new(),
    };
    let made = text.encode(layout, &context)?;
    let rows = layout.rows() as i64;
    let tensor = |numbers: &[f32]| Tensor::f_from_slice(numbers)?.f_view([rows, -1]);
    Ok(EncodedRows {
        texts: PooledTexts {
            class_token: tensor(&made.class_token)?,
            embedding: tensor(&made.embedding)?,
        },
        backward: Some(made.backward),
    })
}

fn recorded_rows(
    model: &PooledModel,
    layout: &Layout,
    context: Option<&Tensor>,
) -> Result<EncodedRows, TchError> {
    Ok(EncodedRows {
        texts: model.encode(layout, context)?,
        backward: None,
    })
}

/// The numbers of a tensor of type f32, row-major.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub(crate) fn numbers(tensor: &Tensor) -> Result<Vec<f32>, TchError> {
    let mut numbers = vec![0.0; tensor.numel()];
    tensor.f_copy_data(&mut numbers, tensor.numel())?;
    Ok(numbers)
}

impl Prepared {
    fn bytes(&self) -> usize {
        match self {
            Prepared::Recorded(layout) => layout.bytes(),
            Prepared::Fused(_, layout) => layout.bytes(),
        }
    }
}

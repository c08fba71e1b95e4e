//! The backbone's text encoder, which computes in the requested precision and caches the layouts of
//! recent calls.

use crate::model::pooled::{Layout, PooledModel, PooledTexts};
use crate::packing::{Contexts, Packing};
use crate::recent::{Recent, Request};
use crate::rows::Row;
use clbench_torch::During;
use clbench_torch::tch::Tensor;
use clbench_transformer::compute::ComputeType;
use clbench_transformer::work::Work;
use harness_abi::Result;

const ENCODING: &str = "encoding";

/// The text encoder with its cache.
#[derive(Debug)]
pub(crate) struct TextEncoder {
    models: Models,
    layouts: Recent<Layout>,
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
        TextEncoder {
            models: Models {
                own: (precision, model),
                other: None,
            },
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
    ) -> Result<PooledTexts> {
        let work = Work::Texts(request.row_text.len() as i64);
        let model = self.models.of(request.precision)?;
        self.layouts.with(
            request,
            || {
                let packing = Packing::new(&rows()?, request.n, request.contexts);
                let layout = work.during(ENCODING, model.lay_out(&packing))?;
                let bytes = layout.bytes();
                Ok((layout, bytes))
            },
            |layout| work.during(ENCODING, model.encode(layout, context)),
        )
    }
}

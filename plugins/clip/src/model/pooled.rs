//! The text encoder for prompt training: only pooled tokens matter, and the same rows are encoded
//! repeatedly with other contexts.
//!
//! It gives the same results as [`TextModel`] over all positions, up to rounding, but avoids
//! repeated and unused computation:
//!
//! - The start token comes first and never changes, so its contribution to each layer's attention
//!   is computed when the model is created.
//! - A [`Layout`] of rows is computed once: it has the indices, and the inputs of the first layer's
//!   attention for every token outside the contexts.
//! - Tokens are packed (see [`Packing`]): only attention processes the padding of shorter rows.
//! - Tokens with which all rows begin are encoded once if the rows have the same context (see
//!   `shared`).
//! - The last layer computes keys and values of every token, but everything else only for pooled
//!   tokens.

use super::shared::SharedTokens;
use super::text::TextModel;
use crate::packing::Packing;
use clbench_torch::tch::{Kind, TchError, Tensor};
use clbench_transformer::layer::{Inputs, Layer};

/// The text encoder for pooled tokens. Its weights are frozen.
#[derive(Debug)]
pub struct PooledModel {
    model: TextModel,
    start_id: i64,
    /// The start token's inputs of each layer's attention, `[1, width]`.
    start: Vec<Inputs>,
}

/// Rows of text on the device, before contexts are inserted. Packed tokens are contiguous; in the
/// grid, each has a place by row and position.
#[derive(Debug)]
pub struct Layout {
    pub(super) rows: i64,
    /// The number of positions per row of the grid.
    length: i64,
    /// The tokens that are packed once for all rows.
    shared: Option<SharedTokens>,
    /// The place of each packed token after the shared ones in the grid, `[tokens − shared]`.
    pub(super) places: Tensor,
    /// The index of the packed token at which each row is pooled, `[rows]`.
    pooled: Tensor,
    /// The attention mask of pooled tokens: 0 up to the token's position, −∞ after it,
    /// `[rows, 1, 1, positions]`.
    seen: Tensor,
    /// The input of the first layer, `[tokens, width]`.
    entering: Tensor,
    /// The inputs of the first layer's attention, arranged.
    first: Option<Inputs>,
    contexts: Contexts,
}

/// The places of all rows' context vectors.
#[derive(Debug)]
struct Contexts {
    /// The vectors that matter; `None` for all.
    kept: Option<Tensor>,
    /// The packed token of each vector.
    at: Tensor,
    /// The row of each vector in the arranged inputs of an attention.
    places: Tensor,
    /// The position embedding of each vector, `[vectors, width]`.
    positions: Tensor,
}

/// The text encoder's output for pooled tokens.
#[derive(Debug)]
pub struct PooledTexts {
    /// After the last layer norm, `[rows, width]`.
    pub class_token: Tensor,
    /// Projected, not normalised, `[rows, projection]`.
    pub embedding: Tensor,
}

impl PooledModel {
    /// Wraps the text encoder of a model, for texts that begin with the token `start_id`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn new(model: TextModel, start_id: i64) -> Result<PooledModel, TchError> {
        let id = Tensor::f_from_slice(&[start_id])?.f_to_device(model.positions.device())?;
        let mut x = model
            .embed(&id)?
            .f_add(&model.positions.f_narrow(0, 0, 1)?)?;
        let mut start = Vec::with_capacity(model.encoder.layers.len());
        for layer in &model.encoder.layers {
            let inputs = layer.inputs(&x)?;
            // It attends only to itself, so its attention returns its value.
            x = layer.finish(&x, &inputs[2])?;
            start.push(inputs);
        }
        Ok(PooledModel {
            model,
            start_id,
            start,
        })
    }

    /// Converts to another type.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn to_kind(&self, kind: Kind) -> Result<PooledModel, TchError> {
        PooledModel::new(self.model.to_kind(kind)?, self.start_id)
    }

    /// The text encoder, and the start token's inputs of each layer's attention.
    pub(super) fn parts(&self) -> (&TextModel, &[Inputs]) {
        (&self.model, &self.start)
    }

    /// Each layer with the start token's inputs of its attention.
    fn layers(&self) -> impl Iterator<Item = (&Layer, &Inputs)> {
        self.model.encoder.layers.iter().zip(&self.start)
    }

    /// Computes the layout of packed rows.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn lay_out(&self, packing: &Packing) -> Result<Layout, TchError> {
        let positions = &self.model.positions;
        let (kind, device) = (positions.kind(), positions.device());
        let index = |values: &[i64]| Tensor::f_from_slice(values)?.f_to_device(device);
        let (rows, length) = (packing.rows, packing.grid_length());
        let shared = match packing.shared {
            0 => None,
            tokens => Some(SharedTokens::new(tokens, length, (kind, device))?),
        };
        let places = index(&packing.places)?;
        let position = index(&packing.positions)?;
        let pooled = index(&packing.pooled)?;
        let positions = positions.f_index_select(0, &position)?;
        let ids = index(&packing.ids)?;
        let entering = self.model.embed(&ids)?.f_add(&positions)?;
        let after = Tensor::f_arange(packing.length, (Kind::Int64, device))?
            .f_gt_tensor(&position.f_index_select(0, &pooled)?.f_unsqueeze(1)?)?
            .f_view([rows, 1, 1, packing.length])?;
        let seen = Tensor::f_zeros([rows, 1, 1, packing.length], (kind, device))?
            .f_masked_fill(&after, f64::NEG_INFINITY)?;
        let at = index(&packing.at)?;
        let all = packing.vectors.iter().copied().eq(0..packing.all_vectors);
        let contexts = Contexts {
            kept: match all {
                true => None,
                false => Some(index(&packing.vectors)?),
            },
            places: match shared {
                Some(_) => at.shallow_clone(),
                None => places.f_index_select(0, &at)?,
            },
            positions: positions.f_index_select(0, &at)?,
            at,
        };
        let mut layout = Layout {
            rows,
            length,
            shared,
            places,
            pooled,
            seen,
            entering,
            first: None,
            contexts,
        };
        if let Some((layer, start)) = self.layers().next() {
            let inputs = layer.inputs(&layout.entering)?;
            layout.first = Some(layout.arranged(start, inputs)?);
        }
        Ok(layout)
    }

    /// Encodes rows, with their contexts if they have any: `[rows, n, width]`, or `[1, n, width]`
    /// if the rows share one. Differentiable with respect to the contexts.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn encode(
        &self,
        layout: &Layout,
        context: Option<&Tensor>,
    ) -> Result<PooledTexts, TchError> {
        let (mut x, mut first) = self.enter(layout, context)?;
        let mut layers = self.layers().peekable();
        while let Some((layer, start)) = layers.next() {
            let known = first.take();
            x = match layers.peek() {
                Some(_) => forward(layer, start, layout, &x, known)?,
                None => forward_pooled(layer, start, layout, &x, known)?,
            };
        }
        let class_token = self.model.final_norm.forward(&x)?;
        let embedding = self.model.projection.forward(&class_token)?;
        Ok(PooledTexts {
            class_token,
            embedding,
        })
    }

    /// The inputs of the first layer, `[tokens, width]`, and of its attention, arranged, with
    /// contexts inserted.
    fn enter(
        &self,
        layout: &Layout,
        context: Option<&Tensor>,
    ) -> Result<(Tensor, Option<Inputs>), TchError> {
        let Layout {
            entering,
            first,
            contexts,
            ..
        } = layout;
        let Some(context) = context else {
            let first = first.as_ref();
            let first = first.map(|first| first.each_ref().map(Tensor::shallow_clone));
            return Ok((entering.shallow_clone(), first));
        };
        let vectors = context.f_reshape([-1, entering.size()[1]])?;
        let vectors = match &contexts.kept {
            Some(kept) => vectors.f_index_select(0, kept)?,
            None => vectors,
        };
        let vectors = vectors.f_add(&contexts.positions)?;
        let first = match (first, self.layers().next()) {
            (Some([queries, keys, values]), Some((layer, _))) => {
                let inputs = layer.inputs(&vectors)?;
                let put =
                    |constant: &Tensor, input| constant.f_index_copy(0, &contexts.places, input);
                Some([
                    put(queries, &inputs[0])?,
                    put(keys, &inputs[1])?,
                    put(values, &inputs[2])?,
                ])
            }
            _ => None,
        };
        let entering = entering.f_index_copy(0, &contexts.at, &vectors)?;
        Ok((entering, first))
    }
}

/// Applies a layer to packed tokens, `[tokens, width]`. `known` has the arranged inputs of its
/// attention, if already computed.
fn forward(
    layer: &Layer,
    start: &Inputs,
    layout: &Layout,
    x: &Tensor,
    known: Option<Inputs>,
) -> Result<Tensor, TchError> {
    let inputs = match known {
        Some(known) => known,
        None => layout.arranged(start, layer.inputs(x)?)?,
    };
    let mixed = match &layout.shared {
        Some(shared) => shared.mix(&layer.attention, start, layout, &inputs)?,
        None => {
            let mixed = layer.attention.mix(layout.rows, &inputs, None)?;
            mixed.f_index_select(0, &layout.places)?
        }
    };
    layer.finish(x, &mixed)
}

/// Applies the last layer, only for pooled tokens: `[tokens, width]` to `[rows, width]`.
fn forward_pooled(
    layer: &Layer,
    start: &Inputs,
    layout: &Layout,
    x: &Tensor,
    known: Option<Inputs>,
) -> Result<Tensor, TchError> {
    let attention = &layer.attention;
    let normed = layer.attention_norm.forward(x)?;
    let (keys, values) = match known {
        Some([_, keys, values]) => (keys, values),
        None => {
            let (keys, values) = (&attention.key, &attention.value);
            (
                layout.arrange(&start[1], keys.forward(&normed)?)?,
                layout.arrange(&start[2], values.forward(&normed)?)?,
            )
        }
    };
    let (keys, values) = match &layout.shared {
        Some(shared) => (
            shared.of_rows(&start[1], layout, &keys)?,
            shared.of_rows(&start[2], layout, &values)?,
        ),
        None => (keys, values),
    };
    let queries = normed.f_index_select(0, &layout.pooled)?;
    let inputs = [attention.query.forward(&queries)?, keys, values];
    let mixed = attention.mix(layout.rows, &inputs, Some(&layout.seen))?;
    layer.finish(&x.f_index_select(0, &layout.pooled)?, &mixed)
}

impl Layout {
    /// Arranges the packed tokens' inputs of an attention.
    fn arranged(
        &self,
        start: &Inputs,
        [queries, keys, values]: Inputs,
    ) -> Result<Inputs, TchError> {
        Ok([
            self.arrange(&start[0], queries)?,
            self.arrange(&start[1], keys)?,
            self.arrange(&start[2], values)?,
        ])
    }

    /// Places packed tokens, `[tokens, width]`, in the grid, unless some are shared by all rows:
    /// then the tokens stay packed.
    fn arrange(&self, start: &Tensor, tokens: Tensor) -> Result<Tensor, TchError> {
        match self.shared {
            Some(_) => Ok(tokens),
            None => self.in_grid(start, &tokens),
        }
    }

    /// Places the tokens of rows, without shared ones, in the grid: `[tokens, width]` to
    /// `[rows · length, width]`. Other places get `start`, `[1, width]`: it belongs before each
    /// row, and is masked after it.
    pub(super) fn in_grid(&self, start: &Tensor, tokens: &Tensor) -> Result<Tensor, TchError> {
        start
            .f_expand([self.rows * self.length, -1], false)?
            .f_index_copy(0, &self.places, tokens)
    }

    /// The size in bytes.
    pub fn bytes(&self) -> usize {
        let Contexts {
            kept,
            at,
            places,
            positions,
        } = &self.contexts;
        [
            &self.places,
            &self.pooled,
            &self.seen,
            &self.entering,
            at,
            places,
            positions,
        ]
        .into_iter()
        .chain(kept)
        .chain(self.shared.iter().map(|shared| &shared.mask))
        .chain(self.first.iter().flatten())
        .map(|tensor| tensor.numel() * tensor.kind().elt_size_in_bytes())
        .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Activation;
    use crate::model::testing::{POSITIONS, START, WIDTH, row, text_model, varied};
    use crate::packing;
    use crate::rows::{Row, Slot};
    use clbench_torch::Generator;
    use clbench_torch::tch::Device;

    /// Encodes over all positions.
    fn encoded_whole(model: &TextModel, rows: &[Row], context: &Tensor) -> (Tensor, Tensor) {
        let embedded: Vec<Tensor> = (0..)
            .zip(rows)
            .map(|(number, row)| {
                let mut vectors: Vec<Tensor> = row
                    .slots
                    .iter()
                    .map(|slot| match *slot {
                        Slot::Token(id) => model.embed(&Tensor::from_slice(&[id])).unwrap(),
                        Slot::Context(k) => context.get(number).narrow(0, k as i64, 1),
                    })
                    .collect();
                let rest = POSITIONS - vectors.len() as i64;
                vectors.push(Tensor::ones([rest, WIDTH], (Kind::Float, Device::Cpu)));
                Tensor::cat(&vectors, 0)
            })
            .collect();
        let pooled: Vec<i64> = rows.iter().map(|row| row.pooled as i64).collect();
        let encoded = model.encode(&Tensor::stack(&embedded, 0), &pooled).unwrap();
        (encoded.pooled, encoded.embedding)
    }

    #[track_caller]
    fn assert_close(a: &Tensor, b: &Tensor) {
        assert_eq!(a.size(), b.size());
        if a.numel() > 0 {
            let apart = (a - b).abs().max().double_value(&[]);
            let largest = b.abs().max().double_value(&[]);
            assert!(apart <= 2e-6 * largest, "{apart:e} apart of {largest}");
        }
    }

    #[test]
    fn pooled_tokens_and_gradients_match_the_encoder_over_all_positions() {
        let (t, c) = (Slot::Token, Slot::Context);
        let (s, e) = (t(START), t(19));
        let mixed = varied();
        let alike = [
            row(&[s, c(0), c(1), t(1), e], 4),
            row(&[s, c(0), c(1), t(2), e], 4),
        ];
        let at_start = [row(&[s, c(0), c(1), e], 0)];
        for layers in [1, 2, 4] {
            let whole = text_model(layers, Activation::Gelu);
            let pooled = PooledModel::new(text_model(layers, Activation::Gelu), START).unwrap();
            for rows in [&mixed[..], &alike, &at_start] {
                let layout = pooled
                    .lay_out(&Packing::new(rows, 2, packing::Contexts::PerRow))
                    .unwrap();
                for seed in 0..2 {
                    let context = Generator::new(seed, "context", 0)
                        .normal_tensor(&[rows.len() as i64, 2, WIDTH], 0.5, Device::Cpu)
                        .unwrap()
                        .set_requires_grad(true);
                    let (class_token, embedding) = encoded_whole(&whole, rows, &context);
                    let ours = pooled.encode(&layout, Some(&context)).unwrap();
                    assert_close(&ours.class_token, &class_token);
                    assert_close(&ours.embedding, &embedding);
                    let gradient = |embedding: &Tensor| {
                        let weights = Generator::new(seed, "weights", 1)
                            .normal_tensor(&embedding.size(), 1.0, Device::Cpu)
                            .unwrap();
                        let sum = (embedding * weights).sum(Kind::Float);
                        Tensor::run_backward(&[&sum], &[&context], false, false).remove(0)
                    };
                    assert_close(&gradient(&ours.embedding), &gradient(&embedding));
                }
            }
        }
    }
}

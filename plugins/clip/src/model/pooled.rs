//! The text encoder where only the pooled tokens matter, and the same rows come again with other contexts: prompt training.
//!
//! It computes what [`TextModel`] computes over all positions, to the rounding of its type, and computes nothing again that
//! cannot have changed:
//!
//! - Nothing stands before the start token, so that it never changes: what it gives to each layer's attention is computed when
//!   the model is made.
//! - Rows are laid out once: a [`Layout`] holds the indices, and what goes into the first layer's attention for every token
//!   that is not a context's.
//! - Tokens are packed (see [`Packing`]): only attention sees the padding of shorter rows.
//! - The last layer gives keys and values of every token, and all else of the pooled ones only.

use super::text::TextModel;
use crate::packing::Packing;
use clbench_torch::tch::{Kind, TchError, Tensor};
use clbench_transformer::layer::{Inputs, Layer};

/// The text encoder for pooled tokens. Its weights are frozen.
#[derive(Debug)]
pub struct PooledModel {
    model: TextModel,
    start_id: i64,
    /// What the start token gives to the attention of each layer, `[1, width]`.
    start: Vec<Inputs>,
}

/// Rows of text as they are before contexts are put in, on the device. Packed tokens stand one behind the other; in the grid
/// each has a place by its row and position.
#[derive(Debug)]
pub struct Layout {
    rows: i64,
    length: i64,
    /// The place of each packed token in the grid, `[tokens]`.
    places: Tensor,
    /// The packed token at which each row is pooled, `[rows]`.
    pooled: Tensor,
    /// 0 where the pooled token attends to a position, −∞ behind it, `[rows, 1, 1, length]`.
    seen: Tensor,
    /// What goes into the first layer, `[tokens, width]`.
    entering: Tensor,
    /// What goes into the first layer's attention, in the grid, `[rows · length, width]`.
    first: Option<Inputs>,
    contexts: Contexts,
}

/// Where the vectors of all rows' contexts go.
#[derive(Debug)]
struct Contexts {
    /// Which of the vectors matter; all, where this is none.
    kept: Option<Tensor>,
    /// Of each the packed token that it is.
    at: Tensor,
    /// Of each the place in the grid.
    places: Tensor,
    /// Of each the embedding of its position, `[vectors, width]`.
    positions: Tensor,
}

/// What the text encoder makes of pooled tokens.
#[derive(Debug)]
pub struct PooledTexts {
    /// After the last layer norm, `[rows, width]`.
    pub class_token: Tensor,
    /// Projected, not normalised, `[rows, projection]`.
    pub embedding: Tensor,
}

impl PooledModel {
    /// The text encoder of a model, for texts that begin with that token.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
    pub fn new(model: TextModel, start_id: i64) -> Result<PooledModel, TchError> {
        let id = Tensor::f_from_slice(&[start_id])?.f_to_device(model.positions.device())?;
        let mut x = model
            .embed(&id)?
            .f_add(&model.positions.f_narrow(0, 0, 1)?)?;
        let mut start = Vec::with_capacity(model.encoder.layers.len());
        for layer in &model.encoder.layers {
            let inputs = layer.inputs(&x)?;
            // It attends to itself alone, so that its value is what its attention gives.
            x = layer.finish(&x, &inputs[2])?;
            start.push(inputs);
        }
        Ok(PooledModel {
            model,
            start_id,
            start,
        })
    }

    /// The same, computed in another type.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
    pub fn to_kind(&self, kind: Kind) -> Result<PooledModel, TchError> {
        PooledModel::new(self.model.to_kind(kind)?, self.start_id)
    }

    /// Each layer, and what the start token gives to its attention.
    fn layers(&self) -> impl Iterator<Item = (&Layer, &Inputs)> {
        self.model.encoder.layers.iter().zip(&self.start)
    }

    /// Lays out packed rows.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
    pub fn lay_out(&self, packing: &Packing) -> Result<Layout, TchError> {
        let positions = &self.model.positions;
        let (kind, device) = (positions.kind(), positions.device());
        let index = |values: &[i64]| Tensor::f_from_slice(values)?.f_to_device(device);
        let (rows, length) = (packing.rows, packing.length);
        let places = index(&packing.places)?;
        let position = index(&packing.positions)?;
        let pooled = index(&packing.pooled)?;
        let positions = positions.f_index_select(0, &position)?;
        let ids = index(&packing.ids)?;
        let entering = self.model.embed(&ids)?.f_add(&positions)?;
        let behind = Tensor::f_arange(length, (Kind::Int64, device))?
            .f_gt_tensor(&position.f_index_select(0, &pooled)?.f_unsqueeze(1)?)?
            .f_view([rows, 1, 1, length])?;
        let seen = Tensor::f_zeros([rows, 1, 1, length], (kind, device))?
            .f_masked_fill(&behind, f64::NEG_INFINITY)?;
        let at = index(&packing.at)?;
        let all = packing.vectors.iter().copied().eq(0..packing.all_vectors);
        let contexts = Contexts {
            kept: match all {
                true => None,
                false => Some(index(&packing.vectors)?),
            },
            places: places.f_index_select(0, &at)?,
            positions: positions.f_index_select(0, &at)?,
            at,
        };
        let mut layout = Layout {
            rows,
            length,
            places,
            pooled,
            seen,
            entering,
            first: None,
            contexts,
        };
        if let Some((layer, start)) = self.layers().next() {
            let inputs = layer.inputs(&layout.entering)?;
            layout.first = Some(layout.grid(start, &inputs)?);
        }
        Ok(layout)
    }

    /// Encodes rows, with their contexts `[rows, n, width]` where they have one. Gradients reach the contexts.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
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

    /// What goes into the first layer, `[tokens, width]`, and into its attention, in the grid, with the contexts in their
    /// places.
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

/// A layer of packed tokens, `[tokens, width]` to the same. `known` is what its attention takes, in the grid, where it is
/// known already.
fn forward(
    layer: &Layer,
    start: &Inputs,
    layout: &Layout,
    x: &Tensor,
    known: Option<Inputs>,
) -> Result<Tensor, TchError> {
    let inputs = match known {
        Some(known) => known,
        None => layout.grid(start, &layer.inputs(x)?)?,
    };
    let mixed = layer.attention.mix(layout.rows, &inputs, None)?;
    layer.finish(x, &mixed.f_index_select(0, &layout.places)?)
}

/// The same for the last layer, of which only the pooled tokens are asked for: `[tokens, width]` to `[rows, width]`.
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
        None => (
            layout.in_grid(&start[1], &attention.key.forward(&normed)?)?,
            layout.in_grid(&start[2], &attention.value.forward(&normed)?)?,
        ),
    };
    let queries = normed.f_index_select(0, &layout.pooled)?;
    let inputs = [attention.query.forward(&queries)?, keys, values];
    let mixed = attention.mix(layout.rows, &inputs, Some(&layout.seen))?;
    layer.finish(&x.f_index_select(0, &layout.pooled)?, &mixed)
}

impl Layout {
    /// What packed tokens give to an attention, in the grid.
    fn grid(&self, start: &Inputs, tokens: &Inputs) -> Result<Inputs, TchError> {
        Ok([
            self.in_grid(&start[0], &tokens[0])?,
            self.in_grid(&start[1], &tokens[1])?,
            self.in_grid(&start[2], &tokens[2])?,
        ])
    }

    /// `[tokens, width]` to `[rows · length, width]`. Where no token stands, `start` does, `[1, width]`: before a row, where it
    /// belongs, and behind it, where nothing looks.
    fn in_grid(&self, start: &Tensor, tokens: &Tensor) -> Result<Tensor, TchError> {
        start
            .f_expand([self.rows * self.length, -1], false)?
            .f_index_copy(0, &self.places, tokens)
    }

    /// The bytes that it holds.
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
        .chain(self.first.iter().flatten())
        .map(|tensor| tensor.numel() * tensor.kind().elt_size_in_bytes())
        .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Activation, Config, TextConfig, VisionConfig};
    use crate::model;
    use crate::rows::{Row, Slot};
    use clbench_torch::Generator;
    use clbench_torch::tch::Device;
    use clbench_transformer::source::Source;

    const WIDTH: i64 = 16;
    const POSITIONS: i64 = 12;
    const START: i64 = 18;

    struct Seeded(Generator);

    impl Source for Seeded {
        fn tensor(&mut self, _: &str, shape: &[i64]) -> harness_abi::Result<Tensor> {
            // Deviations at which attention is neither even nor a choice of one.
            self.0.normal_tensor(shape, 0.3, Device::Cpu)
        }
    }

    fn text_model(layers: i64) -> TextModel {
        let config = Config {
            text: TextConfig {
                vocab_size: 20,
                hidden_size: WIDTH,
                intermediate_size: 32,
                num_hidden_layers: layers,
                num_attention_heads: 2,
                max_position_embeddings: POSITIONS,
                hidden_act: Activation::Gelu,
                ..TextConfig::default()
            },
            vision: VisionConfig {
                hidden_size: 8,
                intermediate_size: 8,
                num_hidden_layers: 1,
                num_attention_heads: 1,
                image_size: 8,
                patch_size: 8,
                ..VisionConfig::default()
            },
            projection_dim: 8,
        };
        let mut source = Seeded(Generator::new(3, "weights", 0));
        model::Clip::new(&config, &mut source).unwrap().text
    }

    /// Over all positions.
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
    fn pooled_tokens_and_gradients_are_those_of_the_encoder_over_all_positions() {
        let (t, c) = (Slot::Token, Slot::Context);
        let row = |slots: &[Slot], pooled| Row {
            slots: slots.to_vec(),
            pooled,
        };
        let (s, e) = (t(START), t(19));
        let mixed = [
            row(&[s, c(0), c(1), t(1), e], 4),
            row(&[s, t(2), t(3), c(0), t(4), c(1), t(5), e], 7),
            // Pooled before one vector of its context, before both, at its start, and at its context.
            row(&[s, t(2), c(0), e, t(3), c(1), t(6)], 3),
            row(&[s, t(2), e, c(0), c(1)], 2),
            row(&[s, c(0), c(1), t(7)], 0),
            row(&[s, c(0), c(1), t(8), t(9), e], 1),
        ];
        let alike = [
            row(&[s, c(0), c(1), t(1), e], 4),
            row(&[s, c(0), c(1), t(2), e], 4),
        ];
        let at_start = [row(&[s, c(0), c(1), e], 0)];
        for layers in [1, 2, 4] {
            let whole = text_model(layers);
            let pooled = PooledModel::new(text_model(layers), START).unwrap();
            for rows in [&mixed[..], &alike, &at_start] {
                let layout = pooled.lay_out(&Packing::new(rows, 2)).unwrap();
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

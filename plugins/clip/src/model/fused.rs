//! The text encoder for prompt training on the CPU in f32: the results of [`PooledModel`] up to
//! rounding, in few passes over memory.
//!
//! Tokens stay packed (see [`Packing`](crate::packing::Packing)); there is no grid and no padding.
//! Each token attends to the tokens before its row's own part, which are the start token and those
//! shared by all rows, and to its row's tokens up to itself. The backward pass is written out; it
//! only computes the gradient of the context vectors.
//!
//! Rows are encoded in parts of a fixed number of tokens, several at a time if libtorch may use
//! several threads, so the results do not depend on the number of threads.
//!
//! ```text
//! context ─▶ shared tokens ─▶ keys and values of each layer ─▶ parts ─▶ pooled tokens
//! ```

mod attention;
mod layout;

use super::pooled::PooledModel;
use attention::Known;
use clbench_torch::cpu::{Frozen, in_parallel, on_one_thread};
use clbench_torch::tch::TchError;
use clbench_transformer::fused::{Finished, FusedLayer, FusedLinear, FusedNorm, Normalised};
use layout::{Part, gathered, scattered};
use std::sync::Arc;

pub use layout::FusedLayout;

/// The text encoder. Its weights are those of a model that nobody writes to.
#[derive(Debug)]
pub struct FusedText {
    /// `[vocabulary, width]`.
    tokens: Frozen,
    /// `[context length, width]`.
    positions: Frozen,
    /// At least one.
    layers: Vec<FusedLayer>,
    /// The start token's key and value in each layer.
    start: Vec<Known>,
    final_norm: FusedNorm,
    projection: FusedLinear,
}

/// Pooled tokens, with what the backward pass needs.
#[derive(Debug)]
pub struct FusedTexts {
    /// After the last layer norm, `[rows, width]`.
    pub class_token: Vec<f32>,
    /// Projected, not normalised, `[rows, projection]`.
    pub embedding: Vec<f32>,
    /// The backward pass.
    pub backward: Backward,
}

/// The backward pass of a call.
#[derive(Debug)]
pub struct Backward {
    text: Arc<FusedText>,
    layout: Arc<FusedLayout>,
    shared: Kept,
    parts: Vec<Kept>,
}

/// What the backward pass of a part needs.
#[derive(Debug, Default)]
struct Kept {
    layers: Vec<KeptLayer>,
    final_norm: Option<Normalised>,
}

#[derive(Debug)]
struct KeptLayer {
    norm: Normalised,
    own: Known,
    /// Nothing where only keys and values matter.
    attended: Option<Attended>,
}

#[derive(Debug)]
struct Attended {
    queries: Vec<f32>,
    weights: Vec<f32>,
    finished: Finished,
}

/// A part's pooled tokens.
#[derive(Default)]
struct Pooled {
    class_token: Vec<f32>,
    embedding: Vec<f32>,
}

impl FusedText {
    /// The encoder of `model`; `None` unless it computes in f32 on the CPU.
    ///
    /// # Safety
    ///
    /// While the result exists, nothing may write to the model's weights.
    pub unsafe fn new(model: &PooledModel) -> Option<FusedText> {
        let (text, start) = model.parts();
        // SAFETY: the caller vouches for the weights, here and below.
        let frozen = |tensor| unsafe { Frozen::new(tensor) };
        // SAFETY: as above.
        let layer = |layer| unsafe { FusedLayer::new(layer) };
        let layers: Option<Vec<_>> = text.encoder.layers.iter().map(layer).collect();
        let known = start.iter().map(|[_, keys, values]| {
            Some(Known {
                keys: frozen(keys)?.to_vec(),
                values: frozen(values)?.to_vec(),
            })
        });
        Some(FusedText {
            tokens: frozen(&text.tokens)?,
            positions: frozen(&text.positions)?,
            layers: layers.filter(|layers| !layers.is_empty())?,
            start: known.collect::<Option<_>>()?,
            // SAFETY: as above.
            final_norm: unsafe { FusedNorm::new(&text.final_norm) }?,
            // SAFETY: as above.
            projection: unsafe { FusedLinear::new(&text.projection) }?,
        })
    }

    /// The width of a token.
    fn width(&self) -> usize {
        self.final_norm.width()
    }

    /// Encodes rows, with the context vectors of all rows if they have any: `[vectors, width]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn encode(
        self: &Arc<Self>,
        layout: &Arc<FusedLayout>,
        context: &[f32],
    ) -> Result<FusedTexts, TchError> {
        let (shared, _) = on_one_thread(|| self.forward(&layout.shared, context, &self.start))?;
        let before = self.before(&shared);
        let parts = layout.parts.iter().collect();
        let done = in_parallel(parts, |part| self.forward(part, context, &before));
        let mut made = FusedTexts {
            class_token: Vec::new(),
            embedding: Vec::new(),
            backward: Backward {
                text: Arc::clone(self),
                layout: Arc::clone(layout),
                shared,
                parts: Vec::with_capacity(done.len()),
            },
        };
        for part in done {
            let (kept, pooled) = part?;
            made.class_token.extend(pooled.class_token);
            made.embedding.extend(pooled.embedding);
            made.backward.parts.push(kept);
        }
        Ok(made)
    }

    /// The keys and values before the rows' own in each layer: those of the start token and of the
    /// shared ones.
    fn before(&self, shared: &Kept) -> Vec<Known> {
        let mut before = self.start.clone();
        for (before, layer) in before.iter_mut().zip(&shared.layers) {
            before.extend(&layer.own);
        }
        before
    }

    /// Encodes a part, whose tokens attend to those `before` it, too.
    fn forward(
        &self,
        part: &Part,
        context: &[f32],
        before: &[Known],
    ) -> Result<(Kept, Pooled), TchError> {
        let mut kept = Kept::default();
        if part.is_empty() {
            return Ok((kept, Pooled::default()));
        }
        let width = self.width();
        let mut x = part.entering(context, width);
        let last = self.layers.len() - 1;
        for (at, (layer, before)) in self.layers.iter().zip(before).enumerate() {
            let (mut normed, norm) = layer.attention_norm().forward(&x);
            let [to_queries, to_keys, to_values] = layer.projections();
            let own = Known {
                keys: to_keys.forward(&normed)?,
                values: to_values.forward(&normed)?,
            };
            if at == last {
                normed = gathered(&normed, &part.pooled, width);
                x = gathered(&x, &part.pooled, width);
            }
            let attended = match x.is_empty() {
                true => None,
                false => {
                    let queries = to_queries.forward(&normed)?;
                    let spans = part.spans(at == last);
                    let (mixed, weights) =
                        attention::mix(&queries, &spans, [before, &own], layer.heads());
                    let finished = layer.finish(&mut x, &mixed)?;
                    Some(Attended {
                        queries,
                        weights,
                        finished,
                    })
                }
            };
            kept.layers.push(KeptLayer {
                norm,
                own,
                attended,
            });
        }
        if x.is_empty() {
            return Ok((kept, Pooled::default()));
        }
        let (class_token, final_norm) = self.final_norm.forward(&x);
        kept.final_norm = Some(final_norm);
        let embedding = self.projection.forward(&class_token)?;
        let pooled = Pooled {
            class_token,
            embedding,
        };
        Ok((kept, pooled))
    }

    /// The gradients of a part's entering tokens, and of the keys and values before it. `pooled` has
    /// those of its outputs, `own` those of its own keys and values from outside the part, if there
    /// are any.
    fn backward(
        &self,
        part: &Part,
        kept: &Kept,
        before: &[Known],
        pooled: &Pooled,
        own: Option<&[Known]>,
    ) -> Result<(Vec<f32>, Vec<Known>), TchError> {
        let width = self.width();
        let mut gradient = vec![0.0; part.pooled.len() * width];
        if let Some(norm) = &kept.final_norm {
            let of_embedding = self.projection.backward(&pooled.embedding)?;
            let given = [&of_embedding[..], &pooled.class_token];
            let given: Vec<_> = given.into_iter().filter(|of| !of.is_empty()).collect();
            self.final_norm.backward(&mut gradient, norm, &given);
        }
        let mut of_before: Vec<Known> = before.iter().map(Known::zeros_like).collect();
        let last = self.layers.len() - 1;
        for (at, (layer, kept)) in self.layers.iter().zip(&kept.layers).enumerate().rev() {
            let mut of_own = match own {
                Some(own) => own[at].clone(),
                None => kept.own.zeros_like(),
            };
            let [to_queries, to_keys, to_values] = layer.projections();
            let mut of_normed = Vec::new();
            if let Some(attended) = &kept.attended {
                let of_mixed = layer.finish_backward(&mut gradient, &attended.finished)?;
                let spans = part.spans(at == last);
                let of_queries = attention::mix_backward(
                    &of_mixed,
                    (&attended.queries, &attended.weights),
                    &spans,
                    [&before[at], &kept.own],
                    [&mut of_before[at], &mut of_own],
                    layer.heads(),
                );
                of_normed = to_queries.backward(&of_queries)?;
            }
            if at == last {
                gradient = scattered(&gradient, &part.pooled, part.len(), width);
                of_normed = scattered(&of_normed, &part.pooled, part.len(), width);
            }
            let of_projected = [
                &of_normed[..],
                &to_keys.backward(&of_own.keys)?,
                &to_values.backward(&of_own.values)?,
            ];
            layer
                .attention_norm()
                .backward(&mut gradient, &kept.norm, &of_projected);
        }
        Ok((gradient, of_before))
    }
}

impl Backward {
    /// The gradient of the context vectors, `[vectors, width]`, from those of the outputs. One of
    /// these may be empty, which counts as zero.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn run(self, of_class_token: &[f32], of_embedding: &[f32]) -> Result<Vec<f32>, TchError> {
        let Backward {
            text,
            layout,
            shared,
            parts,
        } = self;
        let width = text.width();
        let mut of_context = vec![0.0; layout.vectors * width];
        let before = text.before(&shared);
        let rows = |gradient: &[f32], first: usize, count: usize| {
            let row = gradient.len() / layout.rows;
            gradient[first * row..(first + count) * row].to_vec()
        };
        let mut first = 0;
        let work = layout.parts.iter().zip(parts).map(|(part, kept)| {
            let count = part.pooled.len();
            let pooled = Pooled {
                class_token: rows(of_class_token, first, count),
                embedding: rows(of_embedding, first, count),
            };
            first += count;
            (part, kept, pooled)
        });
        let done = in_parallel(work.collect(), |(part, kept, pooled)| {
            text.backward(part, &kept, &before, &pooled, None)
        });
        let mut of_before: Vec<Known> = before.iter().map(Known::zeros_like).collect();
        for (part, done) in layout.parts.iter().zip(done) {
            let (gradient, of_part) = done?;
            part.add_of_context(&mut of_context, &gradient, width);
            for (sum, of_part) in of_before.iter_mut().zip(&of_part) {
                sum.add(of_part);
            }
        }
        if !layout.shared.is_empty() {
            // After the start token.
            let of_shared: Vec<Known> = of_before.iter().map(|of| of.after(1, width)).collect();
            let (part, none) = (&layout.shared, Pooled::default());
            let (gradient, _) = on_one_thread(|| {
                text.backward(part, &shared, &text.start, &none, Some(&of_shared))
            })?;
            part.add_of_context(&mut of_context, &gradient, width);
        }
        Ok(of_context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Activation;
    use crate::model::testing::{START, WIDTH, row, text_model, varied};
    use crate::packing::{Contexts, Packing};
    use crate::rows::{Row, Slot};
    use crate::text_encoder::numbers;
    use clbench_torch::tch::{self, Device, Kind, Tensor};
    use clbench_torch::training::GradientMode;
    use clbench_torch::{Generator, tch::Reduction};

    /// Rows for several parts, which begin alike.
    fn many() -> Vec<Row> {
        let (t, c) = (Slot::Token, Slot::Context);
        let name = |class: i64| [t(class % 17), t(class % 5), t(class % 3)];
        let class = |class: i64| {
            let length = 1 + class as usize % 3;
            let mut slots = vec![t(START), c(0), t(3), c(1)];
            slots.extend(&name(class)[..length]);
            slots.push(t(19));
            row(&slots, slots.len() - 1)
        };
        (0..100).map(class).collect()
    }

    #[track_caller]
    fn assert_close(ours: &[f32], recorded: &Tensor) {
        let recorded = numbers(recorded).unwrap();
        assert_eq!(ours.len(), recorded.len());
        let largest = recorded.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        for (a, b) in ours.iter().zip(&recorded) {
            assert!((a - b).abs() <= 3e-6 * largest, "{a} is not {b}");
        }
    }

    #[test]
    fn outputs_and_gradients_are_the_recorded_ones() {
        let seeded = |name: &str, shape: &[i64]| {
            Generator::new(5, name, 0)
                .normal_tensor(shape, 0.5, Device::Cpu)
                .unwrap()
        };
        for (layers, activation) in [
            (1, Activation::Gelu),
            (2, Activation::QuickGelu),
            (4, Activation::Gelu),
        ] {
            let model = PooledModel::new(text_model(layers, activation), START).unwrap();
            // SAFETY: nothing writes to the weights here.
            let text = Arc::new(unsafe { FusedText::new(&model) }.unwrap());
            for (rows, contexts) in [
                (varied(), Contexts::PerRow),
                (many(), Contexts::PerRow),
                (many(), Contexts::Shared),
            ] {
                let packing = Packing::new(&rows, 2, contexts);
                let different = match contexts {
                    Contexts::PerRow => rows.len() as i64,
                    Contexts::Shared => 1,
                };
                let context = seeded("context", &[different, 2, WIDTH]).set_requires_grad(true);
                let _mode = GradientMode::on();
                let recorded = model
                    .encode(&model.lay_out(&packing).unwrap(), Some(&context))
                    .unwrap();
                let of_class_token = seeded("of class token", &recorded.class_token.size());
                let of_embedding = seeded("of embedding", &recorded.embedding.size());
                let loss = (&recorded.class_token * &of_class_token).sum(Kind::Float)
                    + (&recorded.embedding * &of_embedding).sum(Kind::Float);
                let expected = Tensor::run_backward(&[&loss], &[&context], true, false).remove(0);
                let loss = recorded.embedding.mse_loss(&of_embedding, Reduction::Sum);
                let of_loss = 2.0 * (&recorded.embedding - &of_embedding);
                let alone = Tensor::run_backward(&[&loss], &[&context], false, false).remove(0);

                let layout = Arc::new(FusedLayout::new(&text, &packing));
                let mut bits = Vec::new();
                for threads in [1, 2] {
                    tch::set_num_threads(threads);
                    let encode = || text.encode(&layout, &numbers(&context).unwrap()).unwrap();
                    let ours = encode();
                    assert_close(&ours.class_token, &recorded.class_token);
                    assert_close(&ours.embedding, &recorded.embedding);
                    let gradients = [&of_class_token, &of_embedding].map(|of| numbers(of).unwrap());
                    let gradient = ours.backward.run(&gradients[0], &gradients[1]).unwrap();
                    assert_close(&gradient, &expected);
                    let of_loss = numbers(&of_loss).unwrap();
                    let one = encode().backward.run(&[], &of_loss).unwrap();
                    assert_close(&one, &alone);
                    bits.push((ours.embedding, gradient));
                }
                assert_eq!(bits[0], bits[1]);
            }
        }
    }
}

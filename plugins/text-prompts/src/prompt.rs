//! CoOp's learned context and its training step (Zhou et al., *Learning to Prompt for
//! Vision-Language Models*, IJCV 2022, arXiv 2109.01134).
//!
//! The text of a class is `[start] [v₁] … [v_M] [name] [.] [end]`, with M context vectors vₖ in
//! place of word embeddings; they can also go in the middle or at the end, before the full stop.
//! All classes share one context, or each class has its own. The logit of class c for an image
//! feature f is s · cos(f, g_c), with g_c the embedding of the class's text and s the model's logit
//! scale. The loss of a mini-batch is the mean cross-entropy over the classes; only the context
//! gets a gradient.
//!
//! A [`Prompt`] does not know about tasks. A step is one `forward` of the backbone over the classes
//! and one pullback.

use clbench_torch::During;
use clbench_torch::prompting::PromptedTexts;
use clbench_torch::prompting::class_texts::readable;
use clbench_torch::prompting::cosine::{self, unit_rows};
use clbench_torch::prompting::text_encoder;
use clbench_torch::tch::nn::{Optimizer, OptimizerConfig, Sgd, VarStore};
use clbench_torch::tch::{Reduction, TchError, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::training::TrainingSamples;
use harness_abi::{BackboneHandle, Error, Place, Result};

/// Options for the CLIP backbone: a text ends with a full stop, wherever the context is.
const OPTIONS: &[u8] = br#"{"suffix": "."}"#;
/// The same for texts that have the same context. Its gradient is the sum over them, so what they
/// begin with needs to be encoded only once.
const SHARED_OPTIONS: &[u8] = br#"{"suffix": ".", "shared_context": true}"#;

/// The texts of some classes with a learned context.
#[derive(Debug)]
pub struct Prompt {
    texts: PromptedTexts,
    scale: f64,
    /// Owns the tensor below, for the optimiser.
    variables: VarStore,
    /// `[M, token width]`, or `[classes, M, token width]`.
    context: Tensor,
}

impl Prompt {
    /// Creates the texts of the classes called `names` with a copy of `context`:
    /// `[M, token width]`, shared by all classes, or `[classes, M, token width]`. It is trained on
    /// the context's device.
    ///
    /// # Errors
    ///
    /// If the backbone cannot compare images with texts, or the context has another shape.
    pub fn new(
        backbone: &BackboneHandle,
        names: &[&str],
        context: &Tensor,
        place: Place,
    ) -> Result<Prompt> {
        let texts = texts(backbone, names, context, place)?;
        rows(context, texts.rows()).map(drop)?;
        let _mode = GradientMode::off();
        let variables = VarStore::new(context.device());
        let mut trained = variables.root().zeros("context", &context.size());
        trained.f_copy_(context).during("making the context")?;
        Ok(Prompt {
            texts,
            scale: text_encoder::logit_scale(backbone.info())?,
            variables,
            context: trained,
        })
    }

    /// The context, in the shape it was given in; [`backward`](Self::backward) fills its `grad()`.
    pub fn context(&self) -> &Tensor {
        &self.context
    }

    /// The texts' embeddings, `[classes, width]`: projected, not normalised, without gradient.
    ///
    /// # Errors
    ///
    /// Propagates errors from the backbone, such as a name that does not fit beside the context.
    pub fn text_features(&self) -> Result<Tensor> {
        self.texts
            .embeddings(&rows(&self.context, self.texts.rows())?)
    }

    /// The logits of image features of unit length, `[rows, classes]`, without gradient.
    ///
    /// # Errors
    ///
    /// As for [`text_features`](Self::text_features).
    pub fn logits(&self, features: &Tensor) -> Result<Tensor> {
        let _mode = GradientMode::off();
        let texts = self.text_features()?;
        logits(features, &texts, self.scale).during("computing the logits")
    }

    /// Computes the mean loss of a mini-batch and adds its gradient to the context's `grad()`.
    ///
    /// # Errors
    ///
    /// Propagates errors from the backbone and from libtorch.
    pub fn backward(&self, batch: &TrainingSamples) -> Result<Tensor> {
        let _mode = GradientMode::on();
        let encoded = self
            .texts
            .encode(&rows(&self.context, self.texts.rows())?)?;
        let loss = logits(&batch.features, encoded.output(), self.scale)
            .and_then(|logits| {
                let none = None::<&Tensor>;
                logits.f_cross_entropy_loss(&batch.targets, none, Reduction::Mean, -100, 0.0)
            })
            .during("computing the loss")?;
        encoded.backward(&loss)?;
        loss.f_detach().during("computing the loss")
    }

    /// Creates an optimiser for the context: SGD with momentum and weight decay.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn sgd(&self, lr: f64, momentum: f64, weight_decay: f64) -> Result<Optimizer> {
        let sgd = Sgd {
            momentum,
            wd: weight_decay,
            ..Sgd::default()
        };
        sgd.build(&self.variables, lr)
            .during("making the optimiser")
    }

    /// Makes one step on a mini-batch. Returns its mean loss before the step, on the device.
    ///
    /// # Errors
    ///
    /// As for [`backward`](Self::backward).
    pub fn step(&self, optimiser: &mut Optimizer, batch: &TrainingSamples) -> Result<Tensor> {
        optimiser.zero_grad();
        let loss = self.backward(batch)?;
        optimiser.step();
        Ok(loss)
    }
}

/// The embeddings of the texts of `names` with `context`, as from [`Prompt::text_features`],
/// without training.
///
/// # Errors
///
/// As for [`Prompt::text_features`].
pub fn text_features(
    backbone: &BackboneHandle,
    names: &[&str],
    context: &Tensor,
    place: Place,
) -> Result<Tensor> {
    let texts = texts(backbone, names, context, place)?;
    texts.embeddings(&rows(context, texts.rows())?)
}

fn texts(
    backbone: &BackboneHandle,
    names: &[&str],
    context: &Tensor,
    place: Place,
) -> Result<PromptedTexts> {
    let names = names.iter().map(|name| readable(name)).collect();
    let options = match context.dim() {
        2 => SHARED_OPTIONS,
        _ => OPTIONS,
    };
    PromptedTexts::one_row_each(backbone, names, place, options)
}

/// Expands a context of either shape to `[classes, M, token width]`.
fn rows(context: &Tensor, classes: i64) -> Result<Tensor> {
    match context.size()[..] {
        [_, _] => context
            .f_unsqueeze(0)
            .and_then(|context| context.f_expand([classes, -1, -1], false))
            .during("expanding the context to every class"),
        [have, _, _] if have == classes => Ok(context.shallow_clone()),
        _ => Err(Error::failed(format!(
            "the context has shape {:?}; expected [M, token width], or [{classes}, M, token width] for one context per class",
            context.size()
        ))),
    }
}

/// Logits of features of unit length for embeddings of any length.
fn logits(features: &Tensor, embeddings: &Tensor, scale: f64) -> Result<Tensor, TchError> {
    cosine::logits(features, &unit_rows(embeddings)?, scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::Generator;
    use clbench_torch::tch::{Device, Kind};
    use harness_abi::testkit::ToyBackbone;
    use harness_abi::{Inputs, Site};

    const NAMES: [&str; 3] = ["grey_seal", "tern", "shore crab"];
    const READABLE: [&str; 3] = ["grey seal", "tern", "shore crab"];
    const SHARED: [i64; 2] = [5, 8];
    const PER_CLASS: [i64; 3] = [3, 5, 8];

    fn normal(purpose: &str, shape: &[i64]) -> Tensor {
        Generator::new(9, purpose, 0)
            .normal_tensor(shape, 0.5, Device::Cpu)
            .unwrap()
    }

    fn samples(rows: i64) -> TrainingSamples {
        TrainingSamples {
            features: unit_rows(&normal("features", &[rows, 16])).unwrap(),
            targets: Tensor::from_slice(&(0..rows).map(|row| row % 3).collect::<Vec<_>>()),
        }
    }

    fn doubles(tensor: &Tensor) -> Vec<f64> {
        Vec::try_from(tensor.to_kind(Kind::Double).reshape([-1])).unwrap()
    }

    /// The loss of a context `[classes, 5, 8]`, computed by hand in f64 from the backbone's
    /// embeddings.
    fn loss_by_hand(context: &[f64], place: Place, batch: &TrainingSamples) -> f64 {
        let context: Vec<f32> = context.iter().map(|&value| value as f32).collect();
        let prompt = harness_abi::Tensor::from_vec(context, &PER_CLASS).unwrap();
        let inputs = Inputs::Texts {
            texts: &READABLE,
            row_text: &[0, 1, 2],
            place,
            options: b"",
        };
        let site = Site {
            name: "text.context",
            prompt: prompt.view(),
        };
        let forwarded = ToyBackbone::handle()
            .forward(&inputs, &[site], &["embedding"])
            .unwrap();
        let embeddings: Vec<f64> = forwarded.outputs[0]
            .view()
            .as_slice::<f32>()
            .unwrap()
            .iter()
            .map(|&value| value.into())
            .collect();
        let (features, targets) = (doubles(&batch.features), doubles(&batch.targets));
        let losses = features.chunks(16).zip(&targets).map(|(feature, &target)| {
            let logits: Vec<f64> = embeddings
                .chunks(16)
                .map(|text| {
                    let product: f64 = text.iter().zip(feature).map(|(a, b)| a * b).sum();
                    let length = text.iter().map(|a| a * a).sum::<f64>().sqrt();
                    // The toy's logit scale.
                    10.0 * product / length
                })
                .collect();
            logits.iter().map(|z| z.exp()).sum::<f64>().ln() - logits[target as usize]
        });
        losses.sum::<f64>() / targets.len() as f64
    }

    /// The gradient in the shape of `context`, by fourth-order finite differences.
    fn gradient_by_hand(context: &[f64], place: Place, batch: &TrainingSamples) -> Vec<f64> {
        let h = 0.02;
        let at = |index: usize, offset: f64| {
            let mut moved = context.to_vec();
            moved[index] += offset;
            // A shared context is part of every class's text.
            let times = PER_CLASS.iter().product::<i64>() as usize / moved.len();
            loss_by_hand(&moved.repeat(times), place, batch)
        };
        (0..context.len())
            .map(|index| {
                let near = at(index, h) - at(index, -h);
                let far = at(index, 2.0 * h) - at(index, -2.0 * h);
                (8.0 * near - far) / (12.0 * h)
            })
            .collect()
    }

    fn close(ours: &[f64], by_hand: &[f64], tolerance: f64) {
        assert_eq!(ours.len(), by_hand.len());
        let largest = by_hand.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        for (index, (ours, by_hand)) in ours.iter().zip(by_hand).enumerate() {
            assert!(
                (ours - by_hand).abs() < tolerance * largest,
                "{index}: {ours}, by hand {by_hand}, of at most {largest}"
            );
        }
    }

    #[test]
    fn loss_and_gradient_match_the_computation_by_hand_in_every_layout() {
        let batch = samples(7);
        for place in [Place::Front, Place::Middle, Place::End] {
            for shape in [&SHARED[..], &PER_CLASS] {
                let context = normal("context", shape);
                let toy = ToyBackbone::handle();
                let prompt = Prompt::new(&toy, &NAMES, &context, place).unwrap();
                let loss = prompt.backward(&batch).unwrap().double_value(&[]);
                let context = doubles(&context);
                let times = 120 / context.len();
                let by_hand = loss_by_hand(&context.repeat(times), place, &batch);
                assert!((loss - by_hand).abs() < 1e-5, "{loss}, by hand {by_hand}");
                let by_hand = gradient_by_hand(&context, place, &batch);
                close(&doubles(&prompt.context().grad()), &by_hand, 1e-3);
                // The logits give the same loss.
                let logits = prompt.logits(&batch.features).unwrap();
                let again = logits.cross_entropy_for_logits(&batch.targets);
                assert!((again.double_value(&[]) - loss).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn steps_match_sgd_computed_by_hand() {
        let (lr, momentum, decay) = (0.3, 0.8, 0.05);
        let batch = samples(7);
        for shape in [&SHARED[..], &PER_CLASS] {
            let context = normal("context", shape);
            let prompt = Prompt::new(&ToyBackbone::handle(), &NAMES, &context, Place::Front);
            let prompt = prompt.unwrap();
            let mut optimiser = prompt.sgd(lr, momentum, decay).unwrap();
            let mut by_hand = doubles(&context);
            let mut velocity = vec![0.0; by_hand.len()];
            for _ in 0..4 {
                let _ = prompt.step(&mut optimiser, &batch).unwrap();
                let gradient = gradient_by_hand(&by_hand, Place::Front, &batch);
                for ((value, velocity), gradient) in
                    by_hand.iter_mut().zip(&mut velocity).zip(gradient)
                {
                    *velocity = momentum * *velocity + gradient + decay * *value;
                    *value -= lr * *velocity;
                }
                close(&doubles(prompt.context()), &by_hand, 1e-3);
            }
            // The caller's context is not trained; its copy is.
            assert_ne!(doubles(&context), doubles(prompt.context()));
        }
    }

    #[test]
    fn a_context_of_the_wrong_shape_is_an_error() {
        let toy = ToyBackbone::handle();
        let error = Prompt::new(&toy, &NAMES, &normal("context", &[2, 5, 8]), Place::Front);
        assert_eq!(
            error.unwrap_err().to_string(),
            "the context has shape [2, 5, 8]; expected [M, token width], or [3, M, token width] for one context per class"
        );
    }
}

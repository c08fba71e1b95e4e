//! A differentiable text call: texts with learned contexts go in, embeddings that libtorch's
//! autograd knows come out; see [`Prompted`] for how.
//!
//! The context may be any differentiable function of any parameters: one learned context that all
//! classes share, one for each class, or what a small network makes of something.

use super::prompted::{Call, Prompted};
use crate::bridge::device;
use harness_abi::{BackboneHandle, Error, Inputs, Place, Result};
use tch::{Device, Tensor};

/// The site of a learned context, `[rows, n, token width]`.
pub const CONTEXT: &str = "text.context";
/// The output: projected, not normalised, `[rows, embedding width]`.
pub const EMBEDDING: &str = "embedding";

/// Rows of text that are encoded again and again, each time with another context.
#[derive(Debug)]
pub struct PromptedTexts {
    backbone: BackboneHandle,
    device: Device,
    texts: Vec<String>,
    row_text: Vec<i64>,
    place: Place,
    options: Vec<u8>,
}

impl PromptedTexts {
    /// Rows whose texts are `texts[row_text[0]]`, `texts[row_text[1]]`, …, their contexts at
    /// `place`. `options` is what the backbone lets a caller choose, as a JSON object; empty for
    /// its defaults.
    ///
    /// # Errors
    ///
    /// If a row names a text that is not there, or the backbone's device is not.
    pub fn new(
        backbone: &BackboneHandle,
        texts: Vec<String>,
        row_text: Vec<i64>,
        place: Place,
        options: &[u8],
    ) -> Result<PromptedTexts> {
        let there = 0..texts.len() as i64;
        if let Some(text) = row_text.iter().find(|text| !there.contains(text)) {
            return Err(Error::failed(format!(
                "a row names text {text}, but there are {}",
                texts.len()
            )));
        }
        Ok(PromptedTexts {
            device: device::named(&backbone.info().device)?,
            backbone: backbone.clone(),
            texts,
            row_text,
            place,
            options: options.to_vec(),
        })
    }

    /// One row for each text, in order.
    ///
    /// # Errors
    ///
    /// If the backbone's device is not there.
    pub fn one_row_each(
        backbone: &BackboneHandle,
        texts: Vec<String>,
        place: Place,
        options: &[u8],
    ) -> Result<PromptedTexts> {
        let rows = (0..texts.len() as i64).collect();
        PromptedTexts::new(backbone, texts, rows, place, options)
    }

    /// How many rows there are.
    pub fn rows(&self) -> i64 {
        self.row_text.len() as i64
    }

    /// The rows' embeddings with that context, `[rows, n, token width]`, and the way back to it:
    /// f32 `[rows, embedding width]`, projected, not normalised.
    ///
    /// # Errors
    ///
    /// What the backbone reports, such as a text that is too long beside the context.
    pub fn encode(&self, context: &Tensor) -> Result<Prompted> {
        self.with_inputs(|call| call.encode(&[(CONTEXT, context)]))
    }

    /// The rows' embeddings with that context, when nothing is to be learned from them.
    ///
    /// # Errors
    ///
    /// As for [`encode`](Self::encode).
    pub fn embeddings(&self, context: &Tensor) -> Result<Tensor> {
        self.with_inputs(|call| call.output(&[(CONTEXT, context)]))
    }

    fn with_inputs<T>(&self, then: impl FnOnce(&Call<'_>) -> Result<T>) -> Result<T> {
        let texts: Vec<&str> = self.texts.iter().map(String::as_str).collect();
        then(&Call {
            backbone: &self.backbone,
            device: self.device,
            inputs: Inputs::Texts {
                texts: &texts,
                row_text: &self.row_text,
                place: self.place,
                options: &self.options,
            },
            output: EMBEDDING,
            shape: &[self.rows(), i64::from(self.backbone.info().embedding_width)],
            doing: "encoding texts with a learned context",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Generator;
    use crate::training::GradientMode;
    use harness_abi::testkit::ToyBackbone;
    use tch::Kind;

    fn texts(place: Place) -> PromptedTexts {
        let texts = ["harbour", "red meadow"].map(String::from).to_vec();
        PromptedTexts::new(&ToyBackbone::handle(), texts, vec![1, 0, 1], place, b"").unwrap()
    }

    fn normal(purpose: &str, shape: &[i64]) -> Tensor {
        Generator::new(5, purpose, 0)
            .normal_tensor(shape, 0.5, Device::Cpu)
            .unwrap()
    }

    /// A context that a small network makes, `[rows, 4, 8]`: two tokens that the rows share, and
    /// two of each row's own.
    fn context(shared: &Tensor, weight: &Tensor) -> Tensor {
        let own = normal("inputs", &[3, 5]).matmul(weight).tanh();
        let shared = shared.unsqueeze(0).expand([3, 2, 8], false);
        Tensor::cat(&[shared, own.view((3, 2, 8))], 1)
    }

    #[test]
    fn gradients_reach_whatever_the_context_is_made_of() {
        for place in [Place::Front, Place::Middle, Place::End] {
            let texts = texts(place);
            let shared = normal("shared", &[2, 8]).set_requires_grad(true);
            let weight = normal("weight", &[5, 16]).set_requires_grad(true);
            // A parameter that the loss depends on without the backbone.
            let factor = normal("factor", &[3, 16]).set_requires_grad(true);
            let loss = |embeddings: &Tensor, factor: &Tensor| {
                (embeddings * factor).sin().sum(Kind::Double)
            };
            let encoded = texts.encode(&context(&shared, &weight)).unwrap();
            let value = loss(encoded.output(), &factor);
            encoded.backward(&value).unwrap();

            // The slope along a direction, by the values on both sides.
            let (along_shared, along_weight, along_factor) = (
                normal("along 1", &[2, 8]),
                normal("along 2", &[5, 16]),
                normal("along 3", &[3, 16]),
            );
            let step = 1e-2;
            let at = |steps: f64| {
                let moved = |tensor: &Tensor, along: &Tensor| tensor.detach() + along * steps;
                let context = context(
                    &moved(&shared, &along_shared),
                    &moved(&weight, &along_weight),
                );
                let embeddings = texts.embeddings(&context).unwrap();
                assert!(!embeddings.requires_grad());
                loss(&embeddings, &moved(&factor, &along_factor)).double_value(&[])
            };
            // Of the fourth order.
            let slope =
                (8.0 * (at(step) - at(-step)) - (at(2.0 * step) - at(-2.0 * step))) / (12.0 * step);
            let along = |tensor: &Tensor, along: &Tensor| {
                (tensor.grad() * along).sum(Kind::Double).double_value(&[])
            };
            let expected = along(&shared, &along_shared)
                + along(&weight, &along_weight)
                + along(&factor, &along_factor);
            assert!(
                (slope - expected).abs() < 1e-4 * expected.abs(),
                "{place:?}: {slope}, by autograd {expected}"
            );
            // Each part must have been there to be found missing.
            assert!(along(&shared, &along_shared).abs() > 1e-2);
            assert!(along(&weight, &along_weight).abs() > 1e-2);
        }
    }

    #[test]
    fn gradients_add_up_and_the_mode_is_the_callers() {
        let texts = texts(Place::Front);
        let context = normal("context", &[3, 4, 8]).set_requires_grad(true);
        let backward = || {
            let encoded = texts.encode(&context).unwrap();
            let loss = encoded.output().sum(Kind::Float);
            encoded.backward(&loss).unwrap();
        };
        backward();
        let once = context.grad().copy();
        backward();
        assert!(context.grad().allclose(&(once * 2.0), 1e-6, 0.0, false));

        let _off = GradientMode::off();
        let first = texts.embeddings(&context).unwrap();
        // The mode is still off, and the backbone did not mind.
        assert!(!(&context * 2.0).requires_grad());
        assert_eq!(first, texts.embeddings(&context).unwrap());
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let toy = ToyBackbone::handle();
        let error = PromptedTexts::new(&toy, vec!["a".into()], vec![0, 1], Place::Front, b"");
        assert_eq!(
            error.unwrap_err().to_string(),
            "a row names text 1, but there are 1"
        );
        let name = |words: usize| vec!["word"; words].join(" ");
        let texts = PromptedTexts::one_row_each(&toy, vec![name(9)], Place::Front, b"").unwrap();
        assert_eq!(
            texts
                .encode(&normal("context", &[1, 16, 8]))
                .unwrap_err()
                .to_string(),
            format!(
                "encoding texts with a learned context: `{}` has 9 tokens and 16 of context; the toy takes 24",
                name(9)
            )
        );
        let context = normal("context", &[1, 2, 8]);
        let encoded = texts.encode(&context).unwrap();
        let loss = encoded.output().sum(Kind::Float);
        assert_eq!(
            encoded.backward(&loss).unwrap_err().to_string(),
            "the prompts are made of nothing that is trained, so there is no gradient to take"
        );
        let encoded = texts.encode(&context.set_requires_grad(true)).unwrap();
        let elsewhere = normal("elsewhere", &[1]).set_requires_grad(true);
        assert_eq!(
            encoded
                .backward(&(elsewhere * 2.0))
                .unwrap_err()
                .to_string(),
            "the loss does not depend on the backbone's output `embedding`, so there is no gradient to take"
        );
    }
}

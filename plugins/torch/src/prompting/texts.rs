//! Encodes texts with learned contexts, differentiably: libtorch's autograd tracks the embeddings.
//! [`Prompted`] explains how.
//!
//! The context may be any differentiable function of any parameters: one context that all classes
//! share, one for each class, or the output of a small network.

use super::prompted::{Call, Prompted};
use crate::bridge::device;
use harness_abi::{BackboneHandle, Error, Inputs, Place, Result};
use tch::{Device, Tensor};

/// The site of a learned context, `[rows, n, token width]`.
pub const CONTEXT: &str = "text.context";
/// The output for embeddings, projected, not normalised, `[rows, embedding width]`.
pub const EMBEDDING: &str = "embedding";

/// Encodes rows of text repeatedly, each time with another context.
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
    /// Creates rows with the texts `texts[row_text[0]]`, `texts[row_text[1]]`, … and contexts at
    /// `place`. `options` are the backbone's call options as a JSON object; empty for the defaults.
    ///
    /// # Errors
    ///
    /// If an index in `row_text` is out of range, or the backbone's device is not available.
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
                "text index {text} is out of range: there are {} texts",
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

    /// Creates one row for each text, in order.
    ///
    /// # Errors
    ///
    /// If the backbone's device is not available.
    pub fn one_row_each(
        backbone: &BackboneHandle,
        texts: Vec<String>,
        place: Place,
        options: &[u8],
    ) -> Result<PromptedTexts> {
        let rows = (0..texts.len() as i64).collect();
        PromptedTexts::new(backbone, texts, rows, place, options)
    }

    /// The number of rows.
    pub fn rows(&self) -> i64 {
        self.row_text.len() as i64
    }

    /// Encodes the rows with `context`, `[rows, n, token width]`. Returns the embeddings, f32
    /// `[rows, embedding width]`, projected, not normalised, with their backward pass.
    ///
    /// # Errors
    ///
    /// Propagates errors from the backbone, such as a text that does not fit beside the context.
    pub fn encode(&self, context: &Tensor) -> Result<Prompted> {
        self.with_inputs(|call| call.encode(&[(CONTEXT, context)]))
    }

    /// The rows' embeddings with `context`, without a backward pass.
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

    /// A context made by a small network, `[rows, 4, 8]`: two shared tokens, and two for each row.
    fn context(shared: &Tensor, weight: &Tensor) -> Tensor {
        let own = normal("inputs", &[3, 5]).matmul(weight).tanh();
        let shared = shared.unsqueeze(0).expand([3, 2, 8], false);
        Tensor::cat(&[shared, own.view((3, 2, 8))], 1)
    }

    #[test]
    fn gradients_reach_everything_the_context_is_computed_from() {
        for place in [Place::Front, Place::Middle, Place::End] {
            let texts = texts(place);
            let shared = normal("shared", &[2, 8]).set_requires_grad(true);
            let weight = normal("weight", &[5, 16]).set_requires_grad(true);
            // A parameter on which the loss depends directly.
            let factor = normal("factor", &[3, 16]).set_requires_grad(true);
            let loss = |embeddings: &Tensor, factor: &Tensor| {
                (embeddings * factor).sin().sum(Kind::Double)
            };
            let encoded = texts.encode(&context(&shared, &weight)).unwrap();
            let value = loss(encoded.output(), &factor);
            encoded.backward(&value).unwrap();

            // The directional derivative, by finite differences.
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
            // Fourth order.
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
            // No part is negligible, so a missing one would be noticed.
            assert!(along(&shared, &along_shared).abs() > 1e-2);
            assert!(along(&weight, &along_weight).abs() > 1e-2);
        }
    }

    #[test]
    fn gradients_accumulate_and_the_callers_gradient_mode_is_kept() {
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
        // The mode is still off, and the backbone worked all the same.
        assert!(!(&context * 2.0).requires_grad());
        assert_eq!(first, texts.embeddings(&context).unwrap());
    }

    #[test]
    fn invalid_calls_are_errors() {
        let toy = ToyBackbone::handle();
        let error = PromptedTexts::new(&toy, vec!["a".into()], vec![0, 1], Place::Front, b"");
        assert_eq!(
            error.unwrap_err().to_string(),
            "text index 1 is out of range: there are 1 texts"
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
            "no prompt requires a gradient; compute the prompts from tensors with `requires_grad`"
        );
        let encoded = texts.encode(&context.set_requires_grad(true)).unwrap();
        let elsewhere = normal("elsewhere", &[1]).set_requires_grad(true);
        assert_eq!(
            encoded
                .backward(&(elsewhere * 2.0))
                .unwrap_err()
                .to_string(),
            "the loss does not depend on the backbone's output `embedding`, so it has no gradient"
        );
    }
}

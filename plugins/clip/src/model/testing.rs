//! A small text encoder for tests, and rows of text for it.

use super::{Clip, TextModel};
use crate::config::{Activation, Config, TextConfig, VisionConfig};
use crate::rows::{Row, Slot};
use clbench_torch::Generator;
use clbench_torch::tch::{Device, Tensor};
use clbench_transformer::source::Source;
use harness_abi::Result;

pub(super) const WIDTH: i64 = 16;
pub(super) const POSITIONS: i64 = 12;
/// The id of the start token.
pub(super) const START: i64 = 18;

struct Seeded(Generator);

impl Source for Seeded {
    fn tensor(&mut self, _: &str, shape: &[i64]) -> Result<Tensor> {
        // A standard deviation at which attention is neither uniform nor concentrated on one
        // token.
        self.0.normal_tensor(shape, 0.3, Device::Cpu)
    }
}

/// A text encoder with seeded weights.
pub(super) fn text_model(layers: i64, activation: Activation) -> TextModel {
    let config = Config {
        text: TextConfig {
            vocab_size: 20,
            hidden_size: WIDTH,
            intermediate_size: 32,
            num_hidden_layers: layers,
            num_attention_heads: 2,
            max_position_embeddings: POSITIONS,
            hidden_act: activation,
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
    Clip::new(&config, &mut source).unwrap().text
}

/// A row of these tokens, pooled at one of them.
pub(super) fn row(slots: &[Slot], pooled: usize) -> Row {
    Row {
        slots: slots.to_vec(),
        pooled,
    }
}

/// Rows of several lengths, with contexts of two vectors.
pub(super) fn varied() -> Vec<Row> {
    let (t, c) = (Slot::Token, Slot::Context);
    let (s, e) = (t(START), t(19));
    vec![
        row(&[s, c(0), c(1), t(1), e], 4),
        row(&[s, t(2), t(3), c(0), t(4), c(1), t(5), e], 7),
        // Pooled before one vector of its context, before both, at its start, and in its context.
        row(&[s, t(2), c(0), e, t(3), c(1), t(6)], 3),
        row(&[s, t(2), e, c(0), c(1)], 2),
        row(&[s, c(0), c(1), t(7)], 0),
        row(&[s, c(0), c(1), t(8), t(9), e], 1),
    ]
}

//! Makes OpenCLIP's tensors available under transformers' names.
//!
//! Three things differ beside the names: the query, key and value projections are stacked in one
//! matrix; the two output projections are transposed; and models with `custom_text` have the prefix
//! `text.` for the text encoder's names.

use clbench_torch::During;
use clbench_torch::tch::{TchError, Tensor};
use clbench_transformer::source::Source;
use clbench_transformer::weights::Weights;
use harness_abi::Result;

/// A file in OpenCLIP's layout, as a source with transformers' names.
pub struct Renamed<'a> {
    weights: &'a mut Weights,
    /// The prefix of the text encoder's names.
    text: &'static str,
}

/// Parts of names in transformers and in OpenCLIP.
const PARTS: [(&str, &str); 12] = [
    ("layer_norm1.", "ln_1."),
    ("layer_norm2.", "ln_2."),
    ("mlp.fc1.", "mlp.c_fc."),
    ("mlp.fc2.", "mlp.c_proj."),
    ("self_attn.out_proj.", "attn.out_proj."),
    ("embeddings.class_embedding", "class_embedding"),
    ("embeddings.patch_embedding.", "conv1."),
    (
        "embeddings.position_embedding.weight",
        "positional_embedding",
    ),
    ("embeddings.token_embedding.", "token_embedding."),
    ("pre_layrnorm.", "ln_pre."),
    ("post_layernorm.", "ln_post."),
    ("final_layer_norm.", "ln_final."),
];

/// The projections in the order in which they are stacked.
const STACKED: [&str; 3] = ["q_proj", "k_proj", "v_proj"];

impl<'a> Renamed<'a> {
    /// Wraps weights in OpenCLIP's layout.
    pub fn new(weights: &'a mut Weights) -> Renamed<'a> {
        let custom = weights.shape("text.token_embedding.weight").is_some();
        Renamed {
            weights,
            text: if custom { "text." } else { "" },
        }
    }

    /// OpenCLIP's prefix of the encoder that a name belongs to, and the rest of the name.
    fn side<'n>(&self, name: &'n str) -> Option<(&'static str, &'n str)> {
        let vision = name.strip_prefix("vision_model.");
        let text = name.strip_prefix("text_model.");
        vision
            .map(|name| ("visual.", name))
            .or(text.map(|name| (self.text, name)))
    }
}

impl Source for Renamed<'_> {
    fn tensor(&mut self, name: &str, shape: &[i64]) -> Result<Tensor> {
        let transposed = match name {
            "visual_projection.weight" => Some("visual.proj".to_owned()),
            "text_projection.weight" => Some(format!("{}text_projection", self.text)),
            _ => None,
        };
        if let (Some(theirs), &[to, from]) = (&transposed, shape) {
            return self
                .weights
                .tensor(theirs, &[from, to])?
                .f_transpose(0, 1)
                .and_then(|tensor| tensor.f_contiguous())
                .during(&format!("transposing tensor `{theirs}`"));
        }
        let Some((side, part)) = self.side(name) else {
            return self.weights.tensor(name, shape);
        };
        let (layer, part) = match part.strip_prefix("encoder.layers.") {
            None => (String::new(), part),
            Some(part) => match part.split_once('.') {
                Some((number, part)) => (format!("transformer.resblocks.{number}."), part),
                None => (String::new(), part),
            },
        };
        for (index, stacked) in STACKED.iter().enumerate() {
            let Some(what) = part.strip_prefix(&format!("self_attn.{stacked}.")) else {
                continue;
            };
            let theirs = format!("{side}{layer}attn.in_proj_{what}");
            let (rows, mut whole) = (shape[0], shape.to_vec());
            whole[0] = 3 * rows;
            // A copy, so that the other two thirds are not kept in memory.
            let third = |whole: &Tensor| -> Result<Tensor, TchError> {
                let third = whole.f_narrow(0, index as i64 * rows, rows)?;
                let mut copy = third.f_empty_like()?;
                copy.f_copy_(&third)?;
                Ok(copy)
            };
            let whole = self.weights.tensor(&theirs, &whole)?;
            return third(&whole).during(&format!("splitting tensor `{theirs}`"));
        }
        let renamed = PARTS.iter().find_map(|(ours, theirs)| {
            let rest = part.strip_prefix(ours)?;
            Some(format!("{theirs}{rest}"))
        });
        let renamed = renamed.unwrap_or_else(|| part.to_owned());
        self.weights
            .tensor(&format!("{side}{layer}{renamed}"), shape)
    }
}

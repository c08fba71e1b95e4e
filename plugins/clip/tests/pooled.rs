//! Compares the backbone's optimised text encoding (shortened, packed and cached rows; the start
//! token precomputed; what rows with one context begin with encoded once; only pooled tokens in the
//! last layer) with the encoder over all positions.

#[path = "tiny/clip.rs"]
mod tiny;

use clbench_clip::config::Config;
use clbench_clip::{Clip, model};
use clbench_torch::tch::{Device, Kind, Tensor};
use clbench_transformer::weights::Weights;
use harness_abi::backbone::Inputs;
use harness_abi::{Backbone, Error, ErrorCode, Place, Site, TensorView};
use serde_json::json;
use tiny::{TinyClip, assert_close, received};

const WIDTH: i64 = 64;
const POSITIONS: usize = 77;

/// Texts as word ids, of several lengths; one contains the end token.
const TEXTS: [&[i64]; 4] = [&[18], &[13, 14], &[40, tiny::END, 42], &[43, 44, 45, 46]];
const ROW_TEXT: [i64; 6] = [3, 0, 1, 0, 2, 3];

fn texts() -> Vec<String> {
    TEXTS
        .iter()
        .map(|ids| ids.iter().map(|&id| tiny::word(id)).collect::<Vec<_>>())
        .map(|words| words.join(" "))
        .collect()
}

fn normal(purpose: &str, seed: u64, shape: &[i64]) -> Tensor {
    clbench_torch::Generator::new(seed, purpose, 0)
        .normal_tensor(shape, 0.5, Device::Cpu)
        .unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.contiguous().view(-1)).unwrap()
}

/// Embeddings, class tokens, and the context's gradient for the embeddings' gradient `towards`.
struct Encoded {
    embedding: Tensor,
    class_token: Tensor,
    gradient: Tensor,
}

impl Encoded {
    #[track_caller]
    fn assert_close(&self, other: &Encoded, relative: f64) {
        for (what, ours, theirs) in [
            ("embedding", &self.embedding, &other.embedding),
            ("class_token", &self.class_token, &other.class_token),
            ("gradient", &self.gradient, &other.gradient),
        ] {
            if theirs.numel() > 0 {
                let largest = theirs.abs().max().double_value(&[]);
                assert_close(what, ours, theirs, relative * largest);
            }
        }
    }
}

/// The settings of a call besides the context.
#[derive(Debug, Clone, Copy)]
struct Call {
    place: Place,
    suffix: bool,
    shared_context: bool,
    precision: Option<&'static str>,
}

fn forward(clip: &Clip, call: Call, context: &Tensor, towards: &Tensor) -> Result<Encoded, Error> {
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut options = json!({});
    if call.suffix {
        options["suffix"] = json!(".");
    }
    if call.shared_context {
        options["shared_context"] = json!(true);
    }
    if let Some(precision) = call.precision {
        options["precision"] = json!(precision);
    }
    let options = options.to_string();
    let inputs = Inputs::Texts {
        texts: &texts,
        row_text: &ROW_TEXT,
        place: call.place,
        options: options.as_bytes(),
    };
    let (prompt, shape) = (values(context), context.size());
    let site = Site {
        name: "text.context",
        prompt: TensorView::new(&prompt, &shape).unwrap(),
    };
    let mut forward = clip.forward(&inputs, &[site], &["embedding", "class_token"])?;
    let (towards, shape) = (values(towards), towards.size());
    let towards = TensorView::new(&towards, &shape).unwrap();
    let pulled = forward.pullback.call(&[("embedding", towards)])?;
    Ok(Encoded {
        embedding: received(&forward.outputs[0]),
        class_token: received(&forward.outputs[1]),
        gradient: received(&pulled[0].1),
    })
}

/// The same computed by the model over all 77 positions, with `start` and `end` around texts and
/// each row pooled at the first `end` or, if `at_start` is set, at its start.
fn whole(
    model: &model::Clip,
    call: Call,
    ends: Ends,
    context: &Tensor,
    towards: &Tensor,
) -> Encoded {
    let n = context.size()[1] as usize;
    let leaf = context.copy().set_requires_grad(true);
    let (mut embedded, mut pooled) = (Vec::new(), Vec::new());
    for (row, &text) in ROW_TEXT.iter().enumerate() {
        // Negative ids are context vectors.
        let text = TEXTS[text as usize].iter().map(|&id| match id {
            tiny::END => ends.end,
            id => id,
        });
        let front = match call.place {
            Place::Front => n,
            Place::Middle => n / 2,
            Place::End => 0,
        };
        let vector = |k: usize| -1 - k as i64;
        let suffix: &[i64] = if call.suffix { &[6] } else { &[] };
        let ids: Vec<i64> = [ends.start]
            .into_iter()
            .chain((0..front).map(vector))
            .chain(text)
            .chain((front..n).map(vector))
            .chain(suffix.iter().copied())
            .chain([ends.end])
            .collect();
        pooled.push(match ends.at_start {
            true => 0,
            false => ids.iter().position(|&id| id == ends.end).unwrap() as i64,
        });
        let mut vectors: Vec<Tensor> = ids
            .iter()
            .map(|&id| match id {
                0.. => model.text.embed(&Tensor::from_slice(&[id])).unwrap(),
                _ => leaf.get(row as i64).narrow(0, -1 - id, 1),
            })
            .collect();
        let rest = vec![ends.end; POSITIONS - ids.len()];
        vectors.push(model.text.embed(&Tensor::from_slice(&rest)).unwrap());
        embedded.push(Tensor::cat(&vectors, 0));
    }
    let encoded = model.text.encode(&Tensor::stack(&embedded, 0), &pooled);
    let encoded = encoded.unwrap();
    let gradient = match n {
        0 => leaf.zeros_like(),
        _ => {
            let sum = (&encoded.embedding * towards).sum(Kind::Float);
            Tensor::run_backward(&[&sum], &[&leaf], false, false).remove(0)
        }
    };
    Encoded {
        embedding: encoded.embedding.detach(),
        class_token: encoded.pooled.detach(),
        gradient,
    }
}

/// The ids around a text, and where it is pooled.
#[derive(Clone, Copy)]
struct Ends {
    start: i64,
    end: i64,
    at_start: bool,
}

fn model_of(tiny: &TinyClip) -> model::Clip {
    let config = Config::open(&tiny.file("config.json")).unwrap();
    let file = tiny.file("model.safetensors");
    let mut weights = Weights::open(&file, Kind::Float, Device::Cpu).unwrap();
    model::Clip::new(&config, &mut weights).unwrap()
}

/// Every place, with and without suffix and context, with a context per row and a shared one, and
/// every call twice with different contexts, so that the second uses the cache.
#[test]
fn first_and_repeated_calls_match_the_encoder_over_all_positions() {
    let usual = Ends {
        start: tiny::START,
        end: tiny::END,
        at_start: false,
    };
    let by_largest = TinyClip::new();
    let by_id = TinyClip::new();
    by_id.edit("config.json", |config| {
        config["text_config"]["eos_token_id"] = json!(tiny::END);
    });
    // If the start token has the largest id, the rule of old files pools there, and a context has
    // no effect.
    let at_start = TinyClip::new();
    let exchanged = Ends {
        start: tiny::END,
        end: tiny::START,
        at_start: true,
    };
    at_start.edit("tokenizer.json", |tokenizer| {
        for (at, id) in [exchanged.start, exchanged.end].into_iter().enumerate() {
            tokenizer["added_tokens"][at]["id"] = json!(id);
        }
        let vocab = &mut tokenizer["model"]["vocab"];
        vocab[tiny::word(tiny::START)] = json!(exchanged.start);
        vocab[tiny::word(tiny::END)] = json!(exchanged.end);
    });
    let towards = normal("towards", 0, &[ROW_TEXT.len() as i64, 64]);
    for (tiny, ends) in [(by_largest, usual), (by_id, usual), (at_start, exchanged)] {
        let (clip, model) = (tiny.open().unwrap(), model_of(&tiny));
        for seed in 0..2 {
            for place in [Place::Front, Place::Middle, Place::End] {
                for suffix in [false, true] {
                    for (n, shared_context) in [(0, false), (3, false), (0, true), (3, true)] {
                        let call = Call {
                            place,
                            suffix,
                            shared_context,
                            precision: None,
                        };
                        let shape = [ROW_TEXT.len() as i64, n, WIDTH];
                        let mut context = normal("context", seed, &shape);
                        if shared_context {
                            context = context.narrow(0, 0, 1).expand(shape, false);
                        }
                        let mut expected = whole(&model, call, ends, &context, &towards);
                        if shared_context {
                            let sum = expected.gradient.sum_dim_intlist(0_i64, true, Kind::Float);
                            expected.gradient = expected.gradient.zeros_like();
                            expected.gradient.narrow(0, 0, 1).copy_(&sum);
                        }
                        forward(&clip, call, &context, &towards)
                            .unwrap()
                            .assert_close(&expected, 2e-6);
                    }
                }
            }
        }
    }
}

#[test]
fn a_calls_precision_does_not_affect_other_calls() {
    let tiny = TinyClip::new();
    let (single, half) = (
        tiny.open().unwrap(),
        tiny.open_with(json!({ "path": "tiny-clip", "dtype": "bf16" }))
            .unwrap(),
    );
    let context = normal("context", 0, &[ROW_TEXT.len() as i64, 2, WIDTH]);
    let towards = normal("towards", 0, &[ROW_TEXT.len() as i64, 64]);
    let call = |clip, precision| {
        let call = Call {
            place: Place::Front,
            suffix: true,
            shared_context: false,
            precision,
        };
        forward(clip, call, &context, &towards)
    };
    let (in_f32, in_bf16) = (call(&single, None).unwrap(), call(&half, None).unwrap());
    for _ in 0..2 {
        call(&single, Some("bf16"))
            .unwrap()
            .assert_close(&in_bf16, 0.0);
        call(&single, Some("f32"))
            .unwrap()
            .assert_close(&in_f32, 0.0);
        call(&single, None).unwrap().assert_close(&in_f32, 0.0);
        call(&half, Some("bf16"))
            .unwrap()
            .assert_close(&in_bf16, 0.0);
        // Here the weights were rounded when loaded.
        call(&half, Some("f32"))
            .unwrap()
            .assert_close(&in_f32, 0.05);
    }
    let error = call(&single, Some("f16")).err().unwrap();
    assert_eq!(error.code(), ErrorCode::PARAMETER);
    assert_eq!(
        error.to_string(),
        "parameter `precision`: unknown variant `f16`, expected `f32` or `bf16`"
    );
}

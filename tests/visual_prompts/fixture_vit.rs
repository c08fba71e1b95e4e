//! The ViT of L2P's fixture as a backbone. The pixel values of the fixture's images do not fit in
//! bytes, so the first byte of an image is the number of the fixture's image that it represents.

use crate::golden::Golden;
use clbench_torch::bridge;
use clbench_torch::prompting::images;
use clbench_torch::tch::{Kind, Tensor};
use clbench_torch::training::GradientMode;
use harness_abi::backbone::{Filter, ImageInfo, OutputGradients, Resize, SiteInfo};
use harness_abi::{
    Backbone, BackboneInfo, BackboneSetting, Error, Forward, Inputs, NoParameters, Pullback,
    Result, Site, TensorView,
};
use std::sync::Mutex;

pub const WIDTH: i64 = 48;
/// The number of positions for prompt tokens.
const PROMPT_TOKENS: i64 = 12;
const HEADS: i64 = 3;

/// The backbone: `visual.prompt` in, `tokens` and `class_token` out.
pub struct FixtureVit(Mutex<Weights>);

struct Weights {
    images: Tensor,
    file: Golden,
}

impl Weights {
    fn of(&self, name: &str) -> Tensor {
        self.file.tensor(&format!("model.{name}"))
    }

    fn linear(&self, name: &str, x: &Tensor) -> Tensor {
        let bias = self.of(&format!("{name}.bias"));
        x.linear(&self.of(&format!("{name}.weight")), Some(bias))
    }

    fn norm(&self, name: &str, x: &Tensor) -> Tensor {
        let (weight, bias) = (
            self.of(&format!("{name}.weight")),
            self.of(&format!("{name}.bias")),
        );
        x.layer_norm([WIDTH], Some(weight), Some(bias), 1e-6, true)
    }

    /// All tokens after the last norm, for images `[rows, 3, 32, 32]` with prompts `[rows, 12,
    /// 48]`, which have their own positions.
    fn tokens(&self, images: &Tensor, prompts: &Tensor) -> Tensor {
        let rows = images.size()[0];
        let (weight, bias) = (
            self.of("patch_embed.proj.weight"),
            self.of("patch_embed.proj.bias"),
        );
        let patches = images
            .conv2d(&weight, Some(bias), [8, 8], [0, 0], [1, 1], 1)
            .flatten(2, 3)
            .transpose(1, 2);
        let class_token = self.of("cls_token").expand([rows, 1, WIDTH], false);
        let mut x = Tensor::cat(&[&class_token, prompts, &patches], 1) + self.of("pos_embed");
        for layer in 0..2 {
            let named = |name: &str| format!("blocks.{layer}.{name}");
            let size = WIDTH / HEADS;
            let qkv = self
                .linear(&named("attn.qkv"), &self.norm(&named("norm1"), &x))
                .reshape([rows, -1, 3, HEADS, size])
                .permute([2, 0, 3, 1, 4]);
            let (q, k, v) = (qkv.select(0, 0), qkv.select(0, 1), qkv.select(0, 2));
            let scores = q.matmul(&k.transpose(-2, -1)) / (size as f64).sqrt();
            let mixed = scores
                .softmax(-1, Kind::Float)
                .matmul(&v)
                .transpose(1, 2)
                .reshape([rows, -1, WIDTH]);
            x = &x + self.linear(&named("attn.proj"), &mixed);
            let inner = self
                .linear(&named("mlp.fc1"), &self.norm(&named("norm2"), &x))
                .gelu("none");
            x = &x + self.linear(&named("mlp.fc2"), &inner);
        }
        self.norm("norm", &x)
    }
}

impl Backbone for FixtureVit {
    type Parameters = NoParameters;

    fn create(_: NoParameters, _: BackboneSetting) -> Result<FixtureVit> {
        Ok(FixtureVit(Mutex::new(Weights {
            images: Golden::open("l2p/io").tensor("images"),
            file: Golden::open("l2p/weights"),
        })))
    }

    fn info(&self) -> BackboneInfo {
        BackboneInfo {
            name: "fixture".into(),
            fingerprint: "fixture".into(),
            embedding_width: WIDTH as u32,
            image: ImageInfo {
                height: 1,
                width: 1,
                resize: Resize::Stretch,
                filter: Filter::Nearest,
            },
            text: None,
            logit_scale: None,
            device: "cpu".into(),
            dtype: "f32".into(),
            sites: vec![SiteInfo {
                name: images::PROMPT.into(),
                shape: vec![-1, PROMPT_TOKENS, WIDTH],
            }],
            outputs: vec![images::CLASS_TOKEN.into(), images::TOKENS.into()],
            output_widths: Default::default(),
            image_batch: 64,
        }
    }

    fn encode_images(&self, _: TensorView<'_>) -> Result<harness_abi::Tensor> {
        Err(Error::unsupported("the fixture is asked for prompts only"))
    }

    fn forward(&self, inputs: &Inputs<'_>, sites: &[Site<'_>], wanted: &[&str]) -> Result<Forward> {
        let _mode = GradientMode::on();
        let (Inputs::Images { images, .. }, [site], [wanted]) = (inputs, sites, wanted) else {
            return Err(Error::unsupported("images, one site and one output"));
        };
        let weights = self.0.lock().unwrap();
        let numbers = bridge::copy_in(*images)?.flatten(1, -1).select(1, 0);
        let images = weights
            .images
            .index_select(0, &numbers.to_kind(Kind::Int64));
        let prompt = bridge::copy_in(site.prompt)?.set_requires_grad(true);
        let tokens = weights.tokens(&images, &prompt);
        let output = match *wanted {
            "class_token" => tokens.select(1, 0),
            _ => tokens,
        };
        let name = site.name.to_owned();
        Ok(Forward {
            outputs: vec![bridge::copy_out(&output)?],
            pullback: Pullback::new(move |gradients: &OutputGradients<'_>| {
                let _mode = GradientMode::on();
                let gradient = bridge::copy_in(gradients[0].1)?;
                (output * gradient).sum(Kind::Float).backward();
                Ok(vec![(name, bridge::copy_out(&prompt.grad())?)])
            }),
        })
    }
}

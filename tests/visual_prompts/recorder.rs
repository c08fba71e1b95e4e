//! A backbone with the sites of a plain ViT of six layers that records the prompts it gets, and
//! computes almost nothing.

use clbench_torch::bridge;
use clbench_torch::prompting::images;
use clbench_torch::tch::{Kind, Tensor};
use harness_abi::backbone::{Filter, ImageInfo, OutputGradients, Resize, SiteInfo};
use harness_abi::{
    Backbone, BackboneInfo, BackboneSetting, Forward, Inputs, NoParameters, Pullback, Result, Site,
    TensorView,
};
use std::cell::RefCell;

pub const WIDTH: i64 = 24;
const LAYERS: u32 = 6;
const PATCHES: i64 = 4;

thread_local! {
    /// The prompts of this thread's last calls, by site.
    pub static SEEN: RefCell<Vec<(String, Tensor)>> = const { RefCell::new(Vec::new()) };
}

pub struct Recorder;

impl Backbone for Recorder {
    type Parameters = NoParameters;

    fn create(_: NoParameters, _: BackboneSetting) -> Result<Recorder> {
        Ok(Recorder)
    }

    fn info(&self) -> BackboneInfo {
        let site = |name: String, shape: &[i64]| SiteInfo {
            name,
            shape: shape.to_vec(),
        };
        let mut sites = vec![site(images::PROMPT.into(), &[-1, -1, WIDTH])];
        sites
            .extend((0..LAYERS).map(|layer| site(images::prefix_site(layer), &[-1, 2, -1, WIDTH])));
        BackboneInfo {
            name: "recorder".into(),
            fingerprint: "recorder".into(),
            embedding_width: WIDTH as u32,
            image: ImageInfo {
                height: 2,
                width: 2,
                resize: Resize::Stretch,
                filter: Filter::Nearest,
            },
            text: None,
            logit_scale: None,
            device: "cpu".into(),
            dtype: "f32".into(),
            sites,
            outputs: vec![images::CLASS_TOKEN.into(), images::TOKENS.into()],
            output_widths: Default::default(),
            image_batch: 64,
        }
    }

    fn encode_images(&self, images: TensorView<'_>) -> Result<harness_abi::Tensor> {
        let pixels = bridge::copy_in(images)?.to_kind(Kind::Float);
        let mean = pixels.mean_dim([1_i64, 2, 3].as_slice(), false, Kind::Float);
        bridge::copy_out(&(mean.unsqueeze(1) * ramp()))
    }

    /// The mean colour of an image times a ramp, at every token. Prompts have no effect and no
    /// gradient.
    fn forward(&self, inputs: &Inputs<'_>, sites: &[Site<'_>], wanted: &[&str]) -> Result<Forward> {
        let Inputs::Images { images, .. } = inputs else {
            return Err(harness_abi::Error::unsupported("images only"));
        };
        let prompts = sites
            .iter()
            .map(|site| Ok((site.name.to_owned(), bridge::copy_in(site.prompt)?)))
            .collect::<Result<Vec<_>>>()?;
        let gradients = prompts
            .iter()
            .map(|(name, prompt)| Ok((name.clone(), bridge::copy_out(&prompt.zeros_like())?)))
            .collect::<Result<Vec<_>>>()?;
        let tokens = prompts
            .iter()
            .find(|(name, _)| name == images::PROMPT)
            .map_or(0, |(_, prompt)| prompt.size()[1]);
        let class_token = bridge::copy_in(self.encode_images(*images)?.view())?;
        let outputs = wanted
            .iter()
            .map(|&name| match name {
                images::TOKENS => {
                    let shape = [class_token.size()[0], 1 + tokens + PATCHES, WIDTH];
                    bridge::copy_out(&class_token.unsqueeze(1).expand(shape, false))
                }
                _ => bridge::copy_out(&class_token),
            })
            .collect::<Result<_>>()?;
        SEEN.set(prompts);
        Ok(Forward {
            outputs,
            pullback: Pullback::new(move |_: &OutputGradients<'_>| Ok(gradients)),
        })
    }
}

fn ramp() -> Tensor {
    Tensor::arange(WIDTH, (Kind::Float, clbench_torch::tch::Device::Cpu)) / WIDTH
}

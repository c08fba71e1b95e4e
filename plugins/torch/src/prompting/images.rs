//! Encodes images with prompts, differentiably: libtorch's autograd tracks the output. [`Prompted`]
//! explains how.

use super::prompted::{Call, Prompted, Prompts};
use crate::bridge::{During, device};
use harness_abi::{BackboneHandle, Inputs, Result, TensorView};
use tch::{Device, TchError, Tensor};

/// The site of prompt tokens between an image's class token and its patches, `[images, n, width]`.
pub const PROMPT: &str = "visual.prompt";
/// The output for the class token after the last normalisation, `[images, width]`.
pub const CLASS_TOKEN: &str = "class_token";
/// The output for all tokens after the last normalisation, `[images, 1 + n + patches, width]`.
pub const TOKENS: &str = "tokens";
/// The output for the prompt tokens after the last normalisation, `[images, n, width]`.
pub const PROMPTS: &str = "prompts";

/// The prefix-tuning site of a layer, counted from 0: keys and values that are prepended to the
/// layer's own, `[images, 2, n, width]`.
pub fn prefix_site(layer: u32) -> String {
    format!("visual.kv.{layer}")
}

/// Encodes images repeatedly, each time with other prompts.
#[derive(Debug)]
pub struct PromptedImages {
    backbone: BackboneHandle,
    device: Device,
    options: Vec<u8>,
}

impl PromptedImages {
    /// Wraps a backbone. `options` are the backbone's call options as a JSON object; empty for the
    /// defaults.
    ///
    /// # Errors
    ///
    /// If the backbone's device is not available.
    pub fn new(backbone: &BackboneHandle, options: &[u8]) -> Result<PromptedImages> {
        Ok(PromptedImages {
            device: device::named(&backbone.info().device)?,
            backbone: backbone.clone(),
            options: options.to_vec(),
        })
    }

    /// Encodes images, u8 `[images, 3, height, width]`, with prompts. Returns the output with its
    /// backward pass.
    ///
    /// # Errors
    ///
    /// Propagates errors from the backbone.
    pub fn encode(
        &self,
        images: TensorView<'_>,
        prompts: &Prompts<'_>,
        output: &str,
    ) -> Result<Prompted> {
        self.with_images(images, output, |call| call.encode(prompts))
    }

    /// Encodes images with prompts without a backward pass, in batches of the backbone's preferred
    /// size.
    ///
    /// # Errors
    ///
    /// As for [`encode`](Self::encode), or if the images are not u8 on the CPU.
    pub fn output(
        &self,
        images: TensorView<'_>,
        prompts: &Prompts<'_>,
        output: &str,
    ) -> Result<Tensor> {
        let shape = images.shape();
        let rows = shape.first().copied().unwrap_or_default();
        let at_once = i64::from(self.backbone.info().image_batch.max(1));
        if rows <= at_once {
            return self.with_images(images, output, |call| call.output(prompts));
        }
        let pixels = images.as_slice::<u8>()?;
        let of_image = pixels.len() / rows as usize;
        let doing = "splitting a batch of images";
        let outputs = (0..rows).step_by(at_once as usize).map(|start| {
            let length = at_once.min(rows - start);
            let pixels = &pixels[start as usize * of_image..][..length as usize * of_image];
            let shape = [&[length], &shape[1..]].concat();
            let prompts = prompts
                .iter()
                .map(|(site, prompt)| Ok((*site, prompt.f_narrow(0, start, length)?)))
                .collect::<Result<Vec<_>, TchError>>()
                .during(doing)?;
            let prompts: Vec<_> = prompts
                .iter()
                .map(|(site, prompt)| (*site, prompt))
                .collect();
            self.with_images(TensorView::new(pixels, &shape)?, output, |call| {
                call.output(&prompts)
            })
        });
        Tensor::f_cat(&outputs.collect::<Result<Vec<_>>>()?, 0).during(doing)
    }

    fn with_images<T>(
        &self,
        images: TensorView<'_>,
        output: &str,
        then: impl FnOnce(&Call<'_>) -> Result<T>,
    ) -> Result<T> {
        let rows = images.shape().first().copied().unwrap_or_default();
        let shape: &[i64] = match output {
            TOKENS | PROMPTS => &[rows, -1, -1],
            _ => &[rows, -1],
        };
        then(&Call {
            backbone: &self.backbone,
            device: self.device,
            inputs: Inputs::Images {
                images,
                options: &self.options,
            },
            output,
            shape,
            doing: "encoding images with prompts",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Generator;
    use harness_abi::testkit::ToyBackbone;
    use tch::Kind;

    /// Two sites at once, a loss term that bypasses the backbone, and a graph node that both terms
    /// share.
    #[test]
    fn gradients_reach_every_site_and_loss_terms_that_bypass_the_backbone() {
        let images = PromptedImages::new(&ToyBackbone::handle(), b"").unwrap();
        let mut generator = Generator::new(3, "images", 0);
        let pixels: Vec<u8> = (0..2 * 3 * 8 * 8)
            .map(|_| generator.below(256) as u8)
            .collect();
        let view = TensorView::new(&pixels, &[2, 3, 8, 8]).unwrap();
        let mut normal = |shape: &[i64]| generator.normal_tensor(shape, 0.5, Device::Cpu).unwrap();
        let (tokens, shift) = (
            normal(&[2, 3, 8]).set_requires_grad(true),
            normal(&[2, 16]).set_requires_grad(true),
        );
        let along = [normal(&[2, 3, 8]), normal(&[2, 16])];
        // The exponential saves its result for the backward pass, which both terms use.
        let loss = |output: &Tensor, made: &Tensor| {
            output.sin().sum(Kind::Double) + made.square().sum(Kind::Double)
        };
        let made = tokens.exp();
        let prompted = images
            .encode(
                view,
                &[(PROMPT, &made), ("visual.shift", &shift)],
                CLASS_TOKEN,
            )
            .unwrap();
        let value = loss(prompted.output(), &made);
        prompted.backward(&value).unwrap();
        let expected = (tokens.grad() * &along[0])
            .sum(Kind::Double)
            .double_value(&[])
            + (shift.grad() * &along[1])
                .sum(Kind::Double)
                .double_value(&[]);
        assert!(
            (shift.grad() * &along[1])
                .sum(Kind::Double)
                .double_value(&[])
                .abs()
                > 1e-2
        );

        let step = 1e-2;
        let at = |steps: f64| {
            let made = (tokens.detach() + &along[0] * steps).exp();
            let shift = shift.detach() + &along[1] * steps;
            let prompts = [(PROMPT, &made), ("visual.shift", &shift)];
            let output = images.output(view, &prompts, CLASS_TOKEN).unwrap();
            assert!(!output.requires_grad());
            loss(&output, &made).double_value(&[])
        };
        let slope =
            (8.0 * (at(step) - at(-step)) - (at(2.0 * step) - at(-2.0 * step))) / (12.0 * step);
        assert!(
            (slope - expected).abs() < 1e-4 * expected.abs(),
            "{slope}, by autograd {expected}"
        );
    }
    #[test]
    fn a_large_batch_is_split_and_each_part_keeps_its_own_prompts() {
        let backbone = ToyBackbone::handle();
        let rows = 2 * i64::from(backbone.info().image_batch) + 3;
        let images = PromptedImages::new(&backbone, b"").unwrap();
        let mut generator = Generator::new(4, "images", 0);
        let pixels: Vec<u8> = (0..rows * 3 * 8 * 8)
            .map(|_| generator.below(256) as u8)
            .collect();
        let prompts = generator
            .normal_tensor(&[rows, 3, 8], 0.5, Device::Cpu)
            .unwrap();
        let output = |first: usize, length: i64| {
            let shape = [length, 3, 8, 8];
            let pixels = &pixels[first * 3 * 8 * 8..][..length as usize * 3 * 8 * 8];
            let own = prompts.narrow(0, first as i64, length);
            let view = TensorView::new(pixels, &shape).unwrap();
            images.output(view, &[(PROMPT, &own)], CLASS_TOKEN).unwrap()
        };
        let all = output(0, rows);
        assert_eq!(all.size(), [rows, 16]);
        for row in 0..rows {
            assert_eq!(all.narrow(0, row, 1), output(row as usize, 1), "{row}");
        }
    }
}

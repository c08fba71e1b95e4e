//! Features of images that no cache holds: augmented ones, and exemplars.

use clbench_torch::During;
use clbench_torch::bridge;
use clbench_torch::features::Output;
use clbench_torch::prompting::images::CLASS_TOKEN;
use clbench_torch::tch::{Device, Kind, Tensor};
use clbench_torch::training::GradientMode;
use harness_abi::{BackboneHandle, Error, Host, Inputs, Result, Task, TensorView};

/// A backbone, and the output of it that a head reads.
#[derive(Debug)]
pub(super) struct Encoder {
    backbone: BackboneHandle,
    output: Output,
    device: Device,
}

impl Encoder {
    pub(super) fn new(backbone: BackboneHandle, output: Output, device: Device) -> Encoder {
        Encoder {
            backbone,
            output,
            device,
        }
    }

    /// The features of a task's augmented images in an epoch, `[rows, width]`. They are read and
    /// encoded a few at a time.
    pub(super) fn augmented(
        &self,
        task: &Task<'_>,
        rows: &[u32],
        epoch: u32,
        host: &Host,
    ) -> Result<Tensor> {
        let doing = "encoding augmented images";
        let parts = rows.chunks(self.at_once() as usize).map(|part| {
            if host.cancelled() {
                return Err(Error::cancelled());
            }
            self.encode(task.augmented_images(0, part, epoch.into())?.view())
        });
        let features = self.stacked(&parts.collect::<Result<Vec<_>>>()?)?;
        if !clbench_torch::training::all_finite(&features).during(doing)? {
            return Err(Error::data(
                "the features contain NaN or infinite values; check the backbone and its `dtype`",
            )
            .context(doing));
        }
        Ok(features)
    }

    /// The features of images, u8 `[images, 3, height, width]` on the CPU.
    pub(super) fn plain(&self, images: &Tensor) -> Result<Tensor> {
        let doing = "encoding exemplars";
        let count = images.size()[0];
        let mut parts = Vec::new();
        for start in (0..count).step_by(self.at_once() as usize) {
            let part = images
                .f_narrow(0, start, self.at_once().min(count - start))
                .during(doing)?;
            parts.push(self.encode(bridge::copy_out(&part)?.view())?);
        }
        self.stacked(&parts)
    }

    /// The parts as one tensor; there can be none.
    fn stacked(&self, parts: &[Tensor]) -> Result<Tensor> {
        let doing = "stacking the features of images";
        match parts.is_empty() {
            false => Tensor::f_cat(parts, 0).during(doing),
            true => {
                let width = self.output.width(self.backbone.info())?;
                Tensor::f_zeros([0, i64::from(width)], (Kind::Float, self.device)).during(doing)
            }
        }
    }

    fn at_once(&self) -> i64 {
        self.backbone.info().image_batch.max(1).into()
    }

    fn encode(&self, images: TensorView<'_>) -> Result<Tensor> {
        let _mode = GradientMode::off();
        let features = match self.output {
            Output::Embedding => bridge::copy_in(self.backbone.encode_images(images)?.view())?,
            Output::ClassToken => {
                let options = &[];
                let inputs = Inputs::Images { images, options };
                let forwarded = self.backbone.forward(&inputs, &[], &[CLASS_TOKEN])?;
                let [token] = &forwarded.outputs[..] else {
                    return Err(Error::failed(format!(
                        "the backbone returned {} outputs, expected only `{CLASS_TOKEN}`",
                        forwarded.outputs.len()
                    )));
                };
                bridge::copy_in(token.view())?
            }
        };
        features
            .f_to_device(self.device)
            .and_then(|features| features.f_to_kind(Kind::Float))
            .during("copying features to the device")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::Generator;
    use harness_abi::testkit::ToyBackbone;

    /// Both outputs, in more than one part.
    #[test]
    fn images_are_encoded_in_parts_as_they_would_be_one_by_one() {
        let backbone = ToyBackbone::handle();
        let count = i64::from(backbone.info().image_batch) + 3;
        let mut generator = Generator::new(4, "images", 0);
        let pixels: Vec<u8> = (0..count * 3 * 8 * 8)
            .map(|_| generator.below(256) as u8)
            .collect();
        let images = Tensor::from_slice(&pixels).view((count, 3, 8, 8));
        for output in [Output::Embedding, Output::ClassToken] {
            let encoder = Encoder::new(backbone.clone(), output, Device::Cpu);
            let all = encoder.plain(&images).unwrap();
            assert_eq!(all.size(), [count, 16]);
            for row in [0, count - 1] {
                let one = encoder.plain(&images.narrow(0, row, 1)).unwrap();
                assert_eq!(one, all.narrow(0, row, 1));
            }
            assert_eq!(encoder.plain(&images.narrow(0, 0, 0)).unwrap().size()[0], 0);
        }
        let embeddings = Encoder::new(backbone.clone(), Output::Embedding, Device::Cpu);
        let shape = [count, 3, 8, 8];
        let view = TensorView::new(&pixels, &shape).unwrap();
        let expected = backbone.encode_images(view).unwrap();
        assert_eq!(
            embeddings.plain(&images).unwrap(),
            bridge::copy_in(expected.view()).unwrap()
        );
    }
}

//! The cost of a call across the plugin boundary: a tensor of 1 MB through `encode_images` of a
//! backbone that returns its input's memory. Goal: under 2 µs, nothing copied.
//!
//! An assertion checks that nothing is copied: the returned address is the address passed in.

use criterion::{Criterion, criterion_group, criterion_main};
use harness_abi::backbone::{BackboneInfo, BackboneSetting, Filter, ImageInfo, Resize};
use harness_abi::{Backbone, Device, NoParameters, Result, Tensor, TensorView, testkit};
use std::hint::black_box;

/// A backbone whose embedding of an image is the image's own bytes.
struct Mirror;

impl Backbone for Mirror {
    type Parameters = NoParameters;

    fn create(_: NoParameters, _: BackboneSetting) -> Result<Self> {
        Ok(Mirror)
    }

    fn info(&self) -> BackboneInfo {
        BackboneInfo {
            name: "mirror".into(),
            fingerprint: "mirror".into(),
            embedding_width: 3,
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
            sites: Vec::new(),
            outputs: Vec::new(),
            output_widths: Default::default(),
            image_batch: 1,
        }
    }

    fn encode_images(&self, images: TensorView<'_>) -> Result<Tensor> {
        // SAFETY: the benchmark keeps the images as long as the returned tensor.
        Ok(unsafe {
            Tensor::from_owner(
                (),
                images.data(),
                Device::CPU,
                images.dtype(),
                images.shape(),
                None,
            )
        })
    }
}

fn call_with_a_megabyte(c: &mut Criterion) {
    let backbone = testkit::backbone_handle::<Mirror>(&testkit::json!({})).expect("it is made");
    let pixels = vec![7_u8; 1 << 20];
    let shape = [1 << 18, 4];
    let images = TensorView::new(&pixels, &shape).expect("a megabyte");
    let embedded = backbone.encode_images(images).expect("the same bytes");
    assert_eq!(embedded.view().data(), images.data(), "nothing is copied");
    c.bench_function("a call across the boundary with a tensor of 1 MB", |b| {
        b.iter(|| black_box(backbone.encode_images(black_box(images))).expect("the same bytes"));
    });
}

criterion_group!(benches, call_with_a_megabyte);
criterion_main!(benches);

//! Decoding: photographs of ImageNet's size, decoded, resized and cropped to 224 pixels,
//! sequentially and on all cores. Criterion reports images per second.
//!
//! Goal: sequentially no slower than Pillow, and on all cores faster by a factor of the number of
//! cores (hardware threads that share a core count for less).

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use harness::domain::image::prefetch::prefetch;
use harness::domain::source::ImageFolder;
use harness::domain::{Domain, Split};
use harness_abi::backbone::{Filter, ImageInfo, Resize};
use harness_images::prepare;
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use std::fs::{self, File};
use std::hint::black_box;
use std::path::Path;

const IMAGES: usize = 64;
const SPEC: ImageInfo = ImageInfo {
    height: 224,
    width: 224,
    resize: Resize::ShortestEdge,
    filter: Filter::Bicubic,
};

/// Gradients and a pattern as fine as a photograph's detail, different in every image.
fn photograph(number: u32) -> RgbImage {
    RgbImage::from_fn(500, 375, |x, y| {
        let detail = (x * 7 + y * 13 + x * y / 3 + number * 31) % 48;
        Rgb([x / 3, (x + y) / 5, y / 2].map(|slope| (slope + detail) as u8))
    })
}

fn domain(folder: &Path) -> Domain {
    for (split, images) in [("train", IMAGES), ("test", 1)] {
        let class = folder.join(split).join("class");
        fs::create_dir_all(&class).expect("a folder");
        for number in 0..images as u32 {
            let file = File::create(class.join(format!("{number}.jpg"))).expect("a file");
            JpegEncoder::new_with_quality(file, 85)
                .encode_image(&photograph(number))
                .expect("a photograph");
        }
    }
    Domain::open(&ImageFolder::at(folder).into()).expect("a domain")
}

fn bench(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let domain = domain(folder.path());
    let pixels = |index: usize| {
        let image = domain.image(Split::Train, index).expect("an image");
        prepare(&image, &SPEC)
    };
    let mut group = criterion.benchmark_group("decoding");
    group.throughput(Throughput::Elements(IMAGES as u64));
    group.bench_function("one after another", |bencher| {
        bencher.iter(|| {
            for index in 0..IMAGES {
                black_box(pixels(index));
            }
        });
    });
    group.bench_function("on all cores", |bencher| {
        bencher.iter(|| {
            prefetch(IMAGES, 32, pixels, |pixels| {
                pixels.for_each(|pixels| drop(black_box(pixels)));
            });
        });
    });
    group.bench_function("resized only", |bencher| {
        let image = domain.image(Split::Train, 0).expect("an image");
        bencher.iter(|| {
            for _ in 0..IMAGES {
                black_box(prepare(&image, &SPEC));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);

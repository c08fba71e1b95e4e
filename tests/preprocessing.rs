//! Images of every kind that data sets contain, compared with Pillow: read from an image folder,
//! converted to RGB, resized, cropped. The fixtures' README says how they were made.

use clbench_tests::{Dir, nearest_class_mean, root};
use harness::domain::image::prefetch::prefetch;
use harness::domain::source::ImageFolder;
use harness::domain::{Domain, Split};
use harness_abi::backbone::{Filter, ImageInfo, Resize};
use harness_images::prepare;
use image::{GrayImage, Luma};
use std::fs;
use std::path::Path;

/// How far pixels may be from Pillow's, in grey levels.
#[derive(Debug, PartialEq)]
struct Tolerance {
    mean: f64,
    largest: u8,
}

/// The same arithmetic, so the same bytes: PNG and WebP.
const EQUAL: Tolerance = Tolerance {
    mean: 0.0,
    largest: 0,
};
/// A decoder other than libjpeg rounds differently.
const JPEG: Tolerance = Tolerance {
    mean: 0.03,
    largest: 1,
};
/// The difference is larger if colours are stored at half size.
const HALF_SIZE_COLOURS: Tolerance = Tolerance {
    mean: 0.45,
    largest: 3,
};

fn tolerance(name: &str) -> Tolerance {
    let half_size = ["420", "422", "coarse", "exif", "large"];
    match name.strip_suffix(".jpg") {
        None => EQUAL,
        Some(kind) if half_size.iter().any(|mark| kind.contains(mark)) => HALF_SIZE_COLOURS,
        Some(_) => JPEG,
    }
}

/// A domain with a class for each fixture.
fn domain(sources: &Path, folder: &Path) -> Domain {
    for entry in fs::read_dir(sources).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        for split in ["train", "test"] {
            let class = folder.join(split).join(&name);
            fs::create_dir_all(&class).unwrap();
            fs::copy(sources.join(&name), class.join(&name)).unwrap();
        }
    }
    Domain::open(&ImageFolder::at(folder).into()).unwrap()
}

#[test]
fn every_kind_of_image_matches_pillow() {
    let fixtures = root().join("tests/fixtures/preprocessing");
    let folder = tempfile::tempdir().unwrap();
    let domain = domain(&fixtures.join("sources"), folder.path());
    let samples = domain.samples(Split::Train);
    assert_eq!(samples.len(), 45);
    for (index, sample) in samples.iter().enumerate() {
        let name = &domain.classes()[sample.label.index()];
        let expected = fixtures.join("expected").join(name).with_extension("png");
        let expected = image::open(expected).unwrap().into_rgb8();
        let (width, height) = expected.dimensions();
        let spec = ImageInfo {
            height,
            width,
            resize: Resize::ShortestEdge,
            filter: Filter::Bicubic,
        };
        let ours = prepare(&domain.image(Split::Train, index).unwrap(), &spec);
        let planes: Vec<u8> = (0..3)
            .flat_map(|channel| expected.pixels().map(move |pixel| pixel.0[channel]))
            .collect();
        let differences: Vec<u8> = ours
            .iter()
            .zip(&planes)
            .map(|(a, b)| a.abs_diff(*b))
            .collect();
        let found = Tolerance {
            mean: differences.iter().map(|&d| f64::from(d)).sum::<f64>() / planes.len() as f64,
            largest: differences.iter().copied().max().unwrap(),
        };
        let allowed = tolerance(name);
        assert!(
            ours.len() == planes.len()
                && found.mean <= allowed.mean
                && found.largest <= allowed.largest,
            "{name}: {found:?}, {allowed:?} allowed"
        );
    }
}

#[test]
fn images_prepared_in_parallel_equal_those_prepared_one_by_one() {
    let fixtures = root().join("tests/fixtures/preprocessing");
    let folder = tempfile::tempdir().unwrap();
    let domain = domain(&fixtures.join("sources"), folder.path());
    let spec = ImageInfo {
        height: 48,
        width: 40,
        resize: Resize::ShortestEdgeThenCrop(56),
        filter: Filter::Bicubic,
    };
    let images = domain.samples(Split::Train).len();
    let prepared = |image: usize| {
        // Each several times, so that every core gets some.
        let image = domain.image(Split::Train, image % images).unwrap();
        prepare(&image, &spec)
    };
    let one_by_one: Vec<_> = (0..4 * images).map(prepared).collect();
    let together: Vec<_> = prefetch(4 * images, 8, prepared, Iterator::collect);
    assert!(together == one_by_one);
}

/// The first of two damaged images is named, however many are decoded in parallel.
#[test]
fn the_first_image_that_cannot_be_decoded_ends_the_run() {
    let dir = Dir::new();
    for (class, level) in [("day", 200), ("night", 20)] {
        for (split, n) in [("train", 60), ("test", 3)] {
            let folder = dir.path(&format!("images/{split}/{class}"));
            fs::create_dir_all(&folder).unwrap();
            for i in 0..n {
                let picture = GrayImage::from_pixel(40, 30, Luma([level + i]));
                picture.save(folder.join(format!("{i}.jpg"))).unwrap();
            }
        }
    }
    for i in [41, 43] {
        let path = dir.path(&format!("images/train/night/{i}.jpg"));
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..bytes.len() - 2]).unwrap();
    }
    dir.write(
        "s.yaml",
        format!(
            "seeds: [1]\n\
             stream: {{tasks: 2}}\n\
             domains: {{sky: {{source: image-folder, path: images}}}}\n\
             backbones: {{pixels: {{parameters: {{size: 4}}}}}}\n\
             strategies: {{nearest-class-mean: {{plugin: {}}}}}\n",
            nearest_class_mean().display()
        ),
    );
    let outcome = dir.clbench(["run", "s.yaml"]).outcome();
    assert_eq!(outcome.code, 4, "{}", outcome.stderr);
    let expected = "DIR/images/train/night/41.jpg: damaged image";
    assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("43.jpg"), "{}", outcome.stderr);
}

//! Images of every kind that data sets hold, against what Pillow makes of them: read from an image folder, converted to
//! RGB, resized, cropped. The fixtures' README says how they were made.

use clbench_tests::root;
use harness::domain::prepare::prepare;
use harness::domain::{Domain, DomainSource, Split};
use harness_abi::backbone::{Filter, ImageInfo, Resize};
use std::fs;
use std::path::Path;

/// How far pixels may be from Pillow's, in levels of 255.
#[derive(Debug, PartialEq)]
struct Tolerance {
    mean: f64,
    largest: u8,
}

/// The same arithmetic, so the same bytes.
const PNG: Tolerance = Tolerance {
    mean: 0.0,
    largest: 0,
};
/// Another decoder than libjpeg rounds otherwise.
const JPEG: Tolerance = Tolerance {
    mean: 0.03,
    largest: 1,
};
/// It does so once more where colours are stored at half size.
const HALF_SIZE_COLOURS: Tolerance = Tolerance {
    mean: 0.45,
    largest: 3,
};

fn tolerance(name: &str) -> Tolerance {
    let half_size = ["420", "422", "coarse", "exif", "large"];
    match name.strip_suffix(".jpg") {
        None => PNG,
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
    let path = folder.to_owned();
    Domain::open(&DomainSource::ImageFolder { path }).unwrap()
}

#[test]
fn every_kind_of_image_becomes_what_pillow_makes_of_it() {
    let fixtures = root().join("tests/fixtures/preprocessing");
    let folder = tempfile::tempdir().unwrap();
    let domain = domain(&fixtures.join("sources"), folder.path());
    let samples = domain.samples(Split::Train);
    assert_eq!(samples.len(), 34);
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

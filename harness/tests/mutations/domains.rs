//! The files of domains: images, lists, tables and archives.

use super::target::Target;
use harness::domain::{Domain, Split};
use harness::scenario::Scenario;
use harness::stream::open::{Restriction, open};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder with a domain, one file of which is damaged.
struct Place {
    _dir: TempDir,
    file: PathBuf,
    scenario: Scenario,
}

impl Place {
    /// The fixtures of these names, and a scenario with this domain.
    fn new(fixtures: &[&str], domain: &str, file: &str) -> Place {
        let dir = TempDir::new().unwrap();
        for fixture in fixtures {
            copy(&layouts().join(fixture), &dir.path().join(fixture));
        }
        let text = format!(
            "seeds: [1]\nstream: {{tasks: 2, class_order: {{numpy: 3}}}}\n\
             domains: {{sky: {{{domain}}}}}\nstrategies: {{nearest-class-mean: {{}}}}\n"
        );
        Place {
            scenario: Scenario::parse(&text, &dir.path().join("s.yaml"), &[]).unwrap(),
            file: dir.path().join(file),
            _dir: dir,
        }
    }

    fn seed(&self) -> Vec<u8> {
        fs::read(&self.file).unwrap()
    }

    /// Writes the file, opens the domain and decodes its images.
    fn read(&self, bytes: &[u8]) -> bool {
        fs::write(&self.file, bytes).unwrap();
        let domain = &self.scenario.domains[0];
        let Ok(opened) = open(&self.scenario, domain, Restriction::default()) else {
            return false;
        };
        let Ok(domain) = Domain::open(&opened.source) else {
            return false;
        };
        [Split::Train, Split::Test].into_iter().all(|split| {
            let mut images = 0..domain.samples(split).len();
            images.all(|image| domain.image(split, image).is_ok())
        })
    }

    fn target(self, name: &'static str, most: (usize, usize)) {
        Target {
            name,
            seeds: vec![self.seed()],
            most,
            repair: None,
            read: Box::new(|bytes| self.read(bytes)),
        }
        .run();
    }
}

fn layouts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/layouts")
}

fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
        return;
    }
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

/// For text: it becomes values of many times its length.
const TEXT: (usize, usize) = (8 << 20, 2000);
/// For images: a header of a few bytes may declare many pixels.
const IMAGES: (usize, usize) = (3 << 30, 0);

const CLASSES: &str = "classes: lists/classes.yaml";

#[test]
fn classes_yaml() {
    let domain = format!("source: file-list, path: folder, split: lists/split.csv, {CLASSES}");
    Place::new(&["folder", "lists"], &domain, "lists/classes.yaml").target("classes_yaml", TEXT);
}

#[test]
fn classes_json() {
    let domain = "source: file-list, path: folder, split: lists/split.csv, classes: c.json";
    let place = Place::new(&["folder", "lists"], domain, "c.json");
    let classes = r#"[{"name":"noon","key":"n04"},{"name":"night","key":"n01"},{"name":"dawn","key":"n03"},{"name":"dusk","key":"n02"}]"#;
    fs::write(&place.file, classes).unwrap();
    place.target("classes_json", TEXT);
}

#[test]
fn classes_txt() {
    let domain =
        "source: file-list, path: folder, split: lists/split_zhou_Sky.json, classes: c.txt";
    let place = Place::new(&["folder", "lists"], domain, "c.txt");
    fs::write(&place.file, "noon\nnight\ndawn\ndusk\n").unwrap();
    place.target("classes_txt", TEXT);
}

#[test]
fn split_json() {
    let split = "lists/split_zhou_Sky.json";
    let domain = format!("source: file-list, path: folder, split: {split}, {CLASSES}");
    Place::new(&["folder", "lists"], &domain, split).target("split_json", TEXT);
}

#[test]
fn split_csv() {
    let domain = format!("source: file-list, path: folder, split: lists/split.csv, {CLASSES}");
    Place::new(&["folder", "lists"], &domain, "lists/split.csv").target("split_csv", TEXT);
}

#[test]
fn split_yaml() {
    let split = "{train: lists/sky_train.yaml, test: lists/sky_test.yaml}";
    let domain = format!("source: file-list, path: folder, split: {split}, {CLASSES}");
    Place::new(&["folder", "lists"], &domain, "lists/sky_train.yaml").target("split_yaml", TEXT);
}

#[test]
fn split_txt() {
    let domain = "source: image-folder, path: folder, split: {train: train.txt, test: test.txt}";
    let place = Place::new(&["folder"], domain, "train.txt");
    let names = |number| {
        let classes = [
            ("n04", "noon"),
            ("n01", "night"),
            ("n03", "dawn"),
            ("n02", "dusk"),
        ];
        classes.map(|(folder, class)| format!("{folder}/{class}_{number} {class} sky\n"))
    };
    fs::write(&place.file, names(0).concat()).unwrap();
    fs::write(place.file.with_file_name("test.txt"), names(1).concat()).unwrap();
    place.target("split_txt", TEXT);
}

#[test]
fn isic_csv() {
    let domain = "source: isic, path: isic";
    let file = "isic/ISIC2018_Task3_Training_GroundTruth.csv";
    Place::new(&["isic"], domain, file).target("isic_csv", TEXT);
}

#[test]
fn cub_txt() {
    let domain = "source: cub, path: cub/CUB_200_2011";
    for file in [
        "classes",
        "image_class_labels",
        "images",
        "train_test_split",
    ] {
        let file = format!("cub/CUB_200_2011/{file}.txt");
        Place::new(&["cub"], domain, &file).target("cub_txt", TEXT);
    }
}

/// Magic number, sizes, data.
fn idx(magic: u32, sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let words = [&[magic], sizes].concat();
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    bytes.extend(data);
    bytes
}

fn idx_place(file: &str) -> Place {
    let place = Place::new(&[], "source: idx, path: .", file);
    let folder = place.file.parent().unwrap();
    let write = |name: &str, bytes: Vec<u8>| fs::write(folder.join(name), bytes).unwrap();
    write("train-images-idx3-ubyte", idx(0x803, &[4, 2, 3], &[7; 24]));
    write("train-labels-idx1-ubyte", idx(0x801, &[4], &[0, 1, 2, 1]));
    write("t10k-images-idx3-ubyte", idx(0x803, &[3, 2, 3], &[9; 18]));
    write("t10k-labels-idx1-ubyte", idx(0x801, &[3], &[1, 0, 2]));
    place
}

#[test]
fn idx_images() {
    idx_place("train-images-idx3-ubyte").target("idx_images", (8 << 20, 100));
}

#[test]
fn idx_labels() {
    idx_place("train-labels-idx1-ubyte").target("idx_labels", (8 << 20, 2000));
}

/// Damaged before or after it is packed.
#[test]
fn idx_gz() {
    let place = idx_place("train-images-idx3-ubyte");
    let plain = idx(0x803, &[4, 2, 3], &[7; 24]);
    Target {
        name: "idx_gz",
        seeds: vec![gzip(&plain), plain],
        most: (8 << 20, 2000),
        repair: Some(|bytes| {
            if !bytes.starts_with(&[0x1f, 0x8b]) {
                *bytes = gzip(bytes);
            }
        }),
        read: Box::new(|bytes| place.read(bytes)),
    }
    .run();
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The file as it is, and with its arrays unpacked, so that damage reaches them.
fn mat(name: &'static str, file: &str) {
    let place = Place::new(&["cars"], "source: cars, path: cars", file);
    let packed = place.seed();
    Target {
        name,
        seeds: vec![unpacked(&packed), packed],
        most: (16 << 20, 3000),
        repair: None,
        read: Box::new(|bytes| place.read(bytes)),
    }
    .run();
}

fn unpacked(mat: &[u8]) -> Vec<u8> {
    use std::io::Read;
    let (header, mut rest) = mat.split_at(128);
    let mut bytes = header.to_vec();
    while rest.len() >= 8 {
        let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        let (kind, length) = (word(0), word(4) as usize);
        if kind == 15 {
            let mut decoder = flate2::read::ZlibDecoder::new(&rest[8..8 + length]);
            decoder.read_to_end(&mut bytes).unwrap();
        } else {
            bytes.extend(&rest[..8 + length]);
        }
        rest = &rest[8 + length..];
    }
    bytes
}

#[test]
fn mat_annotations() {
    mat("mat_annotations", "cars/devkit/cars_train_annos.mat");
}

#[test]
fn mat_classes() {
    mat("mat_classes", "cars/devkit/cars_meta.mat");
}

/// The fixtures of the source `torchvision`.
fn torchvision() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/domain/source/torchvision/fixtures")
}

#[test]
fn mat_sets() {
    // Every class but three is without images.
    let names = include_str!("../../src/domain/source/torchvision/flowers_102/names.txt");
    let names: Vec<&str> = names.lines().collect();
    let domain = format!(
        "source: torchvision, dataset: flowers-102, path: ., leave_out: {:?}",
        &names[2..101]
    );
    let place = Place::new(&[], &domain, "flowers-102/setid.mat");
    let folder = place.file.parent().unwrap();
    copy(&torchvision().join("flowers-102"), folder);
    for image in 1..8 {
        let file = folder.join(format!("jpg/image_{image:05}.jpg"));
        copy(&layouts().join("folder/n04/noon_0.jpg"), &file);
    }
    let packed = place.seed();
    Target {
        name: "mat_sets",
        seeds: vec![unpacked(&packed), packed],
        most: (16 << 20, 3000),
        repair: None,
        read: Box::new(|bytes| place.read(bytes)),
    }
    .run();
}

/// Most of `train` is pixels, so most of the damage is in `meta`.
#[test]
fn cifar_pickle() {
    for file in ["meta", "train"] {
        let domain = "source: torchvision, dataset: cifar-100, path: .";
        let place = Place::new(&[], domain, &format!("cifar-100-python/{file}"));
        let folder = place.file.parent().unwrap();
        fs::create_dir(folder).unwrap();
        let meta = b"\x80\x02}U\x10fine_label_names](U\x05appleU\x04rosees.";
        fs::write(folder.join("meta"), meta).unwrap();
        for part in ["train", "test"] {
            fs::copy(torchvision().join("cifar-protocol-4"), folder.join(part)).unwrap();
        }
        place.target("cifar_pickle", TEXT);
    }
}

#[test]
fn parquet() {
    let domain = "source: parquet, path: parquet/data";
    let file = "parquet/data/train-00000-of-00002.parquet";
    // The library may allocate what a page declares, which is bounded by what it is unpacked from.
    Place::new(&["parquet"], domain, file).target("parquet", (64 << 20, 20_000));
}

#[test]
fn webdataset() {
    let domain = "source: webdataset, path: webdataset, classes: [noon, night, dawn, dusk]";
    let place = Place::new(&["webdataset"], domain, "webdataset/train-000000.tar");
    Target {
        name: "webdataset",
        seeds: vec![place.seed()],
        most: IMAGES,
        repair: Some(|bytes| tar_checksums(bytes)),
        read: Box::new(|bytes| place.read(bytes)),
    }
    .run();
}

/// Corrects the checksum of every block that looks like a header.
fn tar_checksums(bytes: &mut [u8]) {
    for header in bytes.chunks_exact_mut(512) {
        if header[257..].starts_with(b"ustar") {
            header[148..156].fill(b' ');
            let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
            header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
}

fn image(name: &'static str, file: &str, repair: Option<fn(&mut Vec<u8>)>) {
    let domain = format!("source: file-list, path: folder, split: lists/split.csv, {CLASSES}");
    let place = Place::new(&["folder", "lists"], &domain, file);
    Target {
        name,
        seeds: vec![place.seed()],
        most: IMAGES,
        repair,
        read: Box::new(|bytes| place.read(bytes)),
    }
    .run();
}

#[test]
fn png() {
    image(
        "png",
        "folder/n04/noon_1.png",
        Some(|bytes| png_checksums(bytes)),
    );
}

/// Corrects the checksum of every chunk.
fn png_checksums(bytes: &mut [u8]) {
    let mut at = 8;
    while let Some(length) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        let end = at + 8 + length.min(bytes.len());
        let Some(chunk) = bytes.get(at + 4..end) else {
            return;
        };
        let mut checksum = flate2::Crc::new();
        checksum.update(chunk);
        let Some(place) = bytes.get_mut(end..end + 4) else {
            return;
        };
        place.copy_from_slice(&checksum.sum().to_be_bytes());
        at = end + 4;
    }
}

#[test]
fn jpeg() {
    image("jpeg", "folder/n04/noon_0.jpg", None);
}

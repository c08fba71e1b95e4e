//! Every data set, as a miniature of the folder that torchvision makes.

use super::*;
use crate::domain::split_list::RandomSplit;
use crate::domain::{Domain, Source, Split};
use expect_test::expect;
use image::{ImageFormat, RgbImage};
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// A folder that stands for torchvision's `root`.
struct Root(TempDir);

impl Root {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Writes images into a folder.
    fn images(&self, folder: &str, names: &[&str]) {
        for name in names {
            let path = self.path(&format!("{folder}/{name}"));
            let image = RgbImage::new(2, 2);
            image.save_with_format(path, ImageFormat::Jpeg).unwrap();
        }
    }

    /// The source with these keys besides `path`.
    fn source(&self, mut keys: serde_json::Value) -> Source {
        keys["path"] = json!(self.0.path());
        Torchvision::deserialize(keys).unwrap().into()
    }

    fn open(&self, keys: serde_json::Value) -> Domain {
        let domain = Domain::open(&self.source(keys)).unwrap();
        domain.image(Split::Test, 0).unwrap();
        domain
    }

    fn error(&self, keys: serde_json::Value) -> String {
        let error = Domain::open(&self.source(keys)).unwrap_err().to_string();
        error.replace(self.0.path().to_str().unwrap(), "ROOT")
    }
}

/// The samples of a split, as `name class`.
fn samples(domain: &Domain, split: Split) -> Vec<String> {
    let classes = domain.classes();
    let said = |sample: &crate::domain::Sample| {
        format!("{} {}", sample.name, classes[sample.label.index()])
    };
    domain.samples(split).iter().map(said).collect()
}

/// Both splits.
fn both(domain: &Domain) -> [Vec<String>; 2] {
    [Split::Train, Split::Test].map(|split| samples(domain, split))
}

/// The files of FGVC-Aircraft.
fn aircraft() -> Root {
    let root = Root::new();
    let data = "fgvc-aircraft-2013b/data";
    let names = ["0034309.jpg", "1.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg"];
    root.images(&format!("{data}/images"), &names);
    for (name, text) in [
        ("variants.txt", "F/A-18\n707-320\n"),
        ("images_variant_train.txt", "1 707-320\n0034309 F/A-18\n"),
        ("images_variant_val.txt", "2 707-320\n"),
        (
            "images_variant_trainval.txt",
            "2 707-320\n1 707-320\n0034309 F/A-18\n",
        ),
        ("images_variant_test.txt", "5 F/A-18\n4 707-320\n3 F/A-18\n"),
    ] {
        root.write(&format!("{data}/{name}"), text);
    }
    root
}

#[test]
fn fgvc_aircraft() {
    let root = aircraft();
    let domain = root.open(json!({"dataset": "fgvc-aircraft"}));
    assert_eq!(domain.classes(), ["F/A-18", "707-320"]);
    let test = ["5.jpg F/A-18", "4.jpg 707-320", "3.jpg F/A-18"];
    let train = ["1.jpg 707-320", "0034309.jpg F/A-18"];
    assert_eq!(both(&domain), [&train[..], &test]);
    let whole = root.open(json!({"dataset": "fgvc-aircraft", "train": "trainval"}));
    let train = ["2.jpg 707-320", "1.jpg 707-320", "0034309.jpg F/A-18"];
    assert_eq!(both(&whole), [&train[..], &test]);

    // Classes by torchvision's name and by its label.
    let classes = json!([{"name": "airliner", "key": "707-320"}, {"name": "fighter", "key": 0}]);
    let named = root.open(json!({"dataset": "fgvc-aircraft", "classes": classes}));
    let train = ["1.jpg airliner", "0034309.jpg fighter"];
    assert_eq!(samples(&named, Split::Train), train);

    // The same lists with another source.
    let data = root.path("fgvc-aircraft-2013b/data");
    let list = |part| data.join(format!("images_variant_{part}.txt"));
    let keys = json!({
        "path": data.join("images"),
        "split": {"train": list("train"), "test": list("test")},
        "classes": ["F/A-18", "707-320"],
    });
    let listed = Source::read("file-list", keys).unwrap();
    let train = ["1 707-320", "0034309 F/A-18"];
    assert_eq!(
        samples(&Domain::open(&listed).unwrap(), Split::Train),
        train
    );
}

#[test]
fn caltech_101() {
    let root = Root::new();
    let folder = "caltech101/101_ObjectCategories";
    for class in ["BACKGROUND_Google", "car_side", "Faces_easy", "ant"] {
        let names = ["image_0001.jpg", "image_0002.jpg", "image_0010.jpg"];
        root.images(&format!("{folder}/{class}"), &names);
    }
    let keys = json!({"dataset": "caltech-101", "split": {"random": 0.6, "torch": 42}});
    let domain = root.open(keys);
    assert_eq!(domain.classes(), ["Faces easy", "ant", "car side"]);
    // torch.randperm(9) of seed 42 is 6 4 0 7 5 8 3 2 1; int(0.6 * 9) is 5.
    let places = |places: &[usize]| -> Vec<String> {
        let classes = [
            ("Faces_easy", "Faces easy"),
            ("ant", "ant"),
            ("car_side", "car side"),
        ];
        let name = |&place: &usize| {
            let ((folder, class), number) = (classes[place / 3], [1, 2, 10][place % 3]);
            format!("{folder}/image_{number:04}.jpg {class}")
        };
        places.iter().map(name).collect()
    };
    assert_eq!(
        both(&domain),
        [places(&[6, 4, 0, 7, 5]), places(&[8, 3, 2, 1])]
    );
    expect!["ROOT/caltech101/101_ObjectCategories: this source does not say which images are train and which are test; add `split:` with a split list or a random draw"].assert_eq(&root.error(json!({"dataset": "caltech-101"})));
}

#[test]
fn eurosat() {
    let root = Root::new();
    for class in ["River", "AnnualCrop"] {
        let names = ["1", "2", "10"].map(|number| format!("{class}_{number}.jpg"));
        let names = names.each_ref().map(String::as_str);
        root.images(&format!("eurosat/2750/{class}"), &names);
    }
    let random = RandomSplit {
        random: 0.5,
        torch: 1,
    };
    let domain = root.open(json!({"dataset": "eurosat", "split": random}));
    assert_eq!(domain.classes(), ["AnnualCrop", "River"]);
    // The same draw over a plain folder.
    let keys = json!({"path": root.path("eurosat/2750"), "split": random});
    let folder = Domain::open(&Source::read("image-folder", keys).unwrap()).unwrap();
    assert_eq!(folder.split_hash(), domain.split_hash());
}

#[test]
fn cifar_100() {
    /// A batch as Python 2 wrote it: protocol 2, `str` for bytes.
    fn batch(labels: &[u8]) -> Vec<u8> {
        let text =
            |text: &str| [&b"U"[..], &[text.len() as u8], text.as_bytes(), b"q\x01"].concat();
        let mut file = b"\x80\x02}q\x00(".to_vec();
        file.extend(text("batch_label"));
        file.extend(text("a batch"));
        file.extend(text("fine_labels"));
        file.extend(b"]q\x02(");
        file.extend(labels.iter().flat_map(|&label| [b'K', label]));
        file.extend(b"e");
        file.extend(text("data"));
        file.extend(b"cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85");
        file.extend(b"U\x01bq\x05\x87q\x06Rq\x07(K\x01K");
        file.push(labels.len() as u8);
        file.extend(b"M\x00\x0c\x86cnumpy\ndtype\nq\x08U\x02u1K\x00K\x01\x87Rq\x09(K\x03U\x01|NNN");
        file.extend(b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T");
        file.extend((labels.len() as u32 * 3072).to_le_bytes());
        for &label in labels {
            // Red is the column, green the row, blue the label.
            file.extend((0..1024).map(|at| (at % 32) as u8));
            file.extend((0..1024).map(|at| (at / 32) as u8));
            file.extend([label; 1024]);
        }
        file.extend(b"tbu.");
        file
    }

    let root = Root::new();
    let meta = b"\x80\x02}(U\x10fine_label_names](U\x05appleU\x0daquarium_fishe\
                 U\x12coarse_label_names]u.";
    root.write("cifar-100-python/meta", meta);
    root.write("cifar-100-python/train", batch(&[1, 0, 1]));
    root.write("cifar-100-python/test", batch(&[0, 1]));
    let keys = || json!({"dataset": "cifar-100"});
    let domain = root.open(keys());
    assert_eq!(domain.classes(), ["apple", "aquarium fish"]);
    let train = [
        "train/0 aquarium fish",
        "train/1 apple",
        "train/2 aquarium fish",
    ];
    let test = ["test/0 apple", "test/1 aquarium fish"];
    assert_eq!(both(&domain), [&train[..], &test]);
    let image = domain.image(Split::Test, 1).unwrap();
    assert_eq!(
        (image.dimensions(), image.get_pixel(5, 9).0),
        ((32, 32), [5, 9, 1])
    );

    // A copy that was written again with today's NumPy.
    let copy = include_bytes!("fixtures/cifar-protocol-4");
    root.write("cifar-100-python/test", copy);
    let domain = root.open(keys());
    assert_eq!(
        samples(&domain, Split::Test),
        ["test/0 aquarium fish", "test/1 apple"]
    );
    assert_eq!(
        domain.image(Split::Test, 1).unwrap().get_pixel(31, 31).0,
        [1, 1, 1]
    );

    // No damage makes it panic, and a truncated file is an error.
    for end in (0..copy.len()).step_by(7) {
        root.write("cifar-100-python/test", &copy[..end]);
        assert!(Domain::open(&root.source(keys())).is_err(), "{end} bytes");
    }
    expect!["ROOT/cifar-100-python/test: the pickle is damaged or truncated; copy the file again"]
        .assert_eq(&root.error(keys()));
    let mut bad = batch(&[0, 1]);
    bad[5] = b'i';
    root.write("cifar-100-python/test", bad);
    expect!["ROOT/cifar-100-python/test: pickle instruction 0x69, which is not read; copy the file again"].assert_eq(&root.error(keys()));
    root.write("cifar-100-python/test", batch(&[0, 2]));
    expect!["ROOT/cifar-100-python/test: `fine_labels` has labels that `meta` lacks; copy the file again"].assert_eq(&root.error(keys()));
}

#[test]
fn dtd() {
    let root = Root::new();
    for class in ["zig_zagged", "banded"] {
        let names = ["1.jpg", "2.jpg", "3.jpg"].map(|name| format!("{class}_{name}"));
        root.images(
            &format!("dtd/dtd/images/{class}"),
            &names.each_ref().map(String::as_str),
        );
    }
    for (part, number) in [("train", 3), ("val", 1), ("test", 2)] {
        let lines = format!("zig_zagged/zig_zagged_{number}.jpg\nbanded/banded_{number}.jpg\n");
        root.write(&format!("dtd/dtd/labels/{part}1.txt"), lines);
    }
    let domain = root.open(json!({"dataset": "dtd"}));
    assert_eq!(domain.classes(), ["banded", "zig zagged"]);
    let train = [
        "zig_zagged/zig_zagged_3.jpg zig zagged",
        "banded/banded_3.jpg banded",
    ];
    assert_eq!(samples(&domain, Split::Train), train);
    let whole = root.open(json!({"dataset": "dtd", "train": "trainval"}));
    let val = [
        "zig_zagged/zig_zagged_1.jpg zig zagged",
        "banded/banded_1.jpg banded",
    ];
    assert_eq!(samples(&whole, Split::Train), [train, val].concat());
    assert_eq!(samples(&whole, Split::Test), samples(&domain, Split::Test));
}

#[test]
fn flowers_102() {
    let root = Root::new();
    let labels = include_bytes!("fixtures/flowers-102/imagelabels.mat");
    root.write("flowers-102/imagelabels.mat", labels);
    root.write(
        "flowers-102/setid.mat",
        include_bytes!("fixtures/flowers-102/setid.mat"),
    );
    for image in 1..8 {
        root.images("flowers-102/jpg", &[&format!("image_{image:05}.jpg")]);
    }
    // All but three classes have no images here.
    let names: Vec<&str> = include_str!("flowers_102/names.txt").lines().collect();
    assert_eq!(names.len(), 102);
    let few = &names[2..101];
    let domain = root.open(json!({"dataset": "flowers-102", "leave_out": few}));
    let classes = [
        "pink primrose",
        "hard-leaved pocket orchid",
        "blackberry lily",
    ];
    assert_eq!(domain.classes(), classes);
    let train = [
        "image_00004.jpg pink primrose",
        "image_00001.jpg hard-leaved pocket orchid",
        "image_00003.jpg blackberry lily",
    ];
    let test = [
        "image_00006.jpg blackberry lily",
        "image_00002.jpg pink primrose",
        "image_00005.jpg hard-leaved pocket orchid",
    ];
    assert_eq!(both(&domain), [train, test]);
    let keys = json!({"dataset": "flowers-102", "leave_out": few, "train": "trainval"});
    let val = "image_00007.jpg pink primrose".to_owned();
    assert_eq!(samples(&root.open(keys), Split::Train).last(), Some(&val));
    root.write("flowers-102/setid.mat", labels);
    expect!["ROOT/flowers-102/setid.mat: array `trnid` not found; copy the file again"]
        .assert_eq(&root.error(json!({"dataset": "flowers-102"})));
}

#[test]
fn food_101() {
    let root = Root::new();
    for class in ["waffles", "apple_pie"] {
        root.images(
            &format!("food-101/images/{class}"),
            &["1.jpg", "22.jpg", "3.jpg"],
        );
    }
    let train = r#"{"waffles": ["waffles/22", "waffles/1"], "apple_pie": ["apple_pie/3"]}"#;
    root.write("food-101/meta/train.json", train);
    let test = r#"{"apple_pie": ["apple_pie/1"], "waffles": ["waffles/3"]}"#;
    root.write("food-101/meta/test.json", test);
    let domain = root.open(json!({"dataset": "food-101"}));
    assert_eq!(domain.classes(), ["apple pie", "waffles"]);
    let train = [
        "waffles/22.jpg waffles",
        "waffles/1.jpg waffles",
        "apple_pie/3.jpg apple pie",
    ];
    assert_eq!(samples(&domain, Split::Train), train);
    // A list has its own names, and the source's own names are known to `leave_out`.
    root.write(
        "l.csv",
        "file,class,split\nwaffles/1,w,train\nwaffles/3,w,test\n",
    );
    let keys = json!({"dataset": "food-101", "split": {"file": root.path("l.csv")}});
    assert_eq!(root.open(keys).classes(), ["w"]);
    let keys = json!({"dataset": "food-101", "leave_out": ["apple_pie"]});
    assert_eq!(root.open(keys).classes(), ["waffles"]);
}

#[test]
fn mnist() {
    let root = Root::new();
    for (part, labels) in [("train", &[1, 0, 1][..]), ("t10k", &[0, 1])] {
        let n = labels.len() as u8;
        let images = [
            &[0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 1, 0, 0, 0, 1][..],
            labels,
        ]
        .concat();
        root.write(&format!("MNIST/raw/{part}-images-idx3-ubyte"), images);
        let labels = [&[0, 0, 8, 1, 0, 0, 0, n][..], labels].concat();
        root.write(&format!("MNIST/raw/{part}-labels-idx1-ubyte"), labels);
    }
    let domain = root.open(json!({"dataset": "mnist"}));
    assert_eq!(
        samples(&domain, Split::Train),
        ["train/0 1", "train/1 0", "train/2 1"]
    );
    assert_eq!(
        domain.image(Split::Test, 1).unwrap().get_pixel(0, 0).0,
        [1, 1, 1]
    );
    let idx = Source::read("idx", json!({"path": root.path("MNIST/raw")})).unwrap();
    assert_eq!(
        Domain::open(&idx).unwrap().split_hash(),
        domain.split_hash()
    );
}

#[test]
fn oxford_iiit_pet() {
    let root = Root::new();
    let names = [
        "Abyssinian_1.jpg",
        "Abyssinian_2.jpg",
        "american_bulldog_1.jpg",
    ];
    root.images("oxford-iiit-pet/images", &names);
    root.images("oxford-iiit-pet/images", &["american_bulldog_20.jpg"]);
    let annotations = "oxford-iiit-pet/annotations";
    let trainval = "american_bulldog_20 2 2 1\nAbyssinian_2 1 1 1\n";
    root.write(&format!("{annotations}/trainval.txt"), trainval);
    let test = "Abyssinian_1 1 1 1\namerican_bulldog_1 2 2 1\n";
    root.write(&format!("{annotations}/test.txt"), test);
    let domain = root.open(json!({"dataset": "oxford-iiit-pet"}));
    assert_eq!(domain.classes(), ["Abyssinian", "American Bulldog"]);
    let train = [
        "american_bulldog_20.jpg American Bulldog",
        "Abyssinian_2.jpg Abyssinian",
    ];
    assert_eq!(samples(&domain, Split::Train), train);
    let keys = json!({"dataset": "oxford-iiit-pet", "train": "trainval"});
    expect!["ROOT: `train` chooses between two parts, but torchvision's OxfordIIITPet has only one; remove `train`"].assert_eq(&root.error(keys));
    root.write(&format!("{annotations}/test.txt"), "Abyssinian_1 2 1 1\n");
    expect!["ROOT/oxford-iiit-pet/annotations/test.txt: line 1: breed 2 is both `American Bulldog` and `Abyssinian`; copy the file again"].assert_eq(&root.error(json!({"dataset": "oxford-iiit-pet"})));
}

#[test]
fn stanford_cars() {
    let fixture = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/fixtures/layouts/cars"
    );
    let root = Root::new();
    std::os::unix::fs::symlink(fixture, root.path("stanford_cars")).unwrap();
    let domain = root.open(json!({"dataset": "stanford-cars"}));
    let cars = Domain::open(&Source::read("cars", json!({"path": fixture})).unwrap()).unwrap();
    assert_eq!(domain.split_hash(), cars.split_hash());
}

#[test]
fn sun_397() {
    let root = Root::new();
    let classes = "/a/abbey\n/a/airplane_cabin\n/c/church/indoor\n/c/church/outdoor\n";
    root.write("SUN397/ClassName.txt", classes);
    for class in [
        "c/church/outdoor",
        "c/church/indoor",
        "a/abbey",
        "a/airplane_cabin",
    ] {
        let names = ["sun_b.jpg", "sun_a.jpg", "thumbnail.jpg"];
        root.images(&format!("SUN397/{class}"), &names);
    }
    let keys = json!({"dataset": "sun-397", "split": {"random": 0.5, "torch": 0}});
    let domain = root.open(keys);
    let names = ["abbey", "airplane cabin", "church indoor", "church outdoor"];
    assert_eq!(domain.classes(), names);
    // torch.randperm(8) of seed 0 begins with 4 0 7 3.
    let train = [
        "c/church/indoor/sun_a.jpg church indoor",
        "a/abbey/sun_a.jpg abbey",
        "c/church/outdoor/sun_b.jpg church outdoor",
        "a/airplane_cabin/sun_b.jpg airplane cabin",
    ];
    assert_eq!(samples(&domain, Split::Train), train);
}

#[test]
fn the_folder_is_found_from_outside_and_inside() {
    let root = aircraft();
    let keys = || json!({"dataset": "fgvc-aircraft"});
    let hash = root.open(keys()).split_hash().clone();
    for inside in ["fgvc-aircraft-2013b", "fgvc-aircraft-2013b/data"] {
        let mut keys = keys();
        keys["path"] = json!(root.path(inside));
        let source = Torchvision::deserialize(keys).unwrap().into();
        assert_eq!(*Domain::open(&source).unwrap().split_hash(), hash);
    }
    expect!["ROOT: torchvision's Flowers102 is not here: there is no flowers-102/setid.mat; set `path` to the folder that torchvision calls `root`"].assert_eq(&root.error(json!({"dataset": "flowers-102"})));
}

#[test]
fn an_unknown_data_set() {
    let error = Torchvision::deserialize(json!({"path": "x", "dataset": "imagenet"})).unwrap_err();
    expect!["unknown variant `imagenet`, expected one of `fgvc-aircraft`, `caltech-101`, `cifar-100`, `dtd`, `eurosat`, `flowers-102`, `food-101`, `mnist`, `oxford-iiit-pet`, `stanford-cars`, `sun-397`"].assert_eq(&error.to_string());
}

//! Damaged files of a model's folder: an error or a model, but no panic, no hang, and no more
//! memory than the file is worth. See `harness/tests/mutations`, whose targets run in the same way.

#[path = "../../../harness/tests/mutations/memory.rs"]
mod memory;
#[path = "../../../harness/tests/mutations/mutate.rs"]
mod mutate;
#[path = "../../../harness/tests/mutations/target.rs"]
mod target;
#[path = "tiny/clip.rs"]
mod tiny;

use harness_abi::Backbone;
use std::fs;
use target::Target;
use tiny::TinyClip;

/// Opens the folder with a damaged file and encodes a text. What libtorch takes is not counted.
fn damaged(name: &'static str, file: &str, tiny: &TinyClip) {
    let path = tiny.file(file);
    Target {
        name,
        seeds: vec![fs::read(&path).unwrap()],
        most: (256 << 20, 2000),
        repair: None,
        read: Box::new(|bytes| {
            fs::write(&path, bytes).unwrap();
            let texts = ["a photo of a cat", "\u{1b}[2J naïve café"];
            tiny.open()
                .and_then(|clip| clip.encode_texts(&texts))
                .is_ok()
        }),
    }
    .run();
}

#[test]
fn clip_config() {
    damaged("clip_config", "config.json", &TinyClip::new());
}

#[test]
fn clip_preprocessor() {
    damaged(
        "clip_preprocessor",
        "preprocessor_config.json",
        &TinyClip::new(),
    );
}

#[test]
fn clip_tokenizer() {
    damaged("clip_tokenizer", "tokenizer.json", &TinyClip::new());
}

#[test]
fn clip_weights() {
    damaged("clip_weights", "model.safetensors", &TinyClip::new());
}

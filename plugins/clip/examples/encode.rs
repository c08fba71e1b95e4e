//! Encodes images and texts from files with a CLIP folder, through the plugin ABI, for the
//! comparison in `tests/parity`.
//!
//! Usage: `encode FOLDER INPUTS OUTPUTS`, with `OMP_NUM_THREADS` threads. `INPUTS` is a safetensors
//! file with `images`, u8 `[n, 3, side, side]`; `INPUTS.txt` has one text per line. For each line
//! on standard input, `images` or `texts`, it encodes these and prints the time in seconds. At the
//! end of the input it writes the last results, not normalised, to `OUTPUTS` as `images` and
//! `texts`, f32 `[n, dim]`.

use clbench_clip::Clip;
use clbench_torch::bridge::{self, threads};
use clbench_torch::tch::Tensor;
use harness_abi::TensorView;
use harness_abi::testkit::{self, json};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};
use std::time::Instant;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, inputs, outputs] = arguments.as_slice() else {
        return Err("usage: encode FOLDER INPUTS OUTPUTS".into());
    };
    let clip = testkit::backbone_handle::<Clip>(&json!({ "path": folder }))?;
    // After the testkit, which sets one thread.
    if let Ok(n) = env::var("OMP_NUM_THREADS") {
        threads::set(n.parse()?)?;
    }
    let tensors = Tensor::read_safetensors(inputs)?;
    let (_, images) = tensors
        .iter()
        .find(|(name, _)| name == "images")
        .ok_or("the inputs lack the tensor `images`")?;
    let pixels: Vec<u8> = Vec::try_from(images.flatten(0, -1))?;
    let shape = images.size();
    let images = TensorView::new(&pixels, &shape)?;
    let texts = fs::read_to_string(format!("{inputs}.txt"))?;
    let texts: Vec<&str> = texts.lines().collect();

    let mut encoded = BTreeMap::new();
    for line in stdin().lock().lines() {
        let what = line?;
        let start = Instant::now();
        let embeddings = match what.as_str() {
            "images" => clip.encode_images(images)?,
            "texts" => clip.encode_texts(&texts)?,
            other => {
                return Err(format!("unknown command `{other}`; write `images` or `texts`").into());
            }
        };
        println!("{}", start.elapsed().as_secs_f64());
        stdout().flush()?;
        encoded.insert(what, bridge::copy_in(embeddings.view())?);
    }
    let encoded: Vec<_> = encoded.into_iter().collect();
    Tensor::write_safetensors(&encoded, outputs)?;
    Ok(())
}

//! Batches of pictures with captions, drawn on another thread while the model computes.

use crate::captions::{Captions, PERTURBED};
use crate::cli::Options;
use clbench_torch::Generator;
use clbench_torch::tch::{Kind, Tensor};
use harness_pictures::{Combination, SIDE, Style, picture};
use std::sync::mpsc::{Receiver, sync_channel};

/// The key for drawing training pictures; no domain uses it.
const KEY: u64 = 0x7072_6574_7261_696e;
/// The number of batches to prefetch.
const AHEAD: usize = 4;

/// A batch, in which caption i describes picture i.
pub struct Batch {
    /// u8 `[batch, 3, side, side]`.
    pub pictures: Tensor,
    /// i64 `[batch, longest caption]`; captions are padded with their end token.
    pub captions: Tensor,
    /// The position of each caption's end token.
    pub ends: Vec<i64>,
}

/// Starts the thread; the receiver gets one batch per step.
pub fn draw(options: &Options, captions: Captions) -> Receiver<Batch> {
    let (sender, receiver) = sync_channel(AHEAD);
    let options = options.clone();
    std::thread::spawn(move || {
        let seen: Vec<Combination> = Combination::all().filter(|c| !c.held_out()).collect();
        let mut generator = Generator::new(options.seed, "captions", 0);
        for step in 0..options.steps {
            let order = generator.permutation(seen.len());
            let chosen: Vec<Combination> = order
                .iter()
                .take(options.batch_size as usize)
                .map(|&at| seen[at as usize])
                .collect();
            let batch = batch(&chosen, &captions, step, &mut generator);
            if sender.send(batch).is_err() {
                return; // Training has ended early.
            }
        }
    });
    receiver
}

fn batch(
    chosen: &[Combination],
    captions: &Captions,
    step: u32,
    generator: &mut Generator,
) -> Batch {
    let pictures: Vec<u8> = chosen
        .iter()
        .flat_map(|&combination| picture(combination, Style::Plain, KEY, step.into()))
        .collect();
    let perturbed = generator.uniform() < PERTURBED;
    let texts: Vec<Vec<i64>> = chosen
        .iter()
        .map(|&combination| captions.draw(combination, perturbed, generator))
        .collect();
    let longest = texts.iter().map(Vec::len).max().unwrap_or(0);
    let filled: Vec<i64> = texts
        .iter()
        .flat_map(|text| {
            let end = text[text.len() - 1];
            let fill = std::iter::repeat_n(end, longest - text.len());
            text.iter().copied().chain(fill)
        })
        .collect();
    Batch {
        pictures: channels_first(&pictures, chosen.len()),
        captions: Tensor::from_slice(&filled).view((chosen.len() as i64, longest as i64)),
        ends: texts.iter().map(|text| text.len() as i64 - 1).collect(),
    }
}

/// Converts pictures with interleaved channels to u8 `[pictures, 3, side, side]`.
pub fn channels_first(pictures: &[u8], count: usize) -> Tensor {
    let side = SIDE as i64;
    Tensor::from_slice(pictures)
        .view((count as i64, side, side, 3))
        .permute([0, 3, 1, 2])
        .contiguous()
        .to_kind(Kind::Uint8)
}

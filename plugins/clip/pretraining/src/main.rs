//! Trains the small CLIP that ships, from nothing: a vocabulary, pictures with captions, contrastive training, a folder in the
//! Hugging Face layout, and a table of its zero-shot accuracy on combinations that it has never seen.
//!
//! The world it learns is that of `harness-pictures`: a shape, a colour and a fill make a combination, and a quarter of the
//! combinations is held out. Everything is drawn from one seed, on a fixed number of threads: two runs on one machine give the
//! same weights, bit for bit.
//!
//! In the order of the data: [`vocabulary`], [`captions`], [`batches`], [`initial`], [`training`], [`folder`], [`evaluation`].

mod batches;
mod captions;
mod cli;
mod evaluation;
mod folder;
mod initial;
mod training;
mod vocabulary;

use anyhow::Context;
use clap::Parser;

fn main() -> anyhow::Result<()> {
    let options = cli::Options::parse();
    // A folder that cannot be made should not come to light after minutes of training.
    std::fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot make the folder {}", options.out.display()))?;
    let tokenizer = vocabulary::tokenizer()?;
    let shape = folder::config(vocabulary::size(&tokenizer));
    let trained = training::train(&options, &shape, &tokenizer)?;
    folder::write(&options.out, &shape, &tokenizer, &trained)?;
    let table = evaluation::table(&options.out, options.threads)?;
    println!("{table}");
    folder::put(
        &options.out,
        "zero-shot.md",
        format!("{table}\n").as_bytes(),
    )
}

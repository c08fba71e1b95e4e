//! Trains the small CLIP in this repository from scratch: vocabulary, pictures with captions,
//! contrastive training, a folder in the Hugging Face layout, and a table of its zero-shot accuracy
//! on held-out combinations.
//!
//! The pictures come from `harness-pictures`: a combination has a shape, a colour and a fill, and a
//! quarter of the combinations is held out. With the same seed and number of threads, two runs on
//! one machine give the same weights, bit for bit.
//!
//! The modules in the order of the data: [`vocabulary`], [`captions`], [`batches`], [`initial`],
//! [`training`], [`folder`], [`evaluation`].

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
    // Fail before training, not after, if the folder cannot be created.
    std::fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot create the folder {}", options.out.display()))?;
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

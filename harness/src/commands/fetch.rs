//! `clbench fetch`: downloads weights into the Hugging Face hub's cache.

use super::print::print;
use crate::error::Error;
use crate::hub::{self, RepoFile};
use crate::terminal;
use hf_hub::api::Progress;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use std::io::IsTerminal;

pub(super) fn model(name: &str, revision: Option<&str>) -> Result<(), Error> {
    // Ctrl-C just ends the process: a partial download is kept as a part file, and the next call
    // resumes it.
    let fetched = hub::fetch(name, revision, Transfer::of)?;
    let transferred = match fetched.transferred {
        0 => "already in the cache".into(),
        n if n == fetched.files => "all downloaded".into(),
        n => format!("{n} downloaded, the rest already in the cache"),
    };
    print(&format!(
        "{}: {} files, {}, {transferred}\nTo use it in a scenario, add to a backbone's parameters:\n  model: {name}\n  revision: {}\n",
        fetched.folder.display(),
        fetched.files,
        HumanBytes(fetched.bytes),
        fetched.commit,
    ))
}

/// The progress of a file: a bar in a terminal, otherwise a line once it is complete.
struct Transfer {
    name: String,
    bar: ProgressBar,
}

impl Transfer {
    fn of(file: &RepoFile) -> Transfer {
        let bar = match std::io::stderr().is_terminal() {
            true => {
                let style = ProgressStyle::with_template(
                    "{msg} {bar:30} {bytes}/{total_bytes}  {bytes_per_sec}  {eta}",
                );
                ProgressBar::new(0).with_style(style.expect("a fixed template"))
            }
            false => ProgressBar::hidden(),
        };
        bar.set_message(terminal::visible(&file.name).into_owned());
        Transfer {
            name: file.name.clone(),
            bar,
        }
    }
}

impl Progress for Transfer {
    fn init(&mut self, size: usize, _file: &str) {
        self.bar.set_length(size as u64);
        self.bar.set_position(0);
    }

    fn update(&mut self, size: usize) {
        self.bar.inc(size as u64);
    }

    fn finish(&mut self) {
        // This is called for interrupted transfers too.
        if self.bar.length() != Some(self.bar.position()) {
            return;
        }
        let size = HumanBytes(self.bar.position());
        self.bar.finish_and_clear();
        terminal::say(format_args!("{}  {size}", self.name));
    }
}

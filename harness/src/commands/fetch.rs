//! `clbench fetch`: downloads weights into the Hugging Face hub's cache.

use super::print::print;
use crate::error::Error;
use crate::hub::{self, RepoFile, Watch};
use crate::terminal;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

pub(super) fn model(name: &str, revision: Option<&str>) -> Result<(), Error> {
    // Ctrl-C just ends the process: a partial download is kept as a part file, and the next call
    // resumes it.
    let fetched = hub::fetch(name, revision, &mut Progress::default())?;
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

/// The progress of a file: a bar in a terminal, and a line once it is complete.
struct Progress {
    name: String,
    /// Hidden, unless the standard error is a terminal.
    bar: ProgressBar,
}

impl Default for Progress {
    fn default() -> Progress {
        Progress {
            name: String::new(),
            bar: ProgressBar::hidden(),
        }
    }
}

impl Watch for Progress {
    fn warn(&mut self, warning: &str) {
        self.bar
            .suspend(|| terminal::say(format_args!("warning: {warning}")));
    }

    fn start(&mut self, file: &RepoFile) {
        let style = ProgressStyle::with_template(
            "{msg} {bar:30} {bytes}/{total_bytes}  {bytes_per_sec}  {eta}",
        );
        self.name = file.name.to_string();
        self.bar = ProgressBar::with_draw_target(file.size, ProgressDrawTarget::stderr());
        self.bar.set_style(style.expect("a fixed template"));
        self.bar.set_message(self.name.clone());
    }

    fn reached(&mut self, bytes: u64, size: Option<u64>) {
        if let Some(size) = size {
            self.bar.set_length(size);
        }
        if bytes < self.bar.position() || self.bar.position() == 0 {
            // Bytes from before are no measure of the speed.
            self.bar.set_position(bytes);
            self.bar.reset_eta();
        }
        self.bar.set_position(bytes);
    }

    fn finish(&mut self, bytes: u64) {
        self.bar.finish_and_clear();
        terminal::say(format_args!("{}  {}", self.name, HumanBytes(bytes)));
    }
}

//! `clbench fetch`: brings weights onto this machine.

use super::print::print;
use crate::error::Error;
use crate::hub::{self, RepoFile};
use hf_hub::api::Progress;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use std::io::IsTerminal;

pub(super) fn model(name: &str, revision: Option<&str>) -> Result<(), Error> {
    // Ctrl-C ends the process as it stands: what has come lies in a part of its own, from where the
    // next call goes on.
    let fetched = hub::fetch(name, revision, Transfer::of)?;
    let transferred = match fetched.transferred {
        0 => "all there already".into(),
        n if n == fetched.files => "all transferred".into(),
        n => format!("{n} transferred, the others there already"),
    };
    print(&format!(
        "{}: {} files, {}, {transferred}\nin a scenario, among the parameters of a backbone:\n  model: {name}\n  revision: {}\n",
        fetched.folder.display(),
        fetched.files,
        HumanBytes(fetched.bytes),
        fetched.commit,
    ))
}

/// The progress of a file: a bar where there is a terminal, a line when it is there otherwise.
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
        bar.set_message(file.name.clone());
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
        // A transfer that is cut off ends so as well.
        if self.bar.length() != Some(self.bar.position()) {
            return;
        }
        let size = HumanBytes(self.bar.position());
        self.bar.finish_and_clear();
        eprintln!("{}  {size}", self.name);
    }
}

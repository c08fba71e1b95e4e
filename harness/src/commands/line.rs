//! `clbench cell` and `clbench features`: one line of a plan.

use super::children;
use crate::cli::LineArgs;
use crate::error::Error;
use crate::regular_file::LARGEST_LIST;
use crate::results::RunFolder;
use crate::run::{FeatureJob, Interrupt, Job, run_alone};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::num::NonZeroUsize;
use std::path::Path;

/// Runs a cell.
pub(super) fn cell(line: &LineArgs, out: &Path, claimed: bool) -> Result<(), Error> {
    if claimed {
        return children::cell(out);
    }
    let job = Job::parse(&read(line)?)?;
    let interrupt = Interrupt::on_ctrl_c()?;
    run_alone(&job, &RunFolder::new(out), &interrupt)
}

/// Computes a set of features.
pub(super) fn features(line: &LineArgs) -> Result<(), Error> {
    let job = FeatureJob::parse(&read(line)?)?;
    let interrupt = Interrupt::on_ctrl_c()?;
    job.run_alone(&interrupt)
}

/// Reads the line.
fn read(line: &LineArgs) -> Result<String, Error> {
    let (name, found) = match &line.file {
        None => ("standard input".to_owned(), chosen(io::stdin(), line.line)),
        Some(path) => {
            let file = File::open(path).map_err(Error::file(path))?;
            (path.display().to_string(), chosen(file, line.line))
        }
    };
    match found {
        Ok(Ok(line)) => Ok(line),
        Ok(Err(lines)) => Err(Error::Usage(match (line.line, lines) {
            (_, 0) => format!("{name} is empty; it must have lines of `clbench plan --json`"),
            (Some(number), lines) => {
                format!("{name} has {lines} lines, so there is no line {number}")
            }
            (None, lines) => format!("{name} has {lines} lines; choose one with `--line N`"),
        })),
        Err(error) => Err(Error::Usage(format!("cannot read {name}: {error}"))),
    }
}

/// The line with this number, or the only one; if there is none, the number of lines.
fn chosen(input: impl Read, number: Option<NonZeroUsize>) -> io::Result<Result<String, usize>> {
    let mut lines = BufReader::new(input.take(LARGEST_LIST)).lines();
    if let Some(number) = number {
        let mut before = lines.by_ref().take(number.get() - 1);
        let before = before.try_fold(0, |count, line| line.map(|_| count + 1))?;
        return lines.next().transpose().map(|line| line.ok_or(before));
    }
    let first = lines.next().transpose()?;
    let rest = lines.try_fold(0, |count, line| line.map(|_| count + 1))?;
    Ok(match (first, rest) {
        (Some(line), 0) => Ok(line),
        (first, rest) => Err(rest + usize::from(first.is_some())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_chosen_by_its_number_or_is_the_only_one() {
        let of = |text: &str, number| chosen(text.as_bytes(), NonZeroUsize::new(number)).unwrap();
        assert_eq!(of("a\n", 0), Ok("a".into()));
        assert_eq!(of("a\nb\nc", 3), Ok("c".into()));
        assert_eq!(of("a\nb\nc\n", 4), Err(3));
        assert_eq!(of("a\nb\nc\n", 0), Err(3));
        assert_eq!(of("", 0), Err(0));
        assert_eq!(of("", 2), Err(0));
    }
}

//! The accuracy matrices of every cell of a stream, as the script reads them.
//!
//! Ten thousand cells have a few million entries, so each is two characters: its accuracy in tenths
//! of a percent, in base 64; `--` if there is none. The exact counts are in `accuracy.csv`.

use crate::report::figures::Context;
use crate::report::standing::Scope;
use crate::results::AccuracyMatrices;
use harness_abi::Matrix;
use serde::Serialize;

/// The cells of a stream.
#[derive(Debug, Serialize)]
pub(super) struct Cells {
    /// The number of tasks.
    tasks: usize,
    /// How many there are.
    pub(super) n: usize,
    /// Their data, as JSON that may stand in HTML.
    json: String,
}

#[derive(Serialize)]
struct Strategy<'a> {
    name: &'a str,
    /// Seed, and the entries of the matrices `seen`, `all` and `task`, row by row.
    cells: Vec<(u64, String)>,
}

/// The digits of base 64. None is `-`.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._";

impl Cells {
    /// Those of a section; `None` for a mean over streams.
    pub(super) fn of(context: &Context<'_>) -> Option<Cells> {
        let Scope::Stream { tasks, .. } = context.section.scope else {
            return None;
        };
        let strategies: Vec<Strategy<'_>> = context
            .section
            .in_order()
            .into_iter()
            .map(|entry| Strategy {
                name: &entry.label,
                cells: (entry.cells.iter())
                    .map(|&cell| &context.records[cell])
                    .map(|record| (record.cell.seed.0, digits(&record.matrices)))
                    .collect(),
            })
            .collect();
        let json = serde_json::to_string(&strategies).expect("plain data");
        Some(Cells {
            tasks,
            n: strategies.iter().map(|strategy| strategy.cells.len()).sum(),
            // A name must not end the element.
            json: json.replace('<', "\\u003c"),
        })
    }
}

fn digits(matrices: &AccuracyMatrices) -> String {
    let mut text = String::new();
    for candidates in [Matrix::Seen, Matrix::All, Matrix::Task] {
        for after in matrices.rows() {
            for on in matrices.tasks() {
                match matrices.accuracy(candidates, after, on) {
                    None => text += "--",
                    Some(percent) => {
                        let tenths = (percent * 10.0).round() as usize;
                        text.push(DIGITS[tenths / 64].into());
                        text.push(DIGITS[tenths % 64].into());
                    }
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::fixture::blind;

    #[test]
    fn an_entry_is_two_digits_or_two_dashes() {
        let text = digits(&blind("digits", "ncm", 1, [80, 100]).matrices);
        // Three rows of two tasks: 95.0 after the first, 80.0 and 100.0 after the second.
        assert_eq!(&text[..12], "----O2--MgPo");
        assert_eq!(text.len(), 3 * 12);
        let value = |pair: &[u8]| {
            let digit = |byte: &u8| DIGITS.iter().position(|digit| digit == byte).unwrap();
            64 * digit(&pair[0]) + digit(&pair[1])
        };
        assert_eq!([value(b"O2"), value(b"Mg"), value(b"Po")], [950, 800, 1000]);
    }
}

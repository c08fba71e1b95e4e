//! Transfer, Avg and Last on each domain of a stream: the tables of papers on MTIL.
//!
//! The measures are ZSCL's (arXiv 2303.06628). With A\[t\]\[j\] the accuracy on task j after task
//! t: *Transfer* of a column j ≥ 2 is the mean of A\[t\]\[j\] over 1 ≤ t < j, *Avg* the mean over
//! all rows 1…T, and *Last* the entry of row T. A domain that is cut into several tasks has the mean
//! over its columns. Row 0, before the first task, never counts.

use super::statistics::Summary;
use crate::id::TaskId;
use crate::results::{AfterTask, CellRecord};
use harness_abi::Matrix;
use std::fmt;

/// What is measured on a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Accuracy before the domain is learned.
    Transfer,
    /// Accuracy over all rows.
    Average,
    /// Accuracy at the end.
    Last,
}

impl Measure {
    /// All measures, in the order of the tables.
    pub const EACH: [Measure; 3] = [Measure::Transfer, Measure::Average, Measure::Last];

    /// The value of a column.
    fn of_task(self, record: &CellRecord, candidates: Matrix, on: TaskId) -> Option<f64> {
        let last = record.stream.task_sizes.len() as u32;
        let rows = match self {
            Measure::Transfer => 1..on.0,
            Measure::Average => 1..last + 1,
            Measure::Last => last..last + 1,
        };
        let accuracy = |after| record.matrices.accuracy(candidates, AfterTask(after), on);
        mean(rows.map(accuracy))
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Measure::Transfer => "transfer",
            Measure::Average => "average",
            Measure::Last => "last",
        })
    }
}

/// A measure of one strategy on one domain, over its seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct DomainScore {
    /// The index of the domain in its stream.
    pub domain: usize,
    /// Which candidates.
    pub candidates: Matrix,
    /// Which measure.
    pub measure: Measure,
    /// Its values; `None` if the matrix lacks an entry.
    pub summary: Option<Summary>,
}

/// The scores of cells of one row on each domain of their stream, among the classes of each task
/// and among all classes.
pub(super) fn domain_scores(cells: &[&CellRecord]) -> Vec<DomainScore> {
    let domains = cells.first().map_or(0, |cell| cell.stream.domains.len());
    let mut scores = Vec::new();
    for candidates in [Matrix::Task, Matrix::All] {
        for measure in Measure::EACH {
            for domain in 0..domains {
                let values = cells
                    .iter()
                    .map(|cell| value(cell, candidates, measure, domain));
                let values: Option<Vec<f64>> = values.collect();
                scores.push(DomainScore {
                    domain,
                    candidates,
                    measure,
                    summary: values.and_then(|values| Summary::of(&values)),
                });
            }
        }
    }
    scores
}

fn value(record: &CellRecord, candidates: Matrix, measure: Measure, domain: usize) -> Option<f64> {
    let tasks = record.matrices.tasks();
    let of_domain = tasks.filter(|&task| record.stream.domain_of(task) == domain);
    // Nothing comes before the first task.
    let measured = of_domain.filter(|task| measure != Measure::Transfer || task.0 > 1);
    mean(measured.map(|task| measure.of_task(record, candidates, task)))
}

/// The mean; `None` if there are no values or one is missing.
fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.collect::<Option<_>>()?;
    let n = values.len() as f64;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::AccuracyMatrices;
    use crate::results::fixture::record;
    use serde_json::json;

    /// Three tasks; the last two are of the same domain.
    fn cell() -> CellRecord {
        let mut record = record("a", "head", 1, [0, 0]);
        let again = record.stream.domains[0].clone();
        record.stream.domains.push(again);
        record.stream.task_sizes = vec![2, 1, 1];
        record.stream.task_domains = vec![0, 1, 1];
        let rows = json!([[1, 1, 1], [90, 10, 20], [80, 70, 30], [60, 50, 40]]);
        let none = json!([
            [null, null, null],
            [null, null, null],
            [null, null, null],
            [6, 5, 4]
        ]);
        let matrices: AccuracyMatrices = serde_json::from_value(json!({
            "n": [100, 100, 100], "seen": none, "all": none, "task": rows,
        }))
        .unwrap();
        record.matrices = matrices;
        record
    }

    #[test]
    fn a_domain_has_the_mean_over_its_tasks_and_row_0_never_counts() {
        let cell = cell();
        let on = |measure| [0, 1].map(|domain| value(&cell, Matrix::Task, measure, domain));
        assert_eq!(on(Measure::Transfer), [None, Some((10.0 + 25.0) / 2.0)]);
        let average = [Some(230.0 / 3.0), Some((130.0 / 3.0 + 30.0) / 2.0)];
        assert_eq!(on(Measure::Average), average);
        assert_eq!(on(Measure::Last), [Some(60.0), Some(45.0)]);
        let all = |measure| value(&cell, Matrix::All, measure, 1);
        let all = Measure::EACH.map(all);
        assert_eq!(all, [None, None, Some(4.5)]);
    }
}

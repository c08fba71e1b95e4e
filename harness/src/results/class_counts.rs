//! Correct predictions per class: what the entries of the accuracy matrices are sums of.
//!
//! A class that comes back has test samples in several tasks. Its counts are those of all its
//! samples, so an entry exists once the matrix has the entries of all these tasks. In a
//! domain-incremental stream, whose tasks all have the same classes, `seen` has the last row alone;
//! `all` has every row, and the same candidates from the first task on.

use super::{AccuracyMatrices, AfterTask, LearnedStream};
use crate::id::ClassId;
use harness_abi::Matrix;
use serde::{Deserialize, Serialize};

/// How many entries a matrix may have, so that a short file cannot ask for much memory.
const MOST_ENTRIES: usize = 1 << 22;

/// Correct predictions per class: rows t = 0..=T, one column per class in stream order; absent
/// entries as in [`AccuracyMatrices`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "AsWritten", try_from = "AsWritten")]
pub struct ClassCounts {
    /// Test samples of each class, over all tasks.
    pub n: Vec<u64>,
    /// Among the classes seen so far.
    pub seen: Vec<Vec<Option<u64>>>,
    /// Among all classes.
    pub all: Vec<Vec<Option<u64>>>,
    /// For each sample, among the classes of its task.
    pub task: Vec<Vec<Option<u64>>>,
}

/// The counts as written in a file: a row ends with its last count.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AsWritten {
    n: Vec<u64>,
    seen: Vec<Vec<Option<u64>>>,
    all: Vec<Vec<Option<u64>>>,
    task: Vec<Vec<Option<u64>>>,
}

impl From<ClassCounts> for AsWritten {
    fn from(counts: ClassCounts) -> Self {
        let shortened = |mut rows: Vec<Vec<Option<u64>>>| {
            for row in &mut rows {
                let length = row.iter().rposition(Option::is_some).map_or(0, |at| at + 1);
                row.truncate(length);
            }
            rows
        };
        Self {
            n: counts.n,
            seen: shortened(counts.seen),
            all: shortened(counts.all),
            task: shortened(counts.task),
        }
    }
}

impl TryFrom<AsWritten> for ClassCounts {
    type Error = String;

    fn try_from(written: AsWritten) -> Result<Self, String> {
        let AsWritten { n, seen, all, task } = written;
        let whole = |mut rows: Vec<Vec<Option<u64>>>| {
            if !fit(n.len(), rows.len()) {
                return Err(format!("it has counts of more than {MOST_ENTRIES} entries"));
            }
            for row in &mut rows {
                if row.len() > n.len() {
                    return Err(format!("a row has counts of more than {} classes", n.len()));
                }
                row.resize(n.len(), None);
            }
            Ok(rows)
        };
        Ok(Self {
            seen: whole(seen)?,
            all: whole(all)?,
            task: whole(task)?,
            n,
        })
    }
}

impl ClassCounts {
    /// No counts yet of classes with these numbers of test samples, in a stream of this many tasks.
    /// `None` if these would be more than four million, which is more than a record keeps.
    pub fn new(n: Vec<u64>, tasks: usize) -> Option<Self> {
        if !fit(n.len(), tasks + 1) {
            return None;
        }
        let empty = vec![vec![None; n.len()]; tasks + 1];
        Some(Self {
            n,
            seen: empty.clone(),
            all: empty.clone(),
            task: empty,
        })
    }

    /// How many of a class's test samples were predicted correctly; `None` if not measured.
    pub fn correct(&self, candidates: Matrix, after: AfterTask, class: ClassId) -> Option<u64> {
        *self
            .rows(candidates)
            .get(after.index())?
            .get(class.index())?
    }

    /// The same in percent.
    pub fn accuracy(&self, candidates: Matrix, after: AfterTask, class: ClassId) -> Option<f64> {
        let correct = self.correct(candidates, after, class)?;
        Some(100.0 * correct as f64 / self.n[class.index()] as f64)
    }

    /// Sets a row.
    ///
    /// # Panics
    ///
    /// If it does not exist, or the new one has another length.
    pub fn set(&mut self, candidates: Matrix, after: AfterTask, row: Vec<Option<u64>>) {
        assert_eq!(row.len(), self.n.len());
        let rows = match candidates {
            Matrix::Seen => &mut self.seen,
            Matrix::All => &mut self.all,
            Matrix::Task => &mut self.task,
        };
        rows[after.index()] = row;
    }

    /// Checks that the counts fit their stream and add up to its accuracy matrices.
    pub(super) fn check(
        &self,
        stream: &LearnedStream,
        matrices: &AccuracyMatrices,
    ) -> Result<(), String> {
        let classes = stream.classes.len();
        let shaped = |rows: &[Vec<Option<u64>>]| {
            rows.len() == matrices.rows().count() && rows.iter().all(|row| row.len() == classes)
        };
        if self.n.len() != classes || !Matrix::EACH.iter().all(|&of| shaped(self.rows(of))) {
            return Err("its counts per class do not have the shape of its stream".to_owned());
        }
        let tasks = stream.classes_of_tasks();
        let known = |counts: Vec<u64>| counts.into_iter().map(Some).collect::<Vec<_>>();
        let of_tasks: Option<Vec<u64>> = matrices.tasks().map(|task| matrices.n(task)).collect();
        if !add_up(
            &known(of_tasks.unwrap_or_default()),
            &known(self.n.clone()),
            &tasks,
        ) {
            return Err("its classes do not have the test samples of its tasks".to_owned());
        }
        for candidates in Matrix::EACH {
            for (after, row) in matrices.rows().zip(self.rows(candidates)) {
                let name = candidates.name();
                let mut counts = row.iter().zip(&self.n);
                if counts.any(|(correct, n)| correct.is_some_and(|correct| correct > *n)) {
                    return Err(format!(
                        "`{name}` counts more correct predictions of a class after task {after} \
                         than it has test samples"
                    ));
                }
                let of_tasks = matrices.tasks();
                let of_tasks = of_tasks.map(|task| matrices.correct(candidates, after, task));
                let of_tasks: Vec<_> = of_tasks.collect();
                let expected = measured(&of_tasks, &self.n, &tasks);
                let exist = row.iter().map(Option::is_some);
                if !exist.eq(expected) || !add_up(&of_tasks, row, &tasks) {
                    return Err(format!(
                        "its counts per class do not add up to `{name}` after task {after}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// The first count that differs, in words. `names` are those of the classes.
    pub(super) fn difference(&self, other: &Self, names: &[String]) -> Option<String> {
        if self.n != other.n {
            return Some("its classes have other numbers of test samples".to_owned());
        }
        for candidates in Matrix::EACH {
            let rows = self.rows(candidates).iter().zip(other.rows(candidates));
            for (after, (then, now)) in rows.enumerate() {
                let mut counts = then.iter().zip(now).zip(names);
                if let Some(((then, now), class)) = counts.find(|((then, now), _)| then != now) {
                    return Some(format!(
                        "`{}` of class `{class}` after task {after} was {}, but is {} now",
                        candidates.name(),
                        shown(*then),
                        shown(*now)
                    ));
                }
            }
        }
        None
    }

    fn rows(&self, candidates: Matrix) -> &[Vec<Option<u64>>] {
        match candidates {
            Matrix::Seen => &self.seen,
            Matrix::All => &self.all,
            Matrix::Task => &self.task,
        }
    }
}

/// Whether a matrix of this size may be kept.
fn fit(classes: usize, rows: usize) -> bool {
    classes
        .checked_mul(rows)
        .is_some_and(|entries| entries <= MOST_ENTRIES)
}

/// A count in a message.
pub(super) fn shown(count: Option<u64>) -> String {
    count.map_or("nothing".to_owned(), |count| count.to_string())
}

/// Which classes have an entry in a row, given the row's entries of the tasks: those with test
/// samples all of whose tasks have one.
fn measured(of_tasks: &[Option<u64>], n: &[u64], tasks: &[Vec<ClassId>]) -> Vec<bool> {
    let mut measured: Vec<bool> = n.iter().map(|&n| n > 0).collect();
    for (_, classes) in of_tasks
        .iter()
        .zip(tasks)
        .filter(|(of_task, _)| of_task.is_none())
    {
        for class in classes {
            measured[class.index()] = false;
        }
    }
    measured
}

/// Whether counts of classes are those of their tasks: task by task, or all together if a class
/// comes back.
fn add_up(of_tasks: &[Option<u64>], of_classes: &[Option<u64>], tasks: &[Vec<ClassId>]) -> bool {
    let sum = |counts: &mut dyn Iterator<Item = Option<u64>>| -> u128 {
        counts.flatten().map(u128::from).sum()
    };
    let returns = tasks.iter().map(Vec::len).sum::<usize>() > of_classes.len();
    if !returns {
        return of_tasks.iter().zip(tasks).all(|(of_task, classes)| {
            let counts = classes.iter().map(|class| of_classes[class.index()]);
            of_task.is_none_or(|of_task| sum(&mut { counts }) == u128::from(of_task))
        });
    }
    let all = sum(&mut of_classes.iter().copied());
    let expected = sum(&mut of_tasks.iter().copied());
    match of_tasks.iter().all(Option::is_some) {
        true => all == expected,
        // Samples of tasks with an entry whose class has another task without one.
        false => all <= expected,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{record, with_classes};
    use super::*;
    use expect_test::expect;
    use serde_json::json;

    /// A row ends with its last count, so a stream of many tasks does not list what is to come.
    #[test]
    fn absent_counts_at_the_end_of_a_row_are_not_written() {
        let mut counts = ClassCounts::new(vec![5, 5, 5], 2).unwrap();
        let after = AfterTask(1);
        counts.set(Matrix::Seen, after, vec![Some(4), None, None]);
        counts.set(Matrix::All, after, vec![None, Some(0), None]);
        let text = serde_json::to_string(&counts).unwrap();
        expect![[r#"{"n":[5,5,5],"seen":[[],[4],[]],"all":[[],[null,0],[]],"task":[[],[],[]]}"#]]
            .assert_eq(&text);
        assert_eq!(serde_json::from_str::<ClassCounts>(&text).unwrap(), counts);
        let longer = text.replace("[4]", "[4,null,null,null]");
        let error = serde_json::from_str::<ClassCounts>(&longer).unwrap_err();
        assert_eq!(error.to_string(), "a row has counts of more than 3 classes");
        let (zeros, rows) = (vec![0; 3_000], vec![[0; 0]; 3_000]);
        let bomb = json!({ "n": zeros, "seen": rows, "all": [], "task": [] });
        let error = serde_json::from_value::<ClassCounts>(bomb).unwrap_err();
        assert_eq!(
            error.to_string(),
            "it has counts of more than 4194304 entries"
        );
        assert_eq!(ClassCounts::new(zeros, 2_999), None);
    }

    #[test]
    fn counts_that_do_not_add_up_are_refused() {
        let good = with_classes(record("digits", "ncm", 1, [90, 70]));
        let refused = |change: fn(&mut ClassCounts)| {
            let mut counts = good.classes.clone().unwrap();
            assert_eq!(counts.check(&good.stream, &good.matrices), Ok(()));
            change(&mut counts);
            let refused = counts.check(&good.stream, &good.matrices);
            refused.expect_err("it was changed") + "\n"
        };
        expect![[r#"
            its counts per class do not have the shape of its stream
            its counts per class do not have the shape of its stream
            its classes do not have the test samples of its tasks
            `seen` counts more correct predictions of a class after task 2 than it has test samples
            its counts per class do not add up to `seen` after task 2
            its counts per class do not add up to `task` after task 0
            its counts per class do not add up to `seen` after task 1
            its counts per class do not add up to `all` after task 2
        "#]]
        .assert_eq(
            &[
                refused(|counts| counts.n.truncate(3)),
                refused(|counts| counts.all.truncate(2)),
                refused(|counts| (counts.n[0], counts.n[2]) = (49, 51)),
                refused(|counts| counts.seen[2][0] = Some(91)),
                // One of another task.
                refused(|counts| counts.seen[2].swap(0, 3)),
                refused(|counts| counts.task[0][0] = None),
                refused(|counts| counts.seen[1][2] = Some(0)),
                refused(|counts| counts.all[2][3] = Some(0)),
            ]
            .concat(),
        );
    }

    /// Two tasks with the same two classes, as in domain-incremental learning.
    #[test]
    fn a_class_that_comes_back_has_the_counts_of_all_its_tasks() {
        let mut stream = record("digits", "ncm", 1, [90, 70]).stream;
        stream.classes.truncate(2);
        stream.task_classes = vec![vec![ClassId(0), ClassId(1)]; 2];
        let matrices: AccuracyMatrices = serde_json::from_value(json!({
            "n": [10, 20],
            "seen": [[null, null], [9, null], [8, 15]],
            "all": [[null, null], [9, 12], [8, 15]],
            "task": [[null, null], [9, 12], [8, 15]],
        }))
        .unwrap();
        let check = |seen: serde_json::Value, all: serde_json::Value| {
            let counts = json!({ "n": [14, 16], "seen": seen, "all": all, "task": all });
            let counts: ClassCounts = serde_json::from_value(counts).unwrap();
            counts.check(&stream, &matrices)
        };
        let all = || json!([[], [10, 11], [12, 11]]);
        assert_eq!(check(json!([[], [], [12, 11]]), all()), Ok(()));
        for seen in [json!([[], [5, 4], [12, 11]]), json!([[], [], [12, 10]])] {
            let why = check(seen, all()).unwrap_err();
            assert!(
                why.starts_with("its counts per class do not add up to `seen`"),
                "{why}"
            );
        }
    }
}

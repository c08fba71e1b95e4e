//! From logits to counts: how many of a row's test images are predicted correctly among which
//! candidates.
//!
//! A [`Scorer`] masks the columns of the logits itself, so no strategy can influence that; a
//! [`Tally`] counts one row of the [`AccuracyMatrices`].

use crate::id::{ClassId, TaskId};
use crate::results::{AccuracyMatrices, AfterTask};
use harness_abi::Matrix;
use std::fmt;
use std::ops::Range;

/// Why predictions could not be scored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum ScoreError {
    #[error(
        "the logit of class {class} for test sample {sample} is NaN after task {after}: training diverged or the strategy divided by \
         zero; lower its learning rate, or look for constant features"
    )]
    NotANumber {
        sample: String,
        class: ClassId,
        after: AfterTask,
    },
    #[error(
        "the prediction for test sample {sample} after task {after} must have {expected} logits, one per class, but has \
         {found}"
    )]
    Width {
        sample: String,
        expected: u32,
        found: usize,
        after: AfterTask,
    },
    #[error(
        "test sample {sample} has class {class}, but the stream has {classes} classes (from 0)"
    )]
    Class {
        sample: String,
        class: ClassId,
        classes: u32,
    },
    #[error("task {task} has {expected} test samples, but {found} were scored after task {after}")]
    Count {
        task: TaskId,
        after: AfterTask,
        expected: u64,
        found: u64,
    },
}

/// Which class belongs to which task, and which classes the strategy can score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scorer {
    /// The class ids of each task; they are consecutive, since classes are numbered in stream
    /// order.
    tasks: Vec<Range<usize>>,
    scores_unseen: bool,
}

impl Scorer {
    /// A scorer for a stream whose tasks have these numbers of classes.
    pub fn new(task_sizes: &[u32], scores_unseen: bool) -> Self {
        let mut start = 0;
        let tasks = task_sizes.iter().map(|&size| {
            let range = start..start + size as usize;
            start = range.end;
            range
        });
        Self {
            tasks: tasks.collect(),
            scores_unseen,
        }
    }

    /// How many logits a prediction has, in stream order: one per class, or one per seen class if
    /// the strategy cannot score unseen ones.
    pub fn width(&self, after: AfterTask) -> u32 {
        let tasks = if self.scores_unseen {
            self.tasks.len()
        } else {
            after.index()
        };
        self.classes_until(tasks) as u32
    }

    /// An empty row, to be filled with predictions.
    pub fn row(&self, after: AfterTask) -> Tally<'_> {
        Tally {
            scorer: self,
            after,
            columns: vec![Column::default(); self.tasks.len()],
        }
    }

    fn classes_until(&self, tasks: usize) -> usize {
        match tasks.min(self.tasks.len()) {
            0 => 0,
            tasks => self.tasks[tasks - 1].end,
        }
    }
}

/// One row of the matrices while predictions are counted.
#[derive(Debug, Clone)]
pub struct Tally<'a> {
    scorer: &'a Scorer,
    after: AfterTask,
    columns: Vec<Column>,
}

#[derive(Debug, Clone, Default)]
struct Column {
    n: u64,
    seen: u64,
    all: u64,
    task: u64,
}

impl Tally<'_> {
    /// Counts one test image, given its logits for [`Scorer::width`] classes in stream order and
    /// its true class.
    ///
    /// The highest logit wins; ties go to the lowest class. −∞ excludes a class.
    ///
    /// # Errors
    ///
    /// If a logit is NaN, the number of logits is wrong, or `truth` is not a class of the stream.
    /// Messages name `sample`.
    pub fn add(
        &mut self,
        sample: impl fmt::Display,
        logits: &[f32],
        truth: ClassId,
    ) -> Result<(), ScoreError> {
        let after = self.after;
        let expected = self.scorer.width(after);
        if logits.len() != expected as usize {
            return Err(ScoreError::Width {
                sample: sample.to_string(),
                expected,
                found: logits.len(),
                after,
            });
        }
        if let Some(class) = logits.iter().position(|logit| logit.is_nan()) {
            return Err(ScoreError::NotANumber {
                sample: sample.to_string(),
                class: ClassId(class as u32),
                after,
            });
        }
        let tasks = &self.scorer.tasks;
        let Some(index) = tasks.iter().position(|task| task.contains(&truth.index())) else {
            return Err(ScoreError::Class {
                sample: sample.to_string(),
                class: truth,
                classes: self.scorer.classes_until(tasks.len()) as u32,
            });
        };
        let seen = 0..self.scorer.classes_until(after.index());
        let correct = |candidates: Range<usize>| -> u64 {
            u64::from(wins(logits, candidates, truth.index()))
        };
        let column = &mut self.columns[index];
        column.n += 1;
        column.seen += correct(seen);
        column.all += correct(0..logits.len());
        column.task += correct(tasks[index].clone());
        Ok(())
    }

    /// Sets the row's entries. Each test sample of each task must have been counted once.
    ///
    /// # Errors
    ///
    /// If the number of counted samples of a task is wrong.
    ///
    /// # Panics
    ///
    /// If the matrices belong to another stream.
    pub fn write_to(&self, matrices: &mut AccuracyMatrices) -> Result<(), ScoreError> {
        let after = self.after;
        assert_eq!(matrices.tasks().len(), self.columns.len());
        for (task, column) in matrices.tasks().zip(&self.columns) {
            let expected = matrices.n(task).unwrap_or_default();
            // Strategies that cannot score unseen classes may leave out future tasks.
            if self.measures(task) && column.n != expected {
                return Err(ScoreError::Count {
                    task,
                    after,
                    expected,
                    found: column.n,
                });
            }
        }
        for (task, column) in matrices.tasks().zip(&self.columns) {
            for candidates in Matrix::EACH {
                let correct = match candidates {
                    Matrix::Seen => column.seen,
                    Matrix::All => column.all,
                    Matrix::Task => column.task,
                };
                let kept = self.has(candidates, task).then_some(correct);
                matrices.set(candidates, after, task, kept);
            }
        }
        Ok(())
    }

    /// Whether this row has an entry for the task.
    fn has(&self, candidates: Matrix, on: TaskId) -> bool {
        match candidates {
            Matrix::Seen => self.after.has_seen(on),
            Matrix::All => self.scorer.scores_unseen,
            Matrix::Task => self.scorer.scores_unseen || self.after.has_seen(on),
        }
    }

    fn measures(&self, on: TaskId) -> bool {
        Matrix::EACH
            .into_iter()
            .any(|candidates| self.has(candidates, on))
    }
}

/// Whether `truth` has the first of the highest logits among the candidates. No logit may be NaN.
fn wins(logits: &[f32], candidates: Range<usize>, truth: usize) -> bool {
    if !candidates.contains(&truth) || candidates.end > logits.len() {
        return false;
    }
    let (before, from) = logits[candidates.clone()].split_at(truth - candidates.start);
    before.iter().all(|&other| other < logits[truth])
        && from.iter().all(|&other| other <= logits[truth])
}

#[cfg(test)]
mod tests {
    use super::*;

    const INF: f32 = f32::INFINITY;

    /// The entry in the three matrices after one image of `truth`, with tasks {0, 1} and {2, 3}.
    fn judge(after: u32, logits: &[f32], truth: u32) -> [Option<u64>; 3] {
        let scorer = Scorer::new(&[2, 2], true);
        let mut tally = scorer.row(AfterTask(after));
        tally.add("x", logits, ClassId(truth)).unwrap();
        let task = TaskId(truth / 2 + 1);
        let mut n = vec![0, 0];
        n[task.index()] = 1;
        let mut matrices = AccuracyMatrices::new(n);
        tally.write_to(&mut matrices).unwrap();
        Matrix::EACH.map(|c| matrices.correct(c, AfterTask(after), task))
    }

    #[test]
    fn candidates_decide_which_class_is_predicted() {
        // A class of a later task wins over all: correct among the seen ones and within the task.
        assert_eq!(
            judge(1, &[1.0, 3.0, 9.0, 0.0], 1),
            [Some(1), Some(0), Some(1)]
        );
        // Not seen yet: no entry in `seen`, beaten by class 0 in `all`, best of its own task.
        assert_eq!(judge(1, &[5.0, 0.0, 1.0, 3.0], 3), [None, Some(0), Some(1)]);
        assert_eq!(judge(0, &[0.0, 0.0, 1.0, 3.0], 3), [None, Some(1), Some(1)]);
        // All four seen: `seen` and `all` agree.
        assert_eq!(
            judge(2, &[5.0, 0.0, 1.0, 3.0], 3),
            [Some(0), Some(0), Some(1)]
        );
    }

    #[test]
    fn ties_go_to_the_lowest_class() {
        assert_eq!(judge(2, &[2.0, 2.0, 2.0, 2.0], 0), [Some(1); 3]);
        assert_eq!(judge(2, &[2.0, 2.0, 2.0, 2.0], 1), [Some(0); 3]);
        assert_eq!(
            judge(2, &[2.0, 2.0, 2.0, 2.0], 2),
            [Some(0), Some(0), Some(1)]
        );
        assert_eq!(judge(2, &[-INF, -INF, -INF, 0.0], 3), [Some(1); 3]);
        assert_eq!(judge(2, &[-0.0, 0.0, -1.0, -1.0], 0), [Some(1); 3]);
    }

    #[test]
    fn a_strategy_that_cannot_score_unseen_classes_leaves_them_out() {
        let scorer = Scorer::new(&[2, 1], false);
        assert_eq!([0, 1, 2].map(|t| scorer.width(AfterTask(t))), [0, 2, 3]);
        let mut matrices = AccuracyMatrices::new(vec![2, 1]);
        scorer
            .row(AfterTask::START)
            .write_to(&mut matrices)
            .unwrap();
        let mut tally = scorer.row(AfterTask(1));
        tally.add(0, &[0.0, 1.0], ClassId(1)).unwrap();
        tally.add(1, &[0.0, 1.0], ClassId(0)).unwrap();
        tally.write_to(&mut matrices).unwrap();

        let json = serde_json::to_string(&matrices).unwrap();
        let none = "[null,null],";
        assert_eq!(
            json,
            format!(
                r#"{{"n":[2,1],"seen":[{none}[1,null],[null,null]],"all":[{none}{none}[null,null]],"task":[{none}[1,null],[null,null]]}}"#
            )
        );
        assert_eq!(
            serde_json::from_str::<AccuracyMatrices>(&json).unwrap(),
            matrices
        );
        let (after, on) = (AfterTask(1), TaskId(1));
        assert_eq!(matrices.accuracy(Matrix::Seen, after, on), Some(50.0));
        assert_eq!(matrices.accuracy(Matrix::All, after, on), None);
    }

    #[test]
    fn messages_name_the_sample() {
        let scorer = Scorer::new(&[2, 1], true);
        let mut tally = scorer.row(AfterTask(1));
        assert_eq!(
            tally
                .add("test/0007.png", &[0.0, 1.0, f32::NAN], ClassId(0))
                .unwrap_err()
                .to_string(),
            "the logit of class 2 for test sample test/0007.png is NaN after task 1: training diverged or the strategy divided by zero; \
             lower its learning rate, or look for constant features"
        );
        assert_eq!(
            tally.add(3, &[0.0], ClassId(0)).unwrap_err().to_string(),
            "the prediction for test sample 3 after task 1 must have 3 logits, one per class, but has 1"
        );
        assert_eq!(
            tally.add(3, &[0.0; 3], ClassId(3)).unwrap_err().to_string(),
            "test sample 3 has class 3, but the stream has 3 classes (from 0)"
        );
        // A sample that was not scored must not count as a wrong prediction.
        tally.add(3, &[0.0; 3], ClassId(0)).unwrap();
        assert_eq!(
            tally
                .write_to(&mut AccuracyMatrices::new(vec![2, 0]))
                .unwrap_err()
                .to_string(),
            "task 1 has 2 test samples, but 1 were scored after task 1"
        );
    }
}

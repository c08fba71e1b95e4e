//! From logits to counts: how many of a row's test images are predicted correctly among which
//! candidates.
//!
//! A [`Scorer`] masks the columns of the logits itself, so no strategy can influence that; a
//! [`Tally`] counts one row of the [`AccuracyMatrices`].

use crate::id::{ClassId, TaskId};
use crate::results::{AccuracyMatrices, AfterTask, Predicted};
use crate::stream::Stream;
use harness_abi::Matrix;
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

/// Which classes are candidates for the images of each task, and which of them the strategy can
/// score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scorer {
    tasks: Vec<Candidates>,
    classes: usize,
    /// Whether names of samples may occur in two domains.
    several_domains: bool,
    scores_unseen: bool,
}

/// The candidates that a task adds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidates {
    /// The task's own classes, lowest first.
    own: Vec<usize>,
    /// How many classes have been seen after it.
    seen: usize,
}

impl Scorer {
    /// A scorer for a stream.
    pub fn new(stream: &Stream, scores_unseen: bool) -> Self {
        let tasks = stream.tasks().map(|task| {
            let task = stream.task(task);
            Candidates {
                own: task.classes.iter().map(|class| class.index()).collect(),
                seen: task.seen,
            }
        });
        let domain = |task| stream.task(task).domain;
        Self {
            tasks: tasks.collect(),
            classes: stream.n_classes(),
            several_domains: stream.tasks().any(|task| domain(task) > 0),
            scores_unseen,
        }
    }

    /// How many logits a prediction has, in stream order: one per class, or one per seen class if
    /// the strategy cannot score unseen ones.
    pub fn width(&self, after: AfterTask) -> u32 {
        let width = match self.scores_unseen {
            true => self.classes,
            false => self.seen(after),
        };
        width as u32
    }

    /// An empty row, to be filled with predictions.
    pub fn row(&self, after: AfterTask) -> Tally<'_> {
        Tally {
            scorer: self,
            after,
            columns: vec![Column::default(); self.tasks.len()],
        }
    }

    /// How many classes have been seen after these tasks.
    fn seen(&self, after: AfterTask) -> usize {
        match after.index() {
            0 => 0,
            tasks => self.tasks[tasks - 1].seen,
        }
    }

    /// Whether a row has an entry for the task. `all` and `task` need scores of all candidates,
    /// which every strategy has once these have been seen.
    fn has(&self, candidates: Matrix, after: AfterTask, on: TaskId) -> bool {
        let seen = self.seen(after);
        match candidates {
            Matrix::Seen => after.has_seen(on),
            Matrix::All => self.scores_unseen || seen == self.classes,
            Matrix::Task => {
                let own = self.tasks[on.index()].own.last();
                self.scores_unseen || own.is_some_and(|&last| last < seen)
            }
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
    /// Counts one test image, given its logits for [`Scorer::width`] classes in stream order.
    ///
    /// The highest logit wins; ties go to the lowest class. −∞ excludes a class.
    ///
    /// # Errors
    ///
    /// If a logit is NaN, the number of logits is wrong, or the image's class is not a class of the
    /// stream. Messages name the sample.
    ///
    /// # Panics
    ///
    /// If the image's task is not a task of the stream.
    pub fn add(&mut self, image: &Predicted<'_>, logits: &[f32]) -> Result<(), ScoreError> {
        let (scorer, after, truth) = (self.scorer, self.after, image.class);
        let expected = scorer.width(after);
        if logits.len() != expected as usize {
            return Err(ScoreError::Width {
                sample: scorer.name_of(image),
                expected,
                found: logits.len(),
                after,
            });
        }
        if let Some(class) = logits.iter().position(|logit| logit.is_nan()) {
            return Err(ScoreError::NotANumber {
                sample: scorer.name_of(image),
                class: ClassId(class as u32),
                after,
            });
        }
        if truth.index() >= scorer.classes {
            return Err(ScoreError::Class {
                sample: scorer.name_of(image),
                class: truth,
                classes: scorer.classes as u32,
            });
        }
        let task = image.task.index();
        let correct = |candidates: Range<usize>| -> u64 {
            u64::from(wins(logits, candidates, truth.index()))
        };
        let column = &mut self.columns[task];
        column.n += 1;
        column.seen += correct(0..scorer.seen(after));
        column.all += correct(0..logits.len());
        column.task += u64::from(wins_among(logits, &scorer.tasks[task].own, truth.index()));
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
                let has = self.scorer.has(candidates, after, task);
                let kept = has.then_some(correct);
                matrices.set(candidates, after, task, kept);
            }
        }
        Ok(())
    }

    fn measures(&self, on: TaskId) -> bool {
        Matrix::EACH
            .into_iter()
            .any(|candidates| self.scorer.has(candidates, self.after, on))
    }
}

impl Scorer {
    /// The name of a sample in messages.
    fn name_of(&self, image: &Predicted<'_>) -> String {
        match self.several_domains {
            true => format!("{} of domain `{}`", image.name, image.domain),
            false => image.name.to_owned(),
        }
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

/// The same among a list of classes, lowest first.
fn wins_among(logits: &[f32], candidates: &[usize], truth: usize) -> bool {
    let Some(&score) = logits.get(truth) else {
        return false;
    };
    let loses_to = |class: usize| match logits.get(class) {
        // Not scored, so the entry does not exist.
        None => true,
        Some(&other) => other > score || (other == score && class < truth),
    };
    candidates.contains(&truth) && !candidates.iter().any(|&class| loses_to(class))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Seed;
    use crate::stream::{Augmentation, ClassIdentity, ClassOrder, Cut, StreamSpec, Tasks};

    const INF: f32 = f32::INFINITY;

    fn stream(task_sizes: &[u32]) -> Stream {
        let cut = Cut {
            tasks: Tasks::Sizes(task_sizes.to_vec()),
            class_order: ClassOrder::Listed,
        };
        let classes = (0..task_sizes.iter().sum()).map(|class: u32| class.to_string());
        let spec = StreamSpec::of_domain(cut, Augmentation::None);
        Stream::new(&spec, &[&classes.collect::<Vec<_>>()], Seed(0)).unwrap()
    }

    /// An image of this class, which is in this task.
    fn image(name: &str, class: u32, task: u32) -> Predicted<'_> {
        Predicted {
            domain: "digits",
            task: TaskId(task),
            name,
            class: ClassId(class),
        }
    }

    /// The entry in the three matrices after one image of `truth`, with tasks {0, 1} and {2, 3}.
    fn judge(after: u32, logits: &[f32], truth: u32) -> [Option<u64>; 3] {
        let scorer = Scorer::new(&stream(&[2, 2]), true);
        let mut tally = scorer.row(AfterTask(after));
        let task = TaskId(truth / 2 + 1);
        tally.add(&image("x", truth, task.0), logits).unwrap();
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
        let scorer = Scorer::new(&stream(&[2, 1]), false);
        assert_eq!([0, 1, 2].map(|t| scorer.width(AfterTask(t))), [0, 2, 3]);
        let mut matrices = AccuracyMatrices::new(vec![2, 1]);
        scorer
            .row(AfterTask::START)
            .write_to(&mut matrices)
            .unwrap();
        let mut tally = scorer.row(AfterTask(1));
        tally.add(&image("0", 1, 1), &[0.0, 1.0]).unwrap();
        tally.add(&image("1", 0, 1), &[0.0, 1.0]).unwrap();
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
        let scorer = Scorer::new(&stream(&[2, 1]), true);
        let mut tally = scorer.row(AfterTask(1));
        assert_eq!(
            tally
                .add(&image("test/0007.png", 0, 1), &[0.0, 1.0, f32::NAN])
                .unwrap_err()
                .to_string(),
            "the logit of class 2 for test sample test/0007.png is NaN after task 1: training diverged or the strategy divided by zero; \
             lower its learning rate, or look for constant features"
        );
        assert_eq!(
            tally
                .add(&image("3", 0, 1), &[0.0])
                .unwrap_err()
                .to_string(),
            "the prediction for test sample 3 after task 1 must have 3 logits, one per class, but has 1"
        );
        assert_eq!(
            tally
                .add(&image("3", 3, 2), &[0.0; 3])
                .unwrap_err()
                .to_string(),
            "test sample 3 has class 3, but the stream has 3 classes (from 0)"
        );
        // A sample that was not scored must not count as a wrong prediction.
        tally.add(&image("3", 0, 1), &[0.0; 3]).unwrap();
        assert_eq!(
            tally
                .write_to(&mut AccuracyMatrices::new(vec![2, 0]))
                .unwrap_err()
                .to_string(),
            "task 1 has 2 test samples, but 1 were scored after task 1"
        );
    }

    /// Tasks {0, 1}, {1, 2} and {0, 2}: classes come back.
    fn returning(scores_unseen: bool) -> Scorer {
        let names = |names: &str| -> Vec<String> { names.split(' ').map(str::to_owned).collect() };
        let domains = [names("a b"), names("b c"), names("c a")];
        let domains: Vec<&[String]> = domains.iter().map(Vec::as_slice).collect();
        let spec = StreamSpec {
            cuts: vec![Cut::whole(); 3],
            classes: ClassIdentity::ByName,
            augmentation: Augmentation::None,
        };
        Scorer::new(
            &Stream::new(&spec, &domains, Seed(0)).unwrap(),
            scores_unseen,
        )
    }

    #[test]
    fn an_image_counts_for_its_task_wherever_its_class_was_first() {
        let scorer = returning(true);
        let mut tally = scorer.row(AfterTask(1));
        // Class 1, which is known, in the images of task 2: class 2 is a candidate of `all` and of
        // `task`, and class 0 is one of `all` and of `seen`.
        tally.add(&image("x", 1, 2), &[5.0, 3.0, 1.0]).unwrap();
        tally.add(&image("x", 1, 2), &[1.0, 3.0, 5.0]).unwrap();
        let mut matrices = AccuracyMatrices::new(vec![0, 2, 0]);
        tally.write_to(&mut matrices).unwrap();
        let found = Matrix::EACH.map(|c| matrices.correct(c, AfterTask(1), TaskId(2)));
        assert_eq!(found, [None, Some(0), Some(1)]);
    }

    #[test]
    fn entries_exist_once_their_candidates_can_be_scored() {
        let has = |candidates: Matrix, scores_unseen: bool| -> Vec<String> {
            let scorer = returning(scores_unseen);
            let row = |after: u32| -> String {
                let has = |on| scorer.has(candidates, AfterTask(after), TaskId(on));
                (1..=3).map(|on| if has(on) { 'x' } else { '.' }).collect()
            };
            (0..=3).map(row).collect()
        };
        assert_eq!(has(Matrix::Seen, false), ["...", "x..", "xx.", "xxx"]);
        assert_eq!(has(Matrix::All, false), ["...", "...", "xxx", "xxx"]);
        assert_eq!(has(Matrix::Task, false), ["...", "x..", "xxx", "xxx"]);
        assert_eq!(has(Matrix::Seen, true), has(Matrix::Seen, false));
        assert_eq!(has(Matrix::All, true), ["xxx"; 4]);
        assert_eq!(has(Matrix::Task, true), ["xxx"; 4]);
        // With disjoint tasks, `all` has the last row alone.
        let scorer = Scorer::new(&stream(&[2, 1]), false);
        let last = |after| scorer.has(Matrix::All, AfterTask(after), TaskId(1));
        assert_eq!([0, 1, 2].map(last), [false, false, true]);
    }
}

//! From logits to counts: how many of a row's test images are predicted correctly among which
//! candidates.
//!
//! A [`Scorer`] masks the columns of the logits itself, so no strategy can influence that; a
//! [`Tally`] counts one row of the [`AccuracyMatrices`], and the same per class.

use crate::id::{ClassId, TaskId};
use crate::results::{AccuracyMatrices, AfterTask, ClassCounts, Confusion, Predicted};
use crate::stream::Stream;
use harness_abi::Matrix;
use std::collections::BTreeMap;
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
            classes: vec![Column::default(); self.classes],
            confusion: None,
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

    /// Which classes have an entry in a row: those of whose tasks each has one.
    fn has_classes(&self, candidates: Matrix, after: AfterTask) -> Vec<bool> {
        let mut has = vec![true; self.classes];
        for (task, Candidates { own, .. }) in (1..).map(TaskId).zip(&self.tasks) {
            if !self.has(candidates, after, task) {
                own.iter().for_each(|&class| has[class] = false);
            }
        }
        has
    }
}

/// One row of the matrices while predictions are counted.
#[derive(Debug, Clone)]
pub struct Tally<'a> {
    scorer: &'a Scorer,
    after: AfterTask,
    /// By task.
    columns: Vec<Column>,
    /// By class.
    classes: Vec<Column>,
    /// How often a class was predicted as which, among the seen classes; `None` if not counted.
    confusion: Option<BTreeMap<(ClassId, ClassId), u64>>,
}

#[derive(Debug, Clone, Default)]
struct Column {
    n: u64,
    seen: u64,
    all: u64,
    task: u64,
}

impl Column {
    fn correct(&self, candidates: Matrix) -> u64 {
        match candidates {
            Matrix::Seen => self.seen,
            Matrix::All => self.all,
            Matrix::Task => self.task,
        }
    }
}

impl Tally<'_> {
    /// Also counts which seen classes are taken for which. Classes have to have been seen.
    #[must_use]
    pub fn with_confusion(self) -> Self {
        Self {
            confusion: Some(BTreeMap::new()),
            ..self
        }
    }

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
        let seen = correct(0..scorer.seen(after));
        let all = correct(0..logits.len());
        let of_task = u64::from(wins_among(logits, &scorer.tasks[task].own, truth.index()));
        for column in [&mut self.columns[task], &mut self.classes[truth.index()]] {
            column.n += 1;
            column.seen += seen;
            column.all += all;
            column.task += of_task;
        }
        if let Some(confusion) = &mut self.confusion {
            let predicted = winner(&logits[..scorer.seen(after)]);
            *confusion.entry((truth, predicted)).or_default() += 1;
        }
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
                let has = self.scorer.has(candidates, after, task);
                let kept = has.then_some(column.correct(candidates));
                matrices.set(candidates, after, task, kept);
            }
        }
        Ok(())
    }

    /// Sets the row's entries of each class. A class without test samples has none.
    ///
    /// # Panics
    ///
    /// If the counts belong to another stream.
    pub fn write_classes_to(&self, counts: &mut ClassCounts) {
        for candidates in Matrix::EACH {
            let has = self.scorer.has_classes(candidates, self.after);
            let row = self.classes.iter().zip(has);
            let row =
                row.map(|(class, has)| (has && class.n > 0).then_some(class.correct(candidates)));
            counts.set(candidates, self.after, row.collect());
        }
    }

    /// Which classes were taken for which, if that was counted.
    pub fn into_confusion(self) -> Option<Confusion> {
        let entries = self.confusion?.into_iter();
        let entries = entries.map(|((class, predicted), n)| (class, predicted, n));
        Some(Confusion {
            entries: entries.collect(),
        })
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

/// The class with the first of the highest logits. No logit may be NaN.
fn winner(logits: &[f32]) -> ClassId {
    let mut best = 0;
    for (class, &logit) in logits.iter().enumerate() {
        if logit > logits[best] {
            best = class;
        }
    }
    ClassId(best as u32)
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

    /// The counts of random predictions of samples, each with its class and its task. Those of each
    /// row must add up to the matrices.
    fn counted(scorer: &Scorer, samples: &[(u32, u32)], tasks: u32) -> ClassCounts {
        let mut n = vec![0; tasks as usize];
        let mut of_class = vec![0; scorer.classes];
        for &(class, task) in samples {
            n[task as usize - 1] += 1;
            of_class[class as usize] += 1;
        }
        let mut matrices = AccuracyMatrices::new(n);
        let mut counts = ClassCounts::new(of_class, tasks as usize).unwrap();
        let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
        for after in (0..=tasks).map(AfterTask) {
            let mut tally = scorer.row(after);
            if after.0 == tasks {
                tally = tally.with_confusion();
            }
            for &(class, task) in samples {
                let logits = (0..scorer.width(after)).map(|_| {
                    bits ^= bits << 13;
                    bits ^= bits >> 7;
                    bits ^= bits << 17;
                    // Few values, so that there are ties.
                    (bits >> 61) as f32
                });
                let logits: Vec<f32> = logits.collect();
                tally.add(&image("x", class, task), &logits).unwrap();
            }
            tally.write_to(&mut matrices).unwrap();
            tally.write_classes_to(&mut counts);
            if let Some(confusion) = tally.into_confusion() {
                let mut correct = vec![0; scorer.classes];
                let mut all = vec![0; scorer.classes];
                for (class, predicted, n) in confusion.entries {
                    all[class.index()] += n;
                    if class == predicted {
                        correct[class.index()] += n;
                    }
                }
                assert_eq!(all, counts.n);
                let last = counts.seen.last().unwrap().iter();
                assert_eq!(correct, last.map(|n| n.unwrap()).collect::<Vec<_>>());
            }
        }
        for candidates in Matrix::EACH {
            for after in matrices.rows() {
                let entries = matrices.tasks();
                let entries = entries.map(|on| matrices.correct(candidates, after, on));
                let entries: Vec<_> = entries.collect();
                let classes = (0..scorer.classes as u32).map(ClassId);
                let classes = classes.map(|class| counts.correct(candidates, after, class));
                let classes: Vec<_> = classes.collect();
                let sum = |counts: &[Option<u64>]| counts.iter().flatten().sum::<u64>();
                if entries.iter().all(Option::is_some) {
                    assert!(classes.iter().all(Option::is_some), "{candidates} {after}");
                    assert_eq!(sum(&classes), sum(&entries), "{candidates} {after}");
                } else {
                    assert!(sum(&classes) <= sum(&entries), "{candidates} {after}");
                }
            }
        }
        counts
    }

    #[test]
    fn counts_per_class_add_up_to_the_matrices() {
        let classes = [0_u32, 1, 2, 3, 4];
        let samples = classes.iter().flat_map(|&class| {
            let task = if class < 3 { 1 } else { 2 };
            vec![(class, task); class as usize + 2]
        });
        let samples: Vec<_> = samples.collect();
        for scores_unseen in [false, true] {
            let scorer = Scorer::new(&stream(&[3, 2]), scores_unseen);
            let counts = counted(&scorer, &samples, 2);
            assert_eq!(counts.n, [2, 3, 4, 5, 6]);
            let exist = |rows: &[Vec<Option<u64>>]| -> Vec<String> {
                let row = |row: &Vec<Option<u64>>| {
                    let sign = |n: &Option<u64>| if n.is_some() { 'x' } else { '.' };
                    row.iter().map(sign).collect()
                };
                rows.iter().map(row).collect()
            };
            assert_eq!(exist(&counts.seen), [".....", "xxx..", "xxxxx"]);
            let [all, task] = match scores_unseen {
                true => [["xxxxx"; 3]; 2],
                false => [[".....", ".....", "xxxxx"], [".....", "xxx..", "xxxxx"]],
            };
            assert_eq!(exist(&counts.all), all);
            assert_eq!(exist(&counts.task), task);
        }
    }

    #[test]
    fn a_class_that_comes_back_is_counted_once_all_its_tasks_are() {
        // Three tasks {0, 1}, {1, 2} and {2, 0}.
        let samples = [
            (0, 1),
            (1, 1),
            (1, 2),
            (2, 2),
            (2, 2),
            (2, 3),
            (0, 3),
            (0, 3),
        ];
        let exist =
            |row: &[Option<u64>]| -> Vec<bool> { row.iter().map(Option::is_some).collect() };
        for scores_unseen in [false, true] {
            let counts = counted(&returning(scores_unseen), &samples, 3);
            assert_eq!(counts.n, [3, 2, 3]);
            assert_eq!(exist(&counts.seen[1]), [false; 3]);
            assert_eq!(exist(&counts.seen[2]), [false, true, false]);
            assert_eq!(exist(&counts.seen[3]), [true; 3]);
            // All classes have been seen after the second task.
            assert_eq!(exist(&counts.all[2]), [true; 3]);
        }
    }

    #[test]
    fn the_confusion_matrix_has_the_predictions_among_the_seen_classes() {
        let scorer = Scorer::new(&stream(&[2, 1]), true);
        let mut tally = scorer.row(AfterTask(2)).with_confusion();
        for (truth, logits) in [
            (0, [0.0, 1.0, 2.0]),
            (0, [3.0, 3.0, 2.0]),
            (1, [3.0, 3.0, 2.0]),
            (1, [-INF, -INF, -INF]),
            (0, [0.0, 1.0, 1.0]),
        ] {
            tally.add(&image("x", truth, 1), &logits).unwrap();
        }
        tally.add(&image("x", 2, 2), &[0.0, 0.0, INF]).unwrap();
        let entries = tally.into_confusion().unwrap().entries;
        let entries: Vec<_> = entries.iter().map(|(a, b, n)| (a.0, b.0, *n)).collect();
        assert_eq!(
            entries,
            [(0, 0, 1), (0, 1, 1), (0, 2, 1), (1, 0, 2), (2, 2, 1)]
        );
        assert_eq!(scorer.row(AfterTask(2)).into_confusion(), None);
    }
}

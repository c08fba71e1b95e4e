//! The values that a strategy reports while it learns, on their way into the record of its cell.
//!
//! A record keeps a limited number of values, of which every task has an equal share. So what is
//! kept of a task does not depend on the others, and a cell that is resumed after it keeps the
//! same. If a task reports more than its share, its longest curve loses every second value, again
//! and again, so that all of it can still be plotted.
//!
//! What is reported outside `learn` is only logged: how often a strategy is created and restored
//! depends on checkpoints.

use crate::id::TaskId;
use crate::results::Scalar;
use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many values a record keeps.
const MOST: usize = 10_000;

/// The values of the task that is being learned.
#[derive(Debug, Default)]
pub(super) struct Scalars(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// `None` between two tasks.
    learning: Option<Learning>,
    /// Whether the user knows that values are left out, because they are too many or not finite.
    said: (bool, bool),
}

#[derive(Debug)]
struct Learning {
    task: TaskId,
    /// How many values the task may keep.
    share: usize,
    kept: usize,
    /// In the order of their first values.
    curves: Vec<Curve>,
    by_name: HashMap<String, usize>,
}

#[derive(Debug)]
struct Curve {
    name: String,
    reported: u64,
    /// Of the reported values, each of whose number this is a divisor of is kept.
    every: u64,
    points: Vec<(u64, f64)>,
}

impl Scalars {
    /// Starts to keep values: a task, of this many, is being learned.
    pub(super) fn begin(&self, task: TaskId, tasks: usize) {
        self.state().learning = Some(Learning {
            task,
            share: (MOST / tasks.max(1)).max(1),
            kept: 0,
            curves: Vec::new(),
            by_name: HashMap::new(),
        });
    }

    /// The values of the task, curve by curve: it has been learned.
    pub(super) fn end(&self) -> Vec<Scalar> {
        let mut scalars = Vec::new();
        if let Some(Learning { task, curves, .. }) = self.state().learning.take() {
            for Curve { name, points, .. } in curves {
                scalars.extend(points.into_iter().map(|(step, value)| Scalar {
                    name: name.clone(),
                    task,
                    step,
                    value,
                }));
            }
        }
        scalars
    }

    /// Adds a value. Returns what the user should know, once for each reason.
    pub(super) fn add(&self, name: &str, step: u64, value: f64) -> Option<String> {
        let State { learning, said } = &mut *self.state();
        let learning = learning.as_mut()?;
        let task = learning.task;
        if !value.is_finite() {
            return (!mem::replace(&mut said.1, true)).then(|| {
                format!(
                    "`{name}` is {value} at step {step} of task {task}; values that are not finite \
                     are in the log, but not in the record"
                )
            });
        }
        let fits = learning.add(name, step, value);
        (!fits && !mem::replace(&mut said.0, true)).then(|| {
            format!(
                "more than {} values were reported in task {task}, its share of the {MOST} that a \
                 record keeps; every second one is left out of the longest curve, repeatedly",
                learning.share
            )
        })
    }

    /// Plugins call this, so it never panics.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Learning {
    /// Adds a value. Returns whether there was room for it.
    fn add(&mut self, name: &str, step: u64, value: f64) -> bool {
        let index = self.by_name.get(name).copied().unwrap_or_else(|| {
            self.by_name.insert(name.to_owned(), self.curves.len());
            self.curves.push(Curve {
                name: name.to_owned(),
                reported: 0,
                every: 1,
                points: Vec::new(),
            });
            self.curves.len() - 1
        });
        let curve = &mut self.curves[index];
        let due = curve.reported.is_multiple_of(curve.every);
        curve.reported += 1;
        if !due {
            return true;
        }
        curve.points.push((step, value));
        self.kept += 1;
        if self.kept <= self.share {
            return true;
        }
        // The first of equally long ones.
        let curves = self.curves.iter_mut().rev();
        if let Some(longest) = curves.max_by_key(|curve| curve.points.len())
            && longest.points.len() > 1
        {
            self.kept -= longest.thin_out();
        } else if let Some(newest) = self.curves.pop() {
            // There are more names than places.
            self.by_name.remove(&newest.name);
            self.kept -= newest.points.len();
        }
        false
    }
}

impl Curve {
    /// Drops every second value. Returns how many these are.
    fn thin_out(&mut self) -> usize {
        let before = self.points.len();
        let mut keep = false;
        self.points.retain(|_| {
            keep = !keep;
            keep
        });
        self.every *= 2;
        before - self.points.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    /// The steps of each curve.
    fn steps(scalars: &[Scalar]) -> Vec<(&str, Vec<u64>)> {
        let curves = scalars.chunk_by(|one, next| one.name == next.name);
        curves
            .map(|curve| {
                (
                    &*curve[0].name,
                    curve.iter().map(|scalar| scalar.step).collect(),
                )
            })
            .collect()
    }

    #[test]
    fn values_are_kept_curve_by_curve_while_a_task_is_learned() {
        let scalars = Scalars::default();
        assert_eq!(scalars.add("loss", 1, 0.5), None);
        assert_eq!(scalars.end(), []);
        scalars.begin(TaskId(2), 3);
        for step in 1..=3 {
            assert_eq!(scalars.add("loss", step, 0.5), None);
            assert_eq!(scalars.add("accuracy", step, 90.0), None);
        }
        // A trial that begins again.
        assert_eq!(scalars.add("loss", 1, 0.25), None);
        let kept = scalars.end();
        assert_eq!(
            steps(&kept),
            [("loss", vec![1, 2, 3, 1]), ("accuracy", vec![1, 2, 3])]
        );
        assert!(kept.iter().all(|scalar| scalar.task == TaskId(2)));
        assert_eq!(kept[3].value, 0.25);
        assert_eq!(scalars.add("loss", 4, 0.5), None);
        scalars.begin(TaskId(3), 3);
        assert_eq!(scalars.end(), []);
    }

    #[test]
    fn values_that_are_not_finite_are_left_out_and_mentioned_once() {
        let scalars = Scalars::default();
        scalars.begin(TaskId(1), 1);
        assert_eq!(scalars.add("loss", 1, 0.5), None);
        expect!["`loss` is NaN at step 2 of task 1; values that are not finite are in the log, but not in the record"]
            .assert_eq(&scalars.add("loss", 2, f64::NAN).unwrap());
        assert_eq!(scalars.add("loss", 3, f64::INFINITY), None);
        assert_eq!(scalars.add("loss", 4, 0.25), None);
        assert_eq!(steps(&scalars.end()), [("loss", vec![1, 4])]);
    }

    #[test]
    fn the_longest_curves_of_a_task_with_too_many_values_are_thinned_out() {
        let scalars = Scalars::default();
        scalars.begin(TaskId(1), 10);
        let mut said = Vec::new();
        for step in 0..5_000 {
            said.extend(scalars.add("loss", step, 0.5));
            if step % 100 == 0 {
                said.extend(scalars.add("accuracy", step, 90.0));
            }
        }
        expect!["more than 1000 values were reported in task 1, its share of the 10000 that a record keeps; every second one is left out of the longest curve, repeatedly"]
            .assert_eq(&said.concat());
        let kept = scalars.end();
        let [(_, loss), (_, accuracy)] = &steps(&kept)[..] else {
            panic!("two curves");
        };
        assert_eq!(*loss, (0..5_000).step_by(8).collect::<Vec<u64>>());
        assert_eq!(*accuracy, (0..5_000).step_by(100).collect::<Vec<u64>>());
    }

    #[test]
    fn what_is_kept_of_a_task_does_not_depend_on_others() {
        let report = |scalars: &Scalars, task: u32| {
            scalars.begin(TaskId(task), 4);
            for step in 0..u64::from(task) * 2_000 {
                scalars.add("loss", step, 0.5);
            }
            scalars.end()
        };
        let whole = Scalars::default();
        let tasks = [1, 2, 3, 4].map(|task| report(&whole, task));
        let resumed = Scalars::default();
        assert_eq!(report(&resumed, 3), tasks[2]);
        assert_eq!(report(&resumed, 4), tasks[3]);
        let kept = tasks.iter().map(Vec::len);
        assert!(
            kept.clone().all(|kept| (1_000..=2_500).contains(&kept)),
            "{kept:?}"
        );
    }

    #[test]
    fn a_new_name_for_every_value_is_bounded_too() {
        let scalars = Scalars::default();
        scalars.begin(TaskId(1), 1_000);
        for step in 0..100 {
            scalars.add(&format!("loss {step}"), step, 0.5);
        }
        let kept = scalars.end();
        assert_eq!(kept.len(), 10);
        assert_eq!(kept[9].name, "loss 9");
    }
}

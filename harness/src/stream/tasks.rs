//! How many tasks a domain is cut into, and how many classes each of them has.

use super::error::StreamError;
use serde::{Deserialize, Serialize};
use std::iter;

/// How the ordered classes are cut into tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tasks {
    /// This many tasks of equal size. If classes are left over, the first tasks get one more each:
    /// 10 classes in 3 tasks give 4, 3 and 3.
    Count(u32),
    /// Tasks of these sizes, which add up to the number of classes.
    Sizes(Vec<u32>),
    /// A first task, then tasks of equal size. Classes that are left over are a smaller last task,
    /// as in PyCIL: 196 classes by 20 give nine tasks of 20 and one of 16.
    Increments {
        /// The size of the first task.
        base: u32,
        /// The size of the others.
        increment: u32,
    },
}

impl Tasks {
    /// The sizes of the tasks that cut this many classes.
    pub(super) fn sizes(&self, classes: u32) -> Result<Vec<u32>, StreamError> {
        match *self {
            Self::Count(tasks) => {
                check_count(tasks, classes)?;
                let (size, left_over) = (classes / tasks, classes % tasks);
                Ok((0..tasks)
                    .map(|task| size + u32::from(task < left_over))
                    .collect())
            }
            Self::Sizes(ref sizes) => {
                check_sizes(sizes)?;
                check_count(u32::try_from(sizes.len()).unwrap_or(u32::MAX), classes)?;
                let sum = sizes.iter().copied().map(u64::from).sum();
                if sum == u64::from(classes) {
                    Ok(sizes.clone())
                } else {
                    Err(StreamError::SizesDoNotAddUp { sum, classes })
                }
            }
            Self::Increments { base, increment } => {
                check_sizes(&[base, increment])?;
                let Some(rest) = classes.checked_sub(base) else {
                    return Err(StreamError::BaseTooLarge { base, classes });
                };
                let whole = (0..rest / increment).map(|_| increment);
                let left_over = Some(rest % increment).filter(|&size| size > 0);
                Ok(iter::once(base).chain(whole).chain(left_over).collect())
            }
        }
    }
}

fn check_count(tasks: u32, classes: u32) -> Result<(), StreamError> {
    match tasks {
        0 => Err(StreamError::NoTasks),
        _ if tasks > classes => Err(StreamError::MoreTasksThanClasses { tasks, classes }),
        _ => Ok(()),
    }
}

fn check_sizes(sizes: &[u32]) -> Result<(), StreamError> {
    match sizes.iter().position(|&size| size == 0) {
        Some(at) => Err(StreamError::EmptyTask { task: at + 1 }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(tasks: Tasks, classes: u32) -> Vec<u32> {
        tasks.sizes(classes).unwrap()
    }

    fn message(tasks: Tasks) -> String {
        tasks.sizes(10).unwrap_err().to_string()
    }

    #[test]
    fn leftover_classes_go_to_the_first_tasks() {
        assert_eq!(sizes(Tasks::Count(5), 10), [2, 2, 2, 2, 2]);
        assert_eq!(sizes(Tasks::Count(3), 10), [4, 3, 3]);
        assert_eq!(sizes(Tasks::Count(4), 10), [3, 3, 2, 2]);
        assert_eq!(sizes(Tasks::Count(1), 10), [10]);
        assert_eq!(sizes(Tasks::Sizes(vec![6, 1, 3]), 10), [6, 1, 3]);
    }

    /// PyCIL appends tasks of `increment` classes while fewer than all classes are dealt out, then
    /// one of the rest.
    #[test]
    fn increments_are_those_of_pycil() {
        let pycil = |base: u32, increment: u32, classes: u32| {
            let mut sizes = vec![base];
            while sizes.iter().sum::<u32>() + increment < classes {
                sizes.push(increment);
            }
            let rest = classes - sizes.iter().sum::<u32>();
            sizes.extend((rest > 0).then_some(rest));
            sizes
        };
        for classes in 1..=40 {
            for (base, increment) in (1..=classes).flat_map(|base| (1..=45).map(move |i| (base, i)))
            {
                let tasks = Tasks::Increments { base, increment };
                let sizes = tasks.sizes(classes).unwrap();
                assert_eq!(sizes, pycil(base, increment, classes));
            }
        }
        let tasks = |base, increment| Tasks::Increments { base, increment };
        assert_eq!(sizes(tasks(50, 10), 100), [50, 10, 10, 10, 10, 10]);
        let cars = sizes(tasks(20, 20), 196);
        assert_eq!(cars, [20, 20, 20, 20, 20, 20, 20, 20, 20, 16]);
        let json = r#"{"increments":{"base":20,"increment":20}}"#;
        assert_eq!(serde_json::to_string(&tasks(20, 20)).unwrap(), json);
    }

    #[test]
    fn a_stream_that_cannot_be_cut_is_refused() {
        assert_eq!(
            message(Tasks::Count(0)),
            "the stream has no tasks; give it at least one"
        );
        assert_eq!(
            message(Tasks::Sizes(vec![])),
            "the stream has no tasks; give it at least one"
        );
        assert_eq!(
            message(Tasks::Count(11)),
            "11 tasks, but only 10 classes; every task needs a class, so use at most 10 tasks"
        );
        assert_eq!(
            message(Tasks::Sizes(vec![5, 0, 5])),
            "task 2 has the size 0; every task needs at least one class"
        );
        assert_eq!(
            message(Tasks::Sizes(vec![5, 4])),
            "the task sizes add up to 9, but the domain has 10 classes; the two must agree"
        );
        assert_eq!(
            message(Tasks::Increments {
                base: 50,
                increment: 10
            }),
            "the first task has 50 classes, but the domain has only 10; use a `base` of at most 10"
        );
    }
}

//! How many tasks a domain is cut into, and how many classes each of them has.

use super::error::StreamError;
use serde::{Deserialize, Serialize};

/// How the ordered classes are cut into tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tasks {
    /// This many tasks of equal size. If classes are left over, the first tasks get one more each:
    /// 10 classes in 3 tasks give 4, 3 and 3.
    Count(u32),
    /// Tasks of these sizes, which add up to the number of classes.
    Sizes(Vec<u32>),
}

impl Tasks {
    pub(super) fn sizes(&self, classes: u32) -> Result<Vec<u32>, StreamError> {
        let tasks = match self {
            Self::Count(tasks) => *tasks,
            Self::Sizes(sizes) => u32::try_from(sizes.len()).unwrap_or(u32::MAX),
        };
        if tasks == 0 {
            return Err(StreamError::NoTasks);
        }
        if let Self::Sizes(sizes) = self
            && let Some(at) = sizes.iter().position(|&size| size == 0)
        {
            return Err(StreamError::EmptyTask { task: at + 1 });
        }
        if tasks > classes {
            return Err(StreamError::MoreTasksThanClasses { tasks, classes });
        }
        match self {
            Self::Count(_) => {
                let (size, left_over) = (classes / tasks, classes % tasks);
                Ok((0..tasks)
                    .map(|task| size + u32::from(task < left_over))
                    .collect())
            }
            Self::Sizes(sizes) => {
                let sum = sizes.iter().copied().map(u64::from).sum();
                if sum == u64::from(classes) {
                    Ok(sizes.clone())
                } else {
                    Err(StreamError::SizesDoNotAddUp { sum, classes })
                }
            }
        }
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
    }
}

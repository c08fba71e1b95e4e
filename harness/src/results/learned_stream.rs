//! A cell's stream, as found: its domains, its classes and its tasks.

use crate::domain::content::Trust;
use crate::id::{ClassId, TaskId};
use crate::stream::{Stream, StreamTask};
use serde::{Deserialize, Serialize};

/// A cell's stream, as found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearnedStream {
    /// The stream's domains, in order.
    pub domains: Vec<LearnedDomain>,
    /// Hash of the class order.
    pub class_order_digest: String,
    /// Class names in the order in which they are learned.
    pub classes: Vec<String>,
    /// The domain with which each class first arrives, as an index; omitted if the stream has only
    /// one domain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_domains: Vec<u32>,
    /// Number of classes of each task, in order.
    pub task_sizes: Vec<u32>,
    /// The domain of each task, as an index; omitted if the stream has only one domain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub task_domains: Vec<u32>,
    /// The classes of each task, as indices, lowest first; omitted if no class comes back, so that
    /// every task has the classes after those of the task before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub task_classes: Vec<Vec<ClassId>>,
}

impl LearnedStream {
    /// A stream, as it is recorded. `templates` are those of each of its domains.
    pub fn of(stream: &Stream, domains: Vec<LearnedDomain>, templates: &[&[String]]) -> Self {
        let tasks: Vec<&StreamTask> = stream.tasks().map(|task| stream.task(task)).collect();
        let several = domains.len() > 1;
        let returns =
            tasks.iter().map(|task| task.classes.len()).sum::<usize>() > stream.n_classes();
        let index = |domain: usize| domain as u32;
        LearnedStream {
            class_order_digest: stream.order_digest(templates).as_str().to_owned(),
            classes: (stream.classes().iter())
                .map(|class| class.name.clone())
                .collect(),
            class_domains: match several {
                true => (stream.classes().iter().map(|class| index(class.domain))).collect(),
                false => Vec::new(),
            },
            task_sizes: (tasks.iter().map(|task| task.classes.len() as u32)).collect(),
            task_domains: match several {
                true => tasks.iter().map(|task| index(task.domain)).collect(),
                false => Vec::new(),
            },
            task_classes: match returns {
                true => tasks.iter().map(|task| task.classes.clone()).collect(),
                false => Vec::new(),
            },
            domains,
        }
    }

    /// The classes of each task, lowest first.
    pub fn classes_of_tasks(&self) -> Vec<Vec<ClassId>> {
        if !self.task_classes.is_empty() {
            return self.task_classes.clone();
        }
        let mut next = 0;
        let sizes = self.task_sizes.iter();
        sizes
            .map(|size| {
                let start = next;
                next += size;
                (start..next).map(ClassId).collect()
            })
            .collect()
    }

    /// The index of a task's domain.
    pub fn domain_of(&self, task: TaskId) -> usize {
        let domain = self.task_domains.get(task.index());
        domain.map_or(0, |&domain| domain as usize)
    }

    /// The number of classes of the tasks after the first, and how many of these had arrived
    /// before.
    pub fn returning(&self) -> (usize, usize) {
        let (mut seen, mut later, mut known) = (0, 0, 0);
        for (task, classes) in self.classes_of_tasks().iter().enumerate() {
            let old = classes.iter().filter(|class| class.index() < seen).count();
            if task > 0 {
                later += classes.len();
                known += old;
            }
            seen += classes.len() - old;
        }
        (later, known)
    }

    /// Checks that tasks and classes fit each other.
    pub(super) fn check(&self) -> Result<(), String> {
        let (domains, classes) = (self.domains.len(), self.classes.len());
        let tasks = self.task_sizes.len();
        for (what, list, n) in [
            ("classes", &self.class_domains, classes),
            ("tasks", &self.task_domains, tasks),
        ] {
            let expected = if domains > 1 { n } else { 0 };
            if list.len() != expected || list.iter().any(|&domain| domain as usize >= domains) {
                return Err(format!("the domains of its {what} do not fit its stream"));
            }
        }
        let sizes = || self.task_sizes.iter().map(|&size| u64::from(size));
        if self.task_classes.is_empty() {
            let of_tasks = sizes().sum::<u64>();
            if of_tasks != classes as u64 {
                return Err(format!(
                    "its tasks have {of_tasks} classes, but it lists {classes}"
                ));
            }
            return Ok(());
        }
        let of_tasks = self.task_classes.iter().map(|task| task.len() as u64);
        let mut seen = 0;
        let arrive = |task: &Vec<ClassId>| {
            let ascending = task.windows(2).all(|pair| pair[0] < pair[1]);
            let new = task.iter().skip_while(|class| class.index() < seen);
            let next = new.clone().count();
            let in_order = (seen..).zip(new).all(|(id, class)| class.index() == id);
            seen += next;
            ascending && in_order && !task.is_empty()
        };
        let fits = of_tasks.eq(sizes()) && self.task_classes.iter().all(arrive);
        match fits && seen == classes {
            true => Ok(()),
            false => Err("the classes of its tasks do not fit its stream".to_owned()),
        }
    }
}

/// A domain, as found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearnedDomain {
    /// Hash of the images that were learned and predicted, in the order of the split.
    pub content_digest: String,
    /// When a file of the images counted as unchanged, unless by inode.
    #[serde(default, skip_serializing_if = "Trust::is_inode")]
    pub trust: Trust,
    /// Number of training samples.
    pub n_train: u64,
    /// Number of test samples.
    pub n_test: u64,
}

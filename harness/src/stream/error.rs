//! What can be wrong with a stream. Each error is a mistake in the scenario.

/// A stream that cannot be cut from its domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// A stream without tasks.
    #[error("the stream has no tasks; give it at least one")]
    NoTasks,
    /// Some task would have no class.
    #[error(
        "{tasks} tasks, but only {classes} classes; every task needs a class, so use at most {classes} tasks"
    )]
    MoreTasksThanClasses {
        /// Tasks asked for.
        tasks: u32,
        /// Classes that the domain has.
        classes: u32,
    },
    /// One of the sizes is zero.
    #[error("task {task} has the size 0; every task needs at least one class")]
    EmptyTask {
        /// The task, counted from 1.
        task: usize,
    },
    /// The sizes add up to fewer or more classes than there are.
    #[error(
        "the task sizes add up to {sum}, but the domain has {classes} classes; the two must agree"
    )]
    SizesDoNotAddUp {
        /// The sum of the sizes.
        sum: u64,
        /// Classes that the domain has.
        classes: u32,
    },
    /// A seed that `numpy.random.seed` refuses.
    #[error(
        "numpy takes seeds from 0 to 4294967295, but the class order has the seed {seed}; choose a smaller one"
    )]
    SeedTooLargeForNumpy {
        /// The seed.
        seed: u64,
    },
    /// The first task would have more classes than there are.
    #[error(
        "the first task has {base} classes, but the domain has only {classes}; use a `base` of at most {classes}"
    )]
    BaseTooLarge {
        /// Classes of the first task.
        base: u32,
        /// Classes that the domain has.
        classes: u32,
    },
    /// A written-out class order has fewer or more classes than the domain.
    #[error(
        "the class order lists {listed} classes, but the domain has {classes}; it must list each of 0 to {} once",
        classes.saturating_sub(1)
    )]
    OrderOfOtherLength {
        /// Classes that the order lists.
        listed: usize,
        /// Classes that the domain has.
        classes: u32,
    },
}

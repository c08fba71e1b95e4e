//! What can be wrong with a stream: each is a mistake in the scenario.

/// A stream that cannot be cut from its domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// A stream without tasks.
    #[error("a stream of 0 tasks: give at least one task")]
    NoTasks,
    /// Some task would be left without a class.
    #[error(
        "{tasks} tasks, but the domain has {classes} classes: every task needs a class of its own, so ask for at most {classes} tasks"
    )]
    MoreTasksThanClasses {
        /// Tasks asked for.
        tasks: u32,
        /// Classes that the domain has.
        classes: u32,
    },
    /// One of the sizes is zero.
    #[error("task {task} has the size 0: every task needs at least one class")]
    EmptyTask {
        /// The task, counted from 1.
        task: usize,
    },
    /// The sizes leave classes over, or want more than there are.
    #[error(
        "the task sizes add up to {sum}, but the domain has {classes} classes: the two must agree"
    )]
    SizesDoNotAddUp {
        /// The sum of the sizes.
        sum: u64,
        /// Classes that the domain has.
        classes: u32,
    },
    /// A seed that `numpy.random.seed` refuses.
    #[error(
        "the class order is drawn by numpy with the seed {seed}, but numpy.random.seed takes seeds from 0 to 4294967295: choose a smaller seed"
    )]
    SeedTooLargeForNumpy {
        /// The seed.
        seed: u64,
    },
}

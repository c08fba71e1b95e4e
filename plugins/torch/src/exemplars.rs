//! An exemplar memory: samples of past tasks that a strategy keeps, within a budget.
//!
//! Strategies that replay differ in what they do with kept samples, much less in how they keep
//! them. So the memory is here, for every plugin on libtorch:
//!
//! - [`Parameters`] is what a scenario sets, nested in a strategy's own as `memory: { size: 2000 }`.
//!   With the strategy's defaults it becomes [`Settings`], which the strategy checks and counts.
//! - [`Memory`] holds the samples, features or images ([`Contents`]), and is part of the state.
//!   After a task, [`Memory::update`] chooses among what it holds and the task's samples.
//! - [`herding()`] is the order in which iCaRL picks the samples of a class.
//!
//! # Which samples are kept
//!
//! With [`Selection::Herding`] and [`Selection::Random`], every class seen so far has the same
//! number of exemplars, or all its samples if it has fewer: a number per class, or an equal share of
//! a total. The exemplars of a class are in the order of the picks. When shares shrink because new
//! classes arrive, older classes keep their first picks, which are what a smaller share would have
//! picked in the first place.
//!
//! A class can come back in a later task, for example in another domain. Its exemplars are then
//! chosen anew among those that are kept and the new samples. The samples that were dropped are not
//! forgotten: the memory counts them.
//!
//! - Herding approximates the mean of all samples that the class has had: the mean of the kept
//!   exemplars, weighted by the number of samples they stand for, and that of the new samples.
//! - Random selection takes the first picks of one random permutation of all these samples, exactly
//!   as if they had come at once.
//!
//! With [`Selection::Reservoir`] the memory as a whole is a uniform sample of everything seen
//! (Vitter, 1985). A class has as many exemplars as chance gives it.

mod herding;
mod memory;
mod parameters;
mod picks;

pub use herding::{herding, unit_rows};
pub use memory::{Memory, Offer};
pub use parameters::{Budget, Contents, Parameters, Selection, Settings};

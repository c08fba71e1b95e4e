//! What differs between methods: which prompts an image gets, and the head's input.

use crate::head;
use crate::training::Training;
use clbench_torch::Generator;
use clbench_torch::tch::nn::Path;
use clbench_torch::tch::{TchError, Tensor};
use harness_abi::{Outline, ParameterSet, Result};
use std::fmt::Debug;

/// A prompting method.
pub trait Method: Debug + Sized + 'static {
    /// The parameters that a scenario can set.
    type Parameters: ParameterSet;

    /// Checks the parameters against backbone and stream, and plans the training.
    ///
    /// # Errors
    ///
    /// If a parameter is out of range or the backbone lacks a site.
    fn plan(parameters: &Self::Parameters, outline: &Outline) -> Result<Plan>;

    /// Creates the method before its first task, with its parameters among `variables`. `width` is
    /// the width of a token and of a query.
    ///
    /// # Errors
    ///
    /// If libtorch runs out of memory.
    fn new(
        parameters: Self::Parameters,
        plan: &Plan,
        width: i64,
        variables: &Path<'_>,
        generator: &mut Generator,
    ) -> Result<Self>;

    /// Prepares the parameters for a task, counted from 1.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    fn begin(&mut self, _task: u32, _generator: &mut Generator) -> Result<()> {
        Ok(())
    }

    /// Selects the prompts of images with these queries, `[images, width]`, on the queries' device.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    fn choose(&self, query: &Tensor, stage: Stage) -> Result<Chosen, TchError>;

    /// The head's input, `[images, width]`, from the planned output.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    fn pooled(&self, output: &Tensor) -> Result<Tensor, TchError>;
}

/// The plan of a method.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The training settings.
    pub training: Training,
    /// The sites of its prompts.
    pub sites: Vec<String>,
    /// The backbone output that the head's input is computed from.
    pub output: &'static str,
    /// The number of trained vectors of a token's width: prompts and keys.
    pub vectors: u64,
    /// The initialisation of the head.
    pub head: head::Init,
    /// The number of tasks of the stream.
    pub tasks: u32,
    /// Whether the prompts of an image depend on the other images of its batch.
    pub batch_dependent: bool,
}

/// When prompts are selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// In a training step of this task, counted from 1.
    Training(u32),
    /// At prediction, after this many tasks.
    Prediction(u32),
}

impl Stage {
    /// The number of tasks so far, including the one being trained.
    pub fn tasks(self) -> u32 {
        match self {
            Stage::Training(task) => task,
            Stage::Prediction(tasks) => tasks,
        }
    }
}

/// Prompts for a batch of images.
#[derive(Debug)]
pub struct Chosen {
    /// By site, in the plan's order: `[images, n, width]` for tokens, `[images, 2, n, width]` for
    /// keys and values.
    pub prompts: Vec<Tensor>,
    /// The method's term of the loss beside the cross-entropy; used in training only.
    pub term: Option<Tensor>,
}

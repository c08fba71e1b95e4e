//! What differs between the methods: which prompts an image gets, and what the head reads.

use crate::head;
use crate::training::Training;
use clbench_torch::Generator;
use clbench_torch::tch::nn::Path;
use clbench_torch::tch::{TchError, Tensor};
use harness_abi::{Outline, ParameterSet, Result};
use std::fmt::Debug;

/// A method of prompting.
pub trait Method: Debug + Sized + 'static {
    /// What a scenario can set.
    type Parameters: ParameterSet;

    /// Checks the parameters against backbone and stream, and says what will be done.
    ///
    /// # Errors
    ///
    /// For a parameter out of range or a backbone that lacks a site.
    fn plan(parameters: &Self::Parameters, outline: &Outline) -> Result<Plan>;

    /// The method before its first task, its parameters among the variables. `width` is that of a token and of a query.
    ///
    /// # Errors
    ///
    /// If libtorch has no memory left.
    fn new(
        parameters: Self::Parameters,
        plan: &Plan,
        width: i64,
        variables: &Path<'_>,
        generator: &mut Generator,
    ) -> Result<Self>;

    /// Readies the parameters for a task, from 1.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
    fn begin(&mut self, _task: u32, _generator: &mut Generator) -> Result<()> {
        Ok(())
    }

    /// The prompts of images with these queries, `[images, width]`, on their device.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
    fn choose(&self, query: &Tensor, stage: Stage) -> Result<Chosen, TchError>;

    /// What the head reads, `[images, width]`, of the planned output.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
    fn pooled(&self, output: &Tensor) -> Result<Tensor, TchError>;
}

/// What a method will do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// How it is trained.
    pub training: Training,
    /// Where its prompts go in.
    pub sites: Vec<String>,
    /// The output that the head reads something of.
    pub output: &'static str,
    /// How many numbers its prompts and keys have, for each of a token's width.
    pub vectors: u64,
    /// How the head begins.
    pub head: head::Init,
    /// How many tasks there are.
    pub tasks: u32,
    /// Whether the prompts of an image depend on the other images of its batch.
    pub batch_dependent: bool,
}

/// When prompts are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// In a step of that task, from 1.
    Training(u32),
    /// After so many tasks.
    Prediction(u32),
}

impl Stage {
    /// How many tasks have been met, the one being learned among them.
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
    /// By site, in the plan's order: `[images, n, width]` for tokens, `[images, 2, n, width]` for keys and values.
    pub prompts: Vec<Tensor>,
    /// What the loss has besides the cross-entropy; asked for in training only.
    pub term: Option<Tensor>,
}

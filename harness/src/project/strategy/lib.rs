//! `my-strategy`: a continual-learning strategy for clbench.
//!
//! As generated, it is nearest class mean: each class is remembered by the mean of its training
//! features, and an image belongs to the class with the nearest mean. Replace it piece by piece.
//!
//! clbench calls a strategy in this order:
//!
//! 1. [`check`](Strategy::check), before anything is trained: do the parameters fit together, and
//!    does the backbone offer what the strategy needs?
//! 2. [`create`](Strategy::create), once per domain and seed.
//! 3. For each task: [`learn`](Strategy::learn) from the task's training data, then
//!    [`state`](Strategy::state). clbench drops the strategy, creates it again and calls
//!    [`restore`](Strategy::restore): what is not in the state is forgotten.
//! 4. After each task: [`predict`](Strategy::predict) on the test images of all tasks.

use harness_abi::{
    Batch, Declaration, Keeps, Learned, Outline, ParameterSet, Result, Setting, State, Strategy,
    Task, Tensor, export_plugin,
};
use serde::Deserialize;

// What the plugin file offers. A scenario names the strategy by the text on the left;
// `clbench ls strategies` prints the line on the right. `runtime: none` means: no libtorch.
export_plugin! {
    runtime: none,
    backbones: {},
    strategies: {
        "my-strategy": MyStrategy => "nearest class mean, a starting point",
    },
    metrics: {},
}

/// The keys of `parameters:` in a scenario, each with its default and its range. Unknown keys and
/// values out of range are errors with their line in the scenario. Users read the doc comments in
/// `clbench ls strategies my-strategy`.
#[derive(Debug, Clone, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// How strongly means are shrunk towards zero: the sum of n features is divided by
    /// n + shrinkage.
    #[parameter(default = 0.0, at_least = 0)]
    pub shrinkage: f64,
}

/// The strategy between two calls.
pub struct MyStrategy {
    parameters: Parameters,
    /// The number of classes in the stream, and of values in a feature.
    classes: usize,
    width: usize,
    /// The sum of each class's features, `[classes, width]`, row by row; zero for classes that have
    /// not been learned. Sums, because a class can come back in a later task with more samples.
    sums: Vec<f64>,
    /// How many features each sum has.
    counts: Vec<u64>,
}

impl Strategy for MyStrategy {
    type Parameters = Parameters;

    fn check(_parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
        // Parameters are in range here. For those that do not fit together, or do not fit the
        // backbone, return `Error::parameter("shrinkage", "…")`.
        let width = outline.backbone()?.embedding_width;
        // What the leaderboard says about the strategy.
        Ok(Declaration {
            keeps: vec![Keeps::Statistics],
            // Whether `predict` can score classes that have not been learned, as zero-shot CLIP
            // can.
            scores_unseen: false,
            trainable_parameters: u64::from(outline.classes) * u64::from(width),
            ..Declaration::default()
        })
    }

    fn create(parameters: Parameters, setting: Setting) -> Result<Self> {
        // `setting.seed` is the only source of randomness that a strategy may use.
        let classes = setting.classes as usize;
        let width = setting.backbone()?.info().embedding_width as usize;
        Ok(MyStrategy {
            parameters,
            classes,
            width,
            sums: vec![0.0; classes * width],
            counts: vec![0; classes],
        })
    }

    fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
        // Features of the task's training images from backbone 0, f32 `[samples, width]`.
        // `task.images(0, rows)` gives the images themselves.
        let features = task.features(0, &task.rows())?;
        let features: &[f32] = features.view().as_slice()?;
        // `task.labels()` holds the class id of each row.
        for (row, &label) in features.chunks_exact(self.width).zip(task.labels()) {
            let class = label as usize;
            self.counts[class] += 1;
            let sums = &mut self.sums[class * self.width..][..self.width];
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += f64::from(*value);
            }
        }
        // No optimiser was used. One that trains counts its steps here.
        Ok(Learned { optimiser_steps: 0 })
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<Tensor> {
        // The batch has no labels and no task: only images, and the classes to score. The logits
        // are f32 `[images, classes]`; the highest wins.
        let features = batch.features(0)?;
        let features: &[f32] = features.view().as_slice()?;
        let classes = batch.classes().iter();
        let means: Vec<Vec<f32>> = classes.map(|class| self.mean(class.id as usize)).collect();
        let mut logits = Vec::with_capacity(batch.len() * means.len());
        for row in features.chunks_exact(self.width) {
            for mean in &means {
                let distance: f32 = row.iter().zip(mean).map(|(a, b)| (a - b) * (a - b)).sum();
                logits.push(-distance);
            }
        }
        Tensor::from_vec(logits, &[batch.len() as i64, batch.classes().len() as i64])
    }

    fn state(&self) -> Result<State> {
        // Tensors by name, and JSON for everything else. The size of the state is a column of
        // costs.csv.
        let shape = [self.classes as i64, self.width as i64];
        let mut state = State::default();
        state.write(&self.counts)?;
        let sums = Tensor::from_vec(self.sums.clone(), &shape)?;
        state.tensors.push(("sums".into(), sums));
        Ok(state)
    }

    fn restore(&mut self, mut state: State) -> Result<()> {
        let shape = [self.classes as i64, self.width as i64];
        let sums = state.take("sums")?;
        sums.view().expect_shape("`sums`", &shape)?;
        self.sums = sums.view().to_vec()?;
        self.counts = state.read()?;
        Ok(())
    }
}

impl MyStrategy {
    /// The mean feature of a class, shrunk towards zero.
    fn mean(&self, class: usize) -> Vec<f32> {
        let n = self.counts[class].max(1) as f64 + self.parameters.shrinkage;
        let sums = &self.sums[class * self.width..][..self.width];
        sums.iter().map(|sum| (sum / n) as f32).collect()
    }
}

//! A stream of tasks that needs no files: pictures of coloured tiles.
//!
//! Every class has a picture of 4 × 4 tiles in its own colours, and every sample is that picture
//! with noise on each pixel. Classes are easy to tell apart, even from raw pixels, so a strategy's
//! errors are mostly forgetting.

use super::random::Random;
use crate::backbone::{BackboneInfo, Inputs};
use crate::error::{Error, Result};
use crate::foreign::{BackboneHandle, SampleSource};
use crate::strategy::{Class, Outline};
use crate::tensor::{Tensor, TensorView};
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;

const TILES: usize = 4;
const NAMES: [&str; 12] = [
    "harbour", "meadow", "violin", "lantern", "granite", "sparrow", "kettle", "orchard", "glacier",
    "bicycle", "thistle", "anchor",
];

/// The synthetic stream's settings. The default has three tasks of two, three and two classes.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntheticStream {
    /// The number of classes of each task.
    pub classes_per_task: Vec<u32>,
    /// Training samples per class.
    pub train_per_class: u32,
    /// Test samples per class.
    pub test_per_class: u32,
    /// The standard deviation of a pixel's noise, on the scale 0 to 255.
    pub noise: f64,
    /// The seed of the classes' pictures and of the noise.
    pub seed: u64,
}

impl Default for SyntheticStream {
    fn default() -> Self {
        SyntheticStream {
            classes_per_task: vec![2, 3, 2],
            train_per_class: 16,
            test_per_class: 12,
            noise: 20.0,
            seed: 1,
        }
    }
}

/// The stream for particular backbones.
pub(crate) struct Stream {
    spec: SyntheticStream,
    /// One picture of tiles per class, in 0..=255, `[3, tiles, tiles]`.
    pictures: Vec<Vec<f64>>,
    pub(crate) classes: Vec<Class>,
    backbones: Vec<BackboneHandle>,
    /// The features of all samples, by backbone: training samples first, then test samples.
    features: Vec<OnceCell<Vec<f32>>>,
    /// The other outputs that the strategy declares that it reads.
    declared: RefCell<Vec<String>>,
    /// The values of these outputs, by backbone and name.
    outputs: RefCell<BTreeMap<(usize, String), Output>>,
}

/// An output of all samples.
struct Output {
    width: usize,
    values: Vec<f32>,
}

impl Stream {
    pub(crate) fn new(spec: SyntheticStream, backbones: Vec<BackboneHandle>) -> Stream {
        let n: u32 = spec.classes_per_task.iter().sum();
        let classes = (0..n)
            .map(|id| {
                let name = NAMES[id as usize % NAMES.len()];
                let name = match id as usize / NAMES.len() {
                    0 => name.to_owned(),
                    again => format!("{name} {}", again + 1),
                };
                Class {
                    id,
                    name,
                    templates: vec!["a photo of a {}".into(), "a picture of a {}".into()],
                }
            })
            .collect();
        let picture = |class| {
            let mut random = Random::stream(spec.seed, class);
            let tiles = 3 * TILES * TILES;
            (0..tiles)
                .map(|_| 30.0 + 195.0 * random.uniform())
                .collect()
        };
        Stream {
            pictures: (0..u64::from(n)).map(picture).collect(),
            classes,
            features: backbones.iter().map(|_| OnceCell::new()).collect(),
            declared: RefCell::default(),
            outputs: RefCell::default(),
            backbones,
            spec,
        }
    }

    pub(crate) fn backbones(&self) -> &[BackboneHandle] {
        &self.backbones
    }

    /// What a strategy is told of the stream before anything is trained.
    pub(crate) fn outline(
        &self,
        device: &str,
        folder: &Path,
        backbones: &[BackboneHandle],
    ) -> Outline {
        Outline {
            tasks: self.tasks() as u32,
            classes: self.classes.len() as u32,
            samples: self.train_total().into(),
            task_samples: self.train_of_largest_task().into(),
            device: device.into(),
            folder: folder.into(),
            backbones: backbones.iter().map(|b| b.info().clone()).collect(),
        }
    }

    /// Sets the outputs that the strategy declares that it reads.
    pub(crate) fn declare(&self, reads: &[String]) {
        *self.declared.borrow_mut() = reads.to_vec();
    }

    pub(crate) fn tasks(&self) -> usize {
        self.spec.classes_per_task.len()
    }

    /// The classes of the first `tasks` tasks.
    pub(crate) fn seen(&self, tasks: usize) -> &[Class] {
        let seen: u32 = self.spec.classes_per_task[..tasks].iter().sum();
        &self.classes[..seen as usize]
    }

    /// The training samples of a task, from 0, in a seeded order.
    pub(crate) fn train(&self, task: usize) -> Samples<'_> {
        let first = self.seen(task).len() as u32;
        let classes = first..self.seen(task + 1).len() as u32;
        let per_class = self.spec.train_per_class;
        let mut ids: Vec<u32> = (classes.start * per_class..classes.end * per_class).collect();
        Random::stream(self.spec.seed, 1_000 + task as u64).shuffle(&mut ids);
        Samples {
            stream: self,
            ids,
            training: true,
        }
    }

    /// A task of the same stream with the first class divided: every other training sample of it
    /// arrives with the last task, which then brings this class again. There are at least two
    /// tasks.
    pub(crate) fn train_divided(&self, task: usize) -> (Vec<Class>, Samples<'_>) {
        let mut classes = self.seen(task + 1)[self.seen(task).len()..].to_vec();
        let mut samples = self.train(task);
        // The samples of class 0 have the numbers below this one.
        let moves = |id: &u32| *id < self.spec.train_per_class && *id % 2 == 1;
        if task == 0 {
            samples.ids.retain(|id| !moves(id));
        }
        if task == self.tasks() - 1 {
            let later = self.train(0).ids.into_iter().filter(moves);
            samples.ids.extend(later);
            classes.insert(0, self.classes[0].clone());
        }
        (classes, samples)
    }

    /// All test samples, in a seeded order.
    pub(crate) fn test(&self) -> Samples<'_> {
        let mut ids: Vec<u32> = (self.train_total()..self.total()).collect();
        Random::stream(self.spec.seed, 2_000).shuffle(&mut ids);
        Samples {
            stream: self,
            ids,
            training: false,
        }
    }

    /// The number of training samples of all tasks.
    pub(crate) fn train_total(&self) -> u32 {
        self.classes.len() as u32 * self.spec.train_per_class
    }

    /// The number of training samples of the largest task.
    pub(crate) fn train_of_largest_task(&self) -> u32 {
        let classes = self.spec.classes_per_task.iter().max();
        classes.copied().unwrap_or_default() * self.spec.train_per_class
    }

    fn total(&self) -> u32 {
        self.train_total() + self.classes.len() as u32 * self.spec.test_per_class
    }

    fn class(&self, id: u32) -> usize {
        let (offset, per_class) = match id.checked_sub(self.train_total()) {
            Some(test) => (test, self.spec.test_per_class),
            None => (id, self.spec.train_per_class),
        };
        (offset / per_class) as usize
    }

    /// A sample's pixels `[3, height, width]`. Every `draw` has its own noise; 0 is the plain
    /// sample.
    fn pixels(&self, id: u32, draw: u64, info: &BackboneInfo, into: &mut Vec<u8>) {
        let (height, width) = (info.image.height as usize, info.image.width as usize);
        let tiles = &self.pictures[self.class(id)];
        let mut random = Random::stream(
            self.spec.seed ^ draw.rotate_left(32),
            10_000 + u64::from(id),
        );
        for channel in 0..3 {
            for y in 0..height {
                for x in 0..width {
                    let tile = (channel * TILES + y * TILES / height) * TILES + x * TILES / width;
                    // `as` clamps to 0 and 255.
                    into.push((tiles[tile] + self.spec.noise * random.normal()) as u8);
                }
            }
        }
    }

    fn images(&self, backbone: usize, ids: &[u32], draw: u64) -> Result<Tensor> {
        let info = self.backbone(backbone)?.info();
        let mut pixels = Vec::new();
        for &id in ids {
            self.pixels(id, draw, info, &mut pixels);
        }
        let (height, width) = (info.image.height.into(), info.image.width.into());
        Tensor::from_vec(pixels, &[ids.len() as i64, 3, height, width])
    }

    fn features(&self, backbone: usize, ids: &[u32]) -> Result<Tensor> {
        let handle = self.backbone(backbone)?;
        let width = handle.info().embedding_width as usize;
        if self.features[backbone].get().is_none() {
            let all: Vec<u32> = (0..self.total()).collect();
            let mut features = Vec::with_capacity(all.len() * width);
            for ids in all.chunks(handle.info().image_batch.max(1) as usize) {
                let images = self.images(backbone, ids, 0)?;
                let embeddings = handle.encode_images(images.view())?;
                let shape = [ids.len() as i64, width as i64];
                embeddings.view().expect_shape("the features", &shape)?;
                features.extend(embeddings.view().to_vec::<f32>()?);
            }
            let _ = self.features[backbone].set(features);
        }
        let features = self.features[backbone].get().expect("set above");
        let rows = ids
            .iter()
            .flat_map(|&id| &features[id as usize * width..][..width])
            .copied()
            .collect();
        Tensor::from_vec(rows, &[ids.len() as i64, width as i64])
    }

    fn output(&self, backbone: usize, output: &str, ids: &[u32]) -> Result<Tensor> {
        let handle = self.backbone(backbone)?;
        if !self.declared.borrow().iter().any(|read| read == output) {
            return Err(Error::failed(format!(
                "the output `{output}` was not declared; add it to `Declaration::reads`"
            )));
        }
        let mut outputs = self.outputs.borrow_mut();
        let key = (backbone, output.to_owned());
        if !outputs.contains_key(&key) {
            let all: Vec<u32> = (0..self.total()).collect();
            let (mut width, mut values) = (0, Vec::new());
            for ids in all.chunks(handle.info().image_batch.max(1) as usize) {
                let images = self.images(backbone, ids, 0)?;
                let inputs = Inputs::Images {
                    images: images.view(),
                    options: b"",
                };
                let forward = handle.forward(&inputs, &[], &[output])?;
                let view = forward.outputs[0].view();
                let what = format!("the output `{output}`");
                view.expect_shape(&what, &[ids.len() as i64, -1])?;
                width = view.shape()[1] as usize;
                values.extend(view.to_vec::<f32>()?);
            }
            outputs.insert(key.clone(), Output { width, values });
        }
        let Output { width, values } = &outputs[&key];
        let rows = ids
            .iter()
            .flat_map(|&id| &values[id as usize * width..][..*width])
            .copied()
            .collect();
        Tensor::from_vec(rows, &[ids.len() as i64, *width as i64])
    }

    fn backbone(&self, number: usize) -> Result<&BackboneHandle> {
        self.backbones.get(number).ok_or_else(|| {
            Error::failed(format!(
                "there is no backbone {number}; the strategy has {}",
                self.backbones.len()
            ))
        })
    }
}

/// Samples, as a host lends them.
#[derive(Clone)]
pub(crate) struct Samples<'s> {
    stream: &'s Stream,
    /// The samples' numbers in the stream.
    ids: Vec<u32>,
    training: bool,
}

impl<'s> Samples<'s> {
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The class of every row.
    pub(crate) fn labels(&self) -> Vec<i64> {
        self.ids
            .iter()
            .map(|&id| self.stream.class(id) as i64)
            .collect()
    }

    /// Every row's number in the training split.
    pub(crate) fn index(&self) -> Vec<u64> {
        self.ids.iter().map(|&id| id.into()).collect()
    }

    /// Some of the rows.
    pub(crate) fn rows(&self, rows: &[usize]) -> Samples<'s> {
        Samples {
            ids: rows.iter().map(|&row| self.ids[row]).collect(),
            ..*self
        }
    }

    fn ids(&self, rows: &[u32]) -> Result<Vec<u32>> {
        rows.iter()
            .map(|&row| {
                self.ids.get(row as usize).copied().ok_or_else(|| {
                    Error::failed(format!("there is no row {row}; there are {}", self.len()))
                })
            })
            .collect()
    }
}

impl SampleSource for Samples<'_> {
    fn features(&self, backbone: usize, rows: &[u32]) -> Result<Tensor> {
        self.stream.features(backbone, &self.ids(rows)?)
    }

    fn output(&self, backbone: usize, output: &str, rows: &[u32]) -> Result<Tensor> {
        self.stream.output(backbone, output, &self.ids(rows)?)
    }

    fn images(&self, backbone: usize, rows: &[u32]) -> Result<Tensor> {
        self.stream.images(backbone, &self.ids(rows)?, 0)
    }

    fn augmented_images(&self, backbone: usize, rows: &[u32], draw: u64) -> Result<Tensor> {
        if !self.training {
            return Err(Error::unsupported(
                "augmented images are for training batches only",
            ));
        }
        self.stream
            .images(backbone, &self.ids(rows)?, draw.wrapping_add(1))
    }
}

/// Random images in the form that a backbone takes, u8 `[n, 3, height, width]`.
pub(crate) struct Images {
    pub(crate) pixels: Vec<u8>,
    pub(crate) shape: [i64; 4],
}

impl Images {
    pub(crate) fn random(info: &BackboneInfo, n: usize, seed: u64) -> Images {
        let (height, width) = (info.image.height.into(), info.image.width.into());
        let pixels = 3 * info.image.height as usize * info.image.width as usize;
        Images {
            pixels: Random::new(seed).bytes(n * pixels),
            shape: [n as i64, 3, height, width],
        }
    }

    pub(crate) fn view(&self) -> Result<TensorView<'_>> {
        TensorView::new(&self.pixels, &self.shape)
    }

    /// Some of the images.
    pub(crate) fn rows(&self, rows: &[usize]) -> Images {
        let size = self.pixels.len() / self.shape[0].max(1) as usize;
        Images {
            pixels: rows
                .iter()
                .flat_map(|&row| &self.pixels[row * size..][..size])
                .copied()
                .collect(),
            shape: [rows.len() as i64, 3, self.shape[2], self.shape[3]],
        }
    }
}

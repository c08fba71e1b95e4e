//! A strategy that trains prompts can be checked with the toy backbone.

use crate::backbone::{Inputs, Place, Site};
use crate::error::Result;
use crate::foreign::BackboneHandle;
use crate::state::State;
use crate::strategy::{Batch, Declaration, Learned, Outline, Setting, Strategy, Task};
use crate::tensor::{Tensor, TensorView};
use crate::testkit::random::Random;
use crate::testkit::{json, strategy};

/// Trains a context per class by gradient descent through the backbone's pullback, so that the
/// class's embedding approaches those of its images.
struct Prompts {
    backbone: BackboneHandle,
    contexts: Vec<f32>,
    names: Vec<String>,
}

const CONTEXT: usize = 4;

impl Prompts {
    /// The class embeddings `[classes, width]`; given the images' features and labels, also takes
    /// one gradient step.
    fn embeddings(
        &mut self,
        classes: &[usize],
        learn: Option<(&[f32], &[i64])>,
    ) -> Result<Vec<f32>> {
        let texts: Vec<&str> = classes.iter().map(|&class| &*self.names[class]).collect();
        let rows: Vec<i64> = (0..classes.len() as i64).collect();
        let token = self
            .backbone
            .info()
            .text
            .as_ref()
            .map_or(0, |text| text.width) as usize;
        let width = self.backbone.info().embedding_width as usize;
        let length = CONTEXT * token;
        let contexts: Vec<f32> = classes
            .iter()
            .flat_map(|class| &self.contexts[class * length..][..length])
            .copied()
            .collect();
        let shape = [classes.len() as i64, CONTEXT as i64, token as i64];
        let mut forwarded = self.backbone.forward(
            &Inputs::Texts {
                texts: &texts,
                row_text: &rows,
                place: Place::End,
                options: b"",
            },
            &[Site {
                name: "text.context",
                prompt: TensorView::new(&contexts, &shape)?,
            }],
            &["embedding"],
        )?;
        let embeddings = forwarded.outputs[0].view().to_vec::<f32>()?;
        let Some((features, labels)) = learn else {
            return Ok(embeddings);
        };
        let mut gradient = vec![0.0_f32; embeddings.len()];
        for (row, &label) in features.chunks_exact(width).zip(labels) {
            let class = classes.iter().position(|&class| class == label as usize);
            let class = class.expect("a class of the task") * width;
            for column in 0..width {
                let difference = embeddings[class + column] - row[column];
                gradient[class + column] += difference / labels.len() as f32;
            }
        }
        let shape = [classes.len() as i64, width as i64];
        let gradients = forwarded
            .pullback
            .call(&[("embedding", TensorView::new(&gradient, &shape)?)])?;
        let step = gradients[0].1.view().to_vec::<f32>()?;
        for (class, step) in classes.iter().zip(step.chunks_exact(length)) {
            let context = &mut self.contexts[class * length..][..length];
            context
                .iter_mut()
                .zip(step)
                .for_each(|(value, step)| *value -= 2.0 * step);
        }
        Ok(embeddings)
    }
}

impl Strategy for Prompts {
    type Parameters = crate::NoParameters;

    fn check(_: &crate::NoParameters, outline: &Outline) -> Result<Declaration> {
        let info = outline.backbone()?;
        let token = info.text.as_ref().map_or(0, |text| text.width);
        Ok(Declaration {
            keeps: vec![],
            scores_unseen: false,
            batch_dependent: false,
            trainable_parameters: u64::from(outline.classes) * u64::from(token) * CONTEXT as u64,
            ..Declaration::default()
        })
    }

    fn create(_: crate::NoParameters, setting: Setting) -> Result<Self> {
        let backbone = setting.backbone()?.clone();
        let token = backbone.info().text.as_ref().map_or(0, |text| text.width) as usize;
        let n = setting.classes as usize * CONTEXT * token;
        let normals = Random::new(setting.seed).normals(n).into_iter();
        Ok(Prompts {
            backbone,
            contexts: normals.map(|value| 0.1 * value as f32).collect(),
            names: Vec::new(),
        })
    }

    fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
        let features = task.features(0, &task.rows())?;
        let width = i64::from(self.backbone.info().embedding_width);
        features.view().expect_shape("the features", &[-1, width])?;
        let features = features.view().to_vec::<f32>()?;
        let mut classes = Vec::new();
        for class in task.classes() {
            classes.push(class.id as usize);
            // Ids follow the order of arrival, so a new class has the next one.
            if class.id as usize == self.names.len() {
                self.names.push(class.name.clone());
            }
        }
        for _ in 0..200 {
            self.embeddings(&classes, Some((&features, task.labels())))?;
        }
        Ok(Learned {
            optimiser_steps: 200,
        })
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<Tensor> {
        let width = self.backbone.info().embedding_width as usize;
        let images = batch.images(0)?;
        let features = self.backbone.encode_images(images.view())?;
        let known: Vec<usize> = (0..self.names.len()).collect();
        let classes = self.embeddings(&known, None)?;
        let mut logits = Vec::new();
        for row in features.view().as_slice::<f32>()?.chunks_exact(width) {
            for class in batch.classes() {
                let class = &classes[class.id as usize * width..][..width];
                let distance: f32 = row.iter().zip(class).map(|(a, b)| (a - b) * (a - b)).sum();
                logits.push(-distance);
            }
        }
        Tensor::from_vec(logits, &[batch.len() as i64, batch.classes().len() as i64])
    }

    fn state(&self) -> Result<State> {
        let shape = [self.contexts.len() as i64];
        Ok(State {
            json: json!(self.names),
            tensors: vec![(
                "contexts".into(),
                Tensor::from_vec(self.contexts.clone(), &shape)?,
            )],
        })
    }

    fn restore(&mut self, mut state: State) -> Result<()> {
        self.contexts = state.take("contexts")?.view().to_vec()?;
        self.names = state.read()?;
        Ok(())
    }
}

#[test]
fn a_strategy_that_trains_prompts_through_the_toy_learns() {
    strategy::<Prompts>().expect_accuracy_above(0.6).check();
}

//! What a worker asks for while it works on a call.

use crate::message::{Incoming, Outgoing, broken};
use harness_abi::foreign::PullbackHandle;
use harness_abi::{BackboneHandle, Batch, Error, Host, Inputs, Place, Result, Site, Task, Tensor};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// What a call gives access to.
pub struct Requests<'a> {
    pub samples: Samples<'a>,
    pub backbones: &'a [BackboneHandle],
    pub host: Option<&'a Host>,
}

/// The samples that a call is about.
pub enum Samples<'a> {
    None,
    Task(&'a Task<'a>),
    Batch(&'a Batch<'a>),
}

/// Forward passes whose backward pass has not run.
#[derive(Debug, Default)]
pub struct Pullbacks {
    kept: HashMap<u64, Kept>,
    next: u64,
}

/// A forward pass.
#[derive(Debug)]
struct Kept {
    pullback: PullbackHandle,
    /// The sites whose prompt has one row for all rows.
    shared: Vec<String>,
}

impl Pullbacks {
    fn keep(&mut self, kept: Kept) -> u64 {
        self.next += 1;
        self.kept.insert(self.next, kept);
        self.next
    }

    /// Drops those that will not run.
    pub fn release(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.kept.remove(number);
        }
    }
}

#[derive(Deserialize)]
struct Prompt {
    site: String,
    prompt: Value,
}

#[derive(Deserialize)]
struct Gradient {
    output: String,
    gradient: Value,
}

impl Requests<'_> {
    /// Hears what has no answer.
    ///
    /// # Errors
    ///
    /// If it is not understood.
    pub fn hear(&self, message: &Incoming) -> Result<()> {
        let Some(host) = self.host else {
            return Ok(());
        };
        match &*message.field::<String>("tell")? {
            "progress" => {
                let phase: String = message.field("phase")?;
                host.progress(&phase, message.field("done")?, message.field("total")?);
            }
            "scalar" => {
                let name: String = message.field("name")?;
                // JSON has no NaN.
                let value: Option<f64> = message.field("value")?;
                host.scalar(&name, message.field("step")?, value.unwrap_or(f64::NAN));
            }
            other => return Err(broken(&format!("a message `{other}`"))),
        }
        Ok(())
    }

    /// Answers a request.
    ///
    /// # Errors
    ///
    /// Which the worker raises where the request was made.
    pub fn answer(&self, message: &Incoming, pullbacks: &mut Pullbacks) -> Result<Outgoing> {
        let tensor = match &*message.field::<String>("ask")? {
            "features" => self.features(message)?,
            "output" => self.output(message)?,
            "images" => self.images(message)?,
            "texts" => {
                let texts: Vec<String> = message.field("texts")?;
                self.backbone(message)?.encode_texts(&strs(&texts))?
            }
            "encode" => {
                let images = message.tensor(&message.header["images"])?;
                self.backbone(message)?.encode_images(images.view())?
            }
            "forward" => return self.forward(message, pullbacks),
            "pullback" => return pull(message, pullbacks),
            other => return Err(Error::unsupported(format!("there is no request `{other}`"))),
        };
        let mut answer = Outgoing::default();
        let entry = answer.tensor(tensor)?;
        answer.header.insert("tensor".into(), entry);
        Ok(answer)
    }

    fn features(&self, message: &Incoming) -> Result<Tensor> {
        let backbone = message.field("backbone")?;
        match self.samples {
            Samples::Task(task) => task.features(backbone, &rows(message, task)?),
            Samples::Batch(batch) => batch.features(backbone),
            Samples::None => Err(no_samples()),
        }
    }

    fn output(&self, message: &Incoming) -> Result<Tensor> {
        let backbone = message.field("backbone")?;
        let name: String = message.field("output")?;
        match self.samples {
            Samples::Task(task) => task.output(backbone, &name, &rows(message, task)?),
            Samples::Batch(batch) => batch.output(backbone, &name),
            Samples::None => Err(no_samples()),
        }
    }

    fn images(&self, message: &Incoming) -> Result<Tensor> {
        let backbone = message.field("backbone")?;
        match self.samples {
            Samples::Task(task) => match message.field("draw")? {
                Some(draw) => task.augmented_images(backbone, &rows(message, task)?, draw),
                None => task.images(backbone, &rows(message, task)?),
            },
            Samples::Batch(batch) => batch.images(backbone),
            Samples::None => Err(no_samples()),
        }
    }

    fn backbone(&self, message: &Incoming) -> Result<&BackboneHandle> {
        let number: usize = message.field("backbone")?;
        self.backbones.get(number).ok_or_else(|| {
            Error::failed("a backbone can be used in `start`, `learn` and `predict` only")
        })
    }

    fn forward(&self, message: &Incoming, pullbacks: &mut Pullbacks) -> Result<Outgoing> {
        let backbone = self.backbone(message)?;
        let prompts: Vec<Prompt> = message.field("prompts")?;
        let images = match message.header.get("texts") {
            Some(_) => None,
            None => Some(message.tensor(&message.header["images"])?),
        };
        let row_text: Vec<i64> = match images {
            Some(_) => Vec::new(),
            None => message.field("rows")?,
        };
        let rows = match &images {
            Some(images) => images.view().shape().first().copied().unwrap_or(0),
            None => row_text.len() as i64,
        };
        let (mut tensors, mut shared) = (Vec::new(), Vec::new());
        for prompt in &prompts {
            let tensor = message.tensor(&prompt.prompt)?;
            let is_shared = rows > 1 && tensor.view().shape().first() == Some(&1);
            tensors.push(match is_shared {
                true => repeated(&tensor, rows)?,
                false => tensor,
            });
            if is_shared {
                shared.push(prompt.site.clone());
            }
        }
        let sites: Vec<_> = (prompts.iter().zip(&tensors))
            .map(|(prompt, tensor)| Site {
                name: &prompt.site,
                prompt: tensor.view(),
            })
            .collect();
        let wanted: Vec<String> = message.field("outputs")?;
        let options: Map<String, Value> = message.field("options")?;
        let options = match options.is_empty() {
            true => Vec::new(),
            false => serde_json::to_vec(&options).expect("plain data"),
        };
        let forwarded = if let Some(images) = &images {
            let inputs = Inputs::Images {
                images: images.view(),
                options: &options,
            };
            backbone.forward(&inputs, &sites, &strs(&wanted))?
        } else {
            let texts: Vec<String> = message.field("texts")?;
            let inputs = Inputs::Texts {
                texts: &strs(&texts),
                row_text: &row_text,
                place: message.field::<Place>("place")?,
                options: &options,
            };
            backbone.forward(&inputs, &sites, &strs(&wanted))?
        };
        let mut answer = Outgoing::default();
        let outputs = forwarded.outputs.into_iter();
        let outputs: Vec<_> = outputs
            .map(|output| answer.tensor(output))
            .collect::<Result<_>>()?;
        answer.header.insert("outputs".into(), json!(outputs));
        let number = pullbacks.keep(Kept {
            pullback: forwarded.pullback,
            shared,
        });
        answer.header.insert("pullback".into(), json!(number));
        Ok(answer)
    }
}

fn pull(message: &Incoming, pullbacks: &mut Pullbacks) -> Result<Outgoing> {
    let number: u64 = message.field("pullback")?;
    let kept = pullbacks.kept.remove(&number);
    let kept = kept.ok_or_else(|| Error::failed("this pullback has already run"))?;
    let Kept {
        mut pullback,
        shared,
    } = kept;
    let gradients: Vec<Gradient> = message.field("gradients")?;
    let tensors = (gradients.iter())
        .map(|gradient| message.tensor(&gradient.gradient))
        .collect::<Result<Vec<_>>>()?;
    let named: Vec<_> = (gradients.iter().zip(&tensors))
        .map(|(gradient, tensor)| (&*gradient.output, tensor.view()))
        .collect();
    let mut answer = Outgoing::default();
    let pulled = pullback.call(&named)?.into_iter();
    let pulled: Vec<_> = pulled
        .map(|(site, gradient)| {
            answer.tensor(match shared.contains(&site) {
                true => summed(&gradient)?,
                false => gradient,
            })
        })
        .collect::<Result<_>>()?;
    answer.header.insert("gradients".into(), json!(pulled));
    Ok(answer)
}

/// A prompt with the same row for all rows.
fn repeated(prompt: &Tensor, rows: i64) -> Result<Tensor> {
    let view = prompt.view();
    let mut shape = view.shape().to_vec();
    shape[0] = rows;
    Tensor::from_vec(view.as_slice::<f32>()?.repeat(rows as usize), &shape)
}

/// The gradient of a prompt with one row for all rows: the sum over the rows.
fn summed(gradient: &Tensor) -> Result<Tensor> {
    let view = gradient.view();
    let mut shape = view.shape().to_vec();
    shape[0] = 1;
    let length = shape.iter().product::<i64>() as usize;
    let mut sum = vec![0.0_f32; length];
    for row in view.as_slice::<f32>()?.chunks_exact(length.max(1)) {
        for (sum, value) in sum.iter_mut().zip(row) {
            *sum += value;
        }
    }
    Tensor::from_vec(sum, &shape)
}

/// The rows that are asked for; all of them by default.
fn rows(message: &Incoming, task: &Task<'_>) -> Result<Vec<u32>> {
    let rows: Option<Vec<i64>> = message.field("rows")?;
    let Some(rows) = rows else {
        return Ok(task.rows());
    };
    let row = |row: i64| {
        let found = u32::try_from(row)
            .ok()
            .filter(|&row| (row as usize) < task.len());
        found.ok_or_else(|| {
            Error::failed(format!(
                "there is no row {row}; the task has {} rows",
                task.len()
            ))
        })
    };
    rows.into_iter().map(row).collect()
}

fn no_samples() -> Error {
    Error::failed("samples can be read in `learn` and `predict` only")
}

fn strs(strings: &[String]) -> Vec<&str> {
    strings.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_of_one_row_is_for_all_rows_and_its_gradient_is_their_sum() {
        let prompt = Tensor::from_vec(vec![1.0_f32, 2.0], &[1, 2, 1]).unwrap();
        let rows = repeated(&prompt, 3).unwrap();
        assert_eq!(rows.view().shape(), [3, 2, 1]);
        assert_eq!(rows.view().as_slice::<f32>().unwrap(), [1.0, 2.0].repeat(3));
        let sum = summed(&rows).unwrap();
        assert_eq!(sum.view().shape(), [1, 2, 1]);
        assert_eq!(sum.view().as_slice::<f32>().unwrap(), [3.0, 6.0]);
    }
}

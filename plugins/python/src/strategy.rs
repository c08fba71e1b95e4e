//! The strategy, as the host sees it: every method is a call of a worker.

use crate::interpreter;
use crate::message::{Outgoing, read};
use crate::parameters::Parameters;
use crate::requests::{Requests, Samples};
use crate::worker::Worker;
use crate::zygote::Zygote;
use harness_abi::backbone::BackboneInfo;
use harness_abi::{
    BackboneHandle, Batch, Declaration, Error, Host, Learned, Outline, Result, Setting, State,
    Strategy, Task, Tensor,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A strategy whose methods are written in Python. Each one that is created runs in a fresh process.
pub struct Python {
    worker: RefCell<Worker>,
    backbones: Vec<BackboneHandle>,
    host: Host,
}

impl Strategy for Python {
    type Parameters = Parameters;

    fn check(parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
        let script = Script::find(parameters, &outline.folder)?;
        let zygote = script.zygote(None)?;
        let mut worker = zygote.fork(None)?;
        let about = About {
            seed: 0,
            tasks: outline.tasks,
            classes: outline.classes,
            device: &outline.device,
            threads: 1,
            folder: &outline.folder,
        };
        let call = script.call("check", &about, outline.backbones.iter());
        let requests = Requests {
            samples: Samples::None,
            backbones: &[],
            host: None,
        };
        let (_, done) = worker.call(Outgoing::new(Value::Object(call)), &requests)?;
        let declaration = Declaration {
            keeps: read(&done, "keeps")?,
            scores_unseen: read(&done, "scores_unseen")?,
            batch_dependent: read(&done, "batch_dependent")?,
            trainable_parameters: read(&done, "trainable_parameters")?,
            reads: read(&done, "reads")?,
            adaptation: read(&done, "adaptation")?,
            memory_bytes: None,
            sources: read(&done, "sources")?,
            versions: read(&done, "versions")?,
        };
        zygote.same_sources(script.identity(), declaration.sources.clone())?;
        if declaration.versions.contains_key(TORCH) {
            zygote.import(TORCH)?;
            if script.mentions(OPTIMISERS) {
                zygote.import(WITH_OPTIMISERS)?;
            }
        }
        Ok(declaration)
    }

    fn create(parameters: Parameters, setting: Setting) -> Result<Self> {
        let script = Script::find(&parameters, &setting.folder)?;
        let zygote = script.zygote(Some(&setting.host))?;
        let mut worker = zygote.fork(Some(&setting.host))?;
        let about = About {
            seed: setting.seed,
            tasks: setting.tasks,
            classes: setting.classes,
            device: &setting.device,
            threads: setting.threads,
            folder: &setting.folder,
        };
        let backbones = setting.backbones.iter().map(BackboneHandle::info);
        let mut call = script.call("create", &about, backbones);
        call.insert("debug".into(), json!(parameters.debug));
        let requests = Requests {
            samples: Samples::None,
            backbones: &setting.backbones,
            host: Some(&setting.host),
        };
        let (_, done) = worker.call(Outgoing::new(Value::Object(call)), &requests)?;
        zygote.same_sources(script.identity(), read(&done, "sources")?)?;
        Ok(Python {
            worker: RefCell::new(worker),
            backbones: setting.backbones,
            host: setting.host,
        })
    }

    fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
        let mut call = Outgoing::new(json!({
            "call": "learn",
            "task": { "id": task.id(), "classes": task.classes() },
        }));
        let rows = task.len() as i64;
        let labels = call.tensor(Tensor::from_vec(task.labels().to_vec(), &[rows])?)?;
        call.header.insert("labels".into(), labels);
        let index = task.index().iter().map(|&index| index as i64).collect();
        let index = call.tensor(Tensor::from_vec(index, &[rows])?)?;
        call.header.insert("index".into(), index);
        let requests = self.requests(Samples::Task(task));
        let (_, done) = self.worker.borrow_mut().call(call, &requests)?;
        // The workers of later tasks need not import them again.
        for module in read::<Vec<String>>(&done, "imported")? {
            self.worker.borrow().zygote().import(&module)?;
        }
        Ok(Learned {
            optimiser_steps: read(&done, "optimiser_steps")?,
        })
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<Tensor> {
        let call = Outgoing::new(json!({
            "call": "predict",
            "batch": { "images": batch.len(), "classes": batch.classes() },
        }));
        let requests = self.requests(Samples::Batch(batch));
        let (answer, done) = self.worker.borrow_mut().call(call, &requests)?;
        let logits = answer.tensor(&done["logits"])?;
        let shape = [batch.len() as i64, batch.classes().len() as i64];
        logits.view().expect_shape("the logits", &shape)?;
        logits.view().as_slice::<f32>()?;
        Ok(logits)
    }

    fn state(&self) -> Result<State> {
        let call = Outgoing::new(json!({ "call": "state" }));
        let requests = self.requests(Samples::None);
        let (answer, done) = self.worker.borrow_mut().call(call, &requests)?;
        let tensors: HashMap<String, Value> = read(&done, "tensors")?;
        let tensors = tensors.into_iter().map(|(name, entry)| {
            let tensor = answer.tensor(&entry)?;
            Ok((name, tensor))
        });
        Ok(State {
            // As text, since Python's dictionaries have an order.
            json: Value::String(read(&done, "json")?),
            tensors: tensors.collect::<Result<_>>()?,
        })
    }

    fn restore(&mut self, state: State) -> Result<()> {
        let mut call = Outgoing::new(json!({ "call": "restore", "json": state.json }));
        let mut tensors = Map::new();
        for (name, tensor) in state.tensors {
            tensors.insert(name, call.tensor(tensor)?);
        }
        call.header.insert("tensors".into(), Value::Object(tensors));
        let requests = self.requests(Samples::None);
        self.worker.borrow_mut().call(call, &requests)?;
        Ok(())
    }
}

impl Python {
    fn requests<'a>(&'a self, samples: Samples<'a>) -> Requests<'a> {
        Requests {
            samples,
            backbones: &self.backbones,
            host: Some(&self.host),
        }
    }
}

/// The module that is worth importing once for all workers.
const TORCH: &str = "torch";
/// What a file mentions that uses PyTorch's optimisers, and the module that their first step
/// imports.
const OPTIMISERS: &str = "torch.optim";
const WITH_OPTIMISERS: &str = "torch._dynamo";

/// What the author's code sees as `self.setting`.
#[derive(Serialize)]
struct About<'a> {
    seed: u64,
    tasks: u32,
    classes: u32,
    device: &'a str,
    threads: u32,
    folder: &'a Path,
}

/// A class in a file, and the interpreter that runs it.
struct Script<'a> {
    parameters: &'a Parameters,
    file: PathBuf,
    interpreter: PathBuf,
}

impl Script<'_> {
    fn find<'a>(parameters: &'a Parameters, folder: &Path) -> Result<Script<'a>> {
        let file = folder.join(&parameters.file);
        let file = std::path::absolute(&file).unwrap_or(file);
        if parameters.snapshot.is_none() && !file.is_file() {
            let message = format!("{} does not exist", file.display());
            return Err(Error::parameter("file", message));
        }
        Ok(Script {
            parameters,
            file,
            interpreter: interpreter::find(parameters.interpreter.as_deref(), folder)?,
        })
    }

    /// The zygote of the interpreter. It imports PyTorch if the file mentions it.
    fn zygote(&self, host: Option<&Host>) -> Result<Arc<Zygote>> {
        let zygote = Zygote::of(&self.interpreter, host)?;
        if self.mentions(TORCH) {
            zygote.import(TORCH)?;
        }
        Ok(zygote)
    }

    /// Whether the file has this text in it.
    fn mentions(&self, text: &str) -> bool {
        let file = fs::read(&self.file).unwrap_or_default();
        file.windows(text.len())
            .any(|window| window == text.as_bytes())
    }

    /// A call about the class, before there is a strategy.
    fn call<'a>(
        &self,
        name: &str,
        about: &About<'_>,
        backbones: impl Iterator<Item = &'a BackboneInfo>,
    ) -> Map<String, Value> {
        let parameters = self.parameters.parameters.clone();
        let call = json!({
            "call": name,
            "file": self.file,
            "class": self.parameters.class,
            "parameters": parameters.unwrap_or_else(|| json!({})),
            "snapshot": self.parameters.snapshot,
            "setting": about,
            "backbones": backbones.collect::<Vec<_>>(),
        });
        match call {
            Value::Object(call) => call,
            _ => unreachable!("an object"),
        }
    }

    /// What makes two strategies of one process the same script.
    fn identity(&self) -> Value {
        json!([self.file, self.parameters.snapshot])
    }
}

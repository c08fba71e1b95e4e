//! Records a differentiable call: prompts go in, and a pullback returns their gradients.
//!
//! A prompt is copied on entry, so its caller may reuse the memory; the copy is an f32 leaf of the
//! autograd graph, whatever type the model computes in. Only these leaves get gradients: the
//! weights are frozen.
//!
//! A call without prompts has no gradients, and its outputs are moved to the CPU for the host,
//! which does not read GPU memory. With prompts, outputs and gradients are where the first prompt
//! is, for the strategy's loss: a strategy that has its prompts on the CPU need not know of GPUs.

use crate::work::Work;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::{During, bridge};
use harness_abi::backbone::{Inputs, OutputGradients};
use harness_abi::{Error, Forward, Pullback, Result, Site, TensorView};

/// A prompt that gets a gradient.
#[derive(Debug)]
pub struct Leaf {
    site: String,
    prompt: Tensor,
    /// Where the caller has the prompt.
    home: Device,
}

impl Leaf {
    /// Copies a prompt and checks its shape, in which a negative length matches any.
    ///
    /// # Errors
    ///
    /// If the prompt has another shape or is not floating-point.
    pub fn new(site: &Site<'_>, shape: &[i64], device: Device) -> Result<Leaf> {
        let what = format!("the prompt at `{}`", site.name);
        site.prompt.expect_shape(&what, shape)?;
        let (prompt, home) = floats(&what, site.prompt, device)?;
        Ok(Leaf {
            site: site.name.to_owned(),
            prompt: prompt.set_requires_grad(true),
            home,
        })
    }

    /// The prompt in the model's type.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn prompt(&self, kind: Kind) -> Result<Tensor, TchError> {
        self.prompt.f_to_kind(kind)
    }
}

/// Checks a call for every backbone: that all requested outputs exist, that no site has two
/// prompts, and that there are rows to encode.
///
/// # Errors
///
/// If a check fails.
pub fn expect_sound(
    inputs: &Inputs<'_>,
    sites: &[Site<'_>],
    wanted: &[&str],
    outputs: &[&str],
) -> Result<()> {
    if let Some(unknown) = wanted.iter().find(|name| !outputs.contains(name)) {
        return Err(Error::unsupported(format!(
            "unknown output `{unknown}`; the outputs are `{}`",
            outputs.join("`, `")
        )));
    }
    for (at, site) in sites.iter().enumerate() {
        if sites[..at].iter().any(|other| other.name == site.name) {
            return Err(Error::failed(format!(
                "the site `{}` has two prompts; give one",
                site.name
            )));
        }
    }
    let rows = match inputs {
        Inputs::Images { images, .. } => images.shape().first().copied(),
        Inputs::Texts { row_text, .. } => Some(row_text.len() as i64),
    };
    if rows == Some(0) {
        return Err(Error::failed("the batch is empty; give at least one row"));
    }
    Ok(())
}

/// The backward pass of a call whose layers did not record it: the gradients of all prompts, f32 in
/// their shapes, from those of outputs, each with its name.
pub type Computed = Box<dyn FnOnce(&[(&str, Tensor)]) -> Result<Vec<Tensor>, TchError> + Send>;

/// Copies a call's outputs out in f32, with the pullback to the leaves through autograd.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn forward(work: Work, outputs: Vec<(String, Tensor)>, leaves: Vec<Leaf>) -> Result<Forward> {
    with_pullback(work, outputs, leaves, None)
}

/// As [`forward`], with a backward pass of the caller's own.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn computed(
    work: Work,
    outputs: Vec<(String, Tensor)>,
    leaves: Vec<Leaf>,
    backward: Computed,
) -> Result<Forward> {
    with_pullback(work, outputs, leaves, Some(backward))
}

fn with_pullback(
    work: Work,
    outputs: Vec<(String, Tensor)>,
    leaves: Vec<Leaf>,
    backward: Option<Computed>,
) -> Result<Forward> {
    let outputs = outputs
        .into_iter()
        .map(|(name, output)| {
            let output = output.f_to_kind(Kind::Float).during(&name)?;
            Ok((name, output))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Forward {
        outputs: outputs
            .iter()
            .map(|(_, output)| copy_to(output, home(&leaves)))
            .collect::<Result<_>>()?,
        pullback: Pullback::new(move |gradients| {
            pull(work, &outputs, &leaves, backward, gradients)
        }),
    })
}

/// Copies embeddings without gradients out: in f32, on the CPU.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn embeddings(made: &Tensor) -> Result<harness_abi::Tensor> {
    let made = made.f_to_kind(Kind::Float);
    copy_to(&made.during("converting the embeddings")?, Device::Cpu)
}

/// Where outputs and gradients go: where the first prompt came from.
fn home(leaves: &[Leaf]) -> Device {
    leaves.first().map_or(Device::Cpu, |leaf| leaf.home)
}

/// Copies a tensor out, to a device.
fn copy_to(tensor: &Tensor, device: Device) -> Result<harness_abi::Tensor> {
    let there = tensor.f_to_device(device);
    bridge::copy_out(&there.during("copying to the device of the prompts")?)
}

/// The gradients of Σ ⟨output, gradient⟩ with respect to the leaves.
fn pull(
    work: Work,
    outputs: &[(String, Tensor)],
    leaves: &[Leaf],
    backward: Option<Computed>,
    gradients: &OutputGradients<'_>,
) -> Result<Vec<(String, harness_abi::Tensor)>> {
    let mut given = Vec::with_capacity(gradients.len());
    for (at, (name, gradient)) in gradients.iter().enumerate() {
        let Some((_, output)) = outputs.iter().find(|(have, _)| have == name) else {
            let names: Vec<_> = outputs.iter().map(|(name, _)| name.as_str()).collect();
            return Err(Error::failed(format!(
                "got a gradient for `{name}`, but the outputs of the call are `{}`",
                names.join("`, `")
            )));
        };
        if gradients[..at].iter().any(|(other, _)| other == name) {
            return Err(Error::failed(format!(
                "got two gradients for `{name}`; give one"
            )));
        }
        let what = format!("the gradient of `{name}`");
        gradient.expect_shape(&what, &output.size())?;
        let (gradient, _) = floats(&what, *gradient, output.device())?;
        given.push((*name, output, gradient));
    }
    let doing = "running the backward pass for";
    let pulled = if leaves.is_empty() {
        Vec::new()
    } else if given.is_empty() {
        let zeros = leaves.iter().map(|leaf| leaf.prompt.f_zeros_like());
        work.during(doing, zeros.collect::<Result<_, _>>())?
    } else if let Some(backward) = backward {
        let given = given
            .into_iter()
            .map(|(name, _, gradient)| (name, gradient));
        work.during(doing, backward(&given.collect::<Vec<_>>()))?
    } else {
        let given = given
            .iter()
            .map(|(_, output, gradient)| (*output, gradient));
        through_autograd(work, doing, given, leaves)?
    };
    leaves
        .iter()
        .zip(pulled)
        .map(|(leaf, gradient)| {
            if !gradient.defined() {
                return Err(Error::failed(format!(
                    "the outputs do not depend on the prompt at `{}`",
                    leaf.site
                )));
            }
            Ok((leaf.site.clone(), copy_to(&gradient, home(leaves))?))
        })
        .collect()
}

/// The gradients of the leaves, from outputs and their gradients.
fn through_autograd<'a>(
    work: Work,
    doing: &str,
    given: impl Iterator<Item = (&'a Tensor, &'a Tensor)>,
    leaves: &[Leaf],
) -> Result<Vec<Tensor>> {
    let _mode = GradientMode::on();
    let mut loss: Option<Tensor> = None;
    for (output, gradient) in given {
        let product = output
            .f_mul(gradient)
            .and_then(|product| product.f_sum(Kind::Float));
        let product = work.during(doing, product)?;
        loss = Some(match loss {
            None => product,
            Some(loss) => work.during(doing, loss.f_add(&product))?,
        });
    }
    let Some(loss) = loss.filter(Tensor::requires_grad) else {
        return Err(Error::failed(
            "the call's outputs do not depend on its prompts",
        ));
    };
    let prompts: Vec<&Tensor> = leaves.iter().map(|leaf| &leaf.prompt).collect();
    let pulled = Tensor::f_run_backward(&[&loss], &prompts, false, false);
    work.during(doing, pulled)
}

/// Copies a tensor to the device as f32, and tells where it came from.
fn floats(what: &str, view: TensorView<'_>, device: Device) -> Result<(Tensor, Device)> {
    let copy = bridge::copy_in(view)?;
    if !copy.is_floating_point() {
        return Err(Error::failed(format!(
            "{what} should have type f32, not {}",
            view.dtype()
        )));
    }
    let home = copy.device();
    let there = copy
        .f_to_device(device)
        .and_then(|copy| copy.f_to_kind(Kind::Float));
    Ok((there.during(what)?, home))
}

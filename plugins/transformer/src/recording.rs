//! Prompts in and gradients out: what one differentiable call keeps for its way back.
//!
//! A prompt is copied on entry, as a leaf in f32 whatever the model computes in, so that its caller may reuse the memory.
//! The way back goes to these leaves alone: the weights are frozen.
//!
//! Where a call has no prompt there is no way back, and its outputs go to the CPU: they are the host's, which reads memory and
//! no GPU. Those of a call with prompts stay where the model is, for the strategy's loss.

use crate::work::Work;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::{During, bridge};
use harness_abi::backbone::{Inputs, OutputGradients};
use harness_abi::{Error, Forward, Pullback, Result, Site, TensorView};

/// A prompt that gradients reach.
#[derive(Debug)]
pub struct Leaf {
    site: String,
    prompt: Tensor,
}

impl Leaf {
    /// Copies a prompt, of that shape, where a negative length matches any.
    ///
    /// # Errors
    ///
    /// If it has another shape, or is not of floating point.
    pub fn new(site: &Site<'_>, shape: &[i64], device: Device) -> Result<Leaf> {
        let what = format!("the prompt at `{}`", site.name);
        site.prompt.expect_shape(&what, shape)?;
        let prompt = floats(&what, site.prompt, device)?;
        Ok(Leaf {
            site: site.name.to_owned(),
            prompt: prompt.set_requires_grad(true),
        })
    }

    /// The prompt in the type that the model computes in.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
    pub fn prompt(&self, kind: Kind) -> Result<Tensor, TchError> {
        self.prompt.f_to_kind(kind)
    }
}

/// Checks what is the same for every backbone: that all outputs are there, that no site is named twice, and that there is
/// something to encode.
///
/// # Errors
///
/// With what does not hold.
pub fn expect_sound(
    inputs: &Inputs<'_>,
    sites: &[Site<'_>],
    wanted: &[&str],
    outputs: &[&str],
) -> Result<()> {
    if let Some(unknown) = wanted.iter().find(|name| !outputs.contains(name)) {
        return Err(Error::unsupported(format!(
            "there is no output `{unknown}`; there are `{}`",
            outputs.join("`, `")
        )));
    }
    for (at, site) in sites.iter().enumerate() {
        if sites[..at].iter().any(|other| other.name == site.name) {
            return Err(Error::failed(format!(
                "the site `{}` was given two prompts",
                site.name
            )));
        }
    }
    let rows = match inputs {
        Inputs::Images { images, .. } => images.shape().first().copied(),
        Inputs::Texts { row_text, .. } => Some(row_text.len() as i64),
    };
    if rows == Some(0) {
        return Err(Error::failed("there is no row to encode"));
    }
    Ok(())
}

/// The outputs of a call on that work, copied for the boundary in f32, and the way from them back to the leaves.
///
/// # Errors
///
/// What libtorch reports.
pub fn forward(work: Work, outputs: Vec<(String, Tensor)>, leaves: Vec<Leaf>) -> Result<Forward> {
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
            .map(|(_, output)| match leaves.is_empty() {
                true => to_host(output),
                false => bridge::copy_out(output),
            })
            .collect::<Result<_>>()?,
        pullback: Pullback::new(move |gradients| pull(work, &outputs, &leaves, gradients)),
    })
}

/// Embeddings that no gradient is asked of, as they leave: in f32, on the CPU.
///
/// # Errors
///
/// What libtorch reports.
pub fn embeddings(made: &Tensor) -> Result<harness_abi::Tensor> {
    to_host(&made.f_to_kind(Kind::Float).during("the embeddings")?)
}

/// A copy on the CPU.
fn to_host(output: &Tensor) -> Result<harness_abi::Tensor> {
    let there = output.f_to_device(Device::Cpu);
    bridge::copy_out(&there.during("bringing an output to the CPU")?)
}

/// The gradients of Σ ⟨output, its gradient⟩ with respect to the leaves.
fn pull(
    work: Work,
    outputs: &[(String, Tensor)],
    leaves: &[Leaf],
    gradients: &OutputGradients<'_>,
) -> Result<Vec<(String, harness_abi::Tensor)>> {
    let doing = "taking the way back of";
    let _mode = GradientMode::on();
    let mut loss: Option<Tensor> = None;
    for (at, (name, gradient)) in gradients.iter().enumerate() {
        let Some((_, output)) = outputs.iter().find(|(have, _)| have == name) else {
            let names: Vec<_> = outputs.iter().map(|(name, _)| name.as_str()).collect();
            return Err(Error::failed(format!(
                "a gradient of `{name}` was given, but the outputs of the call are `{}`",
                names.join("`, `")
            )));
        };
        if gradients[..at].iter().any(|(other, _)| other == name) {
            return Err(Error::failed(format!(
                "the gradient of `{name}` was given twice"
            )));
        }
        let what = format!("the gradient of `{name}`");
        gradient.expect_shape(&what, &output.size())?;
        let gradient = floats(&what, *gradient, output.device())?;
        let product = output
            .f_mul(&gradient)
            .and_then(|product| product.f_sum(Kind::Float));
        let product = work.during(doing, product)?;
        loss = Some(match loss {
            None => product,
            Some(loss) => work.during(doing, loss.f_add(&product))?,
        });
    }
    let pulled = match loss {
        _ if leaves.is_empty() => Vec::new(),
        None => {
            let zeros = leaves.iter().map(|leaf| leaf.prompt.f_zeros_like());
            work.during(doing, zeros.collect::<Result<_, _>>())?
        }
        Some(loss) if !loss.requires_grad() => {
            return Err(Error::failed(
                "the call recorded nothing on the way from its prompts to its outputs",
            ));
        }
        Some(loss) => {
            let prompts: Vec<&Tensor> = leaves.iter().map(|leaf| &leaf.prompt).collect();
            let pulled = Tensor::f_run_backward(&[&loss], &prompts, false, false);
            work.during(doing, pulled)?
        }
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
            Ok((leaf.site.clone(), bridge::copy_out(&gradient)?))
        })
        .collect()
}

/// A copy in f32, on the device.
fn floats(what: &str, view: TensorView<'_>, device: Device) -> Result<Tensor> {
    let copy = bridge::copy_in(view)?;
    if !copy.is_floating_point() {
        return Err(Error::failed(format!(
            "{what} should be of f32, not {}",
            view.dtype()
        )));
    }
    copy.f_to_device(device)
        .and_then(|copy| copy.f_to_kind(Kind::Float))
        .during(what)
}

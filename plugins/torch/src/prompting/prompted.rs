//! A differentiable backbone call in the middle of a libtorch graph: prompts go in, and autograd
//! tracks the output.
//!
//! The backbone is another plugin, in another file and perhaps in another framework, so autograd
//! cannot differentiate through it. The graph is therefore cut in two at the backbone, and the
//! backbone's pullback connects the halves:
//!
//! ```text
//! parameters ─ autograd ─▶ prompts ═ backbone ═▶ output ─ autograd ─▶ loss
//!      ◀──── 3. autograd ────    ◀═ 2. pullback ═   ◀── 1. autograd ──
//! ```
//!
//! The output is a leaf of the second graph; [`Prompted::backward`] runs all three steps. Prompts
//! may be any differentiable function of any parameters, and the loss may have terms that depend on
//! these parameters and bypass the backbone. Gradients accumulate in `grad()`, as after any other
//! `backward`.
//!
//! If the backbone's device differs from the prompts', tensors are moved to it and back.

use crate::bridge::{self, During};
use crate::training::GradientMode;
use harness_abi::foreign::PullbackHandle;
use harness_abi::{BackboneHandle, Error, Inputs, Result, Site};
use tch::{Device, Kind, Tensor};

/// Prompts with the names of their sites.
pub type Prompts<'a> = [(&'a str, &'a Tensor)];

/// A call of a backbone.
pub(crate) struct Call<'a> {
    pub(crate) backbone: &'a BackboneHandle,
    /// The backbone's device.
    pub(crate) device: Device,
    pub(crate) inputs: Inputs<'a>,
    /// The requested output and its shape, where −1 is any length.
    pub(crate) output: &'a str,
    pub(crate) shape: &'a [i64],
    /// What the call does, for error messages.
    pub(crate) doing: &'a str,
}

impl Call<'_> {
    /// The output with these prompts, with its backward pass.
    pub(crate) fn encode(&self, prompts: &Prompts<'_>) -> Result<Prompted> {
        let (output, kind, pullback) = self.forward(prompts)?;
        Ok(Prompted {
            output: output.set_requires_grad(true),
            name: self.output.to_owned(),
            prompts: prompts
                .iter()
                .map(|(site, prompt)| ((*site).to_owned(), prompt.shallow_clone()))
                .collect(),
            device: self.device,
            kind,
            pullback,
        })
    }

    /// The output with these prompts, without a backward pass.
    pub(crate) fn output(&self, prompts: &Prompts<'_>) -> Result<Tensor> {
        self.forward(prompts).map(|(output, ..)| output)
    }

    /// The output in f32 on the prompts' device, the type in which the backbone returned it, and
    /// the pullback.
    fn forward(&self, prompts: &Prompts<'_>) -> Result<(Tensor, Kind, PullbackHandle)> {
        let _mode = GradientMode::off();
        let lent = prompts
            .iter()
            .map(|(site, prompt)| {
                let prompt = prompt
                    .f_to_device(self.device)
                    .during("passing a prompt to the backbone")?;
                Ok((*site, bridge::copy_out(&prompt)?))
            })
            .collect::<Result<Vec<_>>>()?;
        let sites: Vec<Site<'_>> = lent
            .iter()
            .map(|(name, prompt)| Site {
                name,
                prompt: prompt.view(),
            })
            .collect();
        let forwarded = self
            .backbone
            .forward(&self.inputs, &sites, &[self.output])
            .map_err(|error| error.context(self.doing))?;
        let output = match &forwarded.outputs[..] {
            [output] => output.view(),
            others => {
                return Err(Error::failed(format!(
                    "the backbone returned {} outputs, expected only `{}`",
                    others.len(),
                    self.output
                )));
            }
        };
        output.expect_shape(
            &format!("the backbone's output `{}`", self.output),
            self.shape,
        )?;
        let output = bridge::copy_in(output)?;
        let kind = output.kind();
        let device = prompts
            .first()
            .map_or(self.device, |(_, prompt)| prompt.device());
        let output = output
            .f_to_device(device)
            .and_then(|output| output.f_to_kind(Kind::Float))
            .during("converting the backbone's output")?;
        Ok((output, kind, forwarded.pullback))
    }
}

/// A backbone's output with prompts, and the backward pass to these prompts.
#[derive(Debug)]
pub struct Prompted {
    output: Tensor,
    name: String,
    prompts: Vec<(String, Tensor)>,
    /// The backbone's device, and the type of its output.
    device: Device,
    kind: Kind,
    pullback: PullbackHandle,
}

impl Prompted {
    /// The output, f32: a leaf of the autograd graph that requires a gradient.
    pub fn output(&self) -> &Tensor {
        &self.output
    }

    /// Backpropagates `loss`, a scalar computed from [`output`](Self::output), through the backbone
    /// to everything that the prompts were computed from, and to everything else the loss depends
    /// on. Gradients are added to `grad()`.
    ///
    /// # Errors
    ///
    /// If the loss does not depend on the output, if the prompts do not depend on anything that
    /// requires a gradient, or if the backbone reports an error.
    pub fn backward(mut self, loss: &Tensor) -> Result<()> {
        if !self
            .prompts
            .iter()
            .any(|(_, prompt)| prompt.requires_grad())
        {
            return Err(Error::failed(
                "no prompt requires a gradient; compute the prompts from tensors with `requires_grad`",
            ));
        }
        let _mode = GradientMode::on();
        // The graph is kept because the loss is used again below.
        let gradient = Tensor::f_run_backward(&[loss], &[&self.output], true, false)
            .during("computing the gradient of the loss")?
            .remove(0);
        if !gradient.defined() {
            return Err(Error::failed(format!(
                "the loss does not depend on the backbone's output `{}`, so it has no gradient",
                self.name
            )));
        }
        let pulled = self.pulled(&gradient)?;
        let doing = "backpropagating through the prompts";
        // The gradient of Σ ⟨prompt, pulled⟩ with respect to a prompt is `pulled`, its gradient
        // from the backbone. So one call of autograd covers this sum and the loss terms that bypass
        // the backbone.
        let mut all = loss.shallow_clone();
        for ((_, prompt), pulled) in self.prompts.iter().zip(pulled) {
            if prompt.requires_grad() {
                all = prompt
                    .f_mul(&pulled)
                    .and_then(|product| product.f_sum(loss.kind()))
                    .and_then(|sum| all.f_add(&sum))
                    .during(doing)?;
            }
        }
        all.f_backward().during(doing)
    }

    /// The gradients of the prompts, in their order, each on its prompt's device and in its type.
    fn pulled(&mut self, gradient: &Tensor) -> Result<Vec<Tensor>> {
        let gradient = gradient
            .f_to_device(self.device)
            .and_then(|gradient| gradient.f_to_kind(self.kind))
            .during("passing the gradient to the backbone")
            .and_then(|gradient| bridge::copy_out(&gradient))?;
        let pulled = self
            .pullback
            .call(&[(&self.name, gradient.view())])
            .map_err(|error| error.context("computing the gradient of the prompts"))?;
        let named = |(site, _): &(String, harness_abi::Tensor)| site.clone();
        let sites: Vec<String> = pulled.iter().map(named).collect();
        if !sites.iter().eq(self.prompts.iter().map(|(site, _)| site)) {
            return Err(Error::failed(format!(
                "the backbone's pullback returned gradients for `{}`, which are not the prompts it was given",
                sites.join("`, `")
            )));
        }
        self.prompts
            .iter()
            .zip(&pulled)
            .map(|((site, prompt), (_, pulled))| {
                let what = format!("the gradient of the prompt at `{site}`");
                pulled.view().expect_shape(&what, &prompt.size())?;
                bridge::copy_in(pulled.view())?
                    .f_to_device(prompt.device())
                    .and_then(|pulled| pulled.f_to_kind(prompt.kind()))
                    .during(&what)
            })
            .collect()
    }
}

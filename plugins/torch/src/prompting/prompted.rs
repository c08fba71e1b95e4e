//! A differentiable call of a backbone in the middle of a graph of libtorch's: prompts go in, an
//! output that autograd knows comes out.
//!
//! The backbone is another plugin, in another file and perhaps in another framework, so autograd
//! cannot see through it. The graph is therefore cut in two at the backbone, and what lies between
//! is the backbone's own way back, its pullback:
//!
//! ```text
//! parameters ─ autograd ─▶ prompts ═ backbone ═▶ output ─ autograd ─▶ loss
//!      ◀──── 3. autograd ────    ◀═ 2. pullback ═   ◀── 1. autograd ──
//! ```
//!
//! The output is a leaf of the second graph; [`Prompted::backward`] goes all the way. Prompts may
//! be any differentiable function of any parameters, and the loss may have terms that depend on
//! these parameters without the backbone. All gradients add up in `grad()`, as after any other
//! `backward`.
//!
//! Tensors move to the backbone's device and back where that is another than the prompts'.

use crate::bridge::{self, During};
use crate::training::GradientMode;
use harness_abi::foreign::PullbackHandle;
use harness_abi::{BackboneHandle, Error, Inputs, Result, Site};
use tch::{Device, Kind, Tensor};

/// Prompts by the name of their site.
pub type Prompts<'a> = [(&'a str, &'a Tensor)];

/// What is called.
pub(crate) struct Call<'a> {
    pub(crate) backbone: &'a BackboneHandle,
    /// Where the backbone computes.
    pub(crate) device: Device,
    pub(crate) inputs: Inputs<'a>,
    /// The output wanted, and its shape, where −1 is any length.
    pub(crate) output: &'a str,
    pub(crate) shape: &'a [i64],
    /// For messages.
    pub(crate) doing: &'a str,
}

impl Call<'_> {
    /// The output with these prompts, and the way back to them.
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

    /// The output with these prompts, when nothing is to be learned from it.
    pub(crate) fn output(&self, prompts: &Prompts<'_>) -> Result<Tensor> {
        self.forward(prompts).map(|(output, ..)| output)
    }

    /// The output on the prompts' device and in f32, in which type the backbone gave it, and its
    /// way back.
    fn forward(&self, prompts: &Prompts<'_>) -> Result<(Tensor, Kind, PullbackHandle)> {
        let _mode = GradientMode::off();
        let lent = prompts
            .iter()
            .map(|(site, prompt)| {
                let prompt = prompt
                    .f_to_device(self.device)
                    .during("handing a prompt to the backbone")?;
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
                    "the backbone gave {} outputs, where `{}` was asked for",
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
            .during("taking the backbone's output over")?;
        Ok((output, kind, forwarded.pullback))
    }
}

/// A backbone's output with prompts put in, and the way back to these prompts.
#[derive(Debug)]
pub struct Prompted {
    output: Tensor,
    name: String,
    prompts: Vec<(String, Tensor)>,
    /// Where the backbone computes, and in which type it gave the output.
    device: Device,
    kind: Kind,
    pullback: PullbackHandle,
}

impl Prompted {
    /// The output, f32; a leaf that records what is done to it.
    pub fn output(&self) -> &Tensor {
        &self.output
    }

    /// Takes the gradient of `loss`, a number made of [`output`](Self::output), with respect to
    /// everything that the prompts were made of and everything else that the loss depends on, and
    /// adds it to `grad()` there.
    ///
    /// # Errors
    ///
    /// If the loss does not depend on the output or the prompts not on anything that is trained, or
    /// what the backbone reports.
    pub fn backward(mut self, loss: &Tensor) -> Result<()> {
        if !self
            .prompts
            .iter()
            .any(|(_, prompt)| prompt.requires_grad())
        {
            return Err(Error::failed(
                "the prompts are made of nothing that is trained, so there is no gradient to take",
            ));
        }
        let _mode = GradientMode::on();
        // The loss is needed once more below.
        let gradient = Tensor::f_run_backward(&[loss], &[&self.output], true, false)
            .during("the gradient of the loss")?
            .remove(0);
        if !gradient.defined() {
            return Err(Error::failed(format!(
                "the loss does not depend on the backbone's output `{}`, so there is no gradient to take",
                self.name
            )));
        }
        let pulled = self.pulled(&gradient)?;
        let doing = "the gradient of what the prompts are made of";
        // The gradient of Σ ⟨prompt, what was pulled back to it⟩ with respect to a prompt is what
        // was pulled back: so autograd takes it from here, together with what the loss depends on
        // without the backbone.
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

    /// The gradients of the prompts, in their order, each where its prompt is and of its type.
    fn pulled(&mut self, gradient: &Tensor) -> Result<Vec<Tensor>> {
        let gradient = gradient
            .f_to_device(self.device)
            .and_then(|gradient| gradient.f_to_kind(self.kind))
            .during("handing the gradient to the backbone")
            .and_then(|gradient| bridge::copy_out(&gradient))?;
        let pulled = self
            .pullback
            .call(&[(&self.name, gradient.view())])
            .map_err(|error| error.context("the gradient of the prompts"))?;
        let named = |(site, _): &(String, harness_abi::Tensor)| site.clone();
        let sites: Vec<String> = pulled.iter().map(named).collect();
        if !sites.iter().eq(self.prompts.iter().map(|(site, _)| site)) {
            return Err(Error::failed(format!(
                "the backbone's pullback gave gradients of `{}`, not of the prompts that went in",
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

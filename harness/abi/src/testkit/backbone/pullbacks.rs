//! A pullback must not depend on its caller. Whatever the caller does after `forward`, such as
//! reusing the buffers, calling `forward` again or changing the gradient mode, the pullback returns
//! the gradient of its own call.

use super::Caller;
use super::gradients::checked;
use super::scene::{Prompt, Scene, side};
use super::subject::{Subject, rows_difference};
use crate::error::{Error, Result};
use crate::foreign::Forwarded;
use crate::tensor::TensorView;
use crate::testkit::random::Random;
use crate::testkit::report::{Check, Report};

pub(super) fn check(subject: &Subject<'_>, callers: &[Caller], report: &mut Report) -> Result<()> {
    let sites = &subject.info().sites;
    for (position, site) in sites.iter().enumerate() {
        // One site of each encoder: buffers and modes depend on the encoder, not on the site.
        if sites[..position].iter().any(|s| side(s) == side(site)) {
            continue;
        }
        let scene = &Scene::of_site(subject, site)[0];
        let mut random = Random::new(subject.seed);
        let prompt = Prompt::random(subject, site, scene.rows(), &mut random);
        let call = Call { subject, prompt };
        let plain = call.gradient(scene, |_, _| Ok(()))?;
        let mut compare = |when: &str, gradient: Vec<f64>| {
            let rows = scene.rows();
            if let Some(difference) = rows_difference(&plain, &gradient, rows, subject.same) {
                report.fail(
                    Check::Pullbacks,
                    format!(
                        "{when}, the gradient by `{}` is different, {difference}",
                        site.name
                    ),
                );
            }
        };
        compare(
            "when the caller reuses its buffers after `forward` (copy prompts and inputs on entry)",
            call.gradient(scene, |scene, prompt| {
                prompt.values.fill(1e3);
                match scene {
                    Scene::Images(images) => images.pixels.fill(255),
                    Scene::Texts { row_text, .. } => row_text.fill(1),
                }
                Ok(())
            })?,
        );
        compare(
            "when `forward` is called again before the pullback (keep what it needs in the pullback)",
            call.gradient(scene, |scene, prompt| {
                let mut other = prompt.clone();
                other.values.iter_mut().for_each(|value| *value += 1.0);
                let outputs = scene.outputs(subject, std::slice::from_ref(&other))?;
                scene.forward(subject, &[other], &outputs).map(drop)
            })?,
        );
        for (name, caller) in callers {
            let mut gradient = Err(Error::failed("the caller did not call its argument"));
            caller(&mut || gradient = call.gradient(scene, |_, _| Ok(())));
            let inside = format!("when the caller is inside {name}");
            let gradient = gradient.map_err(|error: Error| error.context(inside.clone()))?;
            compare(&inside, gradient);
        }
    }
    Ok(())
}

struct Call<'s, 'k> {
    subject: &'s Subject<'k>,
    prompt: Prompt,
}

impl Call<'_, '_> {
    /// The gradient of the first output, always with the same cotangent. `meanwhile` is what the
    /// caller does with its inputs and its prompt between `forward` and the pullback.
    fn gradient(
        &self,
        scene: &Scene,
        meanwhile: impl FnOnce(&mut Scene, &mut Prompt) -> Result<()>,
    ) -> Result<Vec<f64>> {
        let mut scene = scene.owned();
        // `meanwhile` may overwrite the very buffers that the backbone saw.
        let mut prompts = [self.prompt.clone()];
        let outputs = scene.outputs(self.subject, &prompts)?;
        let output = *outputs.first().ok_or_else(|| {
            Error::failed(format!(
                "no output is available with a prompt at `{}`",
                self.prompt.site
            ))
        })?;
        let Forwarded {
            outputs,
            mut pullback,
        } = scene.forward(self.subject, &prompts, &[output])?;
        meanwhile(&mut scene, &mut prompts[0])?;
        let shape = outputs[0].view().shape();
        let cotangent: Vec<f32> = Random::new(self.subject.seed + 1)
            .normals(outputs[0].view().elements())
            .into_iter()
            .map(|g| g as f32)
            .collect();
        let gradient = TensorView::new(&cotangent, shape)?;
        let gradients = self.subject.pull(&mut pullback, &[(output, gradient)])?;
        Ok(checked(&prompts, &gradients)?.concat())
    }
}

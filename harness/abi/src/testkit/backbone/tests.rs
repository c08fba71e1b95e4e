//! Each check catches a fault that no other check catches. The correct backbone passes them all.

use super::*;
use crate::backbone::{BackboneInfo, Forward, Inputs, OutputGradients, Pullback, Site};
use crate::error::{Error, ErrorCode, Result};
use crate::foreign::BackboneHandle;
use crate::tensor::{Tensor, TensorView};
use crate::testkit::toy::{ToyBackbone, ToyParameters};
use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

/// The toy with one fault: every method is the toy's unless the fault overrides it.
trait Fault: Default + Send + Sync + 'static {
    type Parameters: crate::parameters::ParameterSet + Into<ToyParameters>;

    fn create(_: &Self::Parameters) -> Result<()> {
        Ok(())
    }
    fn info(&self, info: BackboneInfo) -> BackboneInfo {
        info
    }
    fn images(&self, toy: &ToyBackbone, images: TensorView<'_>) -> Result<Tensor> {
        toy.encode_images(images)
    }
    fn texts(&self, toy: &ToyBackbone, texts: &[&str]) -> Result<Tensor> {
        toy.encode_texts(texts)
    }
    fn forward(&self, toy: &ToyBackbone, call: &Call<'_>) -> Result<Forward> {
        toy.forward(call.inputs, call.sites, call.wanted)
    }
    fn dropped(&self) {}
}

struct Call<'a> {
    inputs: &'a Inputs<'a>,
    sites: &'a [Site<'a>],
    wanted: &'a [&'a str],
}

struct Faulty<F: Fault>(ToyBackbone, F);

impl<F: Fault> Backbone for Faulty<F> {
    type Parameters = F::Parameters;

    fn create(parameters: F::Parameters, setting: BackboneSetting) -> Result<Self> {
        F::create(&parameters)?;
        let toy = ToyBackbone::create(parameters.into(), setting)?;
        Ok(Faulty(toy, F::default()))
    }

    fn info(&self) -> BackboneInfo {
        self.1.info(self.0.info())
    }

    fn encode_texts(&self, texts: &[&str]) -> Result<Tensor> {
        self.1.texts(&self.0, texts)
    }

    fn encode_images(&self, images: TensorView<'_>) -> Result<Tensor> {
        self.1.images(&self.0, images)
    }

    fn forward(&self, inputs: &Inputs<'_>, sites: &[Site<'_>], wanted: &[&str]) -> Result<Forward> {
        let call = Call {
            inputs,
            sites,
            wanted,
        };
        self.1.forward(&self.0, &call)
    }
}

impl<F: Fault> Drop for Faulty<F> {
    fn drop(&mut self) {
        self.1.dropped();
    }
}

macro_rules! fault {
    ($name:ident { $($body:tt)* }) => {
        fault!($name, parameters: ToyParameters { $($body)* });
    };
    ($name:ident, parameters: $parameters:ty { $($body:tt)* }) => {
        #[derive(Default)]
        struct $name;
        impl Fault for $name {
            type Parameters = $parameters;
            $($body)*
        }
    };
}

mod loaded;

fn report<F: Fault>() -> Report {
    backbone::<Faulty<F>>()
        .bad_parameters(json!({ "seed": -1 }), "seed")
        .report()
}

/// Asserts that only this check fails, and its first message.
#[track_caller]
fn caught<F: Fault>(check: Check, message: &str) {
    let report = report::<F>();
    let checks: Vec<_> = report.failures.iter().map(|found| found.check).collect();
    assert!(
        !checks.is_empty() && checks.iter().all(|&found| found == check),
        "{report}"
    );
    let first = &report.failures[0].message;
    assert!(first.contains(message), "{first}");
}

/// Changes the returned gradients.
fn pulled(
    forward: Forward,
    change: impl Fn(&mut Vec<(String, Vec<f32>, Vec<i64>)>) + Send + 'static,
) -> Forward {
    let Forward {
        outputs,
        mut pullback,
    } = forward;
    let pullback = Pullback::new(move |gradients: &OutputGradients<'_>| {
        let mut gradients = pullback
            .call(gradients)?
            .into_iter()
            .map(|(name, gradient)| {
                let view = gradient.view();
                Ok((name, view.to_vec::<f32>()?, view.shape().to_vec()))
            })
            .collect::<Result<Vec<_>>>()?;
        change(&mut gradients);
        gradients
            .into_iter()
            .map(|(name, values, shape)| Ok((name, Tensor::from_vec(values, &shape)?)))
            .collect()
    });
    Forward { outputs, pullback }
}

#[test]
fn the_toy_passes() {
    let report = backbone::<ToyBackbone>()
        .parameters(json!({ "seed": 3 }))
        .bad_parameters(json!({ "seed": "three" }), "seed")
        .tolerance(1e-3)
        .report();
    assert_eq!(report.failures, []);
    assert_eq!(report.notes, []);
}

#[test]
fn a_parameter_that_slips_through_is_caught() {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Lax {
        seed: u64,
    }
    impl crate::parameters::Parameter for Lax {
        const SCHEMA: crate::parameters::schema::Schema = crate::parameters::schema::Schema::Any;
    }
    impl From<Lax> for ToyParameters {
        fn from(lax: Lax) -> ToyParameters {
            ToyParameters { seed: lax.seed }
        }
    }
    fault!(UnknownKey, parameters: Lax {});
    caught::<UnknownKey>(
        Check::Parameters,
        r#"{"no_such_parameter":1}, which is invalid at `no_such_parameter`, was accepted"#,
    );
}

#[test]
fn an_info_that_does_not_hold_is_caught() {
    fault!(Nameless {
        fn info(&self, info: BackboneInfo) -> BackboneInfo {
            BackboneInfo { fingerprint: String::new(), ..info }
        }
    });
    caught::<Nameless>(Check::Info, "`fingerprint` is empty");
    static MADE: AtomicU32 = AtomicU32::new(0);
    fault!(Numbered {
        fn info(&self, info: BackboneInfo) -> BackboneInfo {
            let fingerprint = MADE.fetch_add(1, Ordering::Relaxed).to_string();
            BackboneInfo { fingerprint, ..info }
        }
    });
    caught::<Numbered>(
        Check::Info,
        "two backbones with the same parameters have different infos",
    );
    fault!(Rowless {
        fn info(&self, mut info: BackboneInfo) -> BackboneInfo {
            info.sites[1].shape = vec![16];
            info
        }
    });
    caught::<Rowless>(Check::Info, "the site `visual.shift` has shape [16]");
    fault!(Wider {
        fn info(&self, info: BackboneInfo) -> BackboneInfo {
            BackboneInfo { embedding_width: 17, ..info }
        }
    });
    caught::<Wider>(
        Check::Encoding,
        "the embeddings of images should have shape [5, 17], not [5, 16]",
    );
    fault!(WiderToken {
        fn info(&self, mut info: BackboneInfo) -> BackboneInfo {
            info.output_widths.insert("class_token".into(), 17);
            info
        }
    });
    caught::<WiderToken>(
        Check::Encoding,
        "the output `class_token`, whose width is in `output_widths`, should have shape [5, 17], not [5, 16]",
    );
}

#[test]
fn embeddings_that_change_are_caught() {
    fn shifted(tensor: Tensor, by: f32) -> Result<Tensor> {
        let mut values = tensor.view().to_vec::<f32>()?;
        values.iter_mut().for_each(|value| *value += by);
        Tensor::from_vec(values, tensor.view().shape())
    }
    #[derive(Default)]
    struct Counting(Mutex<u16>);
    impl Fault for Counting {
        type Parameters = ToyParameters;
        fn images(&self, toy: &ToyBackbone, images: TensorView<'_>) -> Result<Tensor> {
            let embeddings = toy.encode_images(images)?;
            let mut calls = self.0.lock().unwrap();
            *calls += 1;
            // Far below the tolerance for batches: only the bits differ.
            shifted(embeddings, f32::from(*calls) * 2e-7)
        }
    }
    caught::<Counting>(Check::Encoding, "the same images have different embeddings");
    fault!(Whitened {
        fn images(&self, toy: &ToyBackbone, images: TensorView<'_>) -> Result<Tensor> {
            let n = images.shape()[0] as f32;
            shifted(toy.encode_images(images)?, 0.01 * n)
        }
    });
    caught::<Whitened>(
        Check::Batches,
        "the embeddings of images together and one by one differ in row 0",
    );
}

#[test]
fn gradients_that_are_wrong_are_caught() {
    fault!(Scaled {
        fn forward(&self, toy: &ToyBackbone, call: &Call<'_>) -> Result<Forward> {
            let forward = toy.forward(call.inputs, call.sites, call.wanted)?;
            Ok(pulled(forward, |gradients| {
                for (_, values, _) in gradients {
                    values.iter_mut().for_each(|value| *value *= 1.03);
                }
            }))
        }
    });
    let report = report::<Scaled>();
    let found: Vec<_> = report
        .failures
        .iter()
        .map(|found| (found.check, found.message.split(": ").next().unwrap()))
        .collect();
    let expected = [
        "`visual.prompt` (images), entry ",
        "`visual.shift` (images), entry ",
        "`text.context` (texts, place front), entry ",
        "`text.context` (texts, place middle), entry ",
        "`text.context` (texts, place end), entry ",
        "`visual.prompt` + `visual.shift` (images), entry ",
    ];
    assert_eq!(found.len(), expected.len(), "{report}");
    for ((check, message), expected) in found.into_iter().zip(expected) {
        assert_eq!(check, Check::Gradients);
        let expected = format!("the gradient of `embedding` by {expected}");
        assert!(message.starts_with(&expected), "{message}");
    }

    fault!(OneEntry {
        fn forward(&self, toy: &ToyBackbone, call: &Call<'_>) -> Result<Forward> {
            let forward = toy.forward(call.inputs, call.sites, call.wanted)?;
            Ok(pulled(forward, |gradients| gradients[0].1[5] = 0.0))
        }
    });
    caught::<OneEntry>(Check::Gradients, "from finite differences");
    fault!(Silent {
        fn forward(&self, toy: &ToyBackbone, call: &Call<'_>) -> Result<Forward> {
            let forward = toy.forward(call.inputs, call.sites, call.wanted)?;
            Ok(pulled(forward, |gradients| gradients[0].1.fill(0.0)))
        }
    });
    caught::<Silent>(Check::Gradients, "0.000000e0 from the pullback");
    // Shows only in a call with two sites.
    fault!(Swapped {
        fn forward(&self, toy: &ToyBackbone, call: &Call<'_>) -> Result<Forward> {
            let forward = toy.forward(call.inputs, call.sites, call.wanted)?;
            Ok(pulled(forward, |gradients| gradients.reverse()))
        }
    });
    caught::<Swapped>(
        Check::Gradients,
        r#"returned gradients of ["visual.shift", "visual.prompt"]"#,
    );
}

#[test]
fn pullbacks_that_lean_on_their_caller_are_caught() {
    // Reads the prompt's first entry when the pullback runs, from memory that the caller may reuse.
    fault!(Borrowing {
        fn forward(&self, toy: &ToyBackbone, call: &Call<'_>) -> Result<Forward> {
            let forward = toy.forward(call.inputs, call.sites, call.wanted)?;
            let Some(site) = call.sites.first() else { return Ok(forward) };
            let (kept, then) = (site.prompt.data() as usize, site.prompt.to_vec::<f32>()?[0]);
            Ok(pulled(forward, move |gradients| {
                // SAFETY: the kit keeps its buffers while it pulls; a volatile read of a float that
                // it wrote.
                let now = unsafe { (kept as *const f32).read_volatile() };
                gradients[0].1[0] += now - then;
            }))
        }
    });
    caught::<Borrowing>(
        Check::Pullbacks,
        "when the caller reuses its buffers after `forward` (copy prompts and inputs on entry), \
         the gradient by `visual.prompt`",
    );

    /// Keeps the pullback's data in the backbone, where the next call overwrites it.
    #[derive(Default)]
    struct LastCall(std::sync::Arc<Mutex<u16>>);
    impl Fault for LastCall {
        type Parameters = ToyParameters;
        fn forward(&self, toy: &ToyBackbone, call: &Call<'_>) -> Result<Forward> {
            let forward = toy.forward(call.inputs, call.sites, call.wanted)?;
            let calls = self.0.clone();
            *calls.lock().unwrap() += 1;
            let mine = *calls.lock().unwrap();
            Ok(pulled(forward, move |gradients| {
                if *calls.lock().unwrap() != mine {
                    gradients[0].1.fill(0.0);
                }
            }))
        }
    }
    caught::<LastCall>(
        Check::Pullbacks,
        "when `forward` is called again before the pullback",
    );
}

thread_local! {
    /// Stands in for a framework's gradient mode.
    static GRADIENTS: Cell<bool> = const { Cell::new(true) };
}

#[test]
fn a_callers_gradient_mode_must_neither_matter_nor_change() {
    fn within(kit: BackboneKit<Faulty<impl Fault>>) -> Report {
        kit.caller("`no_grad`", |call| {
            GRADIENTS.set(false);
            call();
            GRADIENTS.set(true);
        })
        .global_state("the gradient mode", || GRADIENTS.get())
        .report()
    }
    fault!(Inheriting {
        fn forward(&self, toy: &ToyBackbone, call: &Call<'_>) -> Result<Forward> {
            let forward = toy.forward(call.inputs, call.sites, call.wanted)?;
            let on = GRADIENTS.get();
            Ok(pulled(forward, move |gradients| {
                if !on {
                    gradients[0].1.fill(0.0);
                }
            }))
        }
    });
    let report = within(backbone::<Faulty<Inheriting>>());
    assert_eq!(report.failures.len(), 2, "{report}");
    assert!(report.failures[0].message.starts_with(
        "when the caller is inside `no_grad`, the gradient by `visual.prompt` is different, row 0: "
    ));
    assert_eq!(report.failures[0].check, Check::Pullbacks);

    fault!(Leaking {
        fn images(&self, toy: &ToyBackbone, images: TensorView<'_>) -> Result<Tensor> {
            GRADIENTS.set(false);
            toy.encode_images(images)
        }
    });
    let report = within(backbone::<Faulty<Leaking>>());
    GRADIENTS.set(true);
    assert_eq!(
        report.failures[0].message,
        "`encode_images` changed the gradient mode from true to false; restore it before returning"
    );
    assert_eq!(report.failures.len(), 1, "{report}");
    assert_eq!(report.failures[0].check, Check::GlobalState);
}

#[test]
fn rows_that_see_each_other_are_caught() {
    // Only the outputs of `forward` depend on the number of rows, and they do not depend on the
    // prompt.
    fault!(Crowded {
        fn forward(&self, toy: &ToyBackbone, call: &Call<'_>) -> Result<Forward> {
            let mut forward = toy.forward(call.inputs, call.sites, call.wanted)?;
            for output in &mut forward.outputs {
                let mut values = output.view().to_vec::<f32>()?;
                let n = output.view().shape()[0] as f32;
                values.iter_mut().for_each(|value| *value += 0.01 * n);
                *output = Tensor::from_vec(values, output.view().shape())?;
            }
            Ok(forward)
        }
    });
    caught::<Crowded>(
        Check::Rows,
        "`embedding` with prompts at `visual.prompt` (images), rows together and one by one: row 0",
    );
}

#[test]
fn answers_and_panics_where_an_error_was_due_are_caught() {
    fault!(Forgiving {
        fn forward(&self, toy: &ToyBackbone, call: &Call<'_>) -> Result<Forward> {
            let known = |site: &Site<'_>| toy.info().sites.iter().any(|s| s.name == site.name);
            let sites: Vec<_> = call.sites.iter().copied().filter(known).collect();
            toy.forward(call.inputs, &sites, call.wanted)
        }
    });
    caught::<Forgiving>(
        Check::Errors,
        "given an unknown site, the backbone accepts it; return an error instead",
    );
    fault!(Vague {
        fn forward(&self, toy: &ToyBackbone, call: &Call<'_>) -> Result<Forward> {
            toy.forward(call.inputs, call.sites, call.wanted)
                .map_err(|error| Error::new(error.code(), "this cannot be done"))
        }
    });
    caught::<Vague>(
        Check::Errors,
        "given an unknown output, the backbone returns an error that does not name it: `forward`: this cannot be done",
    );
    fault!(Trusting {
        fn images(&self, toy: &ToyBackbone, images: TensorView<'_>) -> Result<Tensor> {
            images.as_slice::<u8>().expect("pixels are bytes");
            toy.encode_images(images)
        }
    });
    caught::<Trusting>(
        Check::Errors,
        "given images f32[2, 3, 8, 8] on cpu, the backbone panics: `encode_images`: the plugin panicked in \
         `encode_images`: pixels are bytes",
    );
    fault!(Overflowing {
        fn texts(&self, toy: &ToyBackbone, texts: &[&str]) -> Result<Tensor> {
            assert!(texts.iter().all(|text| text.len() <= 40), "no room for it");
            toy.encode_texts(texts)
        }
    });
    caught::<Overflowing>(
        Check::Errors,
        "given a text longer than its context, the backbone panics: `encode_texts`: the plugin panicked in `encode_texts`: no \
         room for it",
    );
    fault!(Clumsy {
        fn dropped(&self) {
            panic!("the weights fell");
        }
    });
    caught::<Clumsy>(
        Check::Errors,
        "the backbone panicked when it was dropped: the weights fell",
    );
}

#[test]
fn a_backbone_that_cannot_be_made_says_why() {
    fault!(Weightless {
        fn create(_: &ToyParameters) -> Result<()> {
            Err(Error::data("weights.safetensors: no such file"))
        }
    });
    let report = backbone::<Faulty<Weightless>>().report();
    assert_eq!(
        report.to_string().lines().last().unwrap(),
        "  info: it cannot be created: weights.safetensors: no such file"
    );
}

#[test]
fn a_pullback_runs_once_and_survives_its_backbone() {
    let handle: BackboneHandle = ToyBackbone::handle();
    let (pixels, shape) = (vec![100_u8; 192], [1, 3, 8, 8]);
    let inputs = Inputs::Images {
        images: TensorView::new(&pixels, &shape).unwrap(),
        options: b"",
    };
    let site = Site {
        name: "visual.shift",
        prompt: TensorView::new(&[0.0_f32; 16], &[1, 16]).unwrap(),
    };
    let mut forwarded = handle.forward(&inputs, &[site], &["class_token"]).unwrap();
    drop(handle);
    let gradient = [2.0_f32; 16];
    let gradient = [("class_token", TensorView::new(&gradient, &[1, 16]).unwrap())];
    let gradients = forwarded.pullback.call(&gradient).unwrap();
    // The shift is added to the class token.
    assert_eq!(gradients[0].0, "visual.shift");
    assert_eq!(gradients[0].1.view().to_vec::<f32>().unwrap(), [2.0; 16]);
    let again = forwarded.pullback.call(&gradient).unwrap_err();
    assert_eq!(again.code(), ErrorCode::FAILED);
    assert_eq!(
        again.message(),
        "this pullback has already run; call `forward` again for another gradient"
    );
}

#[test]
fn a_pullback_that_panics_is_an_error() {
    fault!(Exploding {
        fn forward(&self, toy: &ToyBackbone, call: &Call<'_>) -> Result<Forward> {
            let forward = toy.forward(call.inputs, call.sites, call.wanted)?;
            Ok(pulled(forward, |_| panic!("boom")))
        }
    });
    let report = report::<Exploding>();
    let first = &report.failures[0].message;
    assert!(
        first.contains("`pullback`: the plugin panicked in `pullback`: boom at "),
        "{first}"
    );
}

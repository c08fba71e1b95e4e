//! A strategy's mistakes must be errors that name them, never panics and never accepted.

use super::scene::{Prompt, Scene};
use super::subject::Subject;
use crate::backbone::{Inputs, Site};
use crate::error::{ErrorCode, Result};
use crate::tensor::TensorView;
use crate::testkit::random::Random;
use crate::testkit::report::{Check, Report};
use crate::testkit::stream::Images;

const SITE: &str = "testkit.no-such-site";
const OUTPUT: &str = "testkit-no-such-output";

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) -> Result<()> {
    images(subject, report)?;
    match &subject.info().text {
        None => {
            let result = subject.encode_texts(&["a"]);
            refused("texts, without a text encoder", None, result, report);
        }
        Some(text) => {
            let words = vec!["a"; text.context_length as usize + 1].join(" ");
            let result = subject.encode_texts(&[&words]);
            // It may truncate such a text or reject it.
            if let Err(error) = result {
                refused::<()>("a text longer than its context", None, Err(error), report);
            }
        }
    }
    for site in &subject.info().sites {
        let scene = &Scene::of_site(subject, site)[0];
        let mut random = Random::new(subject.seed);
        let good = Prompt::random(subject, site, scene.rows(), &mut random);
        let outputs = scene.outputs(subject, std::slice::from_ref(&good))?;
        let Some(&output) = outputs.first() else {
            continue; // reported by the check of gradients
        };

        let wanted = [&outputs[..], &[OUTPUT]].concat();
        let result = scene.forward(subject, std::slice::from_ref(&good), &wanted);
        refused("an unknown output", Some(OUTPUT), result, report);

        let mut unknown = good.clone();
        unknown.site = SITE.into();
        let result = scene.forward(subject, &[unknown], &outputs);
        refused("an unknown site", Some(SITE), result, report);

        let name = &site.name;
        let one_row_less = Prompt::random(subject, site, scene.rows() - 1, &mut random);
        let rows = scene.rows();
        let result = scene.forward(subject, &[one_row_less], &outputs);
        refused(
            &format!("{} prompts at `{name}` for {rows} rows", rows - 1),
            None,
            result,
            report,
        );

        let mut wider = site.clone();
        match wider.shape.last_mut() {
            Some(last) if *last > 0 => *last += 1,
            _ => wider.shape.push(1),
        }
        let wider = Prompt::random(subject, &wider, rows, &mut random);
        let result = scene.forward(subject, &[wider], &outputs);
        refused(
            &format!("a prompt of another width at `{name}`"),
            None,
            result,
            report,
        );

        let shape: Vec<i64> = good.shape.clone();
        let bytes = vec![0_u8; good.values.len()];
        let site = Site {
            name,
            prompt: TensorView::new(&bytes, &shape)?,
        };
        let result = subject.forward(&scene.inputs()?, &[site], &outputs);
        refused(&format!("a u8 prompt at `{name}`"), None, result, report);

        let mut forwarded = scene.forward(subject, std::slice::from_ref(&good), &outputs)?;
        let gradient = TensorView::new(&[1.0_f32], &[1])?;
        let result = subject.pull(&mut forwarded.pullback, &[(output, gradient)]);
        refused(
            "a gradient of another shape than its output",
            None,
            result,
            report,
        );
    }
    Ok(())
}

/// Images whose shape or type the backbone does not take.
fn images(subject: &Subject<'_>, report: &mut Report) -> Result<()> {
    let good = Images::random(subject.info(), 2, subject.seed);
    let [n, channels, height, width] = good.shape;
    let shapes: [&[i64]; 4] = [
        &[n, channels, height + 1, width],
        &[n, channels, height, width + 1],
        &[n, 1, height, width],
        &[channels, height, width],
    ];
    let floats = vec![0.5_f32; good.pixels.len()];
    let floats = TensorView::new(&floats, &good.shape)?;
    let zeros: Vec<Vec<u8>> = shapes
        .iter()
        .map(|shape| vec![0; shape.iter().product::<i64>() as usize])
        .collect();
    let mut wrong = vec![floats];
    for (zeros, &shape) in zeros.iter().zip(&shapes) {
        wrong.push(TensorView::new(zeros, shape)?);
    }
    for images in wrong {
        let what = format!("images {images:?}");
        refused(&what, None, subject.encode_images(images), report);
        let inputs = Inputs::Images {
            images,
            options: b"",
        };
        if let Some(output) = subject.info().outputs.first() {
            let result = subject.forward(&inputs, &[], &[output]);
            refused(&format!("{what} in `forward`"), None, result, report);
        }
    }
    Ok(())
}

fn refused<T>(what: &str, name: Option<&str>, result: Result<T>, report: &mut Report) {
    let problem = match result {
        Ok(_) => "accepts it; return an error instead".to_owned(),
        Err(error) if error.code() == ErrorCode::PANIC => format!("panics: {error}"),
        Err(error) if name.is_some_and(|name| !error.to_string().contains(name)) => {
            format!("returns an error that does not name it: {error}")
        }
        Err(_) => return,
    };
    let message = format!("given {what}, the backbone {problem}");
    let finding = report.failures.iter().any(|f| f.message == message);
    if !finding {
        report.fail(Check::Errors, message);
    }
}

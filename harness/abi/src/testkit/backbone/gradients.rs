//! Compares pullbacks with finite differences, through the boundary.
//!
//! For an output o and a random cotangent g, the loss is L = ⟨g, o⟩, summed in f64. Along a
//! direction d with the norm of the prompt, the derivative is ⟨∇L, d⟩ by the pullback and
//!
//! ```text
//! (8 (L(p + h d) − L(p − h d)) − (L(p + 2h d) − L(p − 2h d))) / 12 h
//! ```
//!
//! by differences of fourth order. Random directions detect any wrong entry; the gradient's largest
//! entry, taken alone, tells where. The two may differ by the tolerance and by the rounding error
//! of L: an output is rounded to its type, and h divides that error.
//!
//! Every site is checked alone, and the sites of one encoder once more together. Each output is
//! checked alone, with the others wanted but without a gradient.

use super::scene::{Prompt, Scene, side};
use super::subject::{Subject, read};
use crate::backbone::SiteInfo;
use crate::error::{Error, Result};
use crate::tensor::TensorView;
use crate::testkit::random::Random;
use crate::testkit::report::{Check, Report};

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) -> Result<()> {
    let sites = &subject.info().sites;
    let mut groups: Vec<Vec<&SiteInfo>> = sites.iter().map(|site| vec![site]).collect();
    for first in sites {
        let together: Vec<_> = sites.iter().filter(|s| side(s) == side(first)).collect();
        if together.len() > 1 && together[0] == first {
            groups.push(together);
        }
    }
    for group in groups {
        for scene in Scene::of_site(subject, group[0]) {
            of_group(subject, &group, &scene, report)?;
        }
    }
    Ok(())
}

fn of_group(
    subject: &Subject<'_>,
    group: &[&SiteInfo],
    scene: &Scene,
    report: &mut Report,
) -> Result<()> {
    let mut random = Random::new(subject.seed);
    let prompts: Vec<Prompt> = group
        .iter()
        .map(|site| Prompt::random(subject, site, scene.rows(), &mut random))
        .collect();
    let names: Vec<_> = prompts.iter().map(|prompt| prompt.site.as_str()).collect();
    let place = format!("`{}` ({})", names.join("` + `"), scene.name());
    let outputs = scene.outputs(subject, &prompts)?;
    if outputs.is_empty() {
        return Err(Error::failed(format!(
            "no output is available with a prompt at {place}"
        )));
    }
    let values = scene.values(subject, &prompts, &outputs)?;
    let cotangents: Vec<Vec<f32>> = values
        .iter()
        .map(|values| {
            random
                .normals(values.len())
                .iter()
                .map(|&g| g as f32)
                .collect()
        })
        .collect();
    let gradients = outputs
        .iter()
        .zip(&cotangents)
        .map(|(output, cotangent)| {
            pulled(subject, scene, &prompts, &outputs, (output, cotangent))
                .map_err(|error| error.context(format!("`{output}` by {place}")))
        })
        .collect::<Result<Vec<_>>>()?;

    let mut moves = vec![false; outputs.len()];
    for direction in directions(subject, &prompts, &gradients[0], &mut random) {
        let h = subject.step;
        let mut differences = vec![0.0; outputs.len()];
        for (factor, step) in [(8.0, h), (-8.0, -h), (-1.0, 2.0 * h), (1.0, -2.0 * h)] {
            let moved: Vec<Prompt> = prompts
                .iter()
                .zip(&direction.along)
                .map(|(prompt, along)| prompt.moved(along, step))
                .collect();
            let values = scene.values(subject, &moved, &outputs)?;
            for (k, values) in values.iter().enumerate() {
                differences[k] += factor * dot(&cotangents[k], values) / (12.0 * h);
            }
        }
        for (k, output) in outputs.iter().enumerate() {
            let n: usize = prompts.iter().map(|prompt| prompt.values.len()).sum();
            let by_pullback: f64 = gradients[k]
                .iter()
                .zip(&direction.along)
                .map(|(gradient, along)| dot(gradient, along))
                .sum();
            let by_differences = differences[k];
            let typical = length(&gradients[k]) * length(&direction.along) / (n as f64).sqrt();
            let rounding = epsilon(subject) * rounded(&cotangents[k], &values[k]) / h;
            moves[k] |= by_differences.abs() > rounding;
            let scale = by_pullback.abs().max(by_differences.abs()).max(typical);
            // Written so that NaN does not count as agreement.
            if (by_pullback - by_differences).abs() <= subject.tolerance * scale + rounding {
                continue;
            }
            report.fail(
                Check::Gradients,
                format!(
                    "the gradient of `{output}` by {place}, {}: {by_pullback:.6e} from the pullback, \
                     {by_differences:.6e} from finite differences",
                    direction.name
                ),
            );
            return Ok(());
        }
    }
    for (output, _) in outputs.iter().zip(moves).filter(|(_, moves)| !moves) {
        report.note(
            Check::Gradients,
            format!(
                "`{output}` hardly depends on {place}: its gradient cannot be distinguished from rounding errors; try a \
                 larger `prompt_scale` or `step`"
            ),
        );
    }
    Ok(())
}

/// The gradients of all prompts, with a cotangent for one output. The other outputs have none,
/// which means zero.
pub(super) fn pulled(
    subject: &Subject<'_>,
    scene: &Scene,
    prompts: &[Prompt],
    wanted: &[&str],
    (output, cotangent): (&str, &[f32]),
) -> Result<Vec<Vec<f64>>> {
    let mut forwarded = scene.forward(subject, prompts, wanted)?;
    let position = wanted.iter().position(|name| *name == output);
    let shape = forwarded.outputs[position.unwrap_or_default()]
        .view()
        .shape()
        .to_vec();
    let gradient = TensorView::new(cotangent, &shape)?;
    let gradients = subject.pull(&mut forwarded.pullback, &[(output, gradient)])?;
    checked(prompts, &gradients)
}

/// The values that a pullback returned: a gradient for each prompt, by name, in the call's order.
pub(super) fn checked(
    prompts: &[Prompt],
    gradients: &[(String, crate::Tensor)],
) -> Result<Vec<Vec<f64>>> {
    let given: Vec<_> = gradients.iter().map(|(name, _)| name.as_str()).collect();
    let expected: Vec<_> = prompts.iter().map(|prompt| prompt.site.as_str()).collect();
    if given != expected {
        return Err(Error::failed(format!(
            "the pullback returned gradients of {given:?}, but the prompts were {expected:?}"
        )));
    }
    gradients
        .iter()
        .zip(prompts)
        .map(|((name, gradient), prompt)| {
            let what = format!("the gradient of `{name}`");
            gradient.view().expect_shape(&what, &prompt.shape)?;
            read(&what, gradient)
        })
        .collect()
}

struct Direction {
    name: String,
    /// By prompt.
    along: Vec<Vec<f64>>,
}

/// Directions with the norm of their prompts: random ones, and the gradient's largest entry at each
/// site.
fn directions(
    subject: &Subject<'_>,
    prompts: &[Prompt],
    gradient: &[Vec<f64>],
    random: &mut Random,
) -> Vec<Direction> {
    let mut directions = Vec::new();
    for (prompt, gradient) in prompts.iter().zip(gradient) {
        let largest = (0..gradient.len())
            .max_by(|&a, &b| gradient[a].abs().total_cmp(&gradient[b].abs()))
            .unwrap_or_default();
        directions.push(Direction {
            name: format!(
                "entry {largest} of `{}` {:?} alone",
                prompt.site, prompt.shape
            ),
            along: prompts
                .iter()
                .map(|other| {
                    let mut along = vec![0.0; other.values.len()];
                    if other.site == prompt.site {
                        along[largest] = prompt.length();
                    }
                    along
                })
                .collect(),
        });
    }
    for probe in 1..=subject.probes {
        directions.push(Direction {
            name: format!("along random direction {probe}"),
            along: prompts
                .iter()
                .map(|prompt| {
                    let normals = random.normals(prompt.values.len());
                    let scale = prompt.length() / length(std::slice::from_ref(&normals));
                    normals.into_iter().map(|x| x * scale).collect()
                })
                .collect(),
        });
    }
    directions
}

fn dot<T: Copy + Into<f64>>(a: &[T], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(&a, b)| a.into() * b).sum()
}

fn length(parts: &[Vec<f64>]) -> f64 {
    let squares = parts.iter().flatten().map(|x| x * x);
    squares.sum::<f64>().sqrt()
}

/// How rounding errors of an output's entries add up in the loss, in units of one entry's relative
/// error.
fn rounded(cotangent: &[f32], values: &[f64]) -> f64 {
    let terms = cotangent.iter().zip(values);
    terms
        .map(|(&g, value)| (f64::from(g) * value).powi(2))
        .sum::<f64>()
        .sqrt()
}

/// The relative error of an entry, with a margin for the errors that a deep model accumulates.
fn epsilon(subject: &Subject<'_>) -> f64 {
    match subject.info().dtype.as_str() {
        "f64" => 1e-12,
        "f16" => 1e-3,
        "bf16" => 1e-2,
        _ => 1e-6,
    }
}

//! Inputs and prompts that fit a backbone's sites.

use super::subject::{Subject, read};
use crate::backbone::{Inputs, Place, Site, SiteInfo};
use crate::error::{ErrorCode, Result};
use crate::foreign::Forwarded;
use crate::tensor::TensorView;
use crate::testkit::random::Random;
use crate::testkit::stream::Images;

/// The length of a prompt's free dimensions (−1), except for the row.
const FREE: i64 = 2;

const TEXTS: [&str; 2] = ["a lantern", "a granite harbour"];

/// The inputs of one differentiable call, owned.
pub(super) enum Scene {
    Images(Images),
    Texts { row_text: Vec<i64>, place: Place },
}

impl Scene {
    /// The scenes in which a site is checked: images, or rows of text with the context in every
    /// place.
    pub(super) fn of_site(subject: &Subject<'_>, site: &SiteInfo) -> Vec<Scene> {
        match side(site) {
            "text" => [Place::Front, Place::Middle, Place::End]
                .map(|place| Scene::Texts {
                    row_text: vec![0, 1, 0],
                    place,
                })
                .into(),
            _ => vec![Scene::Images(Images::random(
                subject.info(),
                2,
                subject.seed,
            ))],
        }
    }

    /// A copy with its own buffers.
    pub(super) fn owned(&self) -> Scene {
        match self {
            Scene::Images(images) => Scene::Images(images.rows(&[0, 1])),
            Scene::Texts { row_text, place } => Scene::Texts {
                row_text: row_text.clone(),
                place: *place,
            },
        }
    }

    pub(super) fn rows(&self) -> usize {
        match self {
            Scene::Images(images) => images.shape[0] as usize,
            Scene::Texts { row_text, .. } => row_text.len(),
        }
    }

    /// A copy with only one of the rows.
    pub(super) fn row(&self, row: usize) -> Scene {
        match self {
            Scene::Images(images) => Scene::Images(images.rows(&[row])),
            Scene::Texts { row_text, place } => Scene::Texts {
                row_text: vec![row_text[row]],
                place: *place,
            },
        }
    }

    pub(super) fn inputs(&self) -> Result<Inputs<'_>> {
        Ok(match self {
            Scene::Images(images) => Inputs::Images {
                images: images.view()?,
                options: b"",
            },
            Scene::Texts { row_text, place } => Inputs::Texts {
                texts: &TEXTS,
                row_text,
                place: *place,
                options: b"",
            },
        })
    }

    /// The name in messages.
    pub(super) fn name(&self) -> String {
        match self {
            Scene::Images(_) => "images".into(),
            Scene::Texts { place, .. } => format!("texts, place {place:?}").to_lowercase(),
        }
    }

    /// The outputs available for these inputs: those that the backbone does not reject as
    /// unsupported.
    pub(super) fn outputs<'s>(
        &self,
        subject: &'s Subject<'_>,
        prompts: &[Prompt],
    ) -> Result<Vec<&'s str>> {
        let mut outputs = Vec::new();
        for name in &subject.info().outputs {
            match self.forward(subject, prompts, &[name]) {
                Ok(_) => outputs.push(name.as_str()),
                Err(error) if error.code() == ErrorCode::UNSUPPORTED => {}
                Err(error) => return Err(error.context(self.name())),
            }
        }
        Ok(outputs)
    }

    pub(super) fn forward(
        &self,
        subject: &Subject<'_>,
        prompts: &[Prompt],
        wanted: &[&str],
    ) -> Result<Forwarded> {
        let sites = prompts
            .iter()
            .map(Prompt::site)
            .collect::<Result<Vec<_>>>()?;
        subject.forward(&self.inputs()?, &sites, wanted)
    }

    /// The wanted outputs' values.
    pub(super) fn values(
        &self,
        subject: &Subject<'_>,
        prompts: &[Prompt],
        wanted: &[&str],
    ) -> Result<Vec<Vec<f64>>> {
        let forwarded = self.forward(subject, prompts, wanted)?;
        wanted
            .iter()
            .zip(&forwarded.outputs)
            .map(|(name, output)| read(name, output))
            .collect()
    }
}

/// The encoder that a site belongs to: `text` or `visual`.
pub(super) fn side(site: &SiteInfo) -> &str {
    site.name.split('.').next().unwrap_or_default()
}

/// A prompt at a site, owned.
#[derive(Clone)]
pub(super) struct Prompt {
    pub(super) site: String,
    pub(super) shape: Vec<i64>,
    pub(super) values: Vec<f32>,
}

impl Prompt {
    /// Normal entries, in the site's shape.
    pub(super) fn random(
        subject: &Subject<'_>,
        site: &SiteInfo,
        rows: usize,
        random: &mut Random,
    ) -> Prompt {
        let shape: Vec<i64> = site
            .shape
            .iter()
            .enumerate()
            .map(|(axis, &n)| match n {
                _ if axis == 0 => rows as i64,
                -1 => FREE,
                n => n,
            })
            .collect();
        let n: i64 = shape.iter().product();
        let values = random.normals(n as usize).into_iter();
        Prompt {
            site: site.name.clone(),
            shape,
            values: values
                .map(|value| (value * subject.prompt_scale) as f32)
                .collect(),
        }
    }

    pub(super) fn site(&self) -> Result<Site<'_>> {
        Ok(Site {
            name: &self.site,
            prompt: TensorView::new(&self.values, &self.shape)?,
        })
    }

    /// A copy with only one of the rows.
    pub(super) fn row(&self, row: usize) -> Prompt {
        let width = self.values.len() / self.shape[0] as usize;
        let mut shape = self.shape.clone();
        shape[0] = 1;
        Prompt {
            site: self.site.clone(),
            shape,
            values: self.values[row * width..][..width].to_vec(),
        }
    }

    /// A copy, moved along a direction.
    pub(super) fn moved(&self, direction: &[f64], step: f64) -> Prompt {
        Prompt {
            values: self
                .values
                .iter()
                .zip(direction)
                .map(|(&value, d)| (f64::from(value) + step * d) as f32)
                .collect(),
            ..self.clone()
        }
    }

    pub(super) fn length(&self) -> f64 {
        let squares = self.values.iter().map(|&value| f64::from(value).powi(2));
        squares.sum::<f64>().sqrt()
    }
}

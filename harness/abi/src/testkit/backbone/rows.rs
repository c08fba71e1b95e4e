//! A row's output must depend only on its own input and prompt: several rows in one call have the
//! same outputs as one by one.

use super::scene::{Prompt, Scene};
use super::subject::{Subject, rows_difference};
use crate::error::Result;
use crate::testkit::random::Random;
use crate::testkit::report::{Check, Report};

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) -> Result<()> {
    for site in &subject.info().sites {
        for scene in Scene::of_site(subject, site) {
            let mut random = Random::new(subject.seed);
            let prompt = Prompt::random(subject, site, scene.rows(), &mut random);
            let prompts = std::slice::from_ref(&prompt);
            let outputs = scene.outputs(subject, prompts)?;
            let together = scene.values(subject, prompts, &outputs)?;
            let mut alone = vec![Vec::new(); outputs.len()];
            for row in 0..scene.rows() {
                let values = scene
                    .row(row)
                    .values(subject, &[prompt.row(row)], &outputs)?;
                for (all, values) in alone.iter_mut().zip(values) {
                    all.extend(values);
                }
            }
            for ((output, together), alone) in outputs.iter().zip(&together).zip(&alone) {
                let rows = scene.rows();
                if let Some(difference) = rows_difference(together, alone, rows, subject.same) {
                    report.fail(
                        Check::Rows,
                        format!(
                            "`{output}` with prompts at `{}` ({}), rows together and one by one: {difference}",
                            site.name,
                            scene.name()
                        ),
                    );
                }
            }
        }
    }
    Ok(())
}

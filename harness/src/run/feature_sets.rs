//! The sets of features that cells need: the outputs of one backbone on one domain, which are
//! computed in one pass over its images.

use super::{Job, Planned, PlannedFeatures};
use harness_abi::backbone::BackboneInfo;
use std::collections::HashMap;

/// Features of one backbone on one domain.
pub(super) struct FeatureSet<'a> {
    /// A cell that needs them.
    pub(super) job: &'a Job,
    /// The index of the domain in the cell's stream.
    pub(super) domain: usize,
    /// The index of the backbone among the cell's.
    pub(super) backbone: usize,
    pub(super) info: &'a BackboneInfo,
    /// The outputs that cells read in addition to the embedding.
    pub(super) outputs: Vec<String>,
}

impl<'a> FeatureSet<'a> {
    /// All that these cells need, in the order of the cells.
    pub(super) fn all(cells: &[&'a Planned]) -> Vec<FeatureSet<'a>> {
        let (mut sets, mut known): (Vec<FeatureSet<'_>>, _) = (Vec::new(), HashMap::new());
        for Planned { job, features } in cells {
            let domains = job.cell.stream.domains.iter().enumerate();
            let backbones = job.cell.backbones.iter().zip(features).enumerate();
            for (domain, of_domain) in domains {
                for (backbone, (of_backbone, PlannedFeatures { info, outputs })) in
                    backbones.clone()
                {
                    let key = [
                        &of_domain.split_hash,
                        &of_backbone.plugin.hash,
                        &of_backbone.fingerprint,
                    ];
                    let index = *known.entry(key).or_insert_with(|| {
                        sets.push(FeatureSet {
                            job,
                            domain,
                            backbone,
                            info,
                            outputs: Vec::new(),
                        });
                        sets.len() - 1
                    });
                    let all = &mut sets[index].outputs;
                    for output in outputs {
                        if !all.contains(output) {
                            all.push(output.clone());
                        }
                    }
                }
            }
        }
        sets
    }

    /// For people: `digits · features of clip (also class_token)`.
    pub(super) fn title(&self) -> String {
        title(self.job, self.domain, self.backbone, &self.outputs)
    }
}

/// For people: the outputs of a cell's backbone on a domain of its stream.
pub(super) fn title(job: &Job, domain: usize, backbone: usize, outputs: &[String]) -> String {
    let domain = &job.cell.stream.domains[domain].name;
    let backbone = &job.cell.backbones[backbone].name;
    let also = match outputs {
        [] => String::new(),
        outputs => format!(" (also {})", outputs.join(", ")),
    };
    format!("{domain} · features of {backbone}{also}")
}

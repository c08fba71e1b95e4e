//! The streams of a scenario: one for each domain that has a `stream`, and the named ones.

use super::Resolver;
use crate::id::Seed;
use crate::scenario::error::{Problem, ScenarioError};
use crate::scenario::resolved::{DomainCut, DomainUse, StreamUse};
use crate::scenario::spec;
use crate::scenario::streams::{CutDomain, NamedStream, StreamPart};
use crate::scenario::yaml::KeyPath;
use crate::stream::{Augmentation, ClassIdentity, Cut};
use indexmap::IndexMap;

/// How a domain is cut on its own.
#[derive(Debug, Clone)]
pub(super) struct OwnStream {
    pub(super) cut: Cut,
    pub(super) augmentation: Augmentation,
    /// The path of its mapping: `stream`, or `domains.NAME.stream`.
    pub(super) key: KeyPath,
}

impl Resolver<'_> {
    /// The stream over one domain alone, which has the domain's name.
    pub(super) fn stream_of_domain(
        &self,
        domain: &str,
        own: &OwnStream,
        class_orders: Vec<(Seed, String)>,
    ) -> StreamUse {
        StreamUse {
            name: domain.to_owned(),
            domains: vec![DomainCut {
                domain: domain.to_owned(),
                cut: own.cut.clone(),
                key: own.key.clone(),
            }],
            classes: ClassIdentity::default(),
            templates: None,
            augmentation: own.augmentation,
            class_orders,
            key: own.key.clone(),
        }
    }

    /// Adds the named streams to those of single domains.
    pub(super) fn named_streams(
        &self,
        streams: &mut Vec<StreamUse>,
        written: IndexMap<String, NamedStream>,
        domains: &[DomainUse],
        seeds: &[u64],
    ) -> Result<(), ScenarioError> {
        for (name, stream) in written {
            let key = KeyPath::top("streams").join(&name);
            self.entry_name(&key, &name)?;
            if name == "overall" {
                return Err(self.error(&key, Problem::ReservedName));
            }
            if streams.iter().any(|other| other.name == name) {
                return Err(self.error(&key, Problem::StreamOfDomain { name }));
            }
            streams.push(self.named_stream(name, key, stream, domains, seeds)?);
        }
        Ok(())
    }

    fn named_stream(
        &self,
        name: String,
        key: KeyPath,
        written: NamedStream,
        domains: &[DomainUse],
        seeds: &[u64],
    ) -> Result<StreamUse, ScenarioError> {
        let domains_key = key.join("domains");
        if written.domains.is_empty() {
            let fix = "list the domains in the order in which they arrive";
            return Err(self.error(&domains_key, Problem::Empty { fix }));
        }
        let mut cuts: Vec<DomainCut> = Vec::new();
        let mut members: Vec<&DomainUse> = Vec::new();
        for (index, part) in written.domains.into_iter().enumerate() {
            let cut = self.domain_cut(domains_key.index(index), part)?;
            let Some(domain) = domains.iter().find(|domain| domain.name == cut.domain) else {
                let problem = Problem::UnknownName {
                    what: "domain",
                    name: cut.domain,
                    known: domains.iter().map(|domain| domain.name.clone()).collect(),
                };
                return Err(self.error(&cut.key, problem));
            };
            let mut others = members.iter();
            if let Some(other) = others.find(|other| other.has_images_of(domain)) {
                let problem = match other.name == domain.name {
                    true => Problem::DomainTwice {
                        name: domain.name.clone(),
                    },
                    false => Problem::SameImages {
                        name: domain.name.clone(),
                        other: other.name.clone(),
                    },
                };
                return Err(self.error(&cut.key, problem));
            }
            members.push(domain);
            cuts.push(cut);
        }
        if let Some(templates) = &written.templates {
            let fix = "list templates, or remove the key for those of each domain";
            self.templates(&key.join("templates"), templates, fix)?;
        }
        let class_orders = written.expect.unwrap_or_default().class_orders;
        let class_orders = self.class_orders(&key.join("expect"), class_orders, seeds)?;
        Ok(StreamUse {
            name,
            domains: cuts,
            classes: written.classes.unwrap_or_default(),
            templates: written.templates,
            augmentation: written.augmentation.unwrap_or_default(),
            class_orders,
            key,
        })
    }

    fn domain_cut(&self, key: KeyPath, part: StreamPart) -> Result<DomainCut, ScenarioError> {
        let CutDomain {
            domain,
            tasks,
            task_sizes,
            class_order,
        } = match part {
            StreamPart::Whole(domain) => {
                let cut = Cut::whole();
                return Ok(DomainCut { domain, cut, key });
            }
            StreamPart::Cut(cut) => cut,
        };
        let written = spec::Stream {
            // A whole domain, unless it is cut.
            tasks: tasks.or_else(|| task_sizes.is_none().then_some(spec::Tasks::Count(1))),
            task_sizes,
            class_order,
            augmentation: None,
        };
        let OwnStream { cut, .. } = self.stream(&key, written)?;
        Ok(DomainCut { domain, cut, key })
    }
}

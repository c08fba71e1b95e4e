//! A stream as the scenario describes it: which cuts of its domains, and what makes two classes
//! one.

use super::class_order::ClassOrder;
use super::tasks::Tasks;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A stream as the scenario describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct StreamSpec {
    /// How each of its domains is cut into tasks, in the order in which the domains arrive.
    pub cuts: Vec<Cut>,
    /// What makes classes of two domains one class.
    pub classes: ClassIdentity,
    /// Augmentation of training images.
    pub augmentation: Augmentation,
}

/// How a domain is cut into tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// The number of tasks, or their sizes.
    pub tasks: Tasks,
    /// The order in which the domain's classes arrive.
    pub class_order: ClassOrder,
}

impl Cut {
    /// The whole domain as one task.
    pub fn whole() -> Cut {
        Cut {
            tasks: Tasks::Count(1),
            class_order: ClassOrder::Listed,
        }
    }
}

/// What makes classes of two domains of a stream one class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClassIdentity {
    /// Nothing: a class is a name in a domain, as in MTIL and X-TAIL.
    #[default]
    ByDomain,
    /// The name: a class that another domain has too comes back with it, as in domain-incremental
    /// learning.
    ByName,
}

impl ClassIdentity {
    fn is_by_domain(&self) -> bool {
        *self == ClassIdentity::ByDomain
    }
}

impl fmt::Display for ClassIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ClassIdentity::ByDomain => "by-domain",
            ClassIdentity::ByName => "by-name",
        })
    }
}

/// Augmentation of training images. Cached features and outputs, and queries made from them, are
/// always those of the plain image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Augmentation {
    /// None: always the plain image.
    #[default]
    None,
    /// A random resized crop (8 to 100 % of the area, aspect ratio 3:4 to 4:3) and, with
    /// probability 0.5, a horizontal flip, as torchvision's `RandomResizedCrop` and
    /// `RandomHorizontalFlip`. Both depend on the seed, the sample and the epoch.
    RandomResizedCropAndFlip,
}

impl fmt::Display for Augmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Augmentation::None => "none",
            Augmentation::RandomResizedCropAndFlip => "random-resized-crop-and-flip",
        })
    }
}

impl Augmentation {
    /// Whether there is no augmentation.
    pub fn is_none(&self) -> bool {
        *self == Augmentation::None
    }
}

impl StreamSpec {
    /// The spec of a stream over one domain.
    pub fn of_domain(cut: Cut, augmentation: Augmentation) -> StreamSpec {
        StreamSpec {
            cuts: vec![cut],
            classes: ClassIdentity::default(),
            augmentation,
        }
    }
}

/// The spec in a plan or a record. Streams over one domain are written as they were before there
/// were others, so that their cells keep their ids.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    OneDomain(OneDomain),
    Several(Several),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OneDomain {
    tasks: Tasks,
    class_order: ClassOrder,
    #[serde(default, skip_serializing_if = "Augmentation::is_none")]
    augmentation: Augmentation,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Several {
    cuts: Vec<Cut>,
    #[serde(default, skip_serializing_if = "ClassIdentity::is_by_domain")]
    classes: ClassIdentity,
    #[serde(default, skip_serializing_if = "Augmentation::is_none")]
    augmentation: Augmentation,
}

impl From<Written> for StreamSpec {
    fn from(written: Written) -> Self {
        match written {
            Written::OneDomain(OneDomain {
                tasks,
                class_order,
                augmentation,
            }) => StreamSpec::of_domain(Cut { tasks, class_order }, augmentation),
            Written::Several(Several {
                cuts,
                classes,
                augmentation,
            }) => StreamSpec {
                cuts,
                classes,
                augmentation,
            },
        }
    }
}

impl From<StreamSpec> for Written {
    fn from(spec: StreamSpec) -> Self {
        let StreamSpec {
            mut cuts,
            classes,
            augmentation,
        } = spec;
        // With one domain, both identities are the same.
        match cuts.len() {
            1 => {
                let Cut { tasks, class_order } = cuts.remove(0);
                Written::OneDomain(OneDomain {
                    tasks,
                    class_order,
                    augmentation,
                })
            }
            _ => Written::Several(Several {
                cuts,
                classes,
                augmentation,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::SeedRef;

    #[test]
    fn streams_over_one_domain_are_written_as_ever() {
        let cut = Cut {
            tasks: Tasks::Count(5),
            class_order: ClassOrder::numpy(SeedRef::CellSeed),
        };
        let one = StreamSpec::of_domain(cut.clone(), Augmentation::None);
        let json = serde_json::to_string(&one).unwrap();
        assert_eq!(
            json,
            r#"{"tasks":{"count":5},"class_order":{"numpy":{"seed":"cell-seed","convention":"old-to-new"}}}"#
        );
        assert_eq!(serde_json::from_str::<StreamSpec>(&json).unwrap(), one);
        let two = StreamSpec {
            cuts: vec![cut, Cut::whole()],
            classes: ClassIdentity::ByName,
            ..one
        };
        let json = serde_json::to_string(&two).unwrap();
        assert!(json.starts_with(r#"{"cuts":[{"#) && json.ends_with(r#"}],"classes":"by-name"}"#));
        assert_eq!(serde_json::from_str::<StreamSpec>(&json).unwrap(), two);
    }
}

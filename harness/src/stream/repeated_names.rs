//! Class names that stand in several domains of a stream.
//!
//! With `classes: by-domain` they are different classes. If the same templates turn them into text,
//! a text encoder cannot tell them apart: their texts are the same vector, so their scores tie, and
//! the lower class always wins. CLIP reads text in lower case, so `River` and `river` tie too, even
//! with `classes: by-name`.

use super::spec::ClassIdentity;
use indexmap::IndexMap;

/// A name that several domains have, whatever the case of its letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatedName {
    /// The name, as the first domain writes it.
    pub name: String,
    /// The indices of the domains that have it, at least two.
    pub domains: Vec<usize>,
    /// Whether it is the name of two classes that have the same texts.
    pub ties: bool,
}

/// The names that stand in several of these domains, in the order in which they first arrive.
/// `templates` are those of each domain.
pub fn repeated_names(
    classes: &[&[String]],
    templates: &[&[String]],
    identity: ClassIdentity,
) -> Vec<RepeatedName> {
    /// A name as a domain writes it, and that domain.
    type Uses<'a> = Vec<(&'a str, usize)>;
    let mut uses_of: IndexMap<String, Uses<'_>> = IndexMap::new();
    for (domain, classes) in classes.iter().enumerate() {
        for class in *classes {
            let uses = uses_of.entry(class.to_lowercase()).or_default();
            uses.push((class, domain));
        }
    }
    let tie = |(one, here): (&str, usize), (other, there): (&str, usize)| {
        let is_same_class = identity == ClassIdentity::ByName && one == other;
        !is_same_class && templates[here] == templates[there]
    };
    let repeated = uses_of.into_values().filter(|uses| {
        let (_, first) = uses[0];
        uses.iter().any(|(_, domain)| *domain != first)
    });
    repeated
        .map(|uses| {
            let mut pairs = (0..uses.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
            let mut domains: Vec<usize> = uses.iter().map(|(_, domain)| *domain).collect();
            domains.dedup();
            RepeatedName {
                name: uses[0].0.to_owned(),
                domains,
                ties: pairs.any(|(i, j)| tie(uses[i], uses[j])),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tie_if_two_classes_have_the_same_texts() {
        let names = |names: &str| -> Vec<String> { names.split(' ').map(str::to_owned).collect() };
        let classes = [
            names("rose River"),
            names("river rose rose-hip"),
            names("rose"),
        ];
        let templates = [vec!["a {}".to_owned()], vec!["the {}".to_owned()]];
        let repeated = |templates: [&[String]; 3], identity| -> Vec<(String, usize, bool)> {
            let classes: Vec<&[String]> = classes.iter().map(Vec::as_slice).collect();
            let repeated = repeated_names(&classes, &templates, identity).into_iter();
            repeated
                .map(|name| (name.name, name.domains.len(), name.ties))
                .collect()
        };
        let [a, the] = &templates;
        let expected = |rose, river| [("rose".into(), 3, rose), ("River".into(), 2, river)];
        use ClassIdentity::{ByDomain, ByName};
        assert_eq!(repeated([a, the, a], ByDomain), expected(true, false));
        assert_eq!(repeated([a, a, the], ByDomain), expected(true, true));
        assert_eq!(repeated([a, a, a], ByName), expected(false, true));
    }
}

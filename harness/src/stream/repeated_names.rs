//! Class names that stand in several domains of a stream.
//!
//! With `classes: by-domain` they are different classes. If the same templates turn them into text,
//! a text encoder cannot tell them apart: their texts are the same vector, so their scores tie, and
//! the lower class always wins.

use indexmap::IndexMap;

/// A name that several domains have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatedName {
    /// The name.
    pub name: String,
    /// The indices of the domains that have it, at least two.
    pub domains: Vec<usize>,
    /// Whether two of them turn it into the same texts.
    pub ties: bool,
}

/// The names that stand in several of these domains, in the order in which they first arrive.
/// `templates` are those of each domain.
pub fn repeated_names(classes: &[&[String]], templates: &[&[String]]) -> Vec<RepeatedName> {
    let mut domains_of: IndexMap<&str, Vec<usize>> = IndexMap::new();
    for (domain, classes) in classes.iter().enumerate() {
        for class in *classes {
            domains_of.entry(class).or_default().push(domain);
        }
    }
    let repeated = domains_of
        .into_iter()
        .filter(|(_, domains)| domains.len() > 1);
    repeated
        .map(|(name, domains)| {
            let same = |one: usize, other: usize| templates[one] == templates[other];
            let ties = domains
                .iter()
                .enumerate()
                .any(|(i, &one)| domains[..i].iter().any(|&other| same(one, other)));
            RepeatedName {
                name: name.to_owned(),
                domains,
                ties,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tie_if_two_domains_use_the_same_templates() {
        let names = |names: &str| -> Vec<String> { names.split(' ').map(str::to_owned).collect() };
        let classes = [
            names("rose lotus"),
            names("lotus rose rose-hip"),
            names("rose"),
        ];
        let templates = [vec!["a {}".to_owned()], vec!["the {}".to_owned()]];
        let repeated = |templates: [&[String]; 3]| -> Vec<(String, usize, bool)> {
            let classes: Vec<&[String]> = classes.iter().map(Vec::as_slice).collect();
            let repeated = repeated_names(&classes, &templates).into_iter();
            repeated
                .map(|name| (name.name, name.domains.len(), name.ties))
                .collect()
        };
        let [a, the] = &templates;
        let expected = |rose, lotus| [("rose".into(), 3, rose), ("lotus".into(), 2, lotus)];
        assert_eq!(repeated([a, the, a]), expected(true, false));
        assert_eq!(repeated([a, a, the]), expected(true, true));
    }
}

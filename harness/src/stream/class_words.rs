//! A warning about classes whose names are no words, such as `7` or WordNet's `n01443537`.
//!
//! A strategy that compares images with class names would read "a photo of a n01443537", and its
//! figures would say little about the method. That is no error: other strategies only need names
//! that differ, and some templates suit numbers.

use crate::scenario::{DomainUse, Scenario, Warning};
use crate::suggest::list;

/// How many classes a warning names.
const SHOWN: usize = 3;

/// One warning per domain that has such classes. `classes` has the class names of each domain, or
/// `None` if it could not be opened.
pub(super) fn warnings(scenario: &Scenario, classes: &[Option<Vec<String>>]) -> Vec<Warning> {
    let domains = scenario.domains.iter().zip(classes);
    domains
        .filter_map(|(domain, classes)| {
            let message = message(templates(scenario, domain), classes.as_deref()?)?;
            Some(scenario.key_warning(&domain.key(), message))
        })
        .collect()
}

/// The templates of a domain in the first stream that has it.
fn templates<'s>(scenario: &'s Scenario, domain: &'s DomainUse) -> &'s [String] {
    let mut streams = scenario.streams.iter();
    let stream = streams.find(|stream| stream.has(&domain.name));
    let own = stream.and_then(|stream| stream.templates.as_ref());
    own.unwrap_or(&domain.templates)
}

fn message(templates: &[String], classes: &[String]) -> Option<String> {
    let wordless: Vec<&str> = (classes.iter())
        .map(String::as_str)
        .filter(|name| !has_words(name))
        .collect();
    let first = wordless.first()?;
    let more = match wordless.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let shown = list(wordless.iter().copied().take(SHOWN));
    Some(format!(
        "{} of {} classes have names without words: {shown}{more}. A strategy that reads class names \
         reads \"{}\". To give them names, list them in `classes`, as in `{{name: …, key: \
         {}}}`",
        wordless.len(),
        classes.len(),
        templates[0].replace("{}", first),
        key(first),
    ))
}

/// Whether a text encoder can make something of a class's name.
fn has_words(name: &str) -> bool {
    name.contains(char::is_alphabetic) && !is_wordnet_id(name)
}

/// `n01443537`: a part of speech and eight digits.
fn is_wordnet_id(name: &str) -> bool {
    let digits = name.strip_prefix(['n', 'v', 'a', 'r', 's']);
    digits.is_some_and(|digits| digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// A class's name as a key in YAML. Names with other characters than these need quotes.
fn key(name: &str) -> String {
    match name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        true => name.to_owned(),
        false => format!("{name:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::has_words;

    #[test]
    fn numbers_and_wordnet_ids_are_no_words() {
        for name in ["7", "007", "3.5", "n01443537", "12-1", "№ 4"] {
            assert!(!has_words(name), "{name}");
        }
        for name in [
            "A",
            "A320",
            "Boeing 737",
            "n01443537 goldfish",
            "n0144",
            "犬",
        ] {
            assert!(has_words(name), "{name}");
        }
    }
}

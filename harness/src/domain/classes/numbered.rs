//! Classes whose names begin with their number, as CUB-200-2011 writes them:
//! `001.Black_footed_Albatross`.
//!
//! The number is for sorting and is no part of the name that a text encoder should read. If all
//! classes of a domain have one, and there is no reference list, a class is called `Black footed
//! Albatross`. Sources and split lists still refer to it by what they call it.

use std::collections::HashSet;

/// The names without their numbers, with spaces for underscores; `None` unless every class has a
/// number and the names without them differ.
pub(super) fn names(called: &[String]) -> Option<Vec<String>> {
    let names: Option<Vec<String>> = called.iter().map(|text| name(text)).collect();
    let names = names?;
    let distinct: HashSet<&String> = names.iter().collect();
    // A name that is also what another class is called would make look-ups ambiguous.
    let clear = distinct.len() == names.len() && !called.iter().any(|text| distinct.contains(text));
    clear.then_some(names)
}

fn name(called: &str) -> Option<String> {
    let (number, name) = called.split_once('.')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let name = name.replace('_', " ").trim().to_owned();
    (is_number && name.starts_with(char::is_alphabetic)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::names;

    fn named(called: &[&str]) -> Option<Vec<String>> {
        names(
            &called
                .iter()
                .map(|&text| text.to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn the_number_is_left_out_if_every_class_has_one() {
        let cub = ["001.Black_footed_Albatross", "002.Dusk sky", "10.Ünlü_kuş"];
        let expected = ["Black footed Albatross", "Dusk sky", "Ünlü kuş"];
        assert_eq!(named(&cub), Some(expected.map(String::from).to_vec()));
        for others in [
            &["001.Albatross", "Crow"][..],
            &["1.5", "2.5"],
            &["v1.Crow", "v2.Gull"],
            &[".Crow"],
            // Otherwise two classes would have one name.
            &["001.Crow", "002.Crow"],
        ] {
            assert_eq!(named(others), None, "{others:?}");
        }
    }
}

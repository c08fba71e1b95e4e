//! "Did you mean": the known name that a misspelt one is closest to.
//!
//! Every name that a user types (a key, a strategy, a plugin, a domain, a file) is looked up in a
//! known list. A failed look-up suggests the nearest entry, or shows the list if none is near. All
//! such messages are worded here, so that they read alike.

/// The longest name that is compared, in bytes: a comparison takes time and memory for every pair
/// of letters.
const LONGEST: usize = 1000;

/// The candidate closest to `word`, if one is close enough to be what was meant.
///
/// Case is ignored, and `-` equals `_`. One edit (a letter added, dropped or changed, or two
/// swapped) is allowed per three letters, and at least one. The first of equally close candidates
/// wins, so the answer is always the same.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let short = |name: &str| name.len() <= LONGEST;
    let word = folded(word);
    if !short(&word) {
        return None;
    }
    let allowed = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| short(candidate))
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&word, &folded(candidate));
            (distance, candidate)
        })
        // With one edit per letter, any word becomes any other.
        .filter(|&(distance, candidate)| {
            distance <= allowed && distance < candidate.chars().count()
        })
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// The end of a message about an unknown name: the closest candidate, or all candidates if none is
/// close, or nothing if there are none.
///
/// ```
/// use harness::suggest::hint;
/// assert_eq!(hint("heds", ["heads", "pixels"]), "; did you mean `heads`?");
/// assert_eq!(hint("clip", ["heads", "pixels"]), "; the choices are `heads`, `pixels`");
/// assert_eq!(hint("clip", []), "");
/// ```
pub fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    match closest(word, candidates.iter().copied()) {
        Some(candidate) => format!("; did you mean `{candidate}`?"),
        None => match candidates[..] {
            [] => String::new(),
            [only] => format!("; the only choice is `{only}`"),
            _ => format!("; the choices are {}", list(candidates)),
        },
    }
}

/// Names as messages list them: `` `a`, `b`, `c` ``.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

fn folded(word: &str) -> String {
    word.to_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn long_names_are_not_compared() {
        // The table of a comparison would take a terabyte.
        let long = "x".repeat(400_000);
        assert_eq!(closest(&long, [&*long, "heads"]), None);
        assert_eq!(closest("head", [&*long, "heads"]), Some("heads"));
    }

    #[test]
    fn a_typo_finds_its_word_and_another_word_finds_none() {
        let keys = [
            "use",
            "parameters",
            "provenance",
            "backbone",
            "backbones",
            "nearest-class-mean",
        ];
        let find = |word| closest(word, keys);
        assert_eq!(find("paramters"), Some("parameters"));
        assert_eq!(find("Nearest_Class_Mean"), Some("nearest-class-mean"));
        assert_eq!(find("ues"), Some("use"));
        assert_eq!(
            find("backbonse"),
            Some("backbone"),
            "the first of two equally close ones"
        );
        assert_eq!(find("optimizer"), None);
        assert_eq!(closest("x", ["y"]), None);
    }
}

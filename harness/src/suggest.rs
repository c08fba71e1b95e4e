//! "Did you mean": the known name that a misspelt one is closest to.
//!
//! Every name that a user types (a key, a strategy, a plugin, a domain, a file) is looked up in a list that we know, so
//! every failed look-up can offer the nearest entry, or show the list when nothing is near. All messages that do so take
//! their words from here, so that they read alike.

/// The candidate closest to `word`, if any is close enough that a slip of the finger explains the difference.
///
/// Upper and lower case, `-` and `_` count as equal. One edit (a letter added, dropped, changed, or two swapped) is allowed per
/// three letters, and one in any case. Of equally close candidates the first wins, so the answer is the same every time.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = folded(word);
    let allowed = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&word, &folded(candidate));
            (distance, candidate)
        })
        // With as many edits as letters any word becomes any other.
        .filter(|&(distance, candidate)| {
            distance <= allowed && distance < candidate.chars().count()
        })
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// The end of a message about an unknown name: the closest candidate, else the list of all, else nothing.
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

/// Names as a message shows them: `` `a`, `b`, `c` ``.
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
    fn a_slip_finds_its_word_and_a_stranger_finds_none() {
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
            "of two at one distance the first"
        );
        assert_eq!(find("optimizer"), None);
        assert_eq!(closest("x", ["y"]), None);
    }
}

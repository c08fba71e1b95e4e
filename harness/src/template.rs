//! Files that commands write for users, made of templates.

/// The template with each placeholder replaced.
///
/// # Panics
///
/// If a placeholder does not occur: the template and the code that fills it have parted.
pub(crate) fn filled(template: &str, values: &[(&str, &str)]) -> String {
    // In one pass, so that a value that looks like a placeholder stays as it is.
    let mut text = String::new();
    let mut rest = template;
    let mut used = vec![false; values.len()];
    let next = |rest: &str| {
        let found = values.iter().enumerate().filter_map(|(number, (name, _))| {
            let at = rest.find(name)?;
            Some((at, std::cmp::Reverse(name.len()), number))
        });
        found.min()
    };
    while let Some((at, _, number)) = next(rest) {
        let (name, value) = values[number];
        text += &rest[..at];
        text += value;
        used[number] = true;
        rest = &rest[at + name.len()..];
    }
    for ((name, _), used) in values.iter().zip(used) {
        assert!(used, "the template has no {name}");
    }
    text + rest
}

/// A text in double quotes, as YAML and TOML read it.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text is JSON")
}

/// A text as a YAML value: plain if it can be, quoted if not.
pub(crate) fn yaml_scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    // What a YAML reader, of any version, could take for something other than text.
    let word = matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n" | ".inf" | ".nan"
    );
    let letter = text.trim_start_matches(['.', '/']).chars().next();
    let is_path = text == "." || text == "..";
    let begins_well = letter.is_some_and(|c| c.is_ascii_alphabetic());
    match is_path || (begins_well && !word && text.chars().all(plain)) {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// A text within a comment or a message: on one line, whatever it holds.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// An argument as a POSIX shell reads it.
pub(crate) fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./+=:,@%".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_searched_for_placeholders() {
        let text = filled("A, AB and A", &[("A", "AB"), ("AB", "A")]);
        assert_eq!(text, "AB, A and AB");
    }

    #[test]
    fn scalars_are_read_back_as_text() {
        for text in [
            "flowers",
            ".",
            "..",
            "../data/a.b",
            "no",
            "1",
            "1e3",
            ".5",
            ".inf",
            ".NaN",
            "~",
            "a: b",
            "a #b",
            "- a",
            "{a}",
            "'",
            "\"",
            "ä b",
            "a\nb",
            "",
            " a ",
            "true",
            "Null",
            "*a",
            "&a",
            "!a",
            "/data/x",
            "./1",
        ] {
            let written = format!("key: {}\n", yaml_scalar(text));
            let read: serde_json::Value = serde_yaml::from_str(&written).unwrap();
            assert_eq!(read["key"], text, "{written}");
        }
    }

    #[test]
    fn words_reach_a_program_as_they_are() {
        assert_eq!(shell_word("a/b.yaml"), "a/b.yaml");
        assert_eq!(shell_word("my images/it's"), r"'my images/it'\''s'");
        assert_eq!(shell_word(""), "''");
    }
}

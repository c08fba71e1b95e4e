//! Text as Markdown.

/// The text in one line of a table: without line breaks, and with `|` escaped.
pub(super) fn cell(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('|', "\\|")
}

/// A table, headed by `head`.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&head.map(str::to_owned));
    text += &line(&[const { "---" }; N].map(str::to_owned));
    for row in rows {
        text += &line(&row.clone().map(|text| cell(&text)));
    }
    text
}

/// `GeneratedOrder` as a heading has it: `Generated order`.
pub(super) fn heading(type_name: &str) -> String {
    let mut text = String::new();
    for (at, letter) in type_name.char_indices() {
        match (at, letter.is_uppercase()) {
            (1.., true) => {
                text.push(' ');
                text.extend(letter.to_lowercase());
            }
            _ => text.push(letter),
        }
    }
    text
}

/// The end of a link to that heading.
pub(super) fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars()
        .filter(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_becomes_a_heading_and_the_heading_a_link() {
        let heading = heading("FilesPerSplit");
        assert_eq!(heading, "Files per split");
        assert_eq!(anchor(&heading), "files-per-split");
    }

    #[test]
    fn a_cell_is_one_line_without_bars() {
        assert_eq!(cell("png|jpg,\nin\n  folders"), "png\\|jpg, in folders");
    }
}

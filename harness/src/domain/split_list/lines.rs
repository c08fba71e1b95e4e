//! Text with one image per line and one file per split: `banded/banded_0002.jpg`, or with the
//! image's class after a space, `0034309 707-320`.
//!
//! FGVC-Aircraft, DTD, Food-101, SUN397 and DomainNet are published with such lists.

use super::entry::{At, Entry, ListFile};
use crate::domain::classes::tag::Tag;
use crate::domain::sample::Split;

/// The entries of a text with one split. A class may have spaces, a file name may not.
pub(crate) fn read(file: &ListFile, text: &str, split: Split) -> Vec<Entry> {
    let lines = (1..).zip(text.lines()).map(|(n, line)| (n, line.trim()));
    let entry = |(number, line): (u64, &str)| {
        let (name, class) = line.split_once(' ').unwrap_or((line, ""));
        let tag = Some(class.trim())
            .filter(|class| !class.is_empty())
            .map(Tag::parse);
        file.entry(name, tag, split, At::Line(number))
    };
    lines
        .filter(|(_, line)| !line.is_empty())
        .map(entry)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn aircrafts_dtds_and_domainnets_lines() {
        let text =
            "0034309 707-320\n1025794 Cessna 560 \r\n\nbanded/banded_0002.jpg\n./r/a.jpg 007\n";
        let entries = read(&ListFile::new(Path::new("l.txt")), text, Split::Test);
        let said: Vec<(&str, Option<Tag>, String)> = (entries.iter())
            .map(|entry| (entry.name.as_str(), entry.tag.clone(), entry.place()))
            .collect();
        let line = |number| format!("l.txt: line {number}");
        let expected = [
            ("0034309", Some(Tag::text("707-320")), line(1)),
            ("1025794", Some(Tag::text("Cessna 560")), line(2)),
            ("banded/banded_0002.jpg", None, line(4)),
            ("r/a.jpg", Some(Tag::parse("007")), line(5)),
        ];
        assert_eq!(said, expected);
    }
}

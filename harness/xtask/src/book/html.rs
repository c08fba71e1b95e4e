//! The tags of a page, as far as a link check needs them.
//!
//! The pages come from one version of mdBook, so this reads what mdBook writes: attribute values in
//! double quotes, and no `>` within them.

use std::collections::BTreeSet;

/// What links can lead to in a page, and the links in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The anchors: values of `id`, and of `name` in a link.
    pub anchors: BTreeSet<String>,
    /// Values of `href` and `src`, each once, in order.
    pub links: Vec<String>,
}

impl Page {
    /// Reads the text of a page.
    pub fn read(text: &str) -> Page {
        let mut page = Page::default();
        let mut rest = text;
        while let Some((_, tail)) = rest.split_once('<') {
            rest = tail;
            if let Some(comment) = rest.strip_prefix("!--") {
                rest = after(comment, "-->");
                continue;
            }
            let (tag, tail) = rest.split_once('>').unwrap_or((rest, ""));
            rest = tail;
            page.tag(tag);
            for raw in ["script", "style"] {
                if tag.split_whitespace().next() == Some(raw) {
                    rest = after(rest, &format!("</{raw}>"));
                }
            }
        }
        page
    }

    fn tag(&mut self, tag: &str) {
        let (name, mut rest) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        while let Some((key, tail)) = rest.split_once("=\"") {
            // Attributes without a value may come before this one.
            let key = key.split_whitespace().next_back().unwrap_or_default();
            let (value, tail) = tail.split_once('"').unwrap_or((tail, ""));
            rest = tail;
            let value = decoded(value);
            match key {
                "id" => drop(self.anchors.insert(value)),
                "name" if name == "a" => drop(self.anchors.insert(value)),
                "href" | "src" if !self.links.contains(&value) => self.links.push(value),
                _ => {}
            }
        }
    }
}

fn after<'a>(text: &'a str, end: &str) -> &'a str {
    text.split_once(end).map_or("", |(_, rest)| rest)
}

/// Resolves the character references that occur in attributes.
fn decoded(value: &str) -> String {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(value.to_owned(), |value, (reference, character)| {
        value.replace(reference, character)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_and_links_are_found_outside_of_comments_and_scripts() {
        let page = Page::read(
            "<!-- <a href=\"no\"> --><script src=\"a.js\">x = '<a href=\"no\">' < 1</script>\
             <h2 id=\"one\"><a class=\"header\" href=\"#one\">1 &lt; 2</a></h2>\
             <a name=\"two\"></a><meta name=\"no\"><img hidden src=\"b.png?x=1&amp;y=2\" alt=\"\">\
             <a href=\"#one\">again</a>",
        );
        let anchors: Vec<_> = page.anchors.iter().map(String::as_str).collect();
        assert_eq!(anchors, ["one", "two"]);
        assert_eq!(page.links, ["a.js", "#one", "b.png?x=1&y=2"]);
    }
}

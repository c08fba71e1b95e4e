//! Lines of JSON, with what repeats written once.
//!
//! ```text
//! {"$":"5b1f0e2a","is":{"name":"digits",…}}      a value that later lines name
//! {"form":"91c3d2aa","is":{"format":3,"checksum":{"$":null},…}}
//! ["91c3d2aa","8f21…",{"$":"5b1f0e2a"},1992,…]   a line: its form, and what fills its holes
//! ```
//!
//! A value that occurs twice is replaced by its name. Then lines that have the same keys share a
//! form, which has the keys and whatever is the same in all of them. An object whose keys differ
//! from line to line, such as the parameters of a strategy, fills a hole as a whole. Names are hashes, so a new
//! line changes no other. Everything happens to the text: unpacked lines have the same bytes.

use super::json_text::{Json, Parts};
use std::collections::{HashMap, HashSet};

/// The shortest value that is worth a name.
const SHORTEST: usize = 40;

/// How much text all lines of a file may have together, in bytes.
const MOST_TEXT: usize = 1 << 28;

/// A place in a form that each line fills.
const HOLE: &str = r#"{"$":null}"#;

/// Packs lines, each a JSON object without spaces. `None` if one is not, or uses the signs of this
/// format.
pub(super) fn pack(lines: &[&str]) -> Option<Vec<String>> {
    let parsed: Vec<Json<'_>> = lines
        .iter()
        .map(|line| Json::parse(line))
        .collect::<Option<_>>()?;
    let mut common = Common::default();
    for json in &parsed {
        common.add(json, String::new());
    }
    for json in &parsed {
        common.leave_shared(json, "");
    }
    let drawn: Vec<Drawn<'_>> = (parsed.iter())
        .map(|json| Drawn::of(json, &common))
        .collect();
    let mut alike: HashMap<&[String], Vec<usize>> = HashMap::new();
    for (index, drawn) in drawn.iter().enumerate() {
        alike.entry(&drawn.between).or_default().push(index);
    }

    let (mut packed, mut written) = (Vec::new(), HashSet::new());
    for drawn_line in &drawn {
        for value in &drawn_line.shared {
            let name = name(value);
            if written.insert(name.clone()) {
                packed.push(format!(r#"{{"$":"{name}","is":{value}}}"#));
            }
        }
        let group = &alike[&drawn_line.between[..]];
        let same = |hole: usize| {
            let others = group.iter().map(|&other| &drawn[other].holes[hole]);
            group.len() > 1 && others.clone().all(|other| *other == drawn_line.holes[hole])
        };
        let (mut form, mut line) = (drawn_line.between[0].clone(), String::new());
        for (hole, value) in drawn_line.holes.iter().enumerate() {
            if same(hole) {
                form += value;
            } else {
                form += HOLE;
                line += &format!(",{value}");
            }
            form += &drawn_line.between[hole + 1];
        }
        let name = name(&form);
        if written.insert(name.clone()) {
            packed.push(format!(r#"{{"form":"{name}","is":{form}}}"#));
        }
        packed.push(format!("[\"{name}\"{line}]"));
    }
    // Two values of one name, or a text that looks like a name, would come out as something else.
    let mut unpacker = Unpacker::default();
    let mut unpacked = Vec::new();
    for line in &packed {
        unpacked.extend(unpacker.line(line).ok()?);
    }
    (unpacked == lines).then_some(packed)
}

/// What the lines have in common.
#[derive(Default)]
struct Common<'t> {
    /// How often each value occurs that is worth a name.
    times: HashMap<&'t str, usize>,
    /// The keys of the objects at each path; `None` if they differ, or some are shared.
    keys: HashMap<String, Option<Vec<&'t str>>>,
}

impl<'t> Common<'t> {
    /// Adds a value at a path. The entries of a list share one.
    fn add(&mut self, json: &Json<'t>, path: String) {
        if is_worth_a_name(json) && !path.is_empty() {
            *self.times.entry(json.text).or_default() += 1;
        }
        match &json.parts {
            Parts::None => {}
            Parts::List(entries) => {
                for entry in entries {
                    self.add(entry, format!("{path}[]"));
                }
            }
            Parts::Object(entries) => {
                let keys: Vec<&str> = entries.iter().map(|(key, _)| *key).collect();
                let known = self.keys.entry(path.clone()).or_insert(Some(keys.clone()));
                if known.as_ref() != Some(&keys) {
                    *known = None;
                }
                for (key, value) in entries {
                    self.add(value, format!("{path}.{key}"));
                }
            }
        }
    }

    /// Leaves the paths of shared objects out of forms, so that all lines have one.
    fn leave_shared(&mut self, json: &Json<'t>, path: &str) {
        let Parts::Object(entries) = &json.parts else {
            return;
        };
        for (key, value) in entries {
            let path = format!("{path}.{key}");
            match self.is_shared(value) {
                true => {
                    self.keys.insert(path, None);
                }
                false => self.leave_shared(value, &path),
            }
        }
    }

    fn is_shared(&self, json: &Json<'t>) -> bool {
        is_worth_a_name(json) && self.times.get(json.text).is_some_and(|&times| times > 1)
    }

    /// Whether the object at this path is part of the form: the line itself always is.
    fn is_drawn(&self, path: &str) -> bool {
        path.is_empty() || self.keys.get(path).is_some_and(Option::is_some)
    }
}

fn is_worth_a_name(json: &Json<'_>) -> bool {
    json.text.len() >= SHORTEST && json.parts != Parts::None
}

/// A line as a form that has nothing but keys, and what fills it.
struct Drawn<'t> {
    /// The text before, between and after the holes.
    between: Vec<String>,
    holes: Vec<String>,
    /// The values that the holes name.
    shared: Vec<&'t str>,
}

impl<'t> Drawn<'t> {
    fn of(json: &Json<'t>, common: &Common<'t>) -> Self {
        let mut drawn = Drawn {
            between: vec![String::new()],
            holes: Vec::new(),
            shared: Vec::new(),
        };
        drawn.draw(json, "", common);
        drawn
    }

    fn draw(&mut self, json: &Json<'t>, path: &str, common: &Common<'t>) {
        match &json.parts {
            Parts::Object(entries) if common.is_drawn(path) => {
                self.keep("{");
                for (index, (key, value)) in entries.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    self.keep(&format!("{comma}{key}:"));
                    self.draw(value, &format!("{path}.{key}"), common);
                }
                self.keep("}");
            }
            _ => {
                let mut value = String::new();
                self.value(json, common, &mut value);
                self.holes.push(value);
                self.between.push(String::new());
            }
        }
    }

    /// Adds text to the form.
    fn keep(&mut self, text: &str) {
        *self.between.last_mut().expect("there is always one") += text;
    }

    /// Writes a value with names for what is shared.
    fn value(&mut self, json: &Json<'t>, common: &Common<'t>, text: &mut String) {
        if common.is_shared(json) {
            self.shared.push(json.text);
            *text += &format!(r#"{{"$":"{}"}}"#, name(json.text));
            return;
        }
        match &json.parts {
            Parts::None => *text += json.text,
            Parts::List(entries) => {
                text.push('[');
                for (index, entry) in entries.iter().enumerate() {
                    *text += if index == 0 { "" } else { "," };
                    self.value(entry, common, text);
                }
                text.push(']');
            }
            Parts::Object(entries) => {
                text.push('{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    *text += if index == 0 { "" } else { "," };
                    *text += key;
                    text.push(':');
                    self.value(value, common, text);
                }
                text.push('}');
            }
        }
    }
}

/// The name of a value or a form.
fn name(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..8].to_owned()
}

/// Unpacks lines, one after the other.
#[derive(Debug, Default)]
pub(super) struct Unpacker {
    values: HashMap<String, String>,
    forms: HashMap<String, String>,
    size: usize,
}

impl Unpacker {
    /// The line that this packed line stands for; `None` if it only names something.
    pub(super) fn line(&mut self, packed: &str) -> Result<Option<String>, &'static str> {
        let json = Json::parse(packed).ok_or("it is not a line of JSON without spaces")?;
        match &json.parts {
            Parts::Object(entries) => {
                let (table, (name, is)) = match &entries[..] {
                    [(r#""$""#, name), (r#""is""#, is)] => (&mut self.values, (name, is)),
                    [(r#""form""#, name), (r#""is""#, is)] => (&mut self.forms, (name, is)),
                    _ => return Err("it names neither a value nor a form"),
                };
                table.insert(name.text.to_owned(), is.text.to_owned());
                Ok(None)
            }
            Parts::List(entries) => {
                let (form, holes) = entries.split_first().ok_or("it has no form")?;
                let form = self.forms.get(form.text).ok_or("its form is missing")?;
                let form = Json::parse(form).ok_or("its form is not JSON")?;
                let mut text = String::new();
                let mut holes = holes.iter();
                self.fill(&form, &mut holes, &mut text)?;
                if holes.next().is_some() {
                    return Err("its form has fewer holes than it fills");
                }
                self.size += text.len();
                if self.size > MOST_TEXT {
                    return Err("the file stands for more text than any results have");
                }
                Ok(Some(text))
            }
            Parts::None => Err("it is neither a list nor an object"),
        }
    }

    /// Writes a form with its holes filled and its names replaced.
    fn fill<'j>(
        &self,
        json: &Json<'_>,
        holes: &mut dyn Iterator<Item = &'j Json<'j>>,
        text: &mut String,
    ) -> Result<(), &'static str> {
        if text.len() > MOST_TEXT {
            return Err("the file stands for more text than any results have");
        }
        if json.text == HOLE {
            let hole = holes
                .next()
                .ok_or("its form has more holes than it fills")?;
            // Nothing is left to fill in there.
            return self.fill(hole, &mut std::iter::empty(), text);
        }
        match &json.parts {
            Parts::None => *text += json.text,
            Parts::List(entries) => {
                text.push('[');
                for (index, entry) in entries.iter().enumerate() {
                    *text += if index == 0 { "" } else { "," };
                    self.fill(entry, holes, text)?;
                }
                text.push(']');
            }
            Parts::Object(entries) => {
                if let [(r#""$""#, name)] = &entries[..] {
                    *text += self
                        .values
                        .get(name.text)
                        .ok_or("it names a missing value")?;
                    return Ok(());
                }
                text.push('{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    *text += if index == 0 { "" } else { "," };
                    *text += key;
                    text.push(':');
                    self.fill(value, holes, text)?;
                }
                text.push('}');
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn unpack(packed: &[String]) -> Result<Vec<String>, &'static str> {
        let mut unpacker = Unpacker::default();
        let lines = packed.iter().map(|line| unpacker.line(line));
        lines.filter_map(Result::transpose).collect()
    }

    #[test]
    fn what_repeats_is_written_once() {
        let line = |seed: u32, extra: &str| {
            format!(
                r#"{{"format":3,"cell":{{"seed":{seed},"stream":{{"name":"digits","templates":["a photo of the number {{}}."]}}}},"n":[[0,1.0],[{seed}]]{extra}}}"#
            )
        };
        let lines = [line(1, ""), line(2, ""), line(3, r#","more":true"#)];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let packed = pack(&lines).unwrap();
        expect![[r#"
            {"$":"fa6f70b3","is":{"name":"digits","templates":["a photo of the number {}."]}}
            {"form":"b36b54ae","is":{"format":3,"cell":{"seed":{"$":null},"stream":{"$":"fa6f70b3"}},"n":{"$":null}}}
            ["b36b54ae",1,[[0,1.0],[1]]]
            ["b36b54ae",2,[[0,1.0],[2]]]
            {"form":"76f7b94c","is":{"format":{"$":null},"cell":{"seed":{"$":null},"stream":{"$":null}},"n":{"$":null},"more":{"$":null}}}
            ["76f7b94c",3,3,{"$":"fa6f70b3"},[[0,1.0],[3]],true]
        "#]].assert_eq(&(packed.join("\n") + "\n"));
        assert_eq!(unpack(&packed).unwrap(), lines);
    }

    #[test]
    fn a_line_that_cannot_come_out_again_is_refused() {
        for line in [
            r#"{"a":{"$":"name"}}"#,
            r#"{"a":{"$":null}}"#,
            "{ \"a\":1}",
            "[1",
        ] {
            let (one, two) = (line, line.replace('a', "b"));
            assert_eq!(pack(&[one, &two]), None, "{line}");
        }
    }

    #[test]
    fn damage_is_an_error() {
        for (line, why) in [
            ("", "it is not a line of JSON without spaces"),
            (r#"{"a":1}"#, "it names neither a value nor a form"),
            ("[]", "it has no form"),
            (r#"["x"]"#, "its form is missing"),
            ("7", "it is neither a list nor an object"),
            (r#"["f"]"#, "its form has more holes than it fills"),
            (r#"["f",1,2]"#, "its form has fewer holes than it fills"),
            (r#"["f",{"$":"x"}]"#, "it names a missing value"),
            // A hole is not filled with a hole.
            (
                r#"["f",{"$":null}]"#,
                "its form has more holes than it fills",
            ),
        ] {
            let packed = [r#"{"form":"f","is":{"a":{"$":null}}}"#, line].map(str::to_owned);
            assert_eq!(unpack(&packed), Err(why), "{line}");
        }
    }
}

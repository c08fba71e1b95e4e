//! The tree compared with `serde_yaml`, which must read every document alike; and what the tree
//! adds, paths and places.

use super::{KeyPath, Node, Origin, Segment, Tree, Value};
use crate::scenario::error::Problem;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;
use std::path::Path;

fn tree(text: &str) -> Result<Tree, Problem> {
    Tree::parse(Path::new("test.yaml"), text).map_err(|error| error.problem().clone())
}

/// The value without its places.
fn bare(value: &Value) -> Value {
    let node = |node: &Node| Node {
        origin: None,
        value: bare(&node.value),
    };
    match value {
        Value::List(items) => Value::List(items.iter().map(node).collect::<Vec<_>>().into()),
        Value::Mapping(entries) => {
            let entries = entries.iter();
            let entries = entries.map(|(key, value)| (key.clone(), node(value)));
            Value::Mapping(entries.collect::<super::tree::Mapping>().into())
        }
        other => other.clone(),
    }
}

/// The value as `serde_yaml` reads it, or its error.
fn reference(text: &str) -> Result<Value, String> {
    let mut value: serde_yaml::Value =
        serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    value.apply_merge().map_err(|error| error.to_string())?;
    Value::try_from(value).map_err(|problem| problem.to_string())
}

/// Checks that both read the text as the same value.
fn agree(text: &str) {
    let expected = reference(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    let tree = tree(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    assert_eq!(bare(&tree.root().value), expected, "{text:?}");
}

/// Scalars that are, or look like, anything but plain text.
#[rustfmt::skip]
const SCALARS: &[&str] = &[
    "", "~", "null", "Null", "NULL", "nUll", "nil", "none",
    "true", "True", "TRUE", "tRUE", "false", "False", "FALSE", "yes", "Yes", "no", "NO", "on", "off", "y", "n",
    "0", "-0", "+0", "7", "+7", "-7", "012", "-012", "+012", "00", "08", "0o17", "-0o17", "0o8", "0O17", "0x1F", "-0x1F",
    "+0x1f", "0X1F", "0xG", "0x", "0x-1", "0b101", "-0b1", "0b2", "1_000", "1,000", "1 000", "+-1", "-+1", "--1", "++1", "+",
    "-1-", "1-2", "18446744073709551615", "9223372036854775808", "-9223372036854775808", "0xFFFFFFFFFFFFFFFF",
    "340282366920938463463374607431768211456", "1234567890123456789012345678901234567890123",
    "0.1", "-0.1", "+0.1", ".5", "-.5", "5.", "1.", ".", "..", "1..2", "1e3", "1E3", "1e-3", "1.0e+3", "+1e3", "-1e3", "e3",
    "1e", "1e400", "-1e400", "1e-400", "01.5", "1.5.2", "0.", "1f", "1d", "0x1p3",
    ".inf", "+.inf", "-.inf", ".Inf", ".INF", ".iNF", ".nan", ".NaN", ".NAN", "+.nan", "-.nan", "inf", "nan", "infinity", "NaN",
    "text", "two words", "12:30:45", "190:20:30", "2024-01-01", "2024-01-01T00:00:00Z", "1.2.3", "a.b", "a#b", "a:b", "c++",
    "=", "<<", "ünïcödé", "日本", "😀", "/a/b", "~/a", "~a", "C:\\x",
    "\"quoted\"", "'quoted'", "\"1\"", "'1'", "\"\"", "''", "'it''s'", "\"a\\tb\\n\\u00e9\\x41\"", "\"true\"", "'null'",
    "\"<<\"", "\"a\\\n  b\"", "'a\n\n  b'",
    "!!str 5", "!!str true", "!!str", "!!int '5'", "!!int \"0x1F\"", "!!float 1", "!!float '.inf'", "!!float 012",
    "!!float 1.5", "!!null ~", "!!null 'null'", "!!bool 'true'", "!!bool FALSE", "!!binary aGk=", "!!timestamp 2024-01-01",
    "!<tag:yaml.org,2002:str> 5", "!fast 1", "!fast text", "!fast", "!<!fast> 1",
];

#[test]
fn scalars_mean_what_serde_yaml_takes_them_for() {
    for scalar in SCALARS {
        agree(scalar);
        agree(&format!("- {scalar}\n- 1\n"));
        agree(&format!("key: {scalar}\nother: 1\n"));
        if !scalar.is_empty() && !scalar.contains([',', '\n']) {
            agree(&format!("[{scalar} , {scalar} ]"));
            agree(&format!("{{a: {scalar} , b: 1}}"));
        }
    }
}

#[test]
fn scalars_that_serde_yaml_refuses_are_refused() {
    let refused = [
        "18446744073709551616",
        "-9223372036854775809",
        "340282366920938463463374607431768211455",
        "0x1FFFFFFFFFFFFFFFF",
        "!!bool yes",
        "!!int 1.5",
        "!!int five",
        "!!float five",
        "!!null 0",
    ];
    for scalar in refused {
        assert!(reference(scalar).is_err(), "{scalar}");
        assert!(tree(scalar).is_err(), "{scalar}");
    }
    let Err(problem) = tree("18446744073709551616") else {
        panic!("it is too large")
    };
    assert_eq!(
        problem.to_string(),
        "the number 18446744073709551616 has too many digits; write it with an exponent, as in `1e20`, or in quotes if it is text"
    );
}

#[test]
fn documents_mean_what_serde_yaml_takes_them_for() {
    let documents = [
        "# a comment\n\na: 1 # another\n\n# and more\nb: [1, 2] # end\n",
        "---\na: 1\n...\n",
        "%YAML 1.2\n---\na: 1\n",
        "a:\n- 1\n- 2\nb:\n  - x: 1\n    y: 2\n  -\n    - 3\n  - - 4\n    - 5\n",
        "a: {b: {c: [1, {d: 2}]}, e: , f: ''}\ng: []\nh: {}\n",
        "[a, b: 1, {c: 2}, [d]]\n",
        "\"quoted key\": 1\n'another': 2\n? plain\n: 3\n? empty\n",
        "a: |\n  one\n   two\n\n  three\nb: >\n  one\n  two\n\n  three\nc: |-\n  x\nd: |+\n  x\n\n",
        "a: one\n  two\n  three\nb: \"one\n  two\"\nc: 'one\n\n  two'\n",
        "a:   \n  b:\n    c:\nd:\n",
        "a: &x 1\nb: *x\nc: [*x, *x]\n",
        "a: &x [1, {b: 2}]\nc: *x\nd: {e: *x}\n",
        "a: &x {p: 1}\nb: &y {q: *x}\nc: [*x, *y, *x]\n",
        "a: &x 1\nb: &x 2\nc: *x\n",
        "&x key: 1\nb: *x\n",
        "base: &b {x: 1, y: 2}\nm: {<<: *b, y: 3}\nn: {y: 3, <<: *b}\no: {<<: *b}\n",
        "p: &p {x: 1, y: 1}\nq: &q {y: 2, z: 2}\nm: {<<: [*p, *q], z: 3}\nn: {<<: [*q, *p]}\n",
        "m: {<<: {x: 1}, y: 2}\nn: {<<: [], y: 2}\no: {\"<<\": {x: 1}}\n",
        "a: &a {list: [1, 2], deep: {x: 1}}\nb: {<<: *a, deep: {y: 2}}\nc: {d: {<<: *a}}\n",
        "- &a {x: 1}\n- {<<: *a}\n- - {<<: *a, x: 2}\n",
        "a: !!map {x: 1}\nb: !!seq [1]\nc: !!set {x, y}\n",
        "a: !local {x: 1}\nb: !local [1]\nc: !local text\n",
        "%TAG !e! tag:example.org,2024:\n---\na: !e!x 1\n",
        "a: &x !!str 5\nb: *x\nc: !!str &y 6\nd: *y\n",
        "a: 1\r\nb:\r\n  - 2\r\n  - 3\r\n",
        "\u{feff}a: 1\n",
        "schlüssel: wert\n鍵: 値\n\"😀\": 1\n",
        "a: [1,\n  2,\n  3 ]\nb: {c: 1,\n  d: 2}\n",
        "a: 'x: y'\nb: \"# no comment\"\nc: x#y\n",
        "text\n",
        "{a: 1, b}\n",
        "a.b: 1\na: {b: 2}\n",
    ];
    for document in documents {
        agree(document);
    }
}

#[test]
fn the_scenarios_mean_what_serde_yaml_takes_them_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    for folder in [root.clone(), root.join("paper"), root.join("published")] {
        let files = std::fs::read_dir(folder).unwrap();
        let files = files.map(|entry| entry.unwrap().path());
        let mut scenarios = files
            .filter(|file| {
                file.extension()
                    .is_some_and(|extension| extension == "yaml")
            })
            .peekable();
        assert!(scenarios.peek().is_some());
        for file in scenarios {
            agree(&std::fs::read_to_string(file).unwrap());
        }
    }
}

#[test]
fn what_serde_yaml_writes_is_read_alike() {
    let mut random = Random(1);
    for _ in 0..500 {
        let text = serde_yaml::to_string(&random.value(4)).unwrap();
        agree(&text);
    }
}

/// Marsaglia's xorshift: documents that are the same every time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn text(&mut self) -> String {
        let mut text = SCALARS[self.below(SCALARS.len())].to_owned();
        if self.below(3) == 0 {
            let odd = [
                ": ", " #", "\n", "\n\n ", "\t", "- ", "'", "\"", "\\", "é", "{", "%", "\u{85}",
            ];
            text += odd[self.below(odd.len())];
            text += SCALARS[self.below(SCALARS.len())];
        }
        text
    }

    fn value(&mut self, depth: usize) -> serde_yaml::Value {
        let kinds = if depth == 0 { 5 } else { 7 };
        match self.below(kinds) {
            0 => serde_yaml::Value::Null,
            1 => (self.below(2) == 0).into(),
            2 => (self.below(1 << 40) as i64 - (1 << 39)).into(),
            3 => (self.below(1 << 40) as f64 / 1024.0).into(),
            4 => self.text().into(),
            5 => {
                let items = (0..self.below(4)).map(|_| self.value(depth - 1));
                serde_yaml::Value::Sequence(items.collect())
            }
            _ => {
                let entries = (0..self.below(4)).map(|_| (self.text(), self.value(depth - 1)));
                // Not what would merge, since it holds anything.
                let entries = entries.filter(|(key, _)| key != "<<");
                let entries = entries.map(|(key, value)| (key.into(), value));
                serde_yaml::Value::Mapping(entries.collect())
            }
        }
    }
}

/// Here the two differ: `serde_yaml` does not merge a `<<` that itself comes from a merge.
#[test]
fn merge_keys_are_merged_in_turn() {
    let text = "a: &a {x: 1, y: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b, z: 3}\n";
    let tree = tree(text).unwrap();
    let expected = reference("{x: 1, y: 2, z: 3}").unwrap();
    assert_eq!(bare(&tree.root().get("c").unwrap().value), expected);
}

#[test]
fn entries_keep_the_order_of_the_file_and_merged_ones_follow() {
    let tree = tree("a: &a {m: 1, y: 1}\nb: {<<: *a, z: 1, y: 2, x: 3}\n").unwrap();
    let mapping = tree.root().get("b").and_then(Node::mapping).unwrap();
    let keys: Vec<&str> = mapping.keys().map(|key| &**key).collect();
    assert_eq!(keys, ["z", "y", "x", "m"]);
}

fn place(tree: &Tree, key: &KeyPath) -> Option<(u32, u32, u32)> {
    match tree.origin(key)? {
        Origin::File { place, .. } => Some((place.line, place.column, place.width)),
        Origin::Argument(_) => None,
    }
}

#[test]
fn a_name_with_dots_takes_no_other_keys_place() {
    let root = KeyPath::root();
    let dotted = root.join("a.b");
    let nested = root.join("a").join("b");
    assert_eq!(dotted.to_string(), nested.to_string());
    for (text, dotted_line, nested_line) in [
        ("a.b: 1\na:\n  b: 2\n", 1, 3),
        ("a:\n  b: 2\na.b: 1\n", 3, 2),
    ] {
        let tree = tree(text).unwrap();
        assert_eq!(place(&tree, &dotted), Some((dotted_line, 1, 3)));
        assert_eq!(place(&tree, &nested), Some((nested_line, 3, 1)));
    }
    let tree = tree("'a[0]': 1\na: [2]\n").unwrap();
    assert_eq!(place(&tree, &root.join("a[0]")), Some((1, 1, 6)));
    assert_eq!(place(&tree, &root.join("a").index(0)), Some((2, 5, 1)));
}

#[test]
fn a_key_that_is_not_there_has_the_place_of_what_is_around_it() {
    let tree = tree("a: {b.c: {d: 1}, e: [1, 2]}\n").unwrap();
    let key = |path| KeyPath::top("a").spelled(path);
    assert_eq!(place(&tree, &key("x")), Some((1, 1, 1)));
    assert_eq!(place(&tree, &key("e[1].x")), Some((1, 25, 1)));
    assert_eq!(place(&tree, &key("e[7]")), Some((1, 18, 1)));
    // A path spelled with dots does not tell which dots belong to a name.
    assert_eq!(place(&tree, &key("b.c.d")), Some((1, 11, 1)));
    assert_eq!(place(&tree, &key("b.c.x")), Some((1, 5, 3)));
    assert_eq!(place(&tree, &KeyPath::top("x")), None);
    assert_eq!(place(&tree, &KeyPath::root()), None);
}

#[test]
fn what_comes_through_an_anchor_has_the_place_where_it_was_written() {
    let text = "base: &base\n  x: 1\n  y: [2, 3]\nuse: *base\nmerged:\n  <<: *base\n  x: 4\n";
    let tree = tree(text).unwrap();
    let key = |name: &str, below: &str| KeyPath::top(name).spelled(below);
    assert_eq!(place(&tree, &KeyPath::top("use")), Some((4, 1, 3)));
    assert_eq!(place(&tree, &key("use", "x")), Some((2, 3, 1)));
    assert_eq!(place(&tree, &key("use", "y[1]")), Some((3, 10, 1)));
    assert_eq!(place(&tree, &key("merged", "x")), Some((7, 3, 1)));
    assert_eq!(place(&tree, &key("merged", "y")), Some((3, 3, 1)));
    assert_eq!(place(&tree, &key("merged", "z")), Some((5, 1, 6)));
}

#[test]
fn the_first_key_of_a_struct_is_read_first() {
    struct Keys(Vec<String>);

    impl<'de> Visitor<'de> for Keys {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a mapping")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Vec<String>, A::Error> {
            while let Some((key, IgnoredAny)) = map.next_entry()? {
                self.0.push(key);
            }
            Ok(self.0)
        }
    }

    let tree = tree("{b: 1, source: 2, a: 3}").unwrap();
    let keys = |keys| (tree.root()).deserialize_struct("Any", keys, Keys(Vec::new()));
    assert_eq!(keys(&["source", "a"]).unwrap(), ["source", "b", "a"]);
    assert_eq!(keys(&["b"]).unwrap(), ["b", "source", "a"]);
    assert_eq!(keys(&["other", "a"]).unwrap(), ["b", "source", "a"]);
    assert_eq!(keys(&[]).unwrap(), ["b", "source", "a"]);
}

#[test]
fn paths_are_spelled_as_plugins_do() {
    let key = |name: &str| Segment::Key(name.to_owned());
    let steps = |path: &str| KeyPath::root().spelled(path).segments().to_vec();
    assert_eq!(steps("a"), [key("a")]);
    assert_eq!(steps("a.b"), [key("a"), key("b")]);
    let indexed = [key("a"), Segment::Index(0), Segment::Index(12), key("b")];
    assert_eq!(steps("a[0][12].b"), indexed);
    assert_eq!(steps("a[x]"), [key("a[x]")]);
    assert_eq!(steps("a[1"), [key("a[1")]);
    for path in ["a", "a.b", "a[0][12].b", "a[x]", "a[1"] {
        assert_eq!(KeyPath::root().spelled(path).to_string(), path);
    }
}

#[test]
fn nesting_has_an_end() {
    let lists = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let mappings = |depth: usize| {
        (0..depth)
            .map(|level| format!("{}a:\n", " ".repeat(level)))
            .collect::<String>()
    };
    // The value of `b` is a list that contains the list of `a`.
    let through_alias = |outer: usize, inner: usize| {
        let alias = format!("{}*x{}", "[".repeat(outer), "]".repeat(outer));
        format!("a: &x {}\nb: {alias}\n", lists(inner))
    };
    for good in [lists(128), mappings(128), through_alias(60, 67)] {
        assert!(tree(&good).is_ok());
        agree(&good);
    }
    let deep = "not valid YAML: lists and mappings are nested too deep";
    for bad in [lists(129), mappings(129), through_alias(60, 68)] {
        assert!(reference(&bad).is_err());
        let problem = tree(&bad).unwrap_err().to_string();
        assert!(problem.starts_with(deep), "{problem}");
    }
    assert_eq!(
        tree("a: &x [1, *x]\n").unwrap_err().to_string(),
        "not valid YAML: this alias is inside the value that it repeats"
    );
}

#[test]
fn aliases_cannot_fill_the_memory() {
    let repeated = "not valid YAML: its aliases repeat more text than a scenario can need";
    // Each level doubles what came before.
    let mut doubling = "a0: &a0 [x, x]\n".to_owned();
    let mut merging = "a0: &a0 {x: [x, x]}\n".to_owned();
    for level in 1..64 {
        let below = level - 1;
        doubling += &format!("a{level}: &a{level} [*a{below}, *a{below}]\n");
        merging += &format!("a{level}: &a{level} {{<<: *a{below}, k{level}: *a{below}}}\n");
    }
    // One long value, many times.
    let long = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(100_000),
        "*a, ".repeat(20_000)
    );
    let keys: String = (0..2_000).map(|key| format!("  k{key}: 1\n")).collect();
    let wide = format!("a: &a\n{keys}b:\n{}", "  - {<<: *a}\n".repeat(2_000));
    for bomb in [doubling, merging, long, wide] {
        assert_eq!(tree(&bomb).unwrap_err().to_string(), repeated);
    }
    // What people write is far from that.
    let classes: String = (0..1000)
        .map(|class| format!("  - class {class}\n"))
        .collect();
    let uses: String = (0..100)
        .map(|use_| format!("use{use_}: *classes\n"))
        .collect();
    assert!(tree(&format!("classes: &classes\n{classes}{uses}")).is_ok());
}

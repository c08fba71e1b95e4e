//! What newcomers write, and what they meant.
//!
//! serde only knows that a key is unknown, or that a value has the wrong type. Some mistakes are
//! typical of people who come from other tools: parameters beside `use:`, a list of strategies, a
//! number of seeds. For these, the tree shows what was meant, and [`guide`] replaces the problem by
//! one that says what to write instead. It leaves any other problem as it is.

use super::error::Problem;
use super::overrides::keys_of;
use super::spec;
use super::yaml::{KeyPath, Node, Segment, Tree, Value, shortened, text_in_flow};
use crate::domain::Source;
use crate::suggest::closest;

/// The problem with this key, with what to write instead if that is known.
pub(super) fn guide(tree: &Tree, key: &KeyPath, problem: Problem) -> Problem {
    let Some(names) = names(key) else {
        return match key.segments() {
            [.., Segment::Index(_)] => of_an_entry(tree, key, problem),
            _ => problem,
        };
    };
    match problem {
        Problem::UnknownKey {
            key: unknown,
            known,
        } => of_an_unknown_key(tree, key, &names, unknown, known),
        Problem::WrongType { expected, found } => {
            let Some(node) = tree.node(key) else {
                return Problem::WrongType { expected, found };
            };
            of_a_wrong_type(tree, &names, node, expected, found)
        }
        Problem::NotQuoted { found } => match (&names[..], tree.node(key)) {
            (["device"], Some(node)) if matches!(node.value, Value::Number(_)) => {
                let instead = format!("device: cuda:{}", node.in_flow());
                instead_of("text".to_owned(), found, instead)
            }
            _ => Problem::NotQuoted { found },
        },
        problem => problem,
    }
}

/// The keys of a path that leads through mappings only.
fn names(key: &KeyPath) -> Option<Vec<&str>> {
    let segments = key.segments().iter();
    let names = segments.map(|segment| match segment {
        Segment::Key(name) => Some(name.as_str()),
        Segment::Index(_) => None,
    });
    names.collect()
}

/// The problem with an entry of a list, which may be a number written as text.
fn of_an_entry(tree: &Tree, key: &KeyPath, problem: Problem) -> Problem {
    match (problem, tree.node(key)) {
        (Problem::WrongType { expected, found }, Some(node)) => {
            if let Some(instead) = order_of_names(tree, key) {
                return Problem::ClassOrderNames { instead };
            }
            let digits = digits(&expected, &node.value);
            let problem = Problem::WrongType { expected, found };
            not_digits(problem, digits)
        }
        (problem, _) => problem,
    }
}

fn not_digits(problem: Problem, digits: Option<String>) -> Problem {
    match digits {
        Some(digits) => Problem::NotDigits {
            problem: Box::new(problem),
            digits,
        },
        None => problem,
    }
}

fn instead_of(expected: String, found: String, instead: String) -> Problem {
    let problem = Box::new(Problem::WrongType { expected, found });
    Problem::Instead { problem, instead }
}

fn of_an_unknown_key(
    tree: &Tree,
    path: &KeyPath,
    names: &[&str],
    key: String,
    known: Vec<String>,
) -> Problem {
    let value = tree.node(path);
    if let Some((name, rest)) = key.split_once(':')
        && value.is_some_and(|node| node.value == Value::Null)
    {
        let instead = format!("{name}: {rest}");
        let key = name.to_owned();
        return Problem::NoSpace { key, instead };
    }
    let shown = value.map_or_else(|| "…".to_owned(), Node::in_flow);
    if let [top] = names
        && let Some(problem) = of_an_unknown_top_key(top, value, &shown)
    {
        return problem;
    }
    if let [table, name, _] = names
        && let Some(problem) = not_indented(table, name)
    {
        return problem;
    }
    if let Some(problem) = of_a_known_slip(names, &key, value, &shown) {
        return problem;
    }
    if closest(&key, known.iter().map(String::as_str)).is_some() {
        return Problem::UnknownKey { key, known };
    }
    let in_stream = || keys_of::<spec::Stream>().contains(&key);
    let at_the_top = || keys_of::<spec::Scenario>().contains(&key);
    let example = format!("{key}: {shown}");
    match names {
        [_] if keys_of::<spec::Strategy>().contains(&key) => Problem::Misplaced {
            key,
            place: "under the name of a strategy or backbone",
            example: format!("strategies: {{NAME: {{{example}}}}}"),
        },
        [_] | ["domains", _, _] | ["strategies", _, _] if in_stream() => Problem::Misplaced {
            key,
            place: "under `stream:`",
            example: format!("stream: {{{example}}}"),
        },
        ["stream" | "domains" | "strategies" | "backbones", ..] if at_the_top() => {
            Problem::Misplaced {
                key,
                place: "at the top level of the scenario",
                example,
            }
        }
        ["strategies" | "backbones", name, _] => {
            let around = KeyPath::top(names[0]).join(name);
            parameters_outside(tree.node(&around), name, &known)
                .unwrap_or(Problem::UnknownKey { key, known })
        }
        _ => Problem::UnknownKey { key, known },
    }
}

/// A key that has another name here, or belongs elsewhere.
fn of_a_known_slip(
    names: &[&str],
    key: &str,
    value: Option<&Node>,
    shown: &str,
) -> Option<Problem> {
    let is_mapping = value.and_then(Node::mapping).is_some();
    match (names, key) {
        (["strategies" | "backbones", ..], "params" | "args" | "kwargs" | "config" | "hparams")
            if is_mapping =>
        {
            Some(renamed(key, format!("parameters: {shown}")))
        }
        (["strategies" | "backbones", ..], "name") => Some(renamed(key, format!("use: {shown}"))),
        (["strategies", ..], "title" | "display_name" | "alias") => {
            Some(renamed(key, format!("label: {shown}")))
        }
        ([.., "stream" | "class_order", _], "seed") => {
            Some(renamed(key, format!("class_order: {{numpy: {shown}}}")))
        }
        ([.., "stream", _], "increment") => {
            Some(renamed(key, format!("tasks: {{increment: {shown}}}")))
        }
        ([.., "stream", _], "base" | "init_cls") => Some(renamed(
            key,
            format!("tasks: {{base: {shown}, increment: …}}"),
        )),
        ([.., "tasks", _], "init_cls") => Some(renamed(key, format!("base: {shown}"))),
        (["strategies" | "backbones" | "domains", ..], "seed") => Some(Problem::Misplaced {
            key: key.to_owned(),
            place: "at the top level of the scenario",
            example: format!("seeds: [{shown}]"),
        }),
        _ => None,
    }
}

/// An unknown key, and what to write in its place.
fn renamed(key: &str, instead: String) -> Problem {
    let (key, known) = (key.to_owned(), Vec::new());
    let problem = Box::new(Problem::UnknownKey { key, known });
    Problem::Instead { problem, instead }
}

/// The keys of a strategy or backbone that look like its parameters.
fn parameters_outside(entry: Option<&Node>, name: &str, known: &[String]) -> Option<Problem> {
    let entries = entry.and_then(Node::mapping)?.iter();
    let unknown =
        entries.filter(|(key, _)| closest(key, known.iter().map(String::as_str)).is_none());
    let (keys, parameters): (Vec<_>, Vec<_>) = unknown
        .map(|(key, node)| {
            let pair = format!("{}: {}", text_in_flow(key), node.in_flow());
            (key.as_ref().to_owned(), pair)
        })
        .unzip();
    let parameters = shortened(parameters.into_iter());
    let example = format!("{name}: {{parameters: {{{parameters}}}}}");
    (!keys.is_empty()).then_some(Problem::ParametersOutside { keys, example })
}

/// A key of an entry that is written among the names of the entries.
fn not_indented(table: &str, name: &str) -> Option<Problem> {
    let (kind, keys) = match table {
        "strategies" => ("strategy", keys_of::<spec::Strategy>()),
        "backbones" => ("backbone", keys_of::<spec::Backbone>()),
        "domains" => ("domain", keys_of::<spec::Domain>()),
        _ => return None,
    };
    let key = name.to_owned();
    keys.contains(&key)
        .then_some(Problem::NotIndented { key, kind })
}

/// Keys at the top that other tools, or other words, have.
fn of_an_unknown_top_key(key: &str, node: Option<&Node>, shown: &str) -> Option<Problem> {
    let entries = |table: &str| match node.and_then(|node| named(table, node)) {
        Some(entries) => format!(" {entries}"),
        None => String::new(),
    };
    let instead = match key {
        "seed" => match node.map(|node| &node.value) {
            Some(Value::List(_)) => format!("seeds: {shown}"),
            _ => format!("seeds: [{shown}]"),
        },
        "backbone" | "model" | "models" => format!("backbones:{}", entries("backbones")),
        "strategy" | "method" | "methods" => format!("strategies:{}", entries("strategies")),
        "domain" | "dataset" | "datasets" => format!("domains:{}", entries("domains")),
        "limit" => format!("limits: {shown}"),
        "time" | "timeout" | "time_limit" => format!("limits: {{time: {shown}}}"),
        "memory" | "memory_limit" => format!("limits: {{memory: {shown}}}"),
        _ => return None,
    };
    Some(renamed(key, instead))
}

/// What a table of named entries would be if this is the name of one, or a list of names.
fn named(table: &str, node: &Node) -> Option<String> {
    let entry = |node: &Node| match &node.value {
        Value::Text(name) => Some(format!("{}: {}", text_in_flow(name), body(table, name))),
        // `- coop: {…}` is a list of mappings with one key each.
        Value::Mapping(entries) if entries.len() == 1 => {
            let (name, node) = entries.first()?;
            match &node.value {
                Value::Null => Some(format!("{}: {}", text_in_flow(name), body(table, name))),
                _ => Some(format!("{}: {}", text_in_flow(name), node.in_flow())),
            }
        }
        Value::Mapping(entries) => {
            let Value::Text(name) = &entries.get("name")?.value else {
                return None;
            };
            Some(format!("{}: {{…}}", text_in_flow(name)))
        }
        _ => None,
    };
    let entries = match &node.value {
        Value::List(items) if !items.is_empty() => {
            items.iter().map(entry).collect::<Option<Vec<_>>>()?
        }
        Value::Text(_) => vec![entry(node)?],
        _ => return None,
    };
    Some(format!("{{{}}}", shortened(entries.into_iter())))
}

/// What a named entry needs at least.
fn body(table: &str, name: &str) -> String {
    match table {
        "domains" if Source::NAMES.contains(&name) => format!("{{source: {name}}}"),
        "domains" => "{source: …}".to_owned(),
        _ => "{}".to_owned(),
    }
}

fn of_a_wrong_type(
    tree: &Tree,
    names: &[&str],
    node: &Node,
    expected: String,
    found: String,
) -> Problem {
    let shown = node.in_flow();
    let last = names.last().copied().unwrap_or_default();
    let in_stream = matches!(names, ["stream", _] | ["domains", _, "stream", _]);
    if let [table, name] = names
        && let Some(problem) = not_indented(table, name)
    {
        return problem;
    }
    if let ([table @ "domains", _], Value::Null) = (names, &node.value) {
        // Its keys may be beside it instead of below it.
        let entries = tree.node(&KeyPath::top(table)).and_then(Node::mapping);
        let mut beside = entries.into_iter().flat_map(|entries| entries.keys());
        if let Some(problem) = beside.find_map(|key| not_indented(table, key)) {
            return problem;
        }
    }
    let instead = match (names, &node.value) {
        (_, Value::List(_)) if in_stream && last == "tasks" => {
            return Problem::TasksListed { sizes: shown };
        }
        (_, Value::Number(number)) if in_stream && last == "task_sizes" => {
            let count = number.to_string();
            return Problem::SizesCounted { found, count };
        }
        (_, Value::Number(_)) if in_stream && last == "class_order" => {
            Some(format!("class_order: {{numpy: {shown}}}"))
        }
        (["seeds"], Value::Number(_)) => return Problem::SeedsCounted { found, seed: shown },
        (["stream"] | ["domains", _, "stream"], Value::Number(_)) => {
            Some(format!("stream: {{tasks: {shown}}}"))
        }
        (["stream"] | ["domains", _, "stream"], Value::List(_)) => {
            Some(format!("stream: {{task_sizes: {shown}}}"))
        }
        ([table @ ("strategies" | "backbones" | "domains")], _) => {
            named(table, node).map(|entries| format!("{table}: {entries}"))
        }
        (["backbones", name], Value::Text(_)) => {
            Some(format!("{name}: {{parameters: {{path: {shown}}}}}"))
        }
        (["domains", name], Value::Text(text)) if Source::NAMES.contains(&&**text) => {
            Some(format!("{name}: {{source: {text}}}"))
        }
        (["domains", name], Value::Text(_)) => {
            Some(format!("{name}: {{source: image-folder, path: {shown}}}"))
        }
        (_, Value::List(items)) if expected == "text" && items.len() == 1 => {
            Some(format!("{last}: {}", items[0].in_flow()))
        }
        (["strategies", _, "backbone"], Value::List(_)) => Some(format!("backbones: {shown}")),
        (["strategies" | "backbones", _, "parameters"], Value::List(items)) => {
            merged(items).map(|pairs| format!("parameters: {pairs}"))
        }
        (_, Value::Text(_) | Value::Number(_) | Value::Bool(_)) if expected == "a list" => {
            Some(format!("{last}: [{shown}]"))
        }
        (_, value) => {
            let digits = digits(&expected, value);
            let problem = Problem::WrongType { expected, found };
            return not_digits(problem, digits);
        }
    };
    match instead {
        Some(instead) => instead_of(expected, found, instead),
        None => Problem::WrongType { expected, found },
    }
}

/// `- lr: 0.1` and `- epochs: 5` as one mapping.
fn merged(items: &[Node]) -> Option<String> {
    let mappings = items.iter().map(Node::mapping);
    let mappings: Vec<_> = mappings.collect::<Option<_>>()?;
    let pairs = mappings.into_iter().flatten();
    let pairs = pairs.map(|(key, node)| format!("{}: {}", text_in_flow(key), node.in_flow()));
    (!items.is_empty()).then(|| format!("{{{}}}", shortened(pairs)))
}

/// The whole number that this text is, without its quotes or separators.
fn digits(expected: &str, value: &Value) -> Option<String> {
    let Value::Text(text) = value else {
        return None;
    };
    let bare: String = text.chars().filter(|c| !"_, ".contains(*c)).collect();
    let is_number = expected.starts_with("a whole number") && bare.parse::<u64>().is_ok();
    is_number.then_some(bare)
}

/// What to write instead of a class order that lists names: the numbers of the classes, if some
/// domain that the stream is for lists them, or else the list of a domain that has none.
fn order_of_names(tree: &Tree, key: &KeyPath) -> Option<String> {
    let [around @ .., Segment::Key(last), Segment::Index(_)] = key.segments() else {
        return None;
    };
    let names = around.iter().map(|segment| match segment {
        Segment::Key(name) => Some(name.as_str()),
        Segment::Index(_) => None,
    });
    let names: Vec<&str> = names.collect::<Option<_>>()?;
    let key = names
        .iter()
        .fold(KeyPath::root(), |key, name| key.join(name));
    let order = match &tree.node(&key.join("class_order"))?.value {
        Value::List(order) if last == "class_order" => order,
        _ => return None,
    };
    let is_text = |node: &Node| matches!(node.value, Value::Text(_));
    if !order.iter().all(is_text) {
        return None;
    }
    let domains = tree.node(&KeyPath::top("domains")).and_then(Node::mapping);
    let domains: Vec<&Node> = match names[..] {
        ["domains", name, ..] => domains.and_then(|all| all.get(name)).into_iter().collect(),
        _ => domains.into_iter().flat_map(|all| all.values()).collect(),
    };
    let numbers = domains.iter().find_map(|domain| {
        let Value::List(listed) = &domain.get("classes")?.value else {
            return None;
        };
        let number = |name: &Node| {
            let class = |class: &Node| class.get("name").unwrap_or(class).value == name.value;
            listed.iter().position(class).map(|at| at.to_string())
        };
        order.iter().map(number).collect::<Option<Vec<_>>>()
    });
    if let Some(numbers) = numbers {
        let numbers = shortened(numbers.into_iter());
        return Some(format!("class_order: [{numbers}]"));
    }
    let folders = Value::Text("image-folder".into());
    let by_folder = domains.iter().find(|domain| {
        let source = domain.get("source").map(|source| &source.value);
        source == Some(&folders) && domain.get("classes").is_none()
    });
    by_folder.map(|_| {
        let names = shortened(order.iter().map(Node::in_flow));
        format!("class_order: listed` and the domain's `classes: [{names}]")
    })
}

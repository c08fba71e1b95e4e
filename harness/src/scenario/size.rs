//! How much a scenario may ask for. A short file can ask for a great deal: six lists of a hundred
//! values are a grid of 10¹² rows. So everything is counted before any of it is expanded.

use super::error::{Problem, ScenarioError};
use super::spec;
use super::yaml::{KeyPath, Tree};
use serde::Serialize;

/// The most cells that a scenario may have: far more than anyone runs, and few enough to plan in
/// seconds.
pub const MOST_CELLS: u128 = 100_000;

/// The most text that all cells together may repeat, in bytes: each has its own parameters, source,
/// stream and templates.
const MOST_TEXT: u128 = 1 << 30;

/// The largest scenario file, in bytes.
pub(super) const LARGEST_FILE: u64 = 16 << 20;

/// Checks the number of cells: every stream × strategy row × seed. A grid's rows are all
/// combinations of its values.
pub(super) fn check(spec: &spec::Scenario, tree: &Tree) -> Result<(), ScenarioError> {
    let (streams, seeds) = (streams_of(spec), spec.seeds.len());
    let (mut rows, mut widest) = (0_u128, None);
    for (name, strategy) in &spec.strategies {
        let own = strategy.as_ref().map_or(1, rows_of);
        rows = rows.saturating_add(own);
        if widest.is_none_or(|(most, _)| own > most) {
            widest = Some((own, name));
        }
    }
    let cells = rows
        .saturating_mul(streams as u128)
        .saturating_mul(seeds as u128);
    if cells <= MOST_CELLS {
        return check_text(spec, tree);
    }
    // The key with the most to shorten.
    let key = match widest {
        Some((own, name)) if own > 1 && own >= seeds as u128 => {
            KeyPath::top("strategies").join(name).join("grid")
        }
        _ if seeds >= streams.max(spec.strategies.len()) => KeyPath::top("seeds"),
        _ if streams >= spec.strategies.len() => KeyPath::top("domains"),
        _ => KeyPath::top("strategies"),
    };
    let problem = Problem::TooManyCells {
        cells: in_groups(cells),
        product: format!(
            "{} × {} × {}",
            counted(rows, "strategy row"),
            counted(streams as u128, "stream"),
            counted(seeds as u128, "seed")
        ),
        most: in_groups(MOST_CELLS),
    };
    Err(tree.error(&key, problem))
}

/// The number of streams: those of single domains, and the named ones.
fn streams_of(spec: &spec::Scenario) -> usize {
    let own = spec.domains.values();
    let own = match spec.stream {
        Some(_) => own.len(),
        None => own.filter(|domain| domain.keys.stream.is_some()).count(),
    };
    own + spec.streams.as_ref().map_or(0, |streams| streams.len())
}

/// The number of streams that have this domain.
fn streams_with(spec: &spec::Scenario, name: &str, domain: &spec::Domain) -> usize {
    let own = spec.stream.is_some() || domain.keys.stream.is_some();
    let named = spec.streams.iter().flat_map(|streams| streams.values());
    usize::from(own) + named.filter(|stream| stream.has(name)).count()
}

/// The number of rows of a strategy.
fn rows_of(strategy: &spec::Strategy) -> u128 {
    let lengths = strategy.grid.iter().flatten();
    lengths.fold(1, |product, (_, values)| {
        product.saturating_mul(values.len() as u128)
    })
}

/// Checks how much text the cells repeat, once their number is known to be small.
fn check_text(spec: &spec::Scenario, tree: &Tree) -> Result<(), ScenarioError> {
    let fail = |key: KeyPath| {
        let problem = Problem::TooMuchText {
            most: in_groups(MOST_TEXT),
        };
        Err(tree.error(&key, problem))
    };
    let seeds = spec.seeds.len() as u128;
    let (mut rows, mut text) = (0, 0);
    for (name, strategy) in &spec.strategies {
        let Some(strategy) = strategy else {
            rows += 1;
            continue;
        };
        let own = rows_of(strategy);
        rows += own;
        let key = KeyPath::top("strategies").join(name);
        for (part, length) in [
            ("label", length(&strategy.label)),
            ("parameters", length(&strategy.parameters)),
        ] {
            text += own * streams_of(spec) as u128 * seeds * length;
            if text > MOST_TEXT {
                return fail(key.join(part));
            }
        }
    }
    for (name, domain) in &spec.domains {
        let templates = length(&domain.keys.templates);
        let streams = streams_with(spec, name, domain) as u128;
        let own = domain.keys.stream.as_ref().or(spec.stream.as_ref());
        let own = own.map_or(0, spec::Stream::length);
        text += rows * seeds * (streams * (templates + length(&domain.source)) + own);
        if text > MOST_TEXT {
            return fail(KeyPath::top("domains").join(name));
        }
    }
    for (name, stream) in spec.streams.iter().flatten() {
        text += rows * seeds * stream.length();
        if text > MOST_TEXT {
            return fail(KeyPath::top("streams").join(name));
        }
    }
    Ok(())
}

/// The length of a value as JSON.
fn length<T: Serialize>(value: &T) -> u128 {
    serde_json::to_vec(value).map_or(0, |json| json.len() as u128)
}

fn counted(number: u128, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", in_groups(number))
}

/// A number with its digits in groups of three: `1,000,000`.
pub(super) fn in_groups(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    if number == u128::MAX {
        text.push_str("more than ");
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::Scenario;
    use super::*;
    use std::path::Path;

    fn message(text: &str) -> String {
        let error = Scenario::parse(text, Path::new("grid.yaml"), &[]).unwrap_err();
        error.to_string().lines().next().unwrap().to_owned()
    }

    fn written(seeds: usize, grid: &str) -> String {
        let seeds: Vec<usize> = (0..seeds).collect();
        format!(
            "seeds: {seeds:?}\nstream: {{tasks: 5}}\ndomains: {{digits: {{source: digits}}}}\n\
             strategies:\n  other: {{}}\n  head:\n    grid: {grid}\n"
        )
    }

    fn grid(keys: usize, values: usize) -> String {
        let values: Vec<usize> = (0..values).collect();
        let keys: Vec<String> = (0..keys).map(|key| format!("p{key}: {values:?}")).collect();
        format!("{{{}}}", keys.join(", "))
    }

    #[test]
    fn too_many_cells_are_counted_instead_of_expanded() {
        assert_eq!(
            message(&written(3, &grid(6, 100))),
            "grid.yaml:7: strategies.head.grid: the scenario has 3,000,000,000,003 cells \
             (1,000,000,000,001 strategy rows × 1 stream × 3 seeds), and at most 100,000 are \
             allowed; list fewer values, or divide it into several scenarios"
        );
        // More than 128 bits can count.
        let most = u128::MAX;
        assert!(message(&written(1, &grid(40, 100))).contains("more than 340,282,366,920,938,463"));
        assert!(most.to_string().starts_with("340282366920938463"));
        assert!(
            message(&written(200_000, "{p: [1]}"))
                .starts_with("grid.yaml:1: seeds: the scenario has 400,000 cells (2 strategy rows")
        );
        // Exactly as many as are allowed.
        let text = written(1, &grid(1, 99_999));
        let scenario = Scenario::parse(&text, Path::new("grid.yaml"), &[]).unwrap();
        assert_eq!(scenario.strategies.len() as u128, MOST_CELLS);
        assert!(message(&written(1, &grid(1, 100_000))).contains("has 100,001 cells"));
    }

    #[test]
    fn an_override_is_counted_too() {
        let set = format!("strategies.head.grid={}", grid(6, 100)).parse();
        let text = written(1, "{p: [1]}");
        let error = Scenario::parse(&text, Path::new("grid.yaml"), &[set.unwrap()]).unwrap_err();
        assert!(error.to_string().contains("1,000,000,000,001 cells"));
    }

    #[test]
    fn cells_repeat_a_bounded_amount_of_text() {
        let long = "x".repeat(20_000);
        let text = written(1, &grid(1, 90_000));
        let head = text.replace(
            "  head:\n",
            &format!("  head:\n    parameters: {{a: {long}}}\n"),
        );
        assert_eq!(
            message(&head),
            "grid.yaml:7: strategies.head.parameters: repeated for every cell, this and the other \
             keys take more than 1,073,741,824 bytes; shorten it, or list fewer values"
        );
        let templates = format!("templates: ['{long}{{}}'], source");
        let domain = text.replace("source", &templates);
        assert!(
            message(&domain).starts_with("grid.yaml:3: domains.digits: repeated for every cell")
        );
    }

    #[test]
    fn threads_have_a_limit() {
        let text = format!("threads: 4294967295\n{}", written(1, "{p: [1]}"));
        assert_eq!(
            message(&text),
            "grid.yaml:1: threads: must be at most 1024, got 4294967295"
        );
    }
}

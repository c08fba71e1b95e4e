//! What limits what a scenario's figures say: uneven tasks, one class order for all seeds, class
//! names that are no words, and classes of different domains that have the same texts.
//!
//! None is an error, and published protocols have all of them. But a scenario can have them by
//! accident, so there is a warning, once per run. Explicit `task_sizes`, and an explicit seed of
//! the class order, are taken as intended.

use super::class_order::ClassOrder;
use super::class_words;
use super::repeated_names::repeated_names;
use super::spec::{ClassIdentity, Cut};
use super::tasks::Tasks;
use crate::scenario::{DomainCut, KeyPath, Regime, Scenario, StrategyRow, StreamUse, Warning};
use crate::suggest::list;

/// The warnings about a scenario's streams. `classes` has the class names of each domain, or `None`
/// if the domain could not be opened. `may_read_text` is false for a strategy that certainly reads
/// no text, because no backbone of its row has a text encoder.
pub fn warnings(
    scenario: &Scenario,
    classes: &[Option<Vec<String>>],
    may_read_text: impl Fn(&StrategyRow) -> bool,
) -> Vec<Warning> {
    let mut warnings = uneven_tasks(scenario, classes);
    warnings.extend(shared_class_order(scenario));
    if scenario.strategies.iter().any(may_read_text) {
        warnings.extend(class_words::warnings(scenario, classes));
        warnings.extend(ties(scenario, classes));
    }
    warnings
}

/// A stream that cuts some domains, all with the same number of classes, into uneven tasks.
struct UnevenTasks<'s> {
    key: KeyPath,
    classes: usize,
    sizes: Vec<u32>,
    domains: Vec<&'s str>,
}

/// One warning per mapping that cuts domains.
fn uneven_tasks(scenario: &Scenario, classes: &[Option<Vec<String>>]) -> Vec<Warning> {
    let mut cuts: Vec<UnevenTasks<'_>> = Vec::new();
    for part in scenario.streams.iter().flat_map(|stream| &stream.domains) {
        let tasks = &part.cut.tasks;
        let (Some(classes), Tasks::Count(_)) = (of_domain(scenario, classes, part), tasks) else {
            continue;
        };
        let classes = classes.len();
        let sizes = u32::try_from(classes).ok().map(|n| tasks.sizes(n));
        let Some(Ok(sizes)) = sizes else {
            continue;
        };
        if sizes.first() == sizes.last() {
            continue;
        }
        let key = part.tasks_key();
        let mut known = cuts.iter_mut();
        match known.find(|cut| cut.key == key && cut.classes == classes) {
            Some(cut) => cut.domains.push(&part.domain),
            None => cuts.push(UnevenTasks {
                key,
                classes,
                sizes,
                domains: vec![&part.domain],
            }),
        }
    }
    cuts.iter().map(|cut| cut.warning(scenario)).collect()
}

/// The class names of a stream's domain, if it could be opened.
fn of_domain<'c>(
    scenario: &Scenario,
    classes: &'c [Option<Vec<String>>],
    part: &DomainCut,
) -> Option<&'c [String]> {
    let mut domains = scenario.domains.iter().zip(classes);
    let (_, classes) = domains.find(|(domain, _)| domain.name == part.domain)?;
    classes.as_deref()
}

impl UnevenTasks<'_> {
    fn warning(&self, scenario: &Scenario) -> Warning {
        let UnevenTasks { key, classes, .. } = self;
        let mut parts = scenario.streams.iter().flat_map(|stream| &stream.domains);
        let is_shared =
            parts.any(|part| part.tasks_key() == *key && !self.domains.contains(&&*part.domain));
        let sizes: Vec<String> = self.sizes.iter().map(u32::to_string).collect();
        let message = format!(
            "{classes} classes do not divide evenly into {} tasks ({} {}): a task has {} or {} \
             classes. Metrics average over tasks, so classes in smaller tasks weigh more, and \
             figures do not compare with those of equal tasks. If this is intended, write \
             `task_sizes: [{}]`{}",
            sizes.len(),
            if self.domains.len() == 1 {
                "domain"
            } else {
                "domains"
            },
            list(self.domains.iter().copied()),
            sizes[0],
            sizes[sizes.len() - 1],
            sizes.join(", "),
            if is_shared {
                " in the domain's own `stream`"
            } else {
                ""
            },
        );
        scenario.key_warning(key, message)
    }
}

/// One warning for the scenario, at the first stream.
fn shared_class_order(scenario: &Scenario) -> Option<Warning> {
    let seeds = scenario.seeds.len();
    let mut rows = scenario.strategies.iter();
    if seeds < 2 || !rows.any(|row| row.regime == Regime::Sequential) {
        return None;
    }
    let is_shared = |part: &&DomainCut| {
        let Cut { tasks, class_order } = &part.cut;
        let has_order = match tasks {
            Tasks::Count(count) => *count > 1,
            Tasks::Sizes(sizes) => sizes.len() > 1,
            // There is only one if the domain has no more classes than `base`.
            Tasks::Increments { .. } => true,
        };
        has_order && *class_order == ClassOrder::Listed
    };
    let parts = || scenario.streams.iter().flat_map(|stream| &stream.domains);
    let shared: Vec<&DomainCut> = parts().filter(is_shared).collect();
    let first = shared.first()?;
    let of = match shared.len() == parts().count() {
        true => String::new(),
        false => {
            let names = shared.iter().map(|part| part.domain.as_str());
            format!(" on {}", list(names))
        }
    };
    let message = format!(
        "all {seeds} seeds use the same class order{of} (`listed`), so the standard deviation over \
         seeds leaves out the effect of the order. For an order per seed, write \
         `class_order: {{numpy: seed}}`"
    );
    Some(scenario.key_warning(&first.class_order_key(), message))
}

/// One warning for every stream in which classes of different domains have the same texts.
fn ties(scenario: &Scenario, classes: &[Option<Vec<String>>]) -> Vec<Warning> {
    let tie = |stream: &StreamUse| {
        let parts = stream.domains.iter();
        let classes: Option<Vec<&[String]>> = parts
            .map(|part| of_domain(scenario, classes, part))
            .collect();
        let repeated = repeated_names(&classes?, &scenario.templates_of(stream), stream.classes);
        let tied: Vec<_> = repeated.iter().filter(|name| name.ties).collect();
        let first = tied.first()?;
        let more = match tied.len() - 1 {
            0 => String::new(),
            1 => " (and 1 other name)".to_owned(),
            more => format!(" (and {more} other names)"),
        };
        let domains = first
            .domains
            .iter()
            .map(|&index| &*stream.domains[index].domain);
        let message = format!(
            "class `{}`{more} is in {}, with the same templates, so the texts of both classes are the same: their \
             scores tie, and the later class can never be predicted from text alone. If they are one class, {}; \
             otherwise give the domains different templates",
            first.name,
            list(domains),
            match stream.classes {
                ClassIdentity::ByDomain => "write `classes: by-name`",
                ClassIdentity::ByName => "write its name the same way in both",
            }
        );
        Some(scenario.key_warning(&stream.key, message))
    };
    scenario.streams.iter().filter_map(tie).collect()
}

#[cfg(test)]
mod tests {
    use super::warnings;
    use crate::scenario::{Scenario, SetOverride};
    use expect_test::{Expect, expect};
    use std::path::Path;

    const SCENARIO: &str = "\
seeds: [1, 2, 3]
stream: {tasks: 5, class_order: {numpy: seed}}
domains:
  a: {source: digits}
  b: {source: digits}
  c: {source: digits}
strategies: {zero-shot: {}}
";

    /// The warnings about the scenario with these changes, where each domain has this many classes.
    fn warned(sets: &[&str], classes: [Option<usize>; 3], expected: Expect) {
        let sets: Vec<SetOverride> = sets.iter().map(|set| set.parse().unwrap()).collect();
        let names = classes.map(|n| Some((0..n?).map(|n| format!("class {n}")).collect()));
        lines(&sets, &names, true, expected);
    }

    fn lines(sets: &[SetOverride], classes: &[Option<Vec<String>>], text: bool, expected: Expect) {
        let scenario = Scenario::parse(SCENARIO, Path::new("s.yaml"), sets).unwrap();
        let warnings = warnings(&scenario, classes, |_| text);
        let lines: String = warnings.iter().map(|line| format!("{line}\n")).collect();
        expected.assert_eq(&lines);
    }

    #[test]
    fn equal_tasks_and_an_order_per_seed_give_no_warning() {
        warned(&[], [Some(10); 3], expect![""]);
        warned(&[], [None; 3], expect![""]);
    }

    #[test]
    fn uneven_tasks_give_one_warning_per_cut() {
        warned(
            &["stream.tasks=3"],
            [Some(10); 3],
            expect![[r#"
                --set stream.tasks=3: stream.tasks: 10 classes do not divide evenly into 3 tasks (domains `a`, `b`, `c`): a task has 4 or 3 classes. Metrics average over tasks, so classes in smaller tasks weigh more, and figures do not compare with those of equal tasks. If this is intended, write `task_sizes: [4, 3, 3]`
            "#]],
        );
        warned(
            &["stream.tasks=3"],
            [Some(10), Some(9), Some(10)],
            expect![[r#"
                --set stream.tasks=3: stream.tasks: 10 classes do not divide evenly into 3 tasks (domains `a`, `c`): a task has 4 or 3 classes. Metrics average over tasks, so classes in smaller tasks weigh more, and figures do not compare with those of equal tasks. If this is intended, write `task_sizes: [4, 3, 3]` in the domain's own `stream`
            "#]],
        );
        let own = "domains.b.stream={tasks: 3, class_order: {numpy: seed}}";
        warned(
            &[own],
            [Some(10); 3],
            expect![[r#"
                --set domains.b.stream={tasks: 3, class_order: {numpy: seed}}: domains.b.stream.tasks: 10 classes do not divide evenly into 3 tasks (domain `b`): a task has 4 or 3 classes. Metrics average over tasks, so classes in smaller tasks weigh more, and figures do not compare with those of equal tasks. If this is intended, write `task_sizes: [4, 3, 3]`
            "#]],
        );
    }

    #[test]
    fn explicit_sizes_give_no_warning() {
        warned(
            &["stream={task_sizes: [4, 3, 3], class_order: {numpy: seed}}"],
            [Some(10); 3],
            expect![""],
        );
    }

    #[test]
    fn one_order_for_all_seeds_gives_one_warning() {
        warned(
            &["stream={tasks: 5}"],
            [Some(10); 3],
            expect![[r#"
                --set stream={tasks: 5}: stream.class_order: all 3 seeds use the same class order (`listed`), so the standard deviation over seeds leaves out the effect of the order. For an order per seed, write `class_order: {numpy: seed}`
            "#]],
        );
        warned(
            &["domains.b.stream={tasks: 5, class_order: listed}"],
            [Some(10); 3],
            expect![[r#"
                --set domains.b.stream={tasks: 5, class_order: listed}: domains.b.stream.class_order: all 3 seeds use the same class order on `b` (`listed`), so the standard deviation over seeds leaves out the effect of the order. For an order per seed, write `class_order: {numpy: seed}`
            "#]],
        );
    }

    #[test]
    fn names_without_words_give_a_warning_if_a_strategy_may_read_them() {
        let [digits, mixed] = [
            (0..10).map(|n| n.to_string()).collect(),
            ["n01443537", "great white shark"]
                .map(String::from)
                .to_vec(),
        ];
        let classes = [Some(digits), Some(mixed), None];
        lines(
            &[r#"stream={tasks: 1}"#.parse().unwrap()],
            &classes,
            true,
            expect![[r#"
                s.yaml:4: domains.a: 10 of 10 classes have names without words: `0`, `1`, `2` and 7 more. A strategy that reads class names reads "a photo of a 0". To give them names, list them in `classes`, as in `{name: …, key: 0}`
                s.yaml:5: domains.b: 1 of 2 classes have names without words: `n01443537`. A strategy that reads class names reads "a photo of a n01443537". To give them names, list them in `classes`, as in `{name: …, key: n01443537}`
            "#]],
        );
        lines(
            &["stream={tasks: 1}".parse().unwrap()],
            &classes,
            false,
            expect![""],
        );
    }

    #[test]
    fn an_explicit_or_irrelevant_order_gives_no_warning() {
        let none = |sets: &[&str]| warned(sets, [Some(10); 3], expect![""]);
        none(&["stream={tasks: 5, class_order: {numpy: 1993}}"]);
        none(&["stream={tasks: 5}", "seeds=[1]"]);
        none(&["stream={tasks: 1}"]);
        none(&["stream={tasks: 5}", "strategies.zero-shot.regime=joint"]);
    }

    #[test]
    fn classes_with_the_same_texts_give_one_warning_per_stream() {
        let warned = |stream: &str, text: bool, expected: Expect| {
            let sets = [&*format!("streams={{s: {{domains: [a, b, c]{stream}}}}}")];
            let sets: Vec<SetOverride> = sets.iter().map(|set| set.parse().unwrap()).collect();
            let scenario = SCENARIO
                .replace("b: {source: digits}", "b: {source: pictures, style: plain}")
                .replace(
                    "c: {source: digits}",
                    "c: {source: pictures, style: sketch}",
                );
            let scenario = Scenario::parse(&scenario, Path::new("s.yaml"), &sets).unwrap();
            let names = |names: [&str; 2]| Some(names.map(String::from).to_vec());
            let classes = [
                names(["rose", "River"]),
                names(["rose", "oak"]),
                names(["river", "oak"]),
            ];
            let warnings = warnings(&scenario, &classes, |_| text);
            let lines: String = warnings.iter().map(|line| format!("{line}\n")).collect();
            expected.assert_eq(&lines);
        };
        warned(
            "",
            true,
            expect![[r#"
            --set streams={s: {domains: [a, b, c]}}: streams.s: class `rose` (and 2 other names) is in `a`, `b`, with the same templates, so the texts of both classes are the same: their scores tie, and the later class can never be predicted from text alone. If they are one class, write `classes: by-name`; otherwise give the domains different templates
        "#]],
        );
        warned(
            ", classes: by-name",
            true,
            expect![[r#"
            --set streams={s: {domains: [a, b, c], classes: by-name}}: streams.s: class `River` is in `a`, `c`, with the same templates, so the texts of both classes are the same: their scores tie, and the later class can never be predicted from text alone. If they are one class, write its name the same way in both; otherwise give the domains different templates
        "#]],
        );
        warned("", false, expect![""]);
    }
}

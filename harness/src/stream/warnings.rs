//! What a scenario may ask of its streams, but a reader of its tables should know: tasks of unequal
//! size, and one class order for all seeds.
//!
//! Neither is wrong, and published protocols have both. But a scenario gets both without asking, so
//! each is mentioned once. Explicit `task_sizes`, or an explicit seed of the class order, are taken
//! as intended.

use super::class_order::ClassOrder;
use super::tasks::Tasks;
use crate::scenario::{DomainUse, KeyPath, Regime, Scenario, Warning};

/// What to warn of. `classes` is the number of classes of each of the scenario's domains, as far as
/// they could be opened.
pub fn warnings(scenario: &Scenario, classes: &[Option<usize>]) -> Vec<Warning> {
    let mut warnings = uneven_tasks(scenario, classes);
    warnings.extend(shared_class_order(scenario));
    warnings
}

/// One warning for all domains that the same stream cuts in the same way.
fn uneven_tasks(scenario: &Scenario, classes: &[Option<usize>]) -> Vec<Warning> {
    let mut cuts: Vec<(KeyPath, usize, Vec<u32>, Vec<&str>)> = Vec::new();
    for (domain, &classes) in scenario.domains.iter().zip(classes) {
        let (Some(classes), tasks @ Tasks::Count(count)) = (classes, &domain.stream.spec.tasks)
        else {
            continue;
        };
        let Some(sizes) = u32::try_from(classes)
            .ok()
            .and_then(|n| tasks.sizes(n).ok())
        else {
            continue;
        };
        if classes.is_multiple_of(*count as usize) {
            continue;
        }
        let key = domain.stream.tasks_key();
        let mut known = cuts.iter_mut();
        match known.find(|(other, n, ..)| *other == key && *n == classes) {
            Some((.., names)) => names.push(&domain.name),
            None => cuts.push((key, classes, sizes, vec![&domain.name])),
        }
    }
    let cuts = cuts.into_iter();
    cuts.map(|(key, classes, sizes, names)| {
        let written: Vec<String> = sizes.iter().map(u32::to_string).collect();
        let (count, written) = (sizes.len(), written.join(", "));
        let of_other_domains = |domain: &DomainUse| {
            domain.stream.tasks_key() == key && !names.contains(&&*domain.name)
        };
        let place = match scenario.domains.iter().any(of_other_domains) {
            true => " in the domain's own `stream`",
            false => "",
        };
        let (largest, smallest) = (sizes[0], sizes[count - 1]);
        let message = format!(
            "{classes} classes do not divide evenly into {count} tasks ({} {}): a task has {largest} \
             or {smallest} classes. Metrics average over tasks, so classes in smaller tasks weigh \
             more, and figures do not compare with those of equal tasks. If this is intended, write \
             `task_sizes: [{written}]`{place}",
            if names.len() == 1 { "domain" } else { "domains" },
            crate::suggest::list(names.iter().copied()),
        );
        scenario.key_warning(&key, message)
    })
    .collect()
}

/// One warning for the scenario, at the first stream.
fn shared_class_order(scenario: &Scenario) -> Option<Warning> {
    let seeds = scenario.seeds.len();
    let mut rows = scenario.strategies.iter();
    if seeds < 2 || !rows.any(|row| row.regime == Regime::Sequential) {
        return None;
    }
    let is_shared = |domain: &&DomainUse| {
        let spec = &domain.stream.spec;
        let has_order = match &spec.tasks {
            Tasks::Count(count) => *count > 1,
            Tasks::Sizes(sizes) => sizes.len() > 1,
        };
        has_order && spec.class_order == ClassOrder::Listed
    };
    let shared: Vec<&DomainUse> = scenario.domains.iter().filter(is_shared).collect();
    let first = shared.first()?;
    let of = match shared.len() == scenario.domains.len() {
        true => String::new(),
        false => {
            let names = shared.iter().map(|domain| domain.name.as_str());
            format!(" on {}", crate::suggest::list(names))
        }
    };
    let message = format!(
        "all {seeds} seeds use the same class order{of} (`listed`), so the standard deviation over \
         seeds leaves out the effect of the order. For an order per seed, write \
         `class_order: {{numpy: seed}}`"
    );
    Some(scenario.key_warning(&first.stream.class_order_key(), message))
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

    /// The warnings about the scenario with these changes, where each domain has so many classes.
    fn warned(sets: &[&str], classes: [Option<usize>; 3], expected: Expect) {
        let sets: Vec<SetOverride> = sets.iter().map(|set| set.parse().unwrap()).collect();
        let scenario = Scenario::parse(SCENARIO, Path::new("s.yaml"), &sets).unwrap();
        let warnings = warnings(&scenario, &classes);
        let lines: String = warnings.iter().map(|line| format!("{line}\n")).collect();
        expected.assert_eq(&lines);
    }

    #[test]
    fn equal_tasks_and_an_order_per_seed_are_not_mentioned() {
        warned(&[], [Some(10); 3], expect![""]);
        warned(&[], [None; 3], expect![""]);
    }

    #[test]
    fn uneven_tasks_are_mentioned_once_per_cut() {
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
    fn sizes_that_are_written_are_not_mentioned() {
        warned(
            &["stream={task_sizes: [4, 3, 3], class_order: {numpy: seed}}"],
            [Some(10); 3],
            expect![""],
        );
    }

    #[test]
    fn one_order_for_all_seeds_is_mentioned_once() {
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
    fn one_order_is_not_mentioned_where_it_is_written_or_makes_no_difference() {
        let none = |sets: &[&str]| warned(sets, [Some(10); 3], expect![""]);
        none(&["stream={tasks: 5, class_order: {numpy: 1993}}"]);
        none(&["stream={tasks: 5}", "seeds=[1]"]);
        none(&["stream={tasks: 1}"]);
        none(&["stream={tasks: 5}", "strategies.zero-shot.regime=joint"]);
    }
}

//! The metrics that published figures name exist.

use clbench_metrics::DEFINITIONS;
use std::collections::BTreeSet;

#[test]
fn published_figures_are_in_known_metrics() {
    let figures = include_str!("../../../results/published.yaml");
    let known = |name: &str| DEFINITIONS.iter().any(|metric| metric.name == name);
    // The maps after `values:`, which are in flow style.
    let maps = figures
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| line.split(" values: {").skip(1))
        .map(|rest| rest.split('}').next().unwrap_or_default());
    let names: BTreeSet<&str> = maps
        .flat_map(|map| map.split(','))
        .map(|pair| pair.split(':').next().unwrap_or_default().trim())
        .collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        assert!(known(name), "results/published.yaml: no metric `{name}`");
    }
}

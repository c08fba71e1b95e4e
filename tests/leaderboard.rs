//! Reads a run's leaderboard, for tests about the numbers.

use clbench_tests::Dir;
use std::collections::HashMap;

/// The rows of a leaderboard's CSV: `mean` by domain, strategy and metric, if present.
pub struct Means(HashMap<[String; 3], f64>);

impl Means {
    /// Reads a file in a test's folder.
    pub fn read(dir: &Dir, file: &str) -> Means {
        let mut reader = csv::Reader::from_path(dir.path(file)).unwrap();
        let header = reader.headers().unwrap().clone();
        let column = |name: &str| header.iter().position(|field| field == name).unwrap();
        let [domain, strategy, metric, mean] = ["domain", "strategy", "metric", "mean"].map(column);
        let rows = reader.records().map(Result::unwrap);
        Means(
            rows.filter(|row| !row[mean].is_empty())
                .map(|row| {
                    let key = [domain, strategy, metric].map(|at| row[at].to_owned());
                    (key, row[mean].parse().unwrap())
                })
                .collect(),
        )
    }

    /// The mean, if present.
    pub fn get(&self, domain: &str, strategy: &str, metric: &str) -> Option<f64> {
        let key = [domain, strategy, metric].map(String::from);
        self.0.get(&key).copied()
    }

    /// The mean, which must be present.
    pub fn of(&self, domain: &str, strategy: &str, metric: &str) -> f64 {
        self.get(domain, strategy, metric)
            .unwrap_or_else(|| panic!("no {metric} of {strategy} on {domain}"))
    }
}

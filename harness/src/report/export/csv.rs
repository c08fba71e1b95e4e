//! CSV with all metrics, one row per stream, strategy and metric.

use super::form::Export;
use super::published;
use crate::report::csv;
use crate::report::leaderboard::Leaderboard;

#[derive(Debug)]
pub(super) struct Csv;

impl Export for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn summary(&self) -> &'static str {
        "CSV with all metrics, one row per stream, strategy and metric, as in `leaderboard.csv`"
    }

    fn write(&self, leaderboard: &Leaderboard) -> String {
        match leaderboard.per_domain {
            Some(_) => csv::domains(leaderboard),
            None => published::csv(leaderboard, csv::leaderboard(leaderboard)),
        }
    }
}

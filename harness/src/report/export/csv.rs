//! CSV for programs, with everything that is known.

use super::form::{Export, Report};

#[derive(Debug)]
pub(super) struct Csv;

impl Export for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn summary(&self) -> &'static str {
        "CSV for programs, with all metrics"
    }

    fn write(&self, report: &dyn Report, _: Option<usize>) -> String {
        report.csv()
    }
}

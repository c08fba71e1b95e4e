//! `clbench plugin check`: runs the testkit on what a plugin file offers.

use super::print::print;
use crate::cli::CheckArgs;
use crate::conformance::{Found, Options, Outcome, Planned, Target};
use crate::error::Error;
use crate::plugin::Kind;
use crate::run::Interrupt;
use crate::terminal::{self, on_one_line};
use harness_abi::testkit::{Check, Finding, Report};
use std::fmt::Write;

pub(super) fn check(args: &CheckArgs) -> Result<(), Error> {
    let interrupt = Interrupt::on_ctrl_c()?;
    let only = [
        (Kind::Strategy, &args.strategy),
        (Kind::Backbone, &args.backbone),
    ];
    let mut only = only.into_iter();
    let options = Options {
        only: only.find_map(|(kind, name)| Some((kind, name.clone()?))),
        parameters: args.parameters.clone(),
        seed: args.seed,
        interpreter: args.interpreter.clone(),
    };
    let target = Target::parse(&args.file)?;
    let planned = target.plan(&options, &args.plugins.search_path())?;
    let total = planned.len();
    let (mut failed, mut checked) = (Vec::new(), 0);
    for Planned {
        shown,
        request,
        incomplete,
    } in planned
    {
        let refused = match incomplete {
            Some(error) => error,
            None => {
                let Outcome { found, printed } = request.run(&interrupt)?;
                let failures = match &found {
                    Found::Report(report) => !report.failures.is_empty(),
                    Found::Refused(_) | Found::Crashed(_) => true,
                };
                if failures && !printed.is_empty() {
                    // Plugins write to it, so it may be anything.
                    terminal::say(String::from_utf8_lossy(&printed).trim_end());
                }
                match found {
                    Found::Refused(error) => error,
                    Found::Report(report) => {
                        print(&table(&shown, &report))?;
                        checked += 1;
                        failed.extend(failures.then_some(shown));
                        continue;
                    }
                    Found::Crashed(error) => {
                        print(&format!(
                            "{shown}: the testkit could not finish\n  FAILED  {}\n",
                            on_one_line(&error.to_string())
                        ))?;
                        checked += 1;
                        failed.push(shown);
                        continue;
                    }
                }
            }
        };
        // Nothing else was asked for.
        if total == 1 {
            return Err(refused);
        }
        print(&format!(
            "{shown}: not checked\n  {}\n",
            on_one_line(&refused.to_string())
        ))?;
    }
    if checked == 0 {
        return Err(Error::Usage(format!(
            "nothing that `{}` offers could be checked; the lines above say why",
            args.file.display()
        )));
    }
    match (&failed[..], total) {
        ([], _) => Ok(()),
        ([only], _) => Err(Error::Nonconforming { what: only.clone() }),
        (several, total) => Err(Error::Nonconforming {
            what: format!("{} of {total} strategies and backbones", several.len()),
        }),
    }
}

/// A report with a line for each check that passed and for each finding.
fn table(shown: &str, report: &Report) -> String {
    let mut text = match report.failures.len() {
        0 => format!("{shown} passes every check of the testkit\n"),
        n => format!("{shown}: the testkit found {n} failure(s)\n"),
    };
    let of = |findings: &[Finding], mark: &str, check: Check, text: &mut String| {
        for Finding { message, .. } in findings.iter().filter(|found| found.check == check) {
            let _ = writeln!(text, "  {mark:<6}  {check}: {}", on_one_line(message));
        }
    };
    // Some find what no check was looking for, such as a panic in `drop`.
    let found = [&report.failures, &report.notes].into_iter().flatten();
    let mut checks = report.checked.clone();
    for check in found.map(|found| found.check) {
        if !checks.contains(&check) {
            checks.push(check);
        }
    }
    for check in checks {
        let failed = report.failures.iter().any(|found| found.check == check);
        if !failed && report.checked.contains(&check) {
            let _ = writeln!(text, "  passed  {check}");
        }
        of(&report.failures, "FAILED", check, &mut text);
        of(&report.notes, "note", check, &mut text);
    }
    text
}

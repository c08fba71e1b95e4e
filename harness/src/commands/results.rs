//! `clbench results verify`: whether the numbers in a run folder are those of its records, and
//! whether they come out again. `clbench results pack`: its records in one file.

use super::print::print;
use super::tables;
use crate::cli::VerifyResultsArgs;
use crate::error::Error;
use crate::metric::PluginMetrics;
use crate::plugin::{PluginRef, Registry};
use crate::report::table_names;
use crate::results::{CellRecord, RunFolder, RunPlan};
use crate::run::{
    Caches, Execution, Interrupt, Job, Local, Places, Plan, PlanOptions, Planned, PlannedContents,
    available_memory,
};
use crate::scenario::Scenario;
use crate::stream::open::Restriction;
use harness_random::shuffled;
use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::path::Path;

pub(super) fn verify(args: &VerifyResultsArgs) -> Result<(), Error> {
    let interrupt = Interrupt::on_ctrl_c()?;
    let folder = RunFolder::new(&args.dir);
    let registry = Registry::discover(&args.plugins.search_path())?;
    let mut findings = Findings::default();

    let mut records = Vec::new();
    let read = folder.every_record()?;
    let total = read.len();
    for record in read {
        match record {
            Ok(record) => records.push(record),
            Err(error) => findings.bad("records", &error.to_string()),
        }
    }
    findings.good(
        "records",
        &format!("{} of {total} are whole", records.len()),
    );
    let run = folder.run_file()?;
    if let Some(plan) = run.as_ref().and_then(|run| run.latest()) {
        check_tables(&folder, plan, &registry, &mut findings)?;
    }
    print(&format!("{}\n{}", args.dir.display(), findings.take()))?;

    if let Some(wanted) = args.rerun {
        let jobs = match &args.scenario {
            Some(file) => {
                let scenario = Scenario::load(file, &args.with, &args.set)?;
                planned_again(&scenario, &records, &registry, &interrupt)?
            }
            None => planned_then(&folder)?,
        };
        rerun(
            wanted,
            &args.dir.display().to_string(),
            &records,
            &jobs,
            &interrupt,
            &mut findings,
        )?;
        print(&findings.take())?;
    }
    match findings.bad {
        0 => Ok(()),
        problems => Err(Error::Unverified {
            dir: args.dir.clone(),
            problems,
        }),
    }
}

pub(super) fn pack(dir: &Path, out: &Path) -> Result<(), Error> {
    let records = RunFolder::new(dir).pack(out)?;
    let plural = if records == 1 { "" } else { "s" };
    let size = fs::metadata(out).map_err(Error::file(out))?.len();
    print(&format!(
        "{}: {records} record{plural} in {} kB\n",
        out.display(),
        size.div_ceil(1000)
    ))
}

/// The lines that are printed, and how many of them are bad.
#[derive(Default)]
struct Findings {
    text: String,
    bad: usize,
}

impl Findings {
    fn good(&mut self, what: &str, found: &str) {
        let _ = writeln!(self.text, "  {what:<16}  {found}");
    }

    fn bad(&mut self, what: &str, found: &str) {
        self.bad += 1;
        let found = found.lines().next().unwrap_or_default();
        let _ = writeln!(self.text, "  {what:<16}  FAILED: {found}");
    }

    fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }
}

/// Makes every table again and compares it with the folder's. Metrics are those that the folder
/// names, from the plugins that are found here.
fn check_tables(
    folder: &RunFolder,
    plan: &RunPlan,
    registry: &Registry,
    findings: &mut Findings,
) -> Result<(), Error> {
    let names: Vec<String> = plan.metrics.iter().map(|(name, _)| name.clone()).collect();
    let found = PluginMetrics::find(registry, Some(&names))?;
    let metrics = PluginMetrics::load(&found)?;
    let temporary = tempfile::tempdir().map_err(Error::file(&std::env::temp_dir()))?;
    let again = RunFolder::new(temporary.path());
    match tables::write(folder, &again, plan, &metrics) {
        Ok(Some(_)) => {}
        Ok(None) => {
            findings.good("tables", "none, since the latest plan has no records yet");
            return Ok(());
        }
        Err(error) => {
            findings.bad("tables", &format!("cannot be made again: {error}"));
            return Ok(());
        }
    }
    for name in table_names() {
        let what = format!("{name}.csv");
        // Packed results need no tables beside them.
        if folder.is_packed() && !folder.table(name).exists() {
            continue;
        }
        let made = again.table(name);
        let made = fs::read_to_string(&made).map_err(Error::file(&made))?;
        match fs::read_to_string(folder.table(name)) {
            Ok(there) if there == made => findings.good(&what, "the same when made again"),
            Ok(there) => {
                let differs = there.lines().zip(made.lines()).position(|(a, b)| a != b);
                let shorter = there.lines().count().min(made.lines().count());
                let line = differs.unwrap_or(shorter) + 1;
                let why = format!(
                    "line {line} is not what the records give; run the scenario again to write it anew"
                );
                findings.bad(&what, &why);
            }
            // Older results lack tables of what their records do not have.
            Err(error) if error.kind() == ErrorKind::NotFound && made.lines().count() == 1 => {
                findings.good(&what, "not there, and would be empty");
            }
            Err(error) => findings.bad(&what, &error.to_string()),
        }
    }
    let same = |((_, then), (_, now)): (&(String, PluginRef), &(String, _))| {
        then.id.hash == PluginRef::from(now).id.hash
    };
    if !plan.metrics.iter().zip(&found).all(same) {
        findings.good(
            "metrics",
            "computed by other plugin files than those of the run",
        );
    }
    Ok(())
}

/// The cells of a scenario on this machine, for the same parts of the data as the records.
fn planned_again(
    scenario: &Scenario,
    records: &[CellRecord],
    registry: &Registry,
    interrupt: &Interrupt,
) -> Result<HashMap<String, Planned>, Error> {
    let mut restrictions: Vec<Restriction> = Vec::new();
    for record in records {
        let stream = &record.cell.stream;
        let restriction = Restriction {
            limit: stream.limit,
            validation: stream.validation,
        };
        if !restrictions.contains(&restriction) {
            restrictions.push(restriction);
        }
    }
    let mut cells = HashMap::new();
    for restriction in restrictions {
        let options = PlanOptions {
            restriction,
            save_predictions: false,
            confusion: false,
            device: scenario.device.as_str(),
            gpu: None,
            available_memory: available_memory(),
            metrics: &[],
        };
        let plan = Plan::make(scenario, registry, &options, interrupt)?;
        let planned = plan.cells.into_iter();
        cells.extend(planned.map(|planned| (planned.job.cell.id.clone(), planned)));
    }
    Ok(cells)
}

/// The cells of the folder's latest run, as they were planned.
fn planned_then(folder: &RunFolder) -> Result<HashMap<String, Planned>, Error> {
    if folder.is_packed() {
        return Ok(HashMap::new());
    }
    let path = folder.plan_lines();
    let lines = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        lines => lines.map_err(Error::file(&path))?,
    };
    let planned = |line: &str| {
        let job = Job::parse(line)?;
        let features = Vec::new();
        Ok((job.cell.id.clone(), Planned { job, features }))
    };
    lines.lines().map(planned).collect()
}

/// Runs some cells again in a folder of their own, and compares their records. Which ones is chosen
/// at random, so that nobody knows beforehand.
fn rerun(
    wanted: NonZeroUsize,
    dir: &str,
    records: &[CellRecord],
    jobs: &HashMap<String, Planned>,
    interrupt: &Interrupt,
    findings: &mut Findings,
) -> Result<(), Error> {
    let mut known: Vec<(&CellRecord, &Planned)> = Vec::new();
    for index in shuffled(records.len(), RandomState::new().hash_one(0)) {
        if let Some(planned) = jobs.get(&records[index].cell.id) {
            known.push((&records[index], planned));
        }
    }
    if known.is_empty() {
        return Err(Error::Usage(format!(
            "no cell of `{dir}` can be run again: the plan lists none of them; name the scenario that it was made from \
             with `--scenario FILE`"
        )));
    }
    known.truncate(wanted.get());
    let temporary = tempfile::tempdir().map_err(Error::file(&std::env::temp_dir()))?;
    let again = RunFolder::new(temporary.path());
    let cells = known.iter().map(|(then, planned)| {
        let mut planned = (*planned).clone();
        planned.job.confusion = then.confusion.is_some();
        planned
    });
    let plan = Plan {
        cells: cells.collect(),
    };
    let caches = Caches::open(interrupt)?;
    let contents = PlannedContents::new(caches.content.clone(), interrupt);
    let execution = Execution {
        plan: &plan,
        folder: &again,
        retry_failed: true,
        caches: &caches,
        contents: &contents,
        interrupt,
    };
    let one_at_a_time = Local {
        places: Places::anywhere(NonZeroUsize::MIN),
        fail_fast: false,
    };
    for planned in &plan.cells {
        again.take_sources(&RunFolder::new(dir), &planned.job.cell);
    }
    match execution.run(&one_at_a_time) {
        // The cells that failed have been shown.
        Ok(_) | Err(Error::Cells { .. }) => {}
        Err(error) => return Err(error),
    }
    for (then, planned) in known {
        let title = then.cell.title();
        let Ok(Some(now)) = again.read_record(&planned.job.cell.id) else {
            findings.bad("run again", &format!("{title}: it failed"));
            continue;
        };
        let differences = then.differences(&now);
        let others = match then.cell.code() == now.cell.code() {
            true => "",
            false => ", with other code",
        };
        match differences.is_empty() {
            true => {
                let how = match then.scalar_difference(&now) {
                    None => "the same, bit for bit".to_owned(),
                    Some(difference) => format!("the same counts, but {difference}"),
                };
                findings.good("run again", &format!("{title}: {how}{others}"));
            }
            false => {
                let differences = differences.join("; ");
                findings.bad("run again", &format!("{title}{others}: {differences}"));
            }
        }
    }
    Ok(())
}

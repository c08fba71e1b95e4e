//! How a run joins its folder, which other runs of the scenario may be using.

use super::{ResultsError, RunFile, RunFolder, RunPlan};
use crate::atomic;
use crate::claim::Claim;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The name of the claim of `run.json` and of all tables.
const SHARED: &str = "run.json";

/// A run's presence in its folder, until it is dropped. As long as a run is present, the others
/// leave temporary files alone.
#[derive(Debug)]
pub struct Presence(#[expect(dead_code, reason = "dropping it tells others")] Option<Claim>);

impl RunFolder {
    /// Checks that the folder has no runs of another scenario.
    ///
    /// # Errors
    ///
    /// [`ResultsError::OtherScenario`] if it has, or another error if its `run.json` cannot be
    /// read.
    pub fn check_scenario(&self, scenario: &str) -> Result<(), ResultsError> {
        match self.run_file()? {
            Some(run) => self.check_scenario_of(&run, scenario),
            None => Ok(()),
        }
    }

    /// Begins a run in the folder, which must exist. If no other process is using the folder, what
    /// killed ones left behind is deleted.
    pub fn enter(&self) -> Presence {
        let claim = self.claims().sign_of_life("run").ok();
        if let Some(claim) = &claim {
            // Files that cannot be deleted do no harm.
            let _ = self.tidy(claim);
        }
        Presence(claim)
    }

    /// Adds a run's plan to `run.json`, and writes its cells to `plan.jsonl`, one per line. Waits
    /// for other runs that do the same, as long as `go_on` returns true; returns false if it gave
    /// up.
    ///
    /// # Errors
    ///
    /// As for [`check_scenario`](Self::check_scenario), or if the files cannot be written.
    pub fn join(
        &self,
        scenario: &str,
        plan: &RunPlan,
        lines: &str,
        go_on: &dyn Fn() -> bool,
    ) -> Result<bool, ResultsError> {
        let Some(_claim) = self.claim_shared(go_on)? else {
            return Ok(false);
        };
        let mut run = self.run_file()?.unwrap_or_else(|| RunFile::new(scenario));
        self.check_scenario_of(&run, scenario)?;
        run.add(plan.clone());
        let json = serde_json::to_string_pretty(&run).expect("plain data") + "\n";
        for (path, text) in [(self.run_json(), &*json), (self.plan_lines(), lines)] {
            atomic::write(&path, text.as_bytes()).map_err(ResultsError::unwritten(&path))?;
        }
        Ok(true)
    }

    /// Claims `run.json` and the tables, so that the last of several runs to write tables has read
    /// the records of all others.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written to.
    pub fn claim_shared(&self, go_on: &dyn Fn() -> bool) -> Result<Option<Claim>, ResultsError> {
        let claim = self.claims().wait(SHARED, go_on, &mut |_| {});
        claim.map_err(ResultsError::unwritten(self.path()))
    }

    /// Deletes the temporary files of a cell. Its claim must be this process's.
    pub fn remove_parts_of(&self, id: &str) {
        let begin = format!("{id}.");
        for path in parts(&self.cells()).unwrap_or_default() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(&begin) {
                let _ = fs::remove_file(&path);
            }
        }
    }

    /// Deletes claims that no longer count. Unless another process is present, also deletes
    /// temporary files, and what cells with a record were resumed from.
    fn tidy(&self, own: &Claim) -> io::Result<()> {
        // In this order: whoever writes one of these files has had a claim since before.
        let mut left = parts(self.path())?;
        left.extend(parts(&self.cells())?);
        left.extend(outlived(&self.cells())?);
        let mut living = self.claims().living()?;
        living.extend(self.cell_claims().living()?);
        if living.iter().all(|claim| claim == own.path()) {
            for path in left {
                let _ = fs::remove_file(path);
            }
        }
        Ok(())
    }

    fn check_scenario_of(&self, run: &RunFile, scenario: &str) -> Result<(), ResultsError> {
        if run.scenario == scenario {
            return Ok(());
        }
        Err(ResultsError::OtherScenario {
            dir: self.path().to_owned(),
            theirs: run.scenario.clone(),
            ours: scenario.to_owned(),
        })
    }
}

/// The temporary files in a folder.
/// Checkpoints and rows of predictions of cells that have a record. Their processes were killed
/// just before they deleted them.
fn outlived(cells: &Path) -> io::Result<Vec<PathBuf>> {
    let names = fs::read_dir(cells)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
    let names = names.collect::<io::Result<Vec<_>>>()?;
    let names: HashSet<&str> = names.iter().flatten().map(String::as_str).collect();
    let outlived = names.iter().filter(|name| {
        let rows = name.strip_suffix(".csv");
        let id = rows.and_then(|rows| rows.rsplit_once(".predictions-"));
        let id = id.map(|(id, _)| id).or(name.strip_suffix(".checkpoint"));
        id.is_some_and(|id| names.contains(&*format!("{id}.json")))
    });
    Ok(outlived.map(|name| cells.join(name)).collect())
}

fn parts(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut parts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(atomic::SUFFIX) {
            parts.push(path);
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::super::PlanSelection;
    use super::super::fixture::plan;
    use super::*;
    use crate::claim::Attempt;
    use crate::id::Seed;
    use std::thread;

    fn folder(dir: &Path) -> RunFolder {
        let folder = RunFolder::new(dir);
        folder.create().unwrap();
        folder
    }

    fn files(dir: &Path) -> Vec<String> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            if entry.path().is_file() {
                names.push(entry.file_name().into_string().unwrap());
            }
        }
        names.sort();
        names
    }

    #[test]
    fn runs_that_join_at_the_same_moment_are_all_listed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(dir.path());
        thread::scope(|scope| {
            for seed in 0..8 {
                let folder = &folder;
                scope.spawn(move || {
                    let selection = PlanSelection {
                        seeds: [Seed(seed)].into(),
                        ..PlanSelection::default()
                    };
                    let plan = plan(selection, &["d"], &["a"], &[seed], "v1");
                    assert!(folder.join("s", &plan, "line\n", &|| true).unwrap());
                });
            }
        });
        let run = folder.run_file().unwrap().unwrap();
        assert_eq!(run.current().len(), 8);
        assert_eq!(files(dir.path()), ["plan.jsonl", "run.json"]);
    }

    #[test]
    fn another_scenario_is_refused_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(dir.path());
        let plan = plan(PlanSelection::default(), &["d"], &["a"], &[1], "v1");
        folder.join("digits", &plan, "", &|| true).unwrap();
        let before = folder.run_file().unwrap();
        let refused = folder.join("cub", &plan, "", &|| true).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!(
                "`{}` holds the runs of scenario `digits`, but this scenario is `cub`; choose another folder with `--out`",
                dir.path().display()
            )
        );
        assert_eq!(folder.run_file().unwrap(), before);
        assert!(folder.check_scenario("digits").is_ok() && folder.check_scenario("cub").is_err());
    }

    #[test]
    fn the_next_run_deletes_left_over_files_unless_another_is_present() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(dir.path());
        let leave = || {
            for name in [
                "run.json.a.part",
                "cells/x.json.b.part",
                "cells/y.predictions.csv.c.part",
            ] {
                fs::write(dir.path().join(name), "half").unwrap();
            }
        };
        let left = || files(dir.path()).len() + files(&folder.cells()).len();
        leave();
        let first = folder.enter();
        assert_eq!(left(), 1, "only its sign of life");
        leave();
        let second = folder.enter();
        assert_eq!(left(), 2 + 3, "they may be the first's");
        drop((first, second));
        // A cell that a cluster runs is a process too.
        let Attempt::Ours(cell) = folder.cell_claims().attempt("x").unwrap() else {
            panic!("nobody else has it");
        };
        drop(folder.enter());
        assert_eq!(left(), 1 + 3);
        // Whoever has a cell's claim knows that its files are left over.
        folder.remove_parts_of("x");
        assert_eq!(
            files(&folder.cells()),
            ["x.claim", "y.predictions.csv.c.part"]
        );
        drop(cell);
        drop(folder.enter());
        assert_eq!(left(), 0);
    }

    #[test]
    fn the_next_run_deletes_what_a_finished_cell_was_resumed_from() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(dir.path());
        for name in [
            "done.json",
            "done.log",
            "done.checkpoint",
            "done.predictions.csv",
            "done.predictions-0.csv",
            "half.checkpoint",
            "half.predictions-0.csv",
        ] {
            fs::write(folder.cells().join(name), "").unwrap();
        }
        drop(folder.enter());
        assert_eq!(
            files(&folder.cells()),
            [
                "done.json",
                "done.log",
                "done.predictions.csv",
                "half.checkpoint",
                "half.predictions-0.csv"
            ]
        );
    }
}

//! An array job: a file with a line for each task, and the script that runs one of them.

use super::SlurmOptions;
use crate::template::shell_word;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// What the tasks of an array compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    Features,
    Cells,
}

/// An array job, perhaps not submitted yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Array {
    pub(super) kind: Kind,
    /// The name of its files, such as `cells-1`.
    name: String,
    /// What each task computes, the first for task 1: the id of a cell, or the title of a set of
    /// features.
    pub(super) tasks: Vec<String>,
    /// Its id, once it is submitted.
    pub(super) job: Option<String>,
    /// The folder of its files.
    #[serde(skip)]
    folder: PathBuf,
    /// The lines of the plan, one for each task, until they are written.
    #[serde(skip)]
    lines: Vec<String>,
    /// The script, until it is written.
    #[serde(skip)]
    text: String,
}

/// What the arrays of a submission have in common.
pub(super) struct Settings<'a> {
    pub(super) scenario: &'a str,
    /// The folder of the submission. This and the following paths are absolute.
    pub(super) folder: &'a Path,
    pub(super) program: &'a Path,
    /// The run folder.
    pub(super) out: &'a Path,
    /// How many threads a task has.
    pub(super) threads: u32,
    pub(super) options: &'a SlurmOptions,
    pub(super) at_a_time: Option<NonZeroUsize>,
    pub(super) environment: &'a [(&'static str, OsString)],
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Features => "features",
            Kind::Cells => "cells",
        }
    }
}

impl Array {
    /// Arrays for these tasks, each what it computes and its line, with at most `most` tasks each.
    pub(super) fn cut(
        kind: Kind,
        tasks: Vec<(String, String)>,
        most: usize,
        settings: &Settings<'_>,
    ) -> Vec<Array> {
        let chunks = tasks.chunks(most).enumerate();
        chunks
            .map(|(index, tasks)| {
                let (tasks, lines): (Vec<_>, Vec<_>) = tasks.iter().cloned().unzip();
                let mut array = Array {
                    kind,
                    name: format!("{}-{}", kind.name(), index + 1),
                    tasks,
                    job: None,
                    folder: settings.folder.to_owned(),
                    lines,
                    text: String::new(),
                };
                array.text = array.script_of(settings);
                array
            })
            .collect()
    }

    /// The script that sbatch gets.
    pub(super) fn script(&self) -> PathBuf {
        self.folder.join(format!("{}.sh", self.name))
    }

    /// The content of the script, until it is written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The log of the task with this number.
    pub(super) fn log(&self, number: usize) -> PathBuf {
        self.folder.join(format!("{}-{number}.log", self.name))
    }

    pub(super) fn has_any(&self, cells: &HashSet<&str>) -> bool {
        self.kind == Kind::Cells && self.tasks.iter().any(|task| cells.contains(&**task))
    }

    /// An array that was read from a file in this folder.
    pub(super) fn in_folder(self, folder: &Path) -> Array {
        Array {
            folder: folder.to_owned(),
            ..self
        }
    }

    /// The files of the array and what they contain: the lines, then the script.
    pub(super) fn take_files(&mut self) -> [(PathBuf, String); 2] {
        let lines = std::mem::take(&mut self.lines);
        let lines = lines.into_iter().map(|line| line + "\n").collect();
        let text = std::mem::take(&mut self.text);
        [(self.plan(), lines), (self.script(), text)]
    }

    fn plan(&self) -> PathBuf {
        self.folder.join(format!("{}.jsonl", self.name))
    }

    /// Options before the user's are defaults, those after are not theirs to say.
    fn script_of(&self, settings: &Settings<'_>) -> String {
        let Settings {
            scenario,
            folder,
            program,
            out,
            threads,
            options,
            at_a_time,
            environment,
        } = *settings;
        let kind = self.kind.name();
        let mut text = format!(
            "#!/bin/bash\n#SBATCH --job-name={scenario}.{kind}\n\
             #SBATCH --ntasks=1 --cpus-per-task={threads}\n"
        );
        if !options.is_empty() {
            text += &format!("#SBATCH {options}\n");
        }
        let limit = at_a_time.map_or(String::new(), |number| format!("%{number}"));
        // In the name of a log, % begins a symbol.
        let logs = folder.display().to_string().replace('%', "%%");
        let log = format!("{logs}/{}-%a.log", self.name);
        text += &format!(
            "#SBATCH --array=1-{}{limit}\n#SBATCH --output=\"{log}\"\n#SBATCH --no-requeue\n",
            self.tasks.len(),
        );
        for (name, value) in environment {
            text += &format!("export {name}={}\n", shell_word(&value.to_string_lossy()));
        }
        let plan = self.plan();
        let [program, plan, out] =
            [program, &plan, out].map(|path| shell_word(&path.to_string_lossy()));
        let line = "--line \"$SLURM_ARRAY_TASK_ID\"";
        // The shell becomes clbench, so signals reach it.
        text += &match self.kind {
            Kind::Features => format!("exec {program} features {plan} {line}\n"),
            Kind::Cells => format!("exec {program} cell {plan} {line} --out {out}\n"),
        };
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn the_script_runs_one_line_of_the_plan() {
        let tasks: Vec<_> = (0..5)
            .map(|n| (format!("cell-{n}"), format!("{{{n}}}")))
            .collect();
        let settings = Settings {
            scenario: "my-study",
            folder: "/data/50% of it/slurm/1".as_ref(),
            program: "/opt/clbench".as_ref(),
            out: "/data/50% of it".as_ref(),
            threads: 2,
            options: &"--partition=gpu --time=4:00:00".parse().unwrap(),
            at_a_time: NonZeroUsize::new(8),
            environment: &[("CLBENCH_CACHE", "/it's/cache".into())],
        };
        let mut arrays = Array::cut(Kind::Cells, tasks, 3, &settings);
        assert_eq!(arrays.len(), 2);
        assert_eq!(arrays[1].tasks, ["cell-3", "cell-4"]);
        let [(plan, lines), (script, text)] = arrays[1].take_files();
        assert_eq!(plan, Path::new("/data/50% of it/slurm/1/cells-2.jsonl"));
        assert_eq!(lines, "{3}\n{4}\n");
        assert_eq!(script, Path::new("/data/50% of it/slurm/1/cells-2.sh"));
        expect![[r#"
            #!/bin/bash
            #SBATCH --job-name=my-study.cells
            #SBATCH --ntasks=1 --cpus-per-task=2
            #SBATCH --partition=gpu --time=4:00:00
            #SBATCH --array=1-2%8
            #SBATCH --output="/data/50%% of it/slurm/1/cells-2-%a.log"
            #SBATCH --no-requeue
            export CLBENCH_CACHE='/it'\''s/cache'
            exec /opt/clbench cell '/data/50% of it/slurm/1/cells-2.jsonl' --line "$SLURM_ARRAY_TASK_ID" --out '/data/50% of it'
        "#]].assert_eq(&text);
        let features = Array::cut(
            Kind::Features,
            vec![("set".into(), "{}".into())],
            3,
            &settings,
        );
        let last = features[0].text().lines().last();
        let expected = "exec /opt/clbench features '/data/50% of it/slurm/1/features-1.jsonl' --line \"$SLURM_ARRAY_TASK_ID\"";
        assert_eq!(last, Some(expected));
    }
}

//! What clbench asks of Slurm, through its command-line programs.

use super::array::Array;
use super::error::SlurmError;
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::ops::RangeInclusive;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// How often a program that has not answered yet is left, if the user asks to stop.
const LOOK: Duration = Duration::from_millis(50);

/// Variables that would override what a script says.
const IN_THE_WAY: [&str; 7] = [
    "SBATCH_ARRAY_INX",
    "SBATCH_REQUEUE",
    "SBATCH_NO_REQUEUE",
    "SBATCH_WAIT",
    "SQUEUE_FORMAT",
    "SQUEUE_FORMAT2",
    "SQUEUE_STATES",
];

/// Slurm's programs.
pub(super) struct Client {
    /// Whether the user asks to stop.
    stopped: Box<dyn Fn() -> bool>,
}

/// A task that is queued or running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LivingTask {
    /// The index of its array among those that were asked about.
    pub(super) array: usize,
    /// Its number in the array, from 1.
    pub(super) number: usize,
    /// The id of its array.
    pub(super) job: String,
    pub(super) is_running: bool,
}

/// How a task has ended, as long as Slurm remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ending {
    /// Slurm's word, such as `TIMEOUT`.
    pub(super) state: String,
    /// The exit status, if the task ended by itself.
    pub(super) status: Option<i32>,
    /// The tasks that have ended so: several if they were cancelled together before they started.
    pub(super) tasks: Vec<RangeInclusive<usize>>,
}

impl Client {
    pub(super) fn new(stopped: impl Fn() -> bool + 'static) -> Client {
        Client {
            stopped: Box::new(stopped),
        }
    }

    /// The most tasks of an array that are numbered from 1.
    pub(super) fn largest_array(&self) -> Result<usize, SlurmError> {
        let said = self.ask("scontrol", ["show", "config"])?;
        let mut lines = said.lines();
        let found = lines.find_map(|line| {
            let (key, value) = line.split_once('=')?;
            let value: usize = value.trim().parse().ok()?;
            (key.trim() == "MaxArraySize").then_some(value)
        });
        match found {
            // The largest number is one less than the size.
            Some(size @ 2..) => Ok(size - 1),
            Some(_) => Err(SlurmError::Failed {
                program: "scontrol",
                said: "this cluster allows no array jobs (MaxArraySize)".into(),
            }),
            None => Err(SlurmError::Unclear {
                program: "scontrol",
                said: "no MaxArraySize".into(),
            }),
        }
    }

    /// The options with which an array waits until all tasks of others have succeeded, and is
    /// cancelled if one fails.
    pub(super) fn dependency(jobs: &[String]) -> Vec<String> {
        match jobs.is_empty() {
            true => Vec::new(),
            false => vec![
                format!("--dependency=afterok:{}", jobs.join(":")),
                "--kill-on-invalid-dep=yes".to_owned(),
            ],
        }
    }

    /// Submits a script, to run after these jobs, and returns the id. It is not stopped halfway.
    pub(super) fn submit(&self, script: &Path, after: &[String]) -> Result<String, SlurmError> {
        let mut args: Vec<OsString> = vec!["--parsable".into()];
        args.extend(Client::dependency(after).into_iter().map(OsString::from));
        args.push(script.into());
        let said = finished("sbatch", start("sbatch", args, &|| false)?)?;
        // On a federation, the cluster's name follows.
        let id = said.trim().split(';').next().unwrap_or_default();
        match !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) {
            true => Ok(id.to_owned()),
            false => Err(SlurmError::Unclear {
                program: "sbatch",
                said: said.trim().to_owned(),
            }),
        }
    }

    /// The tasks of these arrays that are queued or running.
    ///
    /// A task belongs to an array if it runs its script: ids are given again after some years, and
    /// whoever submitted an array may have been killed before its id was noted.
    pub(super) fn alive(&self, arrays: &[&Array]) -> Result<Vec<LivingTask>, SlurmError> {
        if arrays.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<&str> = arrays
            .iter()
            .filter_map(|array| array.job.as_deref())
            .collect();
        let mut args = vec!["--noheader".to_owned(), "--array".to_owned()];
        args.push("--format=%F|%K|%T|%o".to_owned());
        if ids.len() == arrays.len() {
            // Of several ids, unknown ones are no error, as they are if there is only one.
            args.push(format!("--jobs={},{}", ids[0], ids.join(",")));
        }
        let said = self.ask("squeue", args)?;
        Ok(tasks(&said, arrays))
    }

    /// How a task has ended, if Slurm still knows.
    pub(super) fn ending(&self, job: &str, number: usize) -> Option<Ending> {
        let task = format!("{job}_{number}");
        let said = self.ask("scontrol", ["show", "job", &task, "--oneliner"]);
        ending(&said.ok()?)
    }

    /// Cancels the tasks of these jobs that wait.
    pub(super) fn cancel_queued(&self, jobs: &[String]) -> Result<(), SlurmError> {
        let args = ["--state=PENDING"]
            .into_iter()
            .chain(jobs.iter().map(String::as_str));
        self.ask("scancel", args).map(drop)
    }

    fn ask<A: AsRef<OsStr>>(
        &self,
        program: &'static str,
        args: impl IntoIterator<Item = A>,
    ) -> Result<String, SlurmError> {
        finished(program, start(program, args, &*self.stopped)?)
    }
}

/// Runs a program to its end, unless the user asks to stop.
fn start<A: AsRef<OsStr>>(
    program: &'static str,
    args: impl IntoIterator<Item = A>,
    stopped: &dyn Fn() -> bool,
) -> Result<Output, SlurmError> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => SlurmError::Missing { program },
        _ => SlurmError::Failed {
            program,
            said: error.to_string(),
        },
    };
    let mut command = Command::new(program);
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("LC_ALL", "C")
        // Ctrl-C in the terminal is for clbench.
        .process_group(0);
    for name in IN_THE_WAY {
        command.env_remove(name);
    }
    let child = command.spawn().map_err(failed)?;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (sender, receiver) = channel();
    let wait = move || drop(sender.send(child.wait_with_output()));
    thread::Builder::new().spawn(wait).map_err(failed)?;
    loop {
        match receiver.recv_timeout(LOOK) {
            Ok(output) => return output.map_err(failed),
            Err(RecvTimeoutError::Timeout) if stopped() => {
                if let Some(group) = group {
                    let _ = kill_process_group(group, Signal::KILL);
                }
                return Err(SlurmError::Stopped);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(failed(std::io::Error::other("it cannot be waited for")));
            }
        }
    }
}

fn finished(program: &'static str, output: Output) -> Result<String, SlurmError> {
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            let lines = said.lines().map(|line| {
                let line = line.trim();
                line.strip_prefix("sbatch: error: ").unwrap_or(line)
            });
            let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
            Err(SlurmError::Failed {
                program,
                said: match lines.is_empty() {
                    true => output.status.to_string(),
                    false => lines.join("; "),
                },
            })
        }
    }
}

/// The lines of squeue that are about these arrays.
fn tasks(said: &str, arrays: &[&Array]) -> Vec<LivingTask> {
    let scripts = arrays.iter().enumerate();
    let scripts: HashMap<String, usize> = scripts
        .map(|(index, array)| (array.script().display().to_string(), index))
        .collect();
    let task = |line: &str| {
        let mut fields = line.splitn(4, '|');
        let mut next = || fields.next().map(str::trim);
        let (job, number, state) = (next()?.to_owned(), next()?.parse().ok()?, next()?);
        let &array = scripts.get(next()?)?;
        let is_task = (1..=arrays[array].tasks.len()).contains(&number);
        is_task.then(|| LivingTask {
            array,
            number,
            job,
            is_running: state != "PENDING",
        })
    };
    said.lines().filter_map(task).collect()
}

/// What `scontrol show job` says of a task.
fn ending(said: &str) -> Option<Ending> {
    let value = |key: &str| {
        let mut words = said.split_whitespace();
        words.find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    };
    let state = value("JobState")?.to_owned();
    // The status and the signal.
    let (status, signal) = value("ExitCode")?.split_once(':')?;
    let status = (signal == "0").then(|| status.parse().ok()).flatten();
    let tasks = value("ArrayTaskId").map_or(Vec::new(), ranges);
    Some(Ending {
        state,
        status,
        tasks,
    })
}

/// What a list such as `2,5-9%3` contains.
fn ranges(list: &str) -> Vec<RangeInclusive<usize>> {
    let list = list.split('%').next().unwrap_or_default();
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    list.split(',').filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::super::array::{Kind, Settings};
    use super::*;

    #[test]
    fn tasks_are_recognised_by_their_script() {
        let settings = Settings {
            scenario: "s",
            folder: "/a|b c/slurm/1".as_ref(),
            program: "clbench".as_ref(),
            out: "/a|b c".as_ref(),
            threads: 1,
            options: &super::super::SlurmOptions::default(),
            at_a_time: None,
            environment: &[],
        };
        let cells = ["x", "y"].map(|id| (id.to_owned(), String::new()));
        let arrays = Array::cut(Kind::Cells, cells.to_vec(), 9, &settings);
        let said = "12|1|RUNNING|/a|b c/slurm/1/cells-1.sh\n\
                    12|2|PENDING|/a|b c/slurm/1/cells-1.sh\n\
                    12|3|PENDING|/a|b c/slurm/1/cells-1.sh\n\
                    13|N/A|RUNNING|/bin/bash\n\
                    14|1|RUNNING|/a|b c/slurm/2/cells-1.sh\n";
        let task = |number, is_running| LivingTask {
            array: 0,
            number,
            job: "12".into(),
            is_running,
        };
        let arrays: Vec<&Array> = arrays.iter().collect();
        assert_eq!(tasks(said, &arrays), [task(1, true), task(2, false)]);
    }

    #[test]
    fn an_ending_is_read_while_slurm_remembers_it() {
        let line = "JobId=2 ArrayJobId=1 ArrayTaskId=1 JobName=my UserId=root(0) \
                    JobState=TIMEOUT Reason=TimeLimit ExitCode=0:15 RunTime=00:01:00";
        let found = ending(line).unwrap();
        assert_eq!((&*found.state, found.status), ("TIMEOUT", None));
        assert_eq!(found.tasks, [1..=1]);
        let cancelled = "JobState=CANCELLED Reason=Dependency ExitCode=0:0 ArrayTaskId=2,5-9%3";
        assert_eq!(ending(cancelled).unwrap().tasks, [2..=2, 5..=9]);
        let failed = ending("JobState=FAILED Reason=NonZeroExitCode ExitCode=4:0").unwrap();
        assert_eq!((&*failed.state, failed.status), ("FAILED", Some(4)));
        assert_eq!(ending("Job 2_300 not found"), None);
    }
}

//! Cells that are killed: they resume at their last checkpoint, and leave what an undisturbed run
//! leaves.

use crate::tables::{files, rows};
use clbench_tests::{Dir, Run, misbehaving, root, signal, wait_for};
use expect_test::expect;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::Duration;

const TASKS: usize = 10;

/// One cell with ten tasks, each of which takes some milliseconds.
fn scenario(dir: &Dir, more: &str) {
    dir.write(
        "s.yaml",
        format!(
            "seeds: [1]\nstream: {{tasks: {TASKS}}}\ndomains: {{digits: {{source: digits}}}}\n\
             backbones: {{pixels: {{parameters: {{size: 8}}}}}}\nstrategies: {{diary: }}\n{more}"
        ),
    );
    dir.link_plugins(&[misbehaving()]);
}

fn run<'a>(dir: &'a Dir, out: &str, nap: u32) -> Run<'a> {
    let args = ["run", "s.yaml", "--plugin-dir", "plugins", "--limit", "20"];
    let more = ["--save-predictions", "--confusion", "--out", out];
    dir.clbench(args.iter().chain(&more))
        .env("DIARY", dir.path(&format!("{out}.diary")))
        .env("DIARY_NAP", nap.to_string())
}

/// The tasks that were learned, in order, by all processes of the cell.
fn learned(dir: &Dir, out: &str) -> Vec<u32> {
    let diary = fs::read_to_string(dir.path(&format!("{out}.diary"))).unwrap_or_default();
    diary.lines().map(|line| line.parse().unwrap()).collect()
}

/// The CSV files of a run folder without its costs, and the cell's predictions: name and content.
fn tables(folder: &Path) -> Vec<(String, String)> {
    let names = files(folder).into_iter();
    let names = names.filter(|name| name.ends_with(".csv") && name != "costs.csv");
    names
        .map(|name| {
            let content = fs::read_to_string(folder.join(&name)).unwrap();
            (name, content)
        })
        .collect()
}

fn only(folder: &Path, ending: &str) -> Option<PathBuf> {
    let found = files(folder)
        .into_iter()
        .find(|name| name.ends_with(ending));
    found.map(|name| folder.join(name))
}

/// How long the only cell of a run folder took.
fn seconds(folder: &Path) -> f64 {
    costs(folder)["wall_seconds"]["total"].as_f64().unwrap()
}

fn costs(folder: &Path) -> serde_json::Value {
    let record = only(&folder.join("cells"), ".json").unwrap();
    let record = fs::read_to_string(record).unwrap();
    let mut record: serde_json::Value = serde_json::from_str(&record).unwrap();
    record["costs"].take()
}

/// Random numbers from 0 to 1. Which moments are hit differs from machine to machine anyway.
struct Moments(u64);

impl Moments {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The process of the cell, if it is running.
fn cell_of(run: &Child) -> Option<u32> {
    // Its threads start the processes, so any of them may be the parent.
    let threads = fs::read_dir(format!("/proc/{}/task", run.id())).ok()?;
    let mut lists = threads
        .flatten()
        .map(|thread| thread.path().join("children"));
    lists.find_map(|list| {
        let list = fs::read_to_string(list).ok()?;
        list.split_whitespace().find_map(|id| {
            let command = fs::read(format!("/proc/{id}/cmdline")).ok()?;
            let is_cell = command.split(|&byte| byte == 0).nth(1) == Some(b"cell");
            is_cell.then(|| id.parse().unwrap())
        })
    })
}

fn is_gone(process: u32) -> bool {
    !Path::new(&format!("/proc/{process}")).exists()
}

/// The number of kills: `CLBENCH_TEST_KILLS`, which `cargo xtask soak` sets to 200.
fn kills() -> usize {
    let written = env::var("CLBENCH_TEST_KILLS").ok();
    written.map_or(20, |kills| kills.parse().expect("a number"))
}

/// Cells that were killed over and over until they were done.
struct Killed {
    /// How many kills each cell had, by run folder.
    kills: BTreeMap<String, usize>,
    /// The tasks after which cells were resumed, in order.
    resumed: Vec<u32>,
}

/// Kills runs, or only their cells, at random moments until there have been `kills`. A run is
/// started again in its folder until it is done; then comes the next folder. Every folder must
/// have the tables of the undisturbed run.
fn kill<'a>(
    dir: &'a Dir,
    run: impl Fn(&str) -> Run<'a>,
    kills: usize,
    undisturbed: &Path,
) -> Killed {
    let expected = tables(undisturbed);
    assert_eq!(expected.len(), 8, "seven tables and the predictions");
    let time = Duration::from_secs_f64(seconds(undisturbed));
    let mut moments = Moments(0x9e37_79b9_7f4a_7c15);
    let mut all = Killed {
        kills: BTreeMap::new(),
        resumed: Vec::new(),
    };
    let mut left = kills;
    while left > 0 {
        let out = format!("out{}", all.kills.len());
        let of_this_cell = all.kills.entry(out.clone()).or_default();
        loop {
            let mut process = run(&out).start();
            // Usually while the cell is running, but sometimes before.
            if moments.next() < 0.8 {
                wait_for("the cell", || {
                    cell_of(&process).is_some() || process.try_wait().unwrap().is_some()
                });
            }
            thread::sleep(time.mul_f64(moments.next()));
            let ended = process.try_wait().unwrap().is_some();
            let cell = cell_of(&process);
            if !ended && left > 0 {
                let victim = cell.filter(|_| moments.next() < 0.5);
                signal(victim.unwrap_or(process.id()), Signal::KILL);
                left -= 1;
                *of_this_cell += 1;
            }
            let output = process.wait_with_output().unwrap();
            // A cell ends soon after its run. Until then it may learn another task.
            wait_for("the end of the cell", || cell.is_none_or(is_gone));
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let resumed = said.split_once("resumed after task ");
            let task = resumed.and_then(|(_, task)| task.split(' ').next());
            all.resumed
                .extend(task.map(|task| task.parse::<u32>().unwrap()));
            match output.status.code() {
                Some(0) => break,
                // The cell was killed; with the run, there is no exit code.
                Some(5) => assert!(said.contains("signal 9"), "{said}"),
                code => assert_eq!(code, None, "{said}"),
            }
        }
        // A process that outlives its run for a moment may leave files, which the next run deletes.
        run(&out).succeeds();
        let tables = tables(&dir.path(&out));
        let names = tables.iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert!(
            tables == *expected,
            "{out} differs from an undisturbed run: {names:?}"
        );
        let left = files(&dir.path(&out).join("cells"));
        assert_eq!(left.len(), 3, "a record, a log and predictions: {left:?}");
    }
    all
}

#[test]
fn a_killed_cell_resumes_and_leaves_what_an_undisturbed_one_leaves() {
    let dir = Dir::new();
    scenario(&dir, "checkpoint: always\n");
    run(&dir, "undisturbed", 40).succeeds();
    let undisturbed = dir.path("undisturbed");
    // What a resumed cell must neither lose nor repeat.
    let reported = rows(&undisturbed.join("scalars.csv"));
    let tasks = reported
        .iter()
        .map(|row| row["task"].parse::<usize>().unwrap());
    assert!(tasks.eq((1..=TASKS).flat_map(|task| [task; 2])));
    let killed = kill(&dir, |out| run(&dir, out, 40), kills(), &undisturbed);
    let mut again = 0;
    for (out, kills) in &killed.kills {
        let learned = learned(&dir, out);
        assert!(learned.len() <= TASKS + kills, "{kills} kills: {learned:?}");
        again += learned.len() - TASKS;
    }
    println!(
        "{} kills of {} cells with {TASKS} tasks: resumed {} times, {again} tasks learned again",
        kills(),
        killed.kills.len(),
        killed.resumed.len(),
    );
    assert!(!killed.resumed.is_empty());
}

#[test]
fn a_killed_cgil_cell_of_ten_tasks_does_too() {
    let dir = Dir::new();
    let clip = root().join("plugins/clip/weights/small");
    dir.write(
        "s.yaml",
        format!(
            "seeds: [1]\nstream: {{tasks: {TASKS}}}\ncheckpoint: always\n\
             domains: {{plain: {{source: pictures, style: plain}}}}\n\
             backbones: {{clip: {{parameters: {{path: {}}}}}}}\n\
             strategies:\n  cgil:\n    parameters:\n      samples_per_class: 16\n      \
             vae: {{hidden: 32, latent: 8, epochs: 20, lr: 0.004}}\n      \
             alignment: {{epochs: 2, lr: 0.01}}\n",
            clip.display()
        ),
    );
    let run = |out: &str| {
        let args = [
            "run",
            "s.yaml",
            "--limit",
            "10",
            "--save-predictions",
            "--out",
            out,
        ];
        dir.clbench(args)
    };
    run("undisturbed").succeeds();
    let undisturbed = dir.path("undisturbed");
    let killed = kill(&dir, run, 10, &undisturbed);
    println!(
        "10 kills of {} CGIL cells of {:.1} s: resumed after tasks {:?}",
        killed.kills.len(),
        seconds(&undisturbed),
        killed.resumed
    );
    assert!(!killed.resumed.is_empty());
}

/// Kills a run once its cell has learned `tasks` tasks and written a checkpoint.
fn stopped_after(dir: &Dir, out: &str, tasks: usize) -> PathBuf {
    let mut process = run(dir, out, 100).start();
    wait_for("a checkpoint", || learned(dir, out).len() > tasks);
    let cell = cell_of(&process).expect("the cell is running");
    signal(process.id(), Signal::KILL);
    process.wait().unwrap();
    wait_for("the end of the cell", || is_gone(cell));
    let cells = dir.path(out).join("cells");
    only(&cells, ".checkpoint").expect("a checkpoint")
}

#[test]
fn a_checkpoint_that_cannot_be_used_is_set_aside() {
    let dir = Dir::new();
    scenario(&dir, "checkpoint: always\n");
    run(&dir, "undisturbed", 0).succeeds();
    let expected = tables(&dir.path("undisturbed"));
    let mut said = String::new();
    let mut spoil = |out: &str, spoil: &dyn Fn(&Path)| {
        let checkpoint = stopped_after(&dir, out, 3);
        spoil(&checkpoint);
        let outcome = run(&dir, out, 0).succeeds();
        let notes = outcome
            .stderr
            .lines()
            .filter(|line| line.contains(": its ") || line.contains(": resumed"));
        for note in notes {
            // The fourth task may have been learned before the run was killed.
            let note = note.replace("after task 4 of", "after task 3 of");
            said += &format!("{note}\n");
        }
        assert!(tables(&dir.path(out)) == expected, "{out}");
        let stale = only(&dir.path(out).join("cells"), ".checkpoint.stale");
        stale.is_some()
    };
    assert!(!spoil("whole", &|_| {}));
    assert!(spoil("damaged", &|path| {
        let mut bytes = fs::read(path).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        fs::write(path, bytes).unwrap();
    }));
    assert!(spoil("cut", &|path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
    }));
    assert!(spoil("old", &|path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, [b"CLBCKPT0", &bytes[8..]].concat()).unwrap();
    }));
    assert!(spoil("predictions", &|path| {
        let row = only(path.parent().unwrap(), ".predictions-1.csv").unwrap();
        fs::write(row, "").unwrap();
    }));
    // Another file of the plugin; its hash is part of the plan.
    let foreign = stopped_after(&dir, "foreign", 3);
    let plugin = dir.path("plugins/libmisbehaving.so");
    let mut bytes = fs::read(&plugin).unwrap();
    bytes.push(0);
    fs::remove_file(&plugin).unwrap();
    fs::write(&plugin, bytes).unwrap();
    let outcome = run(&dir, "foreign", 0).succeeds();
    let note = outcome.stderr.lines().find(|line| line.contains(": its "));
    said += note.unwrap_or("no note");
    said += "\n";
    assert!(!foreign.exists());
    expect![[r#"
        digits · diary · seed 1: resumed after task 3 of 10
        digits · diary · seed 1: its checkpoint is damaged; starting again from the first task
        digits · diary · seed 1: its checkpoint is damaged; starting again from the first task
        digits · diary · seed 1: its checkpoint has another format; starting again from the first task
        digits · diary · seed 1: its checkpoint cannot be used, because its predictions after task 1 were changed; starting again from the first task
        digits · diary · seed 1: its checkpoint was made by a different plugin file; starting again from the first task
    "#]]
    .assert_eq(&said);
}

#[test]
fn a_run_writes_no_checkpoint_if_there_is_nothing_to_gain() {
    let dir = Dir::new();
    let written = |out: &str| {
        let written = &costs(&dir.path(out))["checkpoints"]["written"];
        written.as_u64().unwrap_or(0)
    };
    for (out, more, expected) in [
        // Thirty seconds have not passed.
        ("default", "", 0),
        ("never", "checkpoint: never\n", 0),
        ("seconds", "checkpoint: 2s\n", 0),
        ("always", "checkpoint: always\n", TASKS as u64),
    ] {
        scenario(&dir, more);
        run(&dir, out, 0).succeeds();
        assert_eq!(written(out), expected, "{out}");
    }
    scenario(&dir, "checkpoint: always\n");
    let joint = run(&dir, "joint", 0)
        .arg("--set")
        .arg("strategies.diary={regime: joint}");
    joint.succeeds();
    assert_eq!(written("joint"), 0);
    scenario(&dir, "checkpoint: allways\n");
    let outcome = run(&dir, "out", 0).outcome();
    assert_eq!(outcome.code, 2);
    expect![[r#"
        error: s.yaml:6: checkpoint: unknown value `allways`; did you mean `always`?
            6 | checkpoint: allways
              | ^^^^^^^^^^
    "#]]
    .assert_eq(&outcome.stderr);
}

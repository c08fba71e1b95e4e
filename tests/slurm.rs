//! Runs on a real Slurm cluster, which the tests start and stop. Where Slurm is not installed, they
//! say that they are skipped.

mod cluster;

use crate::device::used;
use crate::tables::files;
use clbench_tests::{Dir, Outcome, Run, misbehaving, nearest_class_mean, signal, wait_for};
use cluster::{Cluster, Settings};
use expect_test::expect;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Child;

/// A folder with a scenario of these seeds and strategies.
fn folder(seeds: usize, tasks: usize, strategies: &str) -> Dir {
    let dir = Dir::new();
    let seeds: Vec<String> = (1..=seeds).map(|seed| seed.to_string()).collect();
    dir.write(
        "s.yaml",
        format!(
            "seeds: [{}]\ncheckpoint: always\n\
             stream: {{tasks: {tasks}, class_order: {{numpy: seed}}}}\n\
             domains: {{digits: {{source: digits}}}}\n\
             backbones: {{pixels: {{parameters: {{size: 8}}}}}}\nstrategies:\n{strategies}",
            seeds.join(", ")
        ),
    );
    dir.link_plugins(&[misbehaving(), nearest_class_mean()]);
    dir
}

const NEAREST: &str = "  nearest-class-mean: {plugin: plugins/libnearest_class_mean.so}\n";

fn run<'a>(dir: &'a Dir, out: &str, more: &[&str]) -> Run<'a> {
    let args = ["run", "s.yaml", "--plugin-dir", "plugins", "--limit", "20"];
    dir.clbench(args.iter().chain(&["--out", out]).chain(more))
        .env("DIARY", dir.path(&format!("{out}.diary")))
}

/// A run on the cluster.
fn on<'a>(cluster: &Cluster, dir: &'a Dir, more: &[&str]) -> Run<'a> {
    let more = [&["--on", "slurm"], more].concat();
    let mut run = run(dir, "slurm", &more).env("SLURM_CONF", cluster.conf());
    // Scripts have these paths, if they are set.
    for name in ["CLBENCH_LIBTORCH", "HF_HOME", "HF_HUB_CACHE", "VIRTUAL_ENV"] {
        run = run.without_env(name);
    }
    run
}

/// The CSV files of a run folder but its costs: name and content.
fn tables(dir: &Dir, out: &str) -> Vec<(String, String)> {
    let names = files(&dir.path(out)).into_iter();
    let names = names.filter(|name| name.ends_with(".csv") && name != "costs.csv");
    names
        .map(|name| {
            let content = fs::read_to_string(dir.path(out).join(&name)).unwrap();
            (name, content)
        })
        .collect()
}

/// The number of cells with a record.
fn records(dir: &Dir) -> usize {
    let files = files(&dir.path("slurm/cells"));
    files.iter().filter(|name| name.ends_with(".json")).count()
}

fn ended(dir: &Dir, process: Child) -> Outcome {
    dir.outcome(&process.wait_with_output().unwrap())
}

/// The text without what differs between runs: times, and the ends of cells' ids.
fn settled(text: &str) -> String {
    let mut settled = String::new();
    for line in text.lines() {
        let line = match line.rsplit_once("  ") {
            Some((what, time)) if time.ends_with(" s") => what,
            _ => line,
        };
        let words = line.split(' ').map(|word| match word.split_once("-s1-") {
            Some((cell, _)) => format!("{cell}-s1-HASH.log"),
            None => word.to_owned(),
        });
        settled += &(words.collect::<Vec<_>>().join(" ") + "\n");
    }
    settled
}

/// Forty cells; two runs submit at the same time, the node goes down in the middle, and a task is
/// cancelled. What is missing is submitted by the next run, and in the end the tables are those of
/// a run on this machine.
#[test]
fn cells_survive_what_happens_on_a_cluster() {
    let settings = Settings {
        processors: 8,
        max_array_size: 31,
        ..Settings::default()
    };
    let Some(cluster) = Cluster::start(settings) else {
        return;
    };
    let dir = folder(20, 5, &format!("  diary:\n{NEAREST}"));
    let local = run(&dir, "local", &["-j", "2"]).succeeds();

    let start = || on(&cluster, &dir, &[]).env("DIARY_NAP", "1500").start();
    let both = [start(), start()];
    // Early, so that there are tasks in the queue, and one is in the middle of its cell.
    wait_for("five records", || records(&dir) >= 5);
    wait_for("a second task", || {
        let logs = files(&dir.path("slurm/slurm/1")).into_iter();
        let mut logs = logs.filter(|name| name.ends_with(".log"));
        logs.any(|log| {
            let log = fs::read_to_string(dir.path("slurm/slurm/1").join(log)).unwrap_or_default();
            log.ends_with(" task 2/5\n")
        })
    });
    cluster.take_node_down();
    let jobs = cluster.jobs();
    let ids: BTreeSet<u32> = jobs.iter().map(|job| job.id).collect();
    // Features, and two arrays, because one may have thirty tasks.
    assert_eq!((jobs.len(), ids.len()), (41, 3), "nothing twice");
    let waiting = jobs.iter().rfind(|job| job.state == "PENDING").unwrap();
    cluster.command(
        "scancel",
        &[&format!("{}_{}", waiting.id, waiting.task.unwrap())],
    );
    cluster.resume_node();
    let both = both.map(|process| ended(&dir, process));
    let done = records(&dir);
    assert!((5..39).contains(&done), "{done}");
    let mut submitted = 0;
    for outcome in &both {
        assert_eq!(outcome.code, 5, "{}", outcome.stderr);
        let has = |text: &str| outcome.stderr.contains(text);
        submitted += usize::from(has(
            "submitted 1 set of features (job 1), then 40 cells (jobs 2, ",
        ));
        assert!(has("not finished: Slurm ended its task (the node failed)"));
        assert!(has("1 cell was cancelled before it started"));
        let missing = format!(
            "error: {} of 40 cells have no result yet; run again to continue with them",
            40 - done
        );
        assert!(has(&missing), "{}", outcome.stderr);
    }
    assert_eq!(submitted, 1);

    let again = on(&cluster, &dir, &[]).succeeds();
    assert!(
        again
            .stderr
            .contains(&format!("{done} of 40 cells already have results"))
    );
    assert_eq!(again.stdout, local.stdout);
    assert_eq!(tables(&dir, "slurm"), tables(&dir, "local"));
    let more = cluster.jobs().len() - jobs.len();
    assert!((40 - done..=41 - done).contains(&more), "{more} more tasks");
    // With all results there, a run needs no cluster.
    drop(cluster);
    let args = ["--on", "slurm", "--slurm", "--time=1"];
    assert_eq!(run(&dir, "slurm", &args).succeeds().stdout, local.stdout);
}

#[test]
fn a_cell_over_its_time_limit_resumes() {
    let Some(cluster) = Cluster::start(Settings::default()) else {
        return;
    };
    let dir = folder(1, 10, "  diary:\n");
    run(&dir, "local", &[]).succeeds();
    let options = ["--slurm", "--time=1"];
    let process = on(&cluster, &dir, &options)
        .env("DIARY_NAP", "5000")
        .start();
    let learned = || -> Vec<u32> {
        let diary = fs::read_to_string(dir.path("slurm.diary")).unwrap_or_default();
        diary.lines().map(|line| line.parse().unwrap()).collect()
    };
    wait_for("two tasks", || learned().len() >= 2);
    let jobs = cluster.jobs();
    let cell = jobs.iter().find(|job| job.state == "RUNNING").unwrap();
    cluster.reach_time_limit(cell.id, cell.task.unwrap());
    let outcome = ended(&dir, process);
    assert_eq!(outcome.code, 5, "{}", outcome.stderr);
    let before = learned();
    let why = "not finished: Slurm ended its task (time limit)";
    assert!(outcome.stderr.contains(why), "{}", outcome.stderr);
    let log = "log: DIR/slurm/slurm/1/cells-1-1.log";
    assert!(outcome.stderr.contains(log), "{}", outcome.stderr);

    on(&cluster, &dir, &options).succeeds();
    let after = learned().split_off(before.len());
    let last = *before.last().unwrap();
    // The task that was interrupted is learned again, unless it was done.
    assert!([last, last + 1].contains(&after[0]), "{before:?} {after:?}");
    assert_eq!(after, (after[0]..=10).collect::<Vec<_>>());
    assert_eq!(tables(&dir, "slurm"), tables(&dir, "local"));
    let first = fs::read_to_string(dir.path("slurm/slurm/2/jobs.json")).unwrap();
    assert!(!first.contains("features"), "the cell has found them");
}

/// The GPUs are made up, and these plugins do not use them.
#[test]
fn each_task_sees_the_gpu_that_slurm_gives_it() {
    let settings = Settings {
        processors: 4,
        gpus: 2,
        ..Settings::default()
    };
    let Some(cluster) = Cluster::start(settings) else {
        return;
    };
    let dir = folder(6, 2, "  diary:\n");
    let options = ["--set", "device=cuda", "--slurm", "--gres=gpu:1"];
    on(&cluster, &dir, &options)
        .env("DIARY_GPUS", dir.path("gpus"))
        .env("DIARY_NAP", "500")
        .succeeds();
    assert_eq!(used(&dir.path("gpus")), "0: 1, 1: 1");
}

#[test]
fn failures_are_named_and_a_signal_detaches() {
    let Some(cluster) = Cluster::start(Settings::default()) else {
        return;
    };
    let dir = folder(1, 2, &format!("  crashes:\n  sleeps:\n{NEAREST}"));
    let dry = on(
        &cluster,
        &dir,
        &["-j", "8", "--dry-run", "--slurm", "--time=10"],
    )
    .succeeds();
    assert!(!dir.path("slurm").exists());
    let scripts = dry
        .stdout
        .replace(&dir.path("").display().to_string(), "DIR/");
    expect![[r##"
        # 3 of 3 missing cells would be submitted

        # sbatch DIR/slurm/slurm/1/features-1.sh
        #!/bin/bash
        #SBATCH --job-name=s.features
        #SBATCH --ntasks=1 --cpus-per-task=1
        #SBATCH --time=10
        #SBATCH --array=1-1%8
        #SBATCH --output="DIR/slurm/slurm/1/features-1-%a.log"
        #SBATCH --no-requeue
        export CLBENCH_CACHE=DIR/cache
        exec BUILD/clbench features DIR/slurm/slurm/1/features-1.jsonl --line "$SLURM_ARRAY_TASK_ID"

        # sbatch --dependency=afterok:FEATURES --kill-on-invalid-dep=yes DIR/slurm/slurm/1/cells-1.sh
        #!/bin/bash
        #SBATCH --job-name=s.cells
        #SBATCH --ntasks=1 --cpus-per-task=1
        #SBATCH --time=10
        #SBATCH --array=1-3%8
        #SBATCH --output="DIR/slurm/slurm/1/cells-1-%a.log"
        #SBATCH --no-requeue
        export CLBENCH_CACHE=DIR/cache
        exec BUILD/clbench cell DIR/slurm/slurm/1/cells-1.jsonl --line "$SLURM_ARRAY_TASK_ID" --out DIR/slurm
    "##]].assert_eq(&scripts);

    let process = on(&cluster, &dir, &[])
        .env("MISBEHAVING_SLEEPS", "1")
        .start();
    let asleep = || {
        cluster
            .jobs()
            .iter()
            .filter(|job| job.state == "RUNNING")
            .count()
            == 1
    };
    wait_for("a record", || records(&dir) == 1 && asleep());
    wait_for("the failure", || {
        let cells = files(&dir.path("slurm/cells"));
        cells.iter().any(|name| name.ends_with(".failed"))
    });
    std::thread::sleep(std::time::Duration::from_secs(3));
    // As Ctrl-C, which is ignored in a background job of a script.
    signal(process.id(), Signal::TERM);
    let outcome = ended(&dir, process);
    assert_eq!(outcome.code, 130, "{}", outcome.stderr);
    expect![[r#"
        submitted 1 set of features (job 1), then 3 cells (job 2)
        [1/3] digits · crashes · seed 1  failed: task 1/2: a plugin crashed the process (signal 11)
            log: slurm/cells/digits-crashes-s1-HASH.log
        [2/3] digits · nearest-class-mean · seed 1
        error: detached; 1 cell is with Slurm (1 running). To come back, run `BUILD/clbench run s.yaml --plugin-dir plugins --limit 20 --out slurm --on slurm`; to cancel it, `scancel 1 2`
    "#]].assert_eq(&settled(&outcome.stderr));
    assert!(asleep(), "the cell goes on");
    let ids: BTreeSet<u32> = cluster.jobs().iter().map(|job| job.id).collect();

    // Another run finds it, and submits nothing.
    let there = on(&cluster, &dir, &["--detach"]).succeeds();
    expect![[r#"
        digits · crashes · seed 1  failed in an earlier run: task 1/2: a plugin crashed the process (signal 11)
            log: slurm/cells/digits-crashes-s1-HASH.log
        1 of 3 cells already have results
        1 cell is with Slurm (1 running). To come back, run `BUILD/clbench run s.yaml --plugin-dir plugins --limit 20 --out slurm --on slurm`; to cancel it, `scancel 1 2`
    "#]].assert_eq(&settled(&there.stderr));
    assert_eq!(
        cluster
            .jobs()
            .iter()
            .map(|job| job.id)
            .collect::<BTreeSet<_>>(),
        ids
    );
}

/// What ten thousand cells would submit, on a cluster whose arrays have a thousand tasks at most.
#[test]
fn ten_thousand_cells_are_cut_into_arrays() {
    let dir = folder(10, 2, "");
    let rates: Vec<f64> = (1..=1000).map(|n| f64::from(n) / 1e4).collect();
    let yaml = fs::read_to_string(dir.path("s.yaml")).unwrap();
    let rows = format!("strategies: {{linear-head: {{grid: {{lr: {rates:?}}}}}}}\n");
    dir.write("s.yaml", yaml.replace("strategies:\n", &rows));
    dir.write(
        "bin/scontrol",
        "#!/bin/sh\necho 'MaxArraySize            = 1001'\n",
    );
    fs::set_permissions(dir.path("bin/scontrol"), Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", dir.path("bin").display());
    let dry = run(&dir, "slurm", &["--on", "slurm", "--dry-run"]).env("PATH", path);
    let scripts = dry.succeeds().stdout;
    let first = "# 10000 of 10000 missing cells would be submitted\n";
    assert!(scripts.starts_with(first), "{}", &scripts[..200]);
    assert_eq!(scripts.matches("#SBATCH --array=1-1000\n").count(), 10);
    assert_eq!(scripts.matches("exec ").count(), 11, "and one for features");
}

#[test]
fn cells_whose_features_fail_are_cancelled() {
    let Some(cluster) = Cluster::start(Settings::default()) else {
        return;
    };
    let dir = folder(2, 2, NEAREST);
    let yaml = fs::read_to_string(dir.path("s.yaml")).unwrap();
    dir.write(
        "s.yaml",
        yaml.replace("pixels: {parameters: {size: 8}}", "panics-in-encode: {}"),
    );
    let outcome = on(&cluster, &dir, &[]).outcome();
    assert_eq!(outcome.code, 5);
    expect![[r#"
        submitted 1 set of features (job 1), then 2 cells (job 2)
        digits · features of panics-in-encode  failed: its task ended with exit status 3
            log: DIR/slurm/slurm/1/features-1-1.log
            | error: plugin BUILD/examples/libmisbehaving.so: backbone `panics-in-encode`: the plugin panicked in `encode_images`: on purpose at tests/fixtures/misbehaving/lib.rs:63; this is a bug in the plugin, report it to its author
        2 cells were cancelled before they started, since features are missing
        results are in slurm
        error: 2 of 2 cells have no result yet; run again to continue with them
    "#]].assert_eq(&settled(&outcome.stderr));
    assert_eq!(records(&dir), 0);
}

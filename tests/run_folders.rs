//! Run folders that several runs share, at the same time or one after the other.

use crate::tables::files;
use clbench_tests::{Dir, Outcome, Run, misbehaving, nearest_class_mean, signal, wait_for};
use expect_test::expect;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

/// Two strategies and three seeds on the digits. One strategy is quick; the other takes a moment
/// for every task, so that runs meet.
fn scenario(dir: &Dir) {
    dir.write(
        "s.yaml",
        "seeds: [1, 2, 3]\n\
         stream: {tasks: 5}\n\
         domains: {digits: {source: digits}}\n\
         backbones: {pixels: {parameters: {size: 8}}}\n\
         strategies:\n  nearest-class-mean: {plugin: plugins/libnearest_class_mean.so}\n  naps:\n",
    );
    dir.link_plugins(&[misbehaving(), nearest_class_mean()]);
}

fn run<'a>(dir: &'a Dir, out: &str, more: &[&str]) -> Run<'a> {
    let args = ["run", "s.yaml", "--plugin-dir", "plugins", "--out", out];
    dir.clbench(args.iter().chain(more))
}

fn ended(dir: &Dir, process: Child) -> Outcome {
    dir.outcome(&process.wait_with_output().unwrap())
}

/// Runs with these arguments, all started at the same moment.
fn at_once(dir: &Dir, out: &str, runs: &[&[&str]]) -> Vec<Outcome> {
    let processes: Vec<Child> = runs
        .iter()
        .map(|more| run(dir, out, more).start())
        .collect();
    let outcomes: Vec<Outcome> = processes.into_iter().map(|p| ended(dir, p)).collect();
    for outcome in &outcomes {
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    }
    outcomes
}

/// The records of a folder without their costs, by id.
fn records(folder: &Path) -> BTreeMap<String, String> {
    let names = files(&folder.join("cells"));
    let names = names.iter().filter(|name| name.ends_with(".json"));
    names
        .map(|name| {
            let text = fs::read_to_string(folder.join("cells").join(name)).unwrap();
            let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
            for differing in ["costs", "checksum"] {
                record.as_object_mut().unwrap().remove(differing).unwrap();
            }
            (name.clone(), record.to_string())
        })
        .collect()
}

/// Asserts that each cell was run once, by one of the runs, and shown by each that has it.
fn each_cell_was_run_once(outcomes: &[Outcome], cells: usize) {
    let mut by_cell: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for outcome in outcomes {
        for line in outcome.stderr.lines().filter(|line| line.starts_with('[')) {
            let (_, line) = line.split_once("] ").unwrap();
            let (title, how) = line.rsplit_once("  ").unwrap();
            by_cell.entry(title.into()).or_default().push(how.into());
        }
    }
    assert_eq!(by_cell.len(), cells, "{by_cell:?}");
    for (title, hows) in by_cell {
        let run = hows.iter().filter(|how| *how != "done by another run");
        assert_eq!(run.count(), 1, "{title}: {hows:?}");
    }
}

#[test]
fn two_then_three_runs_at_once_share_the_work_and_leave_what_one_leaves() {
    let dir = Dir::new();
    scenario(&dir);
    let alone = run(&dir, "alone", &[]).succeeds();
    for (out, jobs) in [("two", &["1", "2"][..]), ("three", &["1", "2", "1"])] {
        let runs: Vec<[&str; 2]> = jobs.iter().map(|jobs| ["-j", *jobs]).collect();
        let runs: Vec<&[&str]> = runs.iter().map(|run| &run[..]).collect();
        let outcomes = at_once(&dir, out, &runs);
        for outcome in &outcomes {
            assert_eq!(outcome.stdout, alone.stdout);
        }
        each_cell_was_run_once(&outcomes, 6);
        assert_eq!(records(&dir.path(out)), records(&dir.path("alone")));
        assert_eq!(files(&dir.path(out)), files(&dir.path("alone")));
        for name in [
            "accuracy.csv",
            "metrics.csv",
            "leaderboard.csv",
            "classes.csv",
            "scalars.csv",
            "confusion.csv",
            "plan.jsonl",
        ] {
            let read = |out: &str| fs::read_to_string(dir.path(out).join(name)).unwrap();
            assert!(read(out) == read("alone"), "{out}/{name}");
        }
    }
}

#[test]
fn runs_of_different_parts_print_their_own_tables_and_the_folder_has_all() {
    let dir = Dir::new();
    scenario(&dir);
    let parts = [
        &["--seed", "1"][..],
        &["--seed", "2", "--only", "naps"],
        &["--limit", "4"],
    ];
    let folders = ["seed", "naps", "limit"];
    let alone = folders.map(|folder| {
        let part = parts.iter().find(|part| part.join(" ").contains(folder));
        run(&dir, folder, part.unwrap()).succeeds().stdout
    });
    let together = at_once(&dir, "out", &parts);
    for (outcome, alone) in together.iter().zip(&alone) {
        assert_eq!(outcome.stdout, *alone);
    }
    // 2 + 1 + 6 cells, of which seed 1 has some twice: in full and limited.
    assert_eq!(records(&dir.path("out")).len(), 9);
    let expected = folders.map(|folder| records(&dir.path(folder)));
    let expected: BTreeMap<String, String> = expected.into_iter().flatten().collect();
    assert_eq!(records(&dir.path("out")), expected);

    // A full run and a limited one never share a section, let alone a row.
    let csv = dir
        .clbench(["leaderboard", "out", "--format", "csv"])
        .succeeds();
    assert_eq!(csv.stderr, "");
    let written = fs::read_to_string(dir.path("out/leaderboard.csv")).unwrap();
    let lines = |csv: &str| {
        let mut lines: Vec<String> = csv.lines().map(str::to_owned).collect();
        // Which run joined last decides the order.
        lines.sort();
        lines
    };
    assert_eq!(lines(&csv.stdout), lines(&written));
    let mut reader = csv::Reader::from_reader(csv.stdout.as_bytes());
    let mut seeds = Vec::new();
    for row in reader.deserialize::<BTreeMap<String, String>>() {
        let row = row.unwrap();
        if row["metric"] == "faa" && row["domain"] == "digits" {
            seeds.push(
                ["strategy", "limit", "seeds", "note"]
                    .map(|name| row[name].clone())
                    .join(","),
            );
        }
    }
    seeds.sort();
    expect![[r#"
        [
            "naps,,1 2,",
            "naps,4,1 2 3,",
            "nearest-class-mean,,1,lacks seed 2",
            "nearest-class-mean,4,1 2 3,",
        ]
    "#]]
    .assert_debug_eq(&seeds);
}

#[test]
fn the_leaderboard_shows_all_selections_and_counts_what_an_edit_left_behind() {
    let dir = Dir::new();
    scenario(&dir);
    let only = ["--only", "nearest-class-mean"];
    let with = |more: &[&str]| run(&dir, "out", &[&only[..], more].concat()).succeeds();
    let leaderboard = |more: &[&str]| {
        let args = ["leaderboard", "out", "--metric", "faa"];
        dir.clbench(args.iter().chain(more)).succeeds()
    };
    with(&["--seed", "1"]);
    let second = with(&["--seed", "2"]);
    expect![[r#"
        digits · features of pixels
        [1/1] digits · nearest-class-mean · seed 2
        results are in out, beside 1 cell of other runs; `clbench leaderboard out` shows all
    "#]]
    .assert_eq(&untimed(&second.stderr));
    assert!(second.stdout.contains("seed 2; split"), "{}", second.stdout);
    let both = leaderboard(&[]);
    expect![[r#"
        digits
        #  strategy            keeps                  faa
                                                      % ↑
        ──────────────────────────────────────────────────
        1  nearest-class-mean  statistics  * 88.80 ± 0.00
        * best
        5 tasks; seeds 1, 2; mean ± standard deviation over seeds; split 6b349533569d, images 2e51b4db60a0
    "#]]
    .assert_eq(&both.stdout);
    assert_eq!(both.stderr, "");

    // Other parameters for one seed: a row of their own, never one mean over both.
    let edit = "strategies.nearest-class-mean.shrinkage=1000";
    with(&["--seed", "2", "--set", edit]);
    let edited = leaderboard(&[]);
    assert_eq!(
        edited.stderr,
        "note: 1 record of earlier plans in out is not shown; `--all` shows them\n"
    );
    expect![[r#"
        digits
        #  strategy                               keeps         faa
                                                                % ↑
        ────────────────────────────────────────────────────────────
           nearest-class-mean [SETTINGS] [1]  statistics  87.76
           nearest-class-mean [SETTINGS] [2]  statistics  88.80
        * best
        [1] lacks seed 1
        [2] lacks seed 2
        5 tasks; seeds 1, 2; mean ± standard deviation over seeds; split 6b349533569d, images 2e51b4db60a0
    "#]]
    .assert_eq(&without_settings(&edited.stdout));
    let all = leaderboard(&["--all"]);
    assert_eq!(all.stderr, "");
    assert!(all.stdout.contains("* 88.80 ± 0.00"), "{}", all.stdout);

    // Another class order, which a row's settings do not tell: a section of its own.
    with(&["--seed", "3", "--set", "stream.class_order={python: seed}"]);
    let titles = leaderboard(&[]).stdout;
    let titles: Vec<&str> = titles
        .lines()
        .filter(|line| line.starts_with("digits"))
        .collect();
    assert_eq!(titles.len(), 2, "{titles:?}");
    for title in &titles {
        assert!(
            title.starts_with("digits (split 6b349533569d, class order "),
            "{title}"
        );
    }
    assert_ne!(titles[0], titles[1]);

    // The whole scenario again, as it is: everything else is out of date.
    with(&["--set", edit]);
    let whole = leaderboard(&[]);
    assert!(whole.stdout.contains("seeds 1, 2, 3"), "{}", whole.stdout);
    assert_eq!(
        whole.stderr,
        "note: 3 records of earlier plans in out are not shown; `--all` shows them\n"
    );
    leaderboard(&["--all"]);
}

fn untimed(text: &str) -> String {
    let line = |line: &str| match line.rsplit_once("  ") {
        Some((what, time)) if time.ends_with(" s") => what.to_owned() + "\n",
        _ => line.to_owned() + "\n",
    };
    text.lines().map(line).collect()
}

/// A table without the hashes of its rows' settings.
fn without_settings(table: &str) -> String {
    let mut text = String::new();
    for line in table.lines() {
        match (line.find(" ["), line.split_once("] ")) {
            (Some(begin), Some((hash, rest))) if hash.len() > begin + 12 => {
                text += &format!("{} [SETTINGS] {rest}\n", &line[..begin]);
            }
            _ => text += &format!("{line}\n"),
        }
    }
    text
}

#[test]
fn another_scenario_is_refused() {
    let dir = Dir::new();
    scenario(&dir);
    run(
        &dir,
        "out",
        &["--only", "nearest-class-mean", "--seed", "1"],
    )
    .succeeds();
    let before = fs::read(dir.path("out/run.json")).unwrap();
    let yaml = fs::read_to_string(dir.path("s.yaml")).unwrap();
    dir.write("other.yaml", &yaml);
    let args = ["other.yaml", "--plugin-dir", "plugins"];
    let refused = dir
        .clbench(["run", "--out", "out"].iter().chain(&args))
        .outcome();
    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
    expect![[r#"
        error: `out` holds the runs of scenario `s`, but this scenario is `other`; choose another folder with `--out`
    "#]]
    .assert_eq(&refused.stderr);
    assert_eq!(fs::read(dir.path("out/run.json")).unwrap(), before);
    // Nor does a cell of it get in.
    let plan = dir.clbench(["plan", "--json"].iter().chain(&args)).start();
    let plan = String::from_utf8(plan.wait_with_output().unwrap().stdout).unwrap();
    let line = dir.write("line.json", plan.lines().next().unwrap());
    let cell = dir.clbench(["cell", "--out", "out"]).input(&line).outcome();
    assert_eq!(cell.code, 2);
    assert!(
        cell.stderr.contains("holds the runs of scenario"),
        "{}",
        cell.stderr
    );
}

#[test]
fn a_killed_runs_cells_are_taken_over_and_its_remains_deleted() {
    let dir = Dir::new();
    scenario(&dir);
    let yaml = fs::read_to_string(dir.path("s.yaml")).unwrap();
    dir.write("s.yaml", yaml.replace("naps:", "sleeps:"));
    let more = ["--seed", "1", "--save-predictions"];
    let mut process = run(&dir, "out", &more)
        .env("MISBEHAVING_SLEEPS", "1")
        .start();
    let cells = dir.path("out/cells");
    let asleep = || {
        let names = files(&cells);
        let mut names = names.iter();
        let log = names.find(|name| name.contains("-sleeps-") && name.ends_with(".log"));
        log.is_some_and(|log| {
            fs::read_to_string(cells.join(log)).is_ok_and(|text| text.contains("asleep"))
        })
    };
    wait_for("a sleeper", asleep);
    // A second run leaves the cell to the first one, as long as that is alive.
    let second = run(&dir, "out", &more).start();
    let signs_of_life = || {
        let names = files(&dir.path("out"));
        names.iter().filter(|name| name.starts_with("run-")).count()
    };
    wait_for("two runs", || signs_of_life() == 2);
    std::thread::sleep(Duration::from_millis(300));
    let left = |ending: &str| {
        let names = files(&dir.path("out"));
        names.iter().filter(|name| name.ends_with(ending)).count()
    };
    assert_eq!(left(".predictions.csv"), 1, "the sleeper has none yet");
    let names = files(&cells);
    let asleep = names.iter().find(|name| name.contains("-sleeps-")).unwrap();
    let id = asleep.split('.').next().unwrap();
    dir.write(
        &format!("out/cells/{id}.predictions-1.csv.x.part"),
        "half a row",
    );
    assert_eq!(left(".part"), 1, "that of a row in the making");
    // Nor does it keep anybody waiting against their will.
    let third = run(&dir, "out", &more).start();
    wait_for("three runs", || signs_of_life() == 3);
    std::thread::sleep(Duration::from_millis(300));
    signal(third.id(), Signal::TERM);
    let third = ended(&dir, third);
    assert_eq!(
        (third.code, third.stdout.as_str()),
        (130, ""),
        "{}",
        third.stderr
    );
    assert_eq!(signs_of_life(), 2);

    signal(process.id(), Signal::KILL);
    process.wait().unwrap();
    dir.write("out/accuracy.csv.abc.part", "half");
    let outcome = ended(&dir, second);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let said = untimed(&outcome.stderr);
    assert!(
        said.starts_with("1 of 2 cells already have results\n"),
        "{said}"
    );
    let waiting = "waiting for 1 cell that other runs are computing (process ";
    assert!(said.contains(waiting), "{said}");
    assert!(said.contains("[2/2] digits · sleeps · seed 1\n"), "{said}");
    assert_eq!(left(".predictions.csv"), 2);

    // What belongs to no cell goes with the next run.
    run(&dir, "out", &more).succeeds();
    let left: Vec<String> = files(&dir.path("out"));
    let left: Vec<&String> = left
        .iter()
        .filter(|name| name.ends_with(".part") || name.ends_with(".claim"))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn a_cell_that_a_cluster_starts_twice_is_run_once() {
    let dir = Dir::new();
    scenario(&dir);
    let args = ["plan", "--json", "s.yaml", "--plugin-dir", "plugins"];
    let plan = dir.clbench(args.iter().chain(&["--only", "naps"])).start();
    let plan = String::from_utf8(plan.wait_with_output().unwrap().stdout).unwrap();
    let line = dir.write("line.json", plan.lines().next().unwrap());
    let cell = || dir.clbench(["cell", "--out", "out"]).input(&line);
    let both = [cell().start(), cell().start()].map(|process| ended(&dir, process));
    let learned = both.each_ref().map(|outcome| {
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        let lines = outcome.stderr.lines();
        lines.filter(|line| line.contains(": task ")).count()
    });
    assert_eq!(learned.iter().sum::<usize>(), 5, "{learned:?}");
    assert_eq!(records(&dir.path("out")).len(), 1);
    // Its log, too.
    assert_eq!(files(&dir.path("out")).len(), 2);
}

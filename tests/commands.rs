//! Every command as a user calls it: its exact output.

use crate::tables::rows;
use clbench_tests::{Dir, Outcome, build, fashion_mnist, nearest_class_mean, root};
use expect_test::expect;
use serde_json::Value;
use std::fs;
use std::process::Command;

/// Two seeds of one strategy on the digits; none of its plugins needs libtorch.
fn scenario() -> String {
    format!(
        "seeds: [1992, 1996]\n\
         stream: {{tasks: 5, class_order: {{numpy: seed}}}}\n\
         domains: {{digits: {{source: digits}}}}\n\
         backbones: {{pixels: {{parameters: {{size: 8}}}}}}\n\
         strategies: {{nearest-class-mean: {{plugin: {}}}}}\n",
        nearest_class_mean().display()
    )
}

/// A folder in which the scenario has been run.
pub fn ran() -> (Dir, Outcome) {
    let dir = Dir::new();
    dir.write("tiny.yaml", scenario());
    let outcome = dir.clbench(["run", "tiny.yaml"]).succeeds();
    (dir, outcome)
}

fn stdout(args: &[&str]) -> String {
    Dir::new().clbench(args).succeeds().stdout
}

#[test]
fn version() {
    assert_eq!(
        stdout(&["--version"]),
        format!("clbench {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn completions() {
    let script = stdout(&["completions", "bash"]);
    assert!(script.contains("complete -F _clbench"), "{script}");
}

#[test]
fn ls() {
    expect![[r#"
        clbench-adapters 0.1.0        libtorch 2.11.0     BUILD/libclbench_adapters.so
        clbench-analytic 0.1.0        libtorch 2.11.0     BUILD/libclbench_analytic.so
        clbench-cgil 0.1.0            libtorch 2.11.0     BUILD/libclbench_cgil.so
        clbench-clip 0.1.0            libtorch 2.11.0     BUILD/libclbench_clip.so
        clbench-exemplars 0.1.0       libtorch 2.11.0     BUILD/libclbench_exemplars.so
        clbench-heads 0.1.0           libtorch 2.11.0     BUILD/libclbench_heads.so
        clbench-metrics 0.1.0         no runtime library  BUILD/libclbench_metrics.so
        clbench-pixels 0.1.0          no runtime library  BUILD/libclbench_pixels.so
        clbench-python 0.1.0          no runtime library  BUILD/libclbench_python.so
        clbench-text-prompts 0.1.0    libtorch 2.11.0     BUILD/libclbench_text_prompts.so
        clbench-visual-prompts 0.1.0  libtorch 2.11.0     BUILD/libclbench_visual_prompts.so
        clbench-vit 0.1.0             libtorch 2.11.0     BUILD/libclbench_vit.so
    "#]]
    .assert_eq(&stdout(&["ls", "plugins"]));
    expect![[r#"
        clip    CLIP in the Hugging Face or OpenCLIP layout: images and texts, prompts at every layer  BUILD/libclbench_clip.so
        pixels  the image itself, scaled to a small square: the baseline for pre-trained backbones     BUILD/libclbench_pixels.so
        vit     a plain vision transformer in timm's layout: images only, prompts at every layer       BUILD/libclbench_vit.so
    "#]].assert_eq(&stdout(&["ls", "backbones"]));
    // The first two lines of the longer lists.
    let begin = |what: &str| -> String {
        let columns = |line: &str| {
            let columns = line.split("  ").map(str::trim);
            let columns = columns.filter(|column| !column.is_empty());
            columns.collect::<Vec<_>>().join(" | ") + "\n"
        };
        let listed = stdout(&["ls", what]);
        listed.lines().take(2).map(columns).collect()
    };
    expect![[r#"
        rapf | RAPF: a linear adapter on CLIP's image features, replay from Gaussians, parameter fusion (ECCV 2024) | BUILD/libclbench_adapters.so
        tip-adapter | Tip-Adapter: zero-shot CLIP plus a cache of training features, without training (ECCV 2022) | BUILD/libclbench_adapters.so
    "#]].assert_eq(&begin("strategies"));
    expect![[r#"
        faa | final average accuracy: mean accuracy over all tasks after the last task | BUILD/libclbench_metrics.so
        average-incremental-accuracy | mean over time of the average accuracy on the tasks seen so far | BUILD/libclbench_metrics.so
    "#]].assert_eq(&begin("metrics"));
    expect![[r#"
        digits | 1,797 handwritten digits, 8×8, built into the program | built in
        pictures | procedural pictures, 32×32, 40 classes; `style`: plain, faded, recoloured, sketch, negative | built in
    "#]].assert_eq(&begin("domains"));
    // A folder that the user names comes first.
    let dir = Dir::new();
    let file = dir.write("libany.so", fs::read(nearest_class_mean()).unwrap());
    let folder = file.parent().unwrap().to_str().unwrap();
    let named = stdout(&["ls", "strategies", "--plugin-dir", folder]);
    let names = |listed: &str| -> Vec<String> {
        let names = listed.lines().filter_map(|line| line.split("  ").next());
        names.map(str::to_owned).collect()
    };
    let others = names(&stdout(&["ls", "strategies"]));
    assert_eq!(
        names(&named),
        [vec!["nearest-class-mean".to_owned()], others].concat()
    );
}

#[test]
fn plugin_inspect() {
    let file = build().join("libclbench_pixels.so");
    let text = stdout(&["plugin", "inspect", file.to_str().unwrap()]);
    let hash = text.split_whitespace().find(|word| word.len() == 64);
    expect![[r#"
        clbench-pixels 0.1.0
          file     BUILD/libclbench_pixels.so
          blake3   HASH
          abi      1
          runtime  none
          backbone pixels: the image itself, scaled to a small square: the baseline for pre-trained backbones
    "#]].assert_eq(&text.replace(hash.unwrap(), "HASH"));
}

#[test]
fn the_committed_schema_is_what_the_program_prints() {
    let file = root().join("scenarios/scenario.schema.json");
    let schema = stdout(&["schema"]);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&file, &schema).unwrap();
    }
    assert!(
        fs::read_to_string(&file).unwrap() == schema,
        "{} is out of date; `clbench schema > scenarios/scenario.schema.json` writes it anew",
        file.display()
    );
    // A strategy's parameters are offered to editors, by its `use` or its own name.
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let lr = &schema["definitions"]["Strategy parameters: linear-head"]["properties"]["lr"];
    assert_eq!(
        (&lr["default"], &lr["exclusiveMinimum"]),
        (&0.01.into(), &0.into())
    );
}

#[test]
fn plan() {
    let dir = Dir::new();
    let two_domains = scenario()
        .replace("{digits: ", "{digits: {source: digits}, again: ")
        .replace("strategies: {", "strategies: {shrunk: {use: nearest-class-mean, parameters: {shrinkage: 1.5}, plugin: P}, ")
        .replace("plugin: P", &format!("plugin: {}", nearest_class_mean().display()));
    dir.write("two.yaml", two_domains);
    // By domain, strategy and seed, as the scenario lists them. Records are found by these ids,
    // which depend neither on this machine nor on how the plugins were compiled.
    expect![[r#"
        digits-shrunk-s1992-4f5f4ce28540              digits · shrunk · seed 1992
        digits-shrunk-s1996-12a3a8775717              digits · shrunk · seed 1996
        digits-nearest-class-mean-s1992-3ba0c7a8a5dc  digits · nearest-class-mean · seed 1992
        digits-nearest-class-mean-s1996-ea13705326c3  digits · nearest-class-mean · seed 1996
        again-shrunk-s1992-1c95500e8abf               again · shrunk · seed 1992
        again-shrunk-s1996-082271571aa8               again · shrunk · seed 1996
        again-nearest-class-mean-s1992-9407b00d8013   again · nearest-class-mean · seed 1992
        again-nearest-class-mean-s1996-7863d32feb09   again · nearest-class-mean · seed 1996
    "#]]
    .assert_eq(&dir.clbench(["plan", "two.yaml"]).succeeds().stdout);
}

#[test]
fn cells_that_run_separately_have_the_results_of_the_run() {
    let (dir, _) = ran();
    let plan = dir.clbench(["plan", "--json", "tiny.yaml"]).start();
    // The raw output, since an outcome would shorten its paths.
    let plan = String::from_utf8(plan.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(plan.lines().count(), 2);
    for line in plan.lines() {
        let input = dir.write("line.json", line);
        let alone = dir.clbench(["cell", "--out", "alone"]);
        alone.input(&input).succeeds();
        let id = serde_json::from_str::<Value>(line).unwrap()["cell"]["id"].clone();
        let record = |folder: &str| {
            let path = format!("{folder}/cells/{}.json", id.as_str().unwrap());
            fs::read_to_string(dir.path(&path)).unwrap()
        };
        let (ours, theirs) = (record("alone"), record("results/runs/tiny"));
        let but_costs = |record: &str| {
            let mut record: Value = serde_json::from_str(record).unwrap();
            for differing in ["costs", "checksum"] {
                assert!(record.as_object_mut().unwrap().remove(differing).is_some());
            }
            record
        };
        assert_eq!(but_costs(&ours), but_costs(&theirs));
    }
    let table = |folder: &str| dir.clbench(["leaderboard", folder]).succeeds().stdout;
    assert_eq!(table("alone"), table("results/runs/tiny"));
}

#[test]
fn run_prints_plain_lines_and_the_table() {
    let (dir, outcome) = ran();
    let lines = outcome.stderr.lines().map(|line| {
        // The text after two spaces is a time.
        line.split("  ").next().unwrap().to_owned() + "\n"
    });
    expect![[r#"
        digits · features of pixels
        [1/2] digits · nearest-class-mean · seed 1992
        [2/2] digits · nearest-class-mean · seed 1996
        results are in results/runs/tiny
    "#]]
    .assert_eq(&lines.collect::<String>());
    for text in [&outcome.stdout, &outcome.stderr] {
        assert!(!text.contains('\x1b'), "an escape code: {text:?}");
    }
    let table = dir.clbench(["leaderboard", "results/runs/tiny"]).succeeds();
    assert_eq!((table.stdout, table.stderr.as_str()), (outcome.stdout, ""));
}

#[test]
fn leaderboard() {
    let (dir, _) = ran();
    let leaderboard = |more: &[&str]| {
        let args = [&["leaderboard", "results/runs/tiny"], more].concat();
        dir.clbench(args).succeeds().stdout
    };
    expect![[r#"
        digits
                                                                 average-
                                                             incremental-
        #  strategy            keeps                  faa        accuracy  ci-transfer  forgetting-seen  forgetting-all
                                                      % ↑             % ↑          % ↑         points ↓        points ↓
        ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
        1  nearest-class-mean  statistics  * 88.82 ± 0.01  * 94.01 ± 0.08        – [1]    * 4.49 ± 0.42           – [1]
        * best
        [1] cannot score unseen classes
        5 tasks; seeds 1992, 1996; mean ± standard deviation over seeds; split 6b349533569d, images 2e51b4db60a0
    "#]].assert_eq(&leaderboard(&["--format", "table"]));
    // The other formats have their own tests.
    for (format, begin) in [("markdown", "**digits**\n"), ("latex", "\\begin{table}\n")] {
        let text = leaderboard(&["--format", format]);
        assert!(text.starts_with(begin) && text.contains("88.82"), "{text}");
    }
    expect![[r#"
        digits
        #  strategy            keeps             bwt-seen             faa
                                                 points ↑             % ↑
        ──────────────────────────────────────────────────────────────────
        1  nearest-class-mean  statistics  * -4.49 ± 0.42  * 88.82 ± 0.01
        * best
        5 tasks; seeds 1992, 1996; mean ± standard deviation over seeds; split 6b349533569d, images 2e51b4db60a0
    "#]]
    .assert_eq(&leaderboard(&["--metric", "bwt-seen", "--metric", "faa"]));
    // A folder of plugins does not count as a folder of results.
    let plugins = dir.path("plugins");
    fs::create_dir(&plugins).unwrap();
    let plugins = plugins.to_str().unwrap();
    assert_eq!(
        leaderboard(&["--plugin-dir", plugins]),
        leaderboard(&["--format", "table"])
    );

    let file = dir.path("results/runs/tiny/leaderboard.csv");
    let csv = leaderboard(&["--format", "csv"]);
    assert_eq!(csv, fs::read_to_string(&file).unwrap());
    let columns = [
        "metric",
        "unit",
        "matrix",
        "n_seeds",
        "mean",
        "std",
        "ci95_low",
        "ci95_high",
        "rank",
        "note",
    ];
    let shown = ["faa", "ci-transfer", "forgetting-seen", "bwt-seen"];
    let rows: String = rows(&file)
        .iter()
        .filter(|row| row["domain"] == "digits" && shown.contains(&&*row["metric"]))
        .map(|row| columns.map(|column| &*row[column]).join(",") + "\n")
        .collect();
    expect![[r#"
        faa,%,seen,2,88.824569,0.007049,88.761239,88.887898,1,
        ci-transfer,%,all,,,,,,1,cannot score unseen classes
        forgetting-seen,points,seen,2,4.493479,0.419594,0.723577,8.263381,1,
        bwt-seen,points,seen,2,-4.493479,0.419594,-8.263381,-0.723577,1,
    "#]]
    .assert_eq(&rows);

    let wrong = dir
        .clbench(["leaderboard", "results/runs/tiny", "--metric", "fa"])
        .outcome();
    assert_eq!(wrong.code, 2);
    assert!(
        wrong
            .stderr
            .starts_with("error: unknown metric `fa`; did you mean `faa`?\n")
    );
    let nothing = dir.clbench(["leaderboard", "nowhere"]).outcome();
    assert_eq!(nothing.code, 2);
    expect![[r#"
        error: no cell records found in `nowhere` (expected `cells/<id>.json`)
        name a folder that `clbench run` wrote, such as `results/runs/<scenario>`
    "#]]
    .assert_eq(&nothing.stderr);
}

#[test]
fn a_scenario_chooses_the_ranking_metric_and_the_columns() {
    let dir = Dir::new();
    let ncm = "strategies: {nearest-class-mean: ";
    let shrunk = "strategies: {shrunk: {use: nearest-class-mean, parameters: {shrinkage: 1000}, plugin: PLUGIN}, nearest-class-mean: ";
    let shrunk = shrunk.replace("PLUGIN", nearest_class_mean().to_str().unwrap());
    let two_rows = scenario().replace(ncm, &shrunk);
    let chosen = "rank_by: forgetting-seen\ncolumns: [forgetting-seen, faa]\n";
    dir.write("chosen.yaml", format!("{chosen}{two_rows}"));
    let chosen = dir.clbench(["run", "chosen.yaml"]).succeeds().stdout;
    expect![[r#"
        digits
        #  strategy            keeps       forgetting-seen             faa
                                                  points ↓             % ↑
        ───────────────────────────────────────────────────────────────────
        1  nearest-class-mean  statistics    * 4.49 ± 0.42  * 88.82 ± 0.01
        2  shrunk              statistics      5.45 ± 1.81    87.79 ± 0.00
        * best
        5 tasks; seeds 1992, 1996; mean ± standard deviation over seeds; split 6b349533569d, images 2e51b4db60a0
    "#]]
    .assert_eq(&chosen);
    let leaderboard = |more: &[&str]| {
        let args = [&["leaderboard", "results/runs/chosen"], more].concat();
        dir.clbench(args).outcome()
    };
    assert_eq!(leaderboard(&[]).stdout, chosen);
    // Arguments override the scenario.
    let faa = leaderboard(&["--rank-by", "faa", "--metric", "faa"]).stdout;
    assert!(
        faa.contains("faa") && !faa.contains("forgetting-seen"),
        "{faa}"
    );

    dir.write("usual.yaml", two_rows);
    dir.clbench(["run", "usual.yaml"]).succeeds();
    let both = leaderboard(&["results/runs/usual"]);
    assert_eq!(both.code, 2);
    expect![[r#"
        error: the scenarios of `results/runs/chosen` and `results/runs/usual` rank by different metrics; choose one with `--rank-by METRIC`
    "#]]
    .assert_eq(&both.stderr);

    dir.write("wrong.yaml", format!("rank_by: fa\n{}", scenario()));
    let wrong = dir.clbench(["run", "wrong.yaml"]).outcome();
    assert_eq!(wrong.code, 2);
    expect![[r#"
        error: wrong.yaml:1: rank_by: no plugin offers a metric `fa`; did you mean `faa`? (searched BUILD)
            1 | rank_by: fa
              | ^^^^^^^
    "#]]
    .assert_eq(&wrong.stderr);
}

/// The scenarios in a folder of the repository.
fn scenarios(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .filter(|path| path.ends_with(".yaml"))
        .collect();
    names.sort();
    assert!(!names.is_empty());
    names
}

#[test]
fn the_committed_scenarios_are_valid() {
    nearest_class_mean();
    let validated = |scenario: &str| {
        let outcome = Dir::new().clbench(["validate", scenario]).succeeds();
        assert_eq!(outcome.stderr, "");
        outcome.stdout
    };
    for scenario in scenarios("scenarios") {
        let validated = validated(&scenario);
        if validated.contains("not checked") {
            let fashion = scenario.ends_with("fashion-mnist.yaml") && fashion_mnist().is_none();
            assert!(
                fashion || scenario.ends_with("real-images.yaml"),
                "{validated}"
            );
        }
    }
    // Their images and weights have to be downloaded first; what is there is checked.
    let downloaded = ["scenarios/mtil", "scenarios/paper", "scenarios/published"].map(scenarios);
    for scenario in downloaded.concat() {
        let validated = validated(&scenario);
        let unchecked = validated.split("not checked:\n").nth(1).unwrap_or_default();
        for line in unchecked.lines() {
            let known = [
                "its images are missing",
                "run `clbench fetch model",
                "backbone `clip` was not checked",
                "backbone `vit` was not checked",
                "backbone `vit-in21k` was not checked",
                "none could be opened",
                "the images of none are all there",
            ];
            assert!(known.iter().any(|why| line.contains(why)), "{line}");
        }
    }
}

/// What a run would fail for is a mistake, unless it may still come.
#[test]
fn what_cannot_be_checked_is_listed_and_strict_fails_for_it() {
    let dir = Dir::new();
    dir.write(
        "s.yaml",
        "seeds: [1]\n\
         device: cuda:99\n\
         stream: {tasks: 5}\n\
         domains: {digits: {source: digits}, sky: {source: image-folder, path: sky}}\n\
         backbones:\n  pixels: {parameters: {size: 8}}\n  clip: {parameters: {path: weights}}\n\
         strategies:\n  linear: {use: linear-head, backbone: pixels, grid: {lr: [0.1, 0.2]}}\n  \
         zero-shot: {backbone: clip}\n",
    );
    let validate = |more: &[&str]| {
        dir.clbench([&["validate", "s.yaml"], more].concat())
            .outcome()
    };
    let some = validate(&[]);
    assert_eq!((some.code, &*some.stderr), (0, ""));
    expect![[r#"
        s.yaml is valid as far as it could be checked: 2 streams × 3 strategy rows × 1 seed = 6 cells
          domain digits: 10 classes, 1198 train, 599 test, split 6b349533569d
            zero, one, two, three, four, five, six, seven, eight, nine
        not checked:
          domain `sky`: its images are missing: sky
          backbone `clip`: DIR/weights: no such folder
          strategy `zero-shot`: its backbone `clip` was not checked
          device `cuda:99`: plugin BUILD/libclbench_heads.so: strategy `linear-head`: device `cuda:99` is not available: this libtorch is built for the CPU only; use `device: cpu`, or set CLBENCH_LIBTORCH to the `lib` folder of the same version built for CUDA, such as that of a Python `torch`
    "#]].assert_eq(&some.stdout);
    let strict = validate(&["--strict"]);
    assert_eq!((strict.code, &strict.stdout), (4, &some.stdout));
    expect![[r#"
        error: 4 things could not be checked, and `--strict` allows none
    "#]]
    .assert_eq(&strict.stderr);

    // `--set` is heard as in `run`, also by the plugins' own checks.
    let there = root().join("plugins/clip/weights/small");
    let weights = format!("backbones.clip.path={}", there.display());
    let set = [
        "--set",
        "device=cpu",
        "--set",
        &weights,
        "--set",
        "domains={digits: {source: digits}}",
    ];
    let all = validate(&[&["--strict"], &set[..]].concat());
    assert_eq!(all.code, 0, "{}", all.stderr);
    assert!(
        all.stdout.starts_with("s.yaml is valid: "),
        "{}",
        all.stdout
    );
    let wrong = [
        &set[..],
        &[
            "--set",
            "strategies.linear.optimiser=adam",
            "--set",
            "strategies.linear.momentum=0.9",
        ],
    ]
    .concat();
    let validated = validate(&wrong);
    let run = dir
        .clbench([&["run", "s.yaml"], &wrong[..]].concat())
        .outcome();
    assert_eq!((validated.code, &validated.stderr), (2, &run.stderr));
    expect![[r#"
        error: --set strategies.linear.momentum=0.9: strategies.linear.parameters.momentum: applies to `optimiser: sgd` only; remove it
    "#]].assert_eq(&validated.stderr);
    // Weights that are there but damaged are a mistake.
    dir.write("weights/config.json", "{}");
    let damaged = validate(&[]);
    assert_eq!((damaged.code, &*damaged.stdout), (4, ""));
    expect![[r#"
        error: plugin BUILD/libclbench_clip.so: backbone `clip`: DIR/weights: the folder lacks model.safetensors, tokenizer.json and preprocessor_config.json; a CLIP in the Hugging Face layout consists of config.json, model.safetensors, tokenizer.json and preprocessor_config.json
    "#]].assert_eq(&damaged.stderr);
}

/// `clbench` in a folder without plugins.
fn lonely(dir: &Dir, args: &[&str]) -> std::process::Output {
    let program = dir.path("bin/clbench");
    if !program.exists() {
        fs::create_dir(dir.path("bin")).unwrap();
        fs::copy(build().join("clbench"), &program).unwrap();
    }
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(dir.path(""))
        .env_remove("CLBENCH_PLUGIN_PATH");
    command.output().unwrap()
}

#[test]
fn scenarios_can_be_checked_without_any_plugin() {
    let dir = Dir::new();
    for scenario in scenarios("scenarios") {
        let output = lonely(&dir, &["validate", &scenario]);
        assert!(output.status.success(), "{output:?}");
    }
    dir.write(
        "s.yaml",
        scenario().replace(nearest_class_mean().to_str().unwrap(), "libnot_built.so"),
    );
    let output = lonely(&dir, &["validate", "s.yaml"]);
    assert!(output.status.success(), "{output:?}");
    expect![[r#"
        s.yaml is valid as far as it could be checked: 1 stream × 1 strategy row × 2 seeds = 2 cells
          domain digits: 10 classes, 1198 train, 599 test, split 6b349533569d
            zero, one, two, three, four, five, six, seven, eight, nine
        not checked:
          backbone `pixels`: its plugin is not built
          strategy `nearest-class-mean`: its plugin is not built
          metrics: no plugin is built
    "#]]
    .assert_eq(&String::from_utf8(output.stdout).unwrap());

    let output = lonely(&dir, &["ls", "metrics"]);
    assert!(
        output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.starts_with("no plugin offers any; searched /"),
        "{said}"
    );
}

#[test]
fn everything_that_does_not_need_libtorch_works_without_it() {
    let dir = Dir::new();
    dir.write("tiny.yaml", scenario());
    let run = |more: &[&str]| {
        let args = [&["run", "tiny.yaml"], more].concat();
        dir.clbench(args)
            .without_env("CLBENCH_LIBTORCH")
            .without_env("LIBTORCH")
            .outcome()
    };
    let output = run(&[]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    // To be sure: a strategy that needs libtorch does not find it.
    let output = run(&["--set", "strategies.nearest-class-mean={use: linear-head}"]);
    assert_eq!(output.code, 3);
    assert!(
        output.stderr.contains("needs libtorch"),
        "{}",
        output.stderr
    );
}

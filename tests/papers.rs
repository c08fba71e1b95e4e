//! Tables for papers: the LaTeX that they are, and the terminal in which they are read first.

use clbench_tests::{Dir, build, root, skip};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Committed results of two scenarios.
fn results() -> [String; 2] {
    ["quickstart", "cgil-generators"].map(|name| {
        let file = root().join(format!("results/{name}.records"));
        file.to_str().unwrap().to_owned()
    })
}

/// `pdflatex`, if it is on the path.
fn pdflatex() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).map(|folder| folder.join("pdflatex"));
    let found = folders.find(|program| program.is_file());
    if found.is_none() {
        skip("no `pdflatex` on the PATH; install texlive-latex-base");
    }
    found
}

/// Compiles a table in an article that has nothing but booktabs.
fn compiles(dir: &Dir, pdflatex: &Path, table: &str) {
    let article = format!(
        "\\documentclass{{article}}\n\\usepackage{{booktabs}}\n\\begin{{document}}\n{table}\n\\end{{document}}\n"
    );
    dir.write("article.tex", article);
    let mut command = Command::new(pdflatex);
    command
        .args(["-interaction=nonstopmode", "-halt-on-error", "article.tex"])
        .current_dir(dir.path(""))
        .stdin(Stdio::null());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{table}");
    assert!(!said.contains("multiply"), "{said}");
}

#[test]
fn a_pivot_table_of_two_results_compiles_as_it_is() {
    let Some(pdflatex) = pdflatex() else {
        return;
    };
    let dir = Dir::new();
    let table = |more: &[&str]| {
        let args = ["leaderboard", "--pivot", "faa", "--format", "latex"];
        let results = results();
        let args = args
            .iter()
            .copied()
            .chain(results.iter().map(String::as_str));
        dir.clbench(args.chain(more.iter().copied()))
            .succeeds()
            .stdout
    };
    let plain = table(&[]);
    assert!(plain.contains("\\label{tab:faa}"), "{plain}");
    assert!(
        plain.contains("\\textbf{") && plain.contains("\\underline{"),
        "{plain}"
    );
    compiles(&dir, &pdflatex, &plain);
    let own = [
        "--caption",
        "Accuracy in \\% after $T$ tasks",
        "--label",
        "tab:main",
    ];
    let own = table(&own);
    let begin = "\\begin{table}\n\\centering\n\\caption{Accuracy in \\% after $T$ tasks}\n\\label{tab:main}\n";
    assert!(own.starts_with(begin), "{own}");
    compiles(&dir, &pdflatex, &own);
    // The other tables too.
    let leaderboard = [
        "leaderboard",
        "--format",
        "latex",
        "--rank-by",
        "faa",
        "--metric",
        "faa",
    ];
    let results = results();
    let leaderboard = leaderboard
        .iter()
        .copied()
        .chain(results.iter().map(String::as_str));
    compiles(&dir, &pdflatex, &dir.clbench(leaderboard).succeeds().stdout);
    let compare = [
        "compare",
        "ranpac",
        "cgil",
        &results[0],
        "--format",
        "latex",
    ];
    compiles(&dir, &pdflatex, &dir.clbench(compare).succeeds().stdout);
}

#[test]
fn options_that_do_not_go_together_are_usage_errors() {
    let dir = Dir::new();
    let [results, _] = results();
    let says = |args: &[&str], message: &str| {
        let args = [&["leaderboard", &results], args].concat();
        let outcome = dir.clbench(args).outcome();
        assert_eq!(outcome.code, 2, "{}", outcome.stderr);
        assert!(outcome.stderr.contains(message), "{}", outcome.stderr);
    };
    says(
        &["--pivot", "fa"],
        "unknown metric `fa`; did you mean `faa`?",
    );
    says(
        &["--pivot", "faa", "--per-domain", "task"],
        "'--pivot <METRIC>' cannot be used with '--per-domain <MATRIX>'",
    );
    says(
        &["--pivot", "faa", "--metric", "faa"],
        "'--pivot <METRIC>' cannot be used with '--metric <METRIC>'",
    );
    says(
        &["--pivot", "faa", "--caption", "Accuracy"],
        "`--caption` is for `--format latex`, and this is `--format table`; change one of them",
    );
    says(
        &["--caption", "Accuracy", "--format", "latex"],
        "--pivot <METRIC>",
    );
    says(
        &["--pivot", "faa", "--label", "a b", "--format", "latex"],
        "`--label a b` is no name that `\\ref` takes",
    );
}

#[test]
fn strategies_and_runs_are_compared() {
    let dir = Dir::new();
    let results = results();
    let compare = |args: &[&str]| dir.clbench([&["compare"], args].concat()).outcome();
    let two = compare(&["ranpac", "cgil", &results[0], "--metric", "faa"]);
    assert_eq!(two.code, 0, "{}", two.stderr);
    // Two streams and three seeds are just enough pairs.
    let overall = two.stdout.split("over all streams\n").nth(1).unwrap();
    assert!(overall.contains("0.0312"), "{}", two.stdout);
    assert!(
        overall.contains("ranpac is better: faa\n"),
        "{}",
        two.stdout
    );
    let unknown = compare(&["ranpak", "cgil", &results[0]]);
    assert_eq!(unknown.code, 2, "{}", unknown.stderr);
    let message = "no strategy is called `ranpak`; did you mean `ranpac`?";
    assert!(unknown.stderr.contains(message), "{}", unknown.stderr);
    // A run against itself.
    let same = compare(&[&results[0], &results[0], "--metric", "faa"]);
    assert_eq!(same.code, 0, "{}", same.stderr);
    assert!(
        same.stdout.contains("no difference at all: "),
        "{}",
        same.stdout
    );
    let missing = compare(&["ranpac", "cgil"]);
    assert_eq!(missing.code, 2, "{}", missing.stderr);
    let message = "there is no run folder `ranpac`; to compare two strategies, name the folder";
    assert!(missing.stderr.contains(message), "{}", missing.stderr);
}

/// Runs a program in a terminal of 80 columns, and prints what it shows.
const TERMINAL: &str = r#"
import fcntl, os, pty, struct, sys, termios

pid, terminal = pty.fork()
if pid == 0:
    os.dup2(os.open("/dev/null", os.O_WRONLY), 2)
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.execv(sys.argv[1], sys.argv[1:])
shown = b""
while True:
    try:
        read = os.read(terminal, 4096)
    except OSError:
        break
    if not read:
        break
    shown += read
_, status = os.waitpid(pid, 0)
sys.stdout.write(shown.decode().replace("\r\n", "\n"))
sys.exit(os.WEXITSTATUS(status))
"#;

#[test]
fn a_table_is_as_wide_as_its_terminal() {
    let python = ["/usr/bin/python3", "/usr/local/bin/python3"];
    let Some(python) = python.iter().map(Path::new).find(|python| python.exists()) else {
        skip("no Python, which makes a terminal");
        return;
    };
    let dir = Dir::new();
    dir.write("terminal.py", TERMINAL);
    let program = build().join("clbench");
    let program = program.to_str().unwrap();
    let [results, _] = results();
    let in_terminal = |args: &[&str]| {
        let args = [&["terminal.py", program], args].concat();
        let shown = dir
            .program(python, args)
            .env("PYTHONUTF8", "1")
            .succeeds()
            .stdout;
        for line in shown.lines() {
            assert!(line.chars().count() <= 80, "{line:?}\n{shown}");
        }
        shown
    };
    let shown = in_terminal(&["leaderboard", &results]);
    // Every metric is there, in blocks that repeat the strategies.
    let all = dir.clbench(["leaderboard", &results]).succeeds().stdout;
    assert!(shown.matches("\nstrategy ").count() > 1, "{shown}");
    for strategy in ["zero-shot", "prompt-tuning-joint"] {
        let times = |text: &str| text.matches(strategy).count();
        assert!(times(&shown) > times(&all), "{shown}");
    }
    in_terminal(&["leaderboard", &results, "--pivot", "faa"]);
    in_terminal(&["compare", "ranpac", "cgil", &results]);

    // What a run prints at its end is made by another process.
    dir.write(
        "tiny.yaml",
        format!(
            "seeds: [1]\nstream: {{tasks: 5}}\ndomains: {{digits: {{source: digits}}}}\n\
             backbones: {{pixels: {{parameters: {{size: 8}}}}}}\n\
             strategies:\n  a-row-with-a-name-that-takes-much-of-a-line:\n    \
             {{use: nearest-class-mean, plugin: {}}}\n",
            clbench_tests::nearest_class_mean().display()
        ),
    );
    let shown = in_terminal(&["run", "tiny.yaml"]);
    assert!(shown.matches("\nstrategy ").count() > 0, "{shown}");
    let record = fs::read_dir(dir.path("results/runs/tiny/cells")).unwrap();
    assert!(record.count() > 0);
}

/// A label is for tables: changing it computes nothing, and every table has the new one.
#[test]
fn a_label_can_be_changed_without_running_anything_again() {
    let dir = Dir::new();
    let scenario = |label: &str| {
        let plugin = clbench_tests::nearest_class_mean().display();
        let text = format!(
            "seeds: [1]\nstream: {{tasks: 5}}\ndomains: {{digits: {{source: digits}}}}\n\
             backbones: {{pixels: {{parameters: {{size: 8}}}}}}\n\
             strategies:\n  ncm: {{use: nearest-class-mean, {label}plugin: {plugin}}}\n"
        );
        dir.write("s.yaml", text);
        dir.clbench(["run", "s.yaml"]).succeeds()
    };
    let cells = || {
        let mut records = Vec::new();
        for file in fs::read_dir(dir.path("results/runs/s/cells")).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "json") {
                records.push((path.clone(), fs::read(&path).unwrap()));
            }
        }
        records
    };
    assert!(scenario("").stdout.contains("1  ncm "));
    let before = cells();
    let labelled = scenario("label: Class means (ours), ");
    assert!(
        labelled.stdout.contains("1  Class means (ours) "),
        "{}",
        labelled.stdout
    );
    assert!(cells() == before, "the record is the same file as before");
    let csv = fs::read_to_string(dir.path("results/runs/s/leaderboard.csv")).unwrap();
    assert!(
        csv.contains(",Class means (ours),") && csv.contains(",ncm,"),
        "{csv}"
    );
    let pack = ["results", "pack", "results/runs/s", "--out", "s.records"];
    dir.clbench(pack).succeeds();
    for from in ["results/runs/s", "s.records"] {
        let shown = dir.clbench(["leaderboard", from]).succeeds().stdout;
        assert!(shown.contains("1  Class means (ours) "), "{shown}");
        assert_eq!(dir.clbench(["results", "verify", from]).outcome().code, 0);
    }
    assert!(scenario("").stdout.contains("1  ncm "));
}

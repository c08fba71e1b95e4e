//! What a strategy in Python computes.

use super::{run, scenario};
use clbench_tests::{Dir, build, python, python_with_torch, root};
use expect_test::expect;
use serde_json::Value;
use std::fs;
use std::path::Path;

fn example(dir: &Dir, name: &str) {
    let file = root().join("plugins/python/examples").join(name);
    dir.write(name, fs::read(file).unwrap());
}

/// The record of a strategy's only cell.
fn record(dir: &Dir, strategy: &str) -> Value {
    let begin = format!("digits-{strategy}-s1-");
    let mut names = fs::read_dir(dir.path("out/cells"))
        .unwrap()
        .map(|entry| entry.unwrap());
    let found = names.find(|entry| {
        let name = entry.file_name().into_string().unwrap();
        name.starts_with(&begin) && name.ends_with(".json")
    });
    serde_json::from_slice(&fs::read(found.unwrap().path()).unwrap()).unwrap()
}

#[test]
fn nearest_class_mean_in_python_has_the_counts_of_the_plugin_in_every_cell() {
    let Some(python) = python() else {
        return;
    };
    let dir = Dir::new();
    example(&dir, "nearest_class_mean.py");
    let strategies = r"  nearest-class-mean: {plugin: plugins/libnearest_class_mean.so}
  mine: {python: nearest_class_mean.py:NearestClassMean, interpreter: PYTHON}
  joint: {python: nearest_class_mean.py:NearestClassMean, interpreter: PYTHON, regime: joint}
";
    scenario(&dir, python, strategies);
    let outcome = run(&dir, &["-j", "2"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let (ours, theirs) = (record(&dir, "nearest-class-mean"), record(&dir, "mine"));
    assert_eq!(ours["matrices"], theirs["matrices"]);
    assert_eq!(
        theirs["declaration"]["keeps"],
        serde_json::json!(["statistics"])
    );
    let versions = theirs["versions"].as_object().unwrap();
    assert!(versions.contains_key("python") && versions.contains_key("numpy"));
    let sources = theirs["cell"]["strategy"]["sources"].as_object().unwrap();
    assert_eq!(sources.keys().collect::<Vec<_>>(), ["nearest_class_mean"]);
}

#[test]
fn the_examples_with_pytorch_learn() {
    let Some(python) = python_with_torch() else {
        return;
    };
    let dir = Dir::new();
    example(&dir, "fine_tuned.py");
    let strategies = r"  tuned:
    python: fine_tuned.py:FineTuned
    interpreter: PYTHON
    regime: joint
    parameters: {epochs: 40, lr: 0.01}
";
    scenario(&dir, python, strategies);
    let outcome = run(&dir, &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let record = record(&dir, "tuned");
    assert_eq!(record["costs"]["optimiser_steps"], 40 * 3);
    assert!(
        record["declaration"]["trainable_parameters"]
            .as_u64()
            .unwrap()
            > 1000
    );
}

#[test]
fn what_is_wrong_in_a_scenario_is_said_with_its_line() {
    let Some(python) = python() else {
        return;
    };
    let dir = Dir::new();
    example(&dir, "nearest_class_mean.py");
    dir.write(
        "tuned.py",
        "import clbench\n\nclass Tuned(clbench.Strategy):\n    class Parameters:\n        lr: float\n",
    );
    let mut said = String::new();
    for strategy in [
        "{python: nearest_class_mean.py}",
        "{python: missing.py:Mine}",
        "{python: nearest_class_mean.py:NearestMean, interpreter: PYTHON}",
        "{python: nearest_class_mean.py:NearestClassMean, plugin: plugins/libx.so}",
        "{python: nearest_class_mean.py:NearestClassMean, interpreter: ./none}",
        "{python: nearest_class_mean.py:NearestClassMean, interpreter: no-such-python}",
        "{python: tuned.py:Tuned, interpreter: PYTHON}",
        "{python: tuned.py:Tuned, interpreter: PYTHON, parameters: {lr: fast}}",
        "{python: tuned.py:Tuned, interpreter: PYTHON, parameters: {lt: 1}}",
        "{python: tuned.py:Tuned, interpreter: PYTHON, grid: {lr: [1, fast]}}",
        "{use: nearest-class-mean, interpreter: python3}",
    ] {
        scenario(&dir, python, &format!("  mine:\n    {strategy}\n"));
        let outcome = run(&dir, &[]);
        let last = outcome
            .stderr
            .lines()
            .find(|line| line.starts_with("error"))
            .unwrap();
        said += &format!("{} {last}\n", outcome.code);
    }
    expect![[r#"
        2 error: s.yaml:7: strategies.mine.python: `nearest_class_mean.py` is not `FILE.py:CLASS`; write the file and the class, as in `my_method.py:MyMethod`
        2 error: s.yaml:7: strategies.mine.python: DIR/missing.py does not exist
        3 error: plugin BUILD/libclbench_python.so: strategy `python`: TypeError: `NearestMean` is not there; strategies in nearest_class_mean.py: `NearestClassMean`
        2 error: s.yaml:7: strategies.mine.plugin: `python` names the class, so remove `plugin`
        2 error: s.yaml:7: strategies.mine.interpreter: DIR/none does not exist
        2 error: s.yaml:7: strategies.mine.interpreter: there is no program `no-such-python` on the PATH
        2 error: s.yaml:6: strategies.mine.parameters.lr: is required, of type float
        2 error: s.yaml:7: strategies.mine.parameters.lr: expected float, got 'fast'
        2 error: s.yaml:7: strategies.mine.parameters.lt: unknown parameter; there are `lr`
        2 error: s.yaml:7: strategies.mine.grid.lr[1]: expected float, got 'fast'
        2 error: s.yaml:7: strategies.mine.interpreter: `interpreter` is for a class in Python; add `python: FILE.py:CLASS`, or remove it
    "#]].assert_eq(&said);
}

/// A terminal of its own, in which `c` is typed at every prompt of the debugger.
const TERMINAL: &str = r#"
import os, pty, sys

pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
shown, typed = b"", 0
while True:
    try:
        read = os.read(terminal, 4096)
    except OSError:
        break
    if not read:
        break
    shown += read
    # Of both tasks.
    while shown.count(b"(Pdb) ") > typed:
        os.write(terminal, b"c\n" if typed else b"p answer * 100\n")
        typed += 1
_, status = os.waitpid(pid, 0)
print(shown.decode())
sys.exit(os.WEXITSTATUS(status))
"#;

#[test]
fn a_debugger_gets_the_terminal_and_nothing_is_recorded() {
    let Some(python) = python() else {
        return;
    };
    let dir = Dir::new();
    dir.write(
        "method.py",
        "import clbench\nimport numpy as np\n\n\nclass Method(clbench.Strategy):\n    \
         def learn(self, task):\n        answer = 42\n        breakpoint()\n        answer += 1\n\n    \
         def predict(self, batch):\n        return np.zeros((len(batch), len(batch.classes)))\n",
    );
    dir.write("terminal.py", TERMINAL);
    scenario(
        &dir,
        python,
        "  mine: {python: method.py:Method, interpreter: PYTHON}\n",
    );
    let program = build().join("clbench");
    let program = program.to_str().unwrap();
    let args = [
        "terminal.py",
        program,
        "run",
        "s.yaml",
        "--plugin-dir",
        "plugins",
    ];
    let args = args
        .into_iter()
        .chain(["--out", "out", "--limit", "8", "--debug-python"]);
    let outcome = dir.program(Path::new(python), args).outcome();
    assert_eq!(outcome.code, 0, "{}", outcome.stdout);
    assert!(outcome.stdout.contains("4200"), "{}", outcome.stdout);
    assert!(!dir.path("out").exists());
}

#[test]
fn the_file_that_a_new_strategy_starts_as_passes_its_check_and_has_a_row() {
    let Some(python) = python() else {
        return;
    };
    let dir = Dir::new();
    let new = ["new", "strategy", "--python", "my_method.py"];
    dir.clbench(new).succeeds();
    let check = ["plugin", "check", "my_method.py:MyMethod", "--interpreter"];
    let checked = dir.clbench(check.iter().chain(&[python])).outcome();
    assert_eq!(checked.code, 0, "{}{}", checked.stdout, checked.stderr);
    let written = fs::read_to_string(dir.path("my_method.yaml")).unwrap();
    let written = written.replace(
        "python: my_method.py:MyMethod",
        &format!("python: my_method.py:MyMethod\n    interpreter: {python}"),
    );
    dir.write("my_method.yaml", written);
    let args = ["run", "my_method.yaml", "--limit", "3", "--seed", "1"];
    let run = dir.clbench(args).succeeds();
    assert!(run.stdout.contains("my-method"), "{}", run.stdout);
}

#[test]
fn the_check_of_a_faulty_strategy_names_the_rule_and_the_line() {
    let Some(python) = python() else {
        return;
    };
    let dir = Dir::new();
    dir.write(
        "forgetful.py",
        "import clbench\nimport numpy as np\n\n\nclass Forgetful(clbench.Strategy):\n    \
         def learn(self, task):\n        self.seen = [kind.id for kind in task.classes]\n\n    \
         def predict(self, batch):\n        logits = np.zeros((len(batch), len(batch.classes)))\n        \
         logits[:, self.seen[0]] = 1\n        return logits\n",
    );
    let check = ["plugin", "check", "forgetful.py:Forgetful", "--interpreter"];
    let checked = dir.clbench(check.iter().chain(&[python])).outcome();
    assert_eq!(checked.code, 3);
    expect![[r#"
        forgetful.py:Forgetful: the testkit found 1 failure(s)
          passed  parameters
          passed  learns
          passed  prediction changes nothing
          passed  independent of the batch
          passed  same seed, same bits
          note    same seed, same bits: another seed gives the same bits, so the strategy does not use randomness
          FAILED  state round trip: `predict`: DIR/forgetful.py:11: AttributeError: 'Forgetful' object has no attribute 'seen'
          passed  errors, not panics
          passed  global state left alone
    "#]].assert_eq(&checked.stdout);
}

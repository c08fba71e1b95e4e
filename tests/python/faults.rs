//! Every fault of a strategy in Python: only its cell fails, with one clear message, and no process
//! is left.

use super::{run, scenario};
use clbench_tests::{Dir, python, wait_for};
use expect_test::expect;
use std::fmt::Write;
use std::fs;

const FAULTS: &str = r#"
import ctypes
import os
import signal
import subprocess
import sys
import time

import clbench
import numpy as np


class Faulty(clbench.Strategy):
    class Parameters:
        fault: str = ""
        at: str = "learn"

    def commit(self, at):
        fault = self.parameters.fault
        if at != self.parameters.at:
            return
        if fault == "exception":
            raise RuntimeError(f"in {at}")
        if fault == "exit":
            os._exit(3)
        if fault == "segfault":
            ctypes.string_at(0)
        if fault == "endless":
            while True:
                pass
        if fault == "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            time.sleep(1000)
        if fault == "grandchild":
            subprocess.Popen(["sleep", "1234"])
        if fault == "grandchild-then-exit":
            subprocess.Popen(["sleep", "1234"], close_fds=False)
            os._exit(4)
        if fault == "prints":
            for _ in range(200):
                print("x" * 1_000_000)
        if fault == "late":
            import late

    def start(self):
        self.commit("start")

    def learn(self, task):
        self.commit("learn")
        self.state["seen"] = len(task)
        if self.parameters.fault == "row":
            task.images([10**6])

    def predict(self, batch):
        self.commit("predict")
        shape = (len(batch), len(batch.classes))
        fault = self.parameters.fault
        if fault == "shape":
            return np.zeros((1, 1), "float32")
        if fault == "dtype":
            return np.zeros(shape, "int64")
        if fault == "nothing":
            return None
        if fault == "nan":
            return np.full(shape, np.nan)
        return np.zeros(shape)

    def state_dict(self):
        self.commit("state")
        if self.parameters.fault == "set":
            return {"kept": {1}}
        return self.state

    def load_state_dict(self, state):
        self.commit("restore")
        self.state = state
"#;

#[test]
fn each_fault_has_a_clear_message_and_nothing_remains() {
    let Some(python) = python() else {
        return;
    };
    let dir = Dir::new();
    dir.write("faulty.py", FAULTS);
    dir.write("late.py", "");
    let mut strategies = String::new();
    let at = ["learn", "predict", "state", "restore"];
    let faults = at.map(|at| ("exception", at)).into_iter().chain(
        [
            "exit",
            "segfault",
            "endless",
            "deaf",
            "grandchild",
            "grandchild-then-exit",
            "prints",
            "late",
            "row",
            "shape",
            "dtype",
            "nothing",
            "nan",
            "set",
        ]
        .map(|fault| (fault, "learn")),
    );
    for (fault, at) in faults {
        writeln!(
            strategies,
            "  {fault}-{at}: {{python: faulty.py:Faulty, interpreter: PYTHON, parameters: {{fault: {fault}, at: {at}}}}}"
        )
        .unwrap();
    }
    strategies += "  nearest-class-mean: {plugin: plugins/libnearest_class_mean.so}\n";
    scenario(&dir, python, &strategies);
    let outcome = run(&dir, &["-j", "2", "--timeout", "5s"]);
    assert_eq!(outcome.code, 5, "{}", outcome.stderr);
    let mut endings: Vec<String> = Vec::new();
    for line in outcome.stderr.lines() {
        let Some((_, cell)) = line.split_once("] digits · ") else {
            continue;
        };
        let (name, ending) = cell.split_once(" · seed 1  ").unwrap();
        let ending = match ending.ends_with(" s") {
            true => "done",
            false => ending.strip_prefix("failed: ").unwrap(),
        };
        let ending = ending
            .split_once("libclbench_python.so: ")
            .map_or(ending, |(_, rest)| rest);
        endings.push(format!("{name}: {ending}\n"));
    }
    endings.sort();
    expect![[r#"
        deaf-learn: task 1/2: ended after 5s, the limit on its time (`limits.time`, `--timeout`)
        dtype-learn: strategy `python`: TypeError: `predict` should return floating-point logits, not int64
        endless-learn: task 1/2: ended after 5s, the limit on its time (`limits.time`, `--timeout`)
        exception-learn: strategy `python`: DIR/faulty.py:23: RuntimeError: in learn
        exception-predict: strategy `python`: DIR/faulty.py:23: RuntimeError: in predict
        exception-restore: strategy `python`: DIR/faulty.py:23: RuntimeError: in restore
        exception-state: strategy `python`: DIR/faulty.py:23: RuntimeError: in state
        exit-learn: strategy `python`: the Python process exited with status 3 in the middle of a call, perhaps by `os._exit`
        grandchild-learn: done
        grandchild-then-exit-learn: strategy `python`: the Python process exited with status 4 in the middle of a call, perhaps by `os._exit`
        late-learn: strategy `python`: DIR/faulty.py:44: ImportError: `late` is first imported after faulty.py has been loaded; import it at the top of faulty.py, so that records know what they were made from
        nan-learn: the logit of class 0 for test sample 0180 is NaN after task 1: training diverged or the strategy divided by zero; lower its learning rate, or look for constant features
        nearest-class-mean: done
        nothing-learn: strategy `python`: TypeError: `predict` should return a tensor or an array, not NoneType
        prints-learn: done
        row-learn: strategy `python`: DIR/faulty.py:53: there is no row 1000000; the task has 40 rows
        segfault-learn: strategy `python`: the Python process crashed (signal 11, a segmentation fault); the log has the line
        set-learn: strategy `python`: TypeError: the state's `kept` is a set; keep tensors, arrays, numbers, texts, lists and dicts
        shape-learn: strategy `python`: ValueError: `predict` returned shape [1, 1]; expected [80, 5]: a row for each image, a column for each class
    "#]].assert_eq(&endings.concat());
    wait_for("the end of all processes", || left(&dir).is_empty());
}

/// The processes that were started by a run in this folder.
fn left(dir: &Dir) -> Vec<String> {
    let folder = fs::canonicalize(dir.path(".")).unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == folder))
        .map(|process| process.file_name().into_string().unwrap())
        .collect()
}

#[test]
fn an_interpreter_that_cannot_be_used_is_refused() {
    let Some(python) = python() else {
        return;
    };
    let dir = Dir::new();
    dir.write("faulty.py", FAULTS);
    dir.write("broken.py", "import clbench\nimport no_such_module\n");
    dir.write(
        "typo.py",
        "import clbench\nclass Typo(clbench.Strategy)\n    pass\n",
    );
    let mut said = String::new();
    for strategy in [
        "{python: faulty.py:Faulty, interpreter: /bin/true}",
        "{python: broken.py:Broken, interpreter: PYTHON}",
        "{python: typo.py:Typo, interpreter: PYTHON}",
        "{python: faulty.py:Faulty, interpreter: PYTHON, parameters: {fault: exception, at: start}}",
        "{python: faulty.py:Faulty, interpreter: PYTHON, parameters: {fault: exit, at: start}}",
    ] {
        scenario(&dir, python, &format!("  mine: {strategy}\n"));
        let outcome = run(&dir, &[]);
        let error = outcome
            .stderr
            .lines()
            .find(|line| line.starts_with("error"))
            .unwrap();
        // What is wrong with the syntax, every Python says in other words.
        let error = error.split_inclusive("SyntaxError").next().unwrap();
        writeln!(said, "{} {error}", outcome.code).unwrap();
    }
    expect![[r#"
        3 error: plugin BUILD/libclbench_python.so: strategy `python`: the interpreter /bin/true has ended; what it printed is in the log
        3 error: plugin BUILD/libclbench_python.so: strategy `python`: DIR/broken.py:2: ModuleNotFoundError: No module named 'no_such_module'
        3 error: plugin BUILD/libclbench_python.so: strategy `python`: DIR/typo.py:2: SyntaxError
        3 error: plugin BUILD/libclbench_python.so: strategy `python`: DIR/faulty.py:23: RuntimeError: in start
        3 error: plugin BUILD/libclbench_python.so: strategy `python`: the Python process exited with status 3 in the middle of a call, perhaps by `os._exit`
    "#]].assert_eq(&said);
}

//! No number is shown for code that did not make it.

use super::{run, scenario};
use clbench_tests::{Dir, python};
use std::fs;

const METHOD: &str = "\
import clbench
import numpy as np
import helpers


class Method(clbench.Strategy):
    def learn(self, task):
        pass

    def predict(self, batch):
        logits = np.zeros((len(batch), len(batch.classes)), 'float32')
        logits[:, helpers.CHOSEN] = 1
        return logits
";

#[test]
fn a_change_of_any_module_makes_records_stale_and_nothing_else_does() {
    let Some(python) = python() else {
        return;
    };
    let dir = Dir::new();
    dir.write("method.py", METHOD);
    let helpers = dir.write("helpers.py", "CHOSEN = 0\n");
    scenario(
        &dir,
        python,
        "  mine: {python: method.py:Method, interpreter: PYTHON}\n",
    );
    let first = run(&dir, &[]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    let again = run(&dir, &[]);
    assert!(
        again.stderr.contains("1 of 1 cells already have results"),
        "{}",
        again.stderr
    );
    assert_eq!(again.stdout, first.stdout);

    // Of the same length and time, so that only its bytes tell.
    let modified = fs::metadata(&helpers).unwrap().modified().unwrap();
    dir.write("helpers.py", "CHOSEN =-1\n");
    fs::File::options()
        .write(true)
        .open(&helpers)
        .unwrap()
        .set_modified(modified)
        .unwrap();
    let changed = run(&dir, &[]);
    assert!(
        changed
            .stderr
            .contains("its record was made by another version of its code; running it again"),
        "{}",
        changed.stderr
    );
    assert_ne!(changed.stdout, first.stdout);

    dir.write("helpers.py", "CHOSEN = 0\n");
    let back = run(&dir, &[]);
    assert_eq!(back.stdout, first.stdout);
}

#[test]
fn a_run_reads_the_code_that_it_was_planned_with() {
    let Some(python) = python() else {
        return;
    };
    let dir = Dir::new();
    let rewriting = METHOD.replace(
        "        pass\n",
        "        with open('HELPERS', 'w') as file:\n            file.write('CHOSEN = 1 / 0')\n",
    );
    let helpers = dir.path("helpers.py").display().to_string();
    dir.write("method.py", rewriting.replace("HELPERS", &helpers));
    dir.write("helpers.py", "CHOSEN = 0\n");
    scenario(
        &dir,
        python,
        "  mine: {python: method.py:Method, interpreter: PYTHON}\n",
    );
    let outcome = run(&dir, &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(fs::read_to_string(helpers).unwrap(), "CHOSEN = 1 / 0");
}

//! The Python package's own tests, which play the host.

use clbench_tests::skip;
use std::path::Path;
use std::process::{Command, Stdio};

/// An interpreter with NumPy: of the user's choice, of the path, or the system's.
fn interpreter() -> Option<String> {
    let named = std::env::var("CLBENCH_TEST_PYTHON").ok();
    let known = ["python3", "/usr/bin/python3"].map(String::from);
    named.into_iter().chain(known).find(|interpreter| {
        let imported = Command::new(interpreter)
            .args(["-c", "import numpy"])
            .stderr(Stdio::null())
            .status();
        imported.is_ok_and(|status| status.success())
    })
}

#[test]
fn the_package_passes_its_own_tests() {
    let Some(interpreter) = interpreter() else {
        skip("no Python with NumPy; name one in CLBENCH_TEST_PYTHON");
        return;
    };
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/python/package");
    let output = Command::new(&interpreter)
        .args(["-B", "-m", "unittest"])
        .current_dir(package.join("tests"))
        .env("PYTHONPATH", &package)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{interpreter}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

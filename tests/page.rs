//! The report, in a real browser.

use clbench_tests::{Dir, root, skip};
use serde_json::Value;
use std::fs;
use std::process::Command;

/// Around the page: as wide as asked, and it keeps what the page says about itself.
const FRAME: &str = r#"<!doctype html>
<body style="margin: 0">
<iframe src="checked.html" style="width: WIDTHpx; height: 900px; border: 0"></iframe>
<pre id="said"></pre>
<script>addEventListener("message", (event) => (said.textContent = JSON.stringify(event.data)));</script>
</body>
"#;

/// The names under which Debian and others install it.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

fn browser() -> Option<&'static str> {
    let works = |name: &&&str| {
        let asked = Command::new(name).arg("--version").output();
        asked.is_ok_and(|output| output.status.success())
    };
    BROWSERS.iter().find(works).copied()
}

/// What the page says about itself in a window of this width.
fn used(browser: &str, dir: &Dir, width: u32, dark: bool) -> Value {
    dir.write("frame.html", FRAME.replace("WIDTH", &width.to_string()));
    let mut command = Command::new("timeout");
    command
        .args([
            "120",
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
        ])
        .args([
            "--hide-scrollbars",
            "--virtual-time-budget=20000",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", dir.path("profile").display()))
        .arg("--window-size=1280,1000");
    if dark {
        command.arg("--blink-settings=preferredColorScheme=0");
    }
    let page = format!("file://{}", dir.path("frame.html").display());
    let output = command
        .arg(page)
        .env("HOME", dir.path(""))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let said = dom
        .split_once("<pre id=\"said\">")
        .and_then(|(_, rest)| rest.split_once("</pre>"));
    let (said, _) =
        said.unwrap_or_else(|| panic!("{dom}{}", String::from_utf8_lossy(&output.stderr)));
    let said = said
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// The quickstart's page, as a file with the checks in front of its own script.
fn page(dir: &Dir) -> String {
    let records = root().join("results/quickstart.records");
    let args = ["report", records.to_str().unwrap(), "-o", "report.html"];
    let outcome = dir.clbench(args).succeeds();
    assert_eq!(outcome.stdout, "");
    let page = fs::read_to_string(dir.path("report.html")).unwrap();
    let check = fs::read_to_string(root().join("tests/fixtures/page/check.js")).unwrap();
    dir.write(
        "checked.html",
        page.replacen("<script>", &format!("<script>{check}</script><script>"), 1),
    );
    page
}

#[test]
fn the_page_works_in_a_browser_at_the_width_of_a_phone_and_of_a_desk() {
    let Some(browser) = browser() else {
        return skip("the report in a browser: install the Debian package chromium");
    };
    let dir = Dir::new();
    page(&dir);
    // Row 5 of CGIL's matrices with seed 1996.
    let accuracy = fs::read_to_string(root().join("results/quickstart.accuracy.csv")).unwrap();
    let mut accuracy = csv::Reader::from_reader(accuracy.as_bytes());
    let header = accuracy.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = accuracy.records().map(Result::unwrap).collect();
    let field = |row: &csv::StringRecord, name: &str| {
        let index = header.iter().position(|column| column == name).unwrap();
        row[index].to_owned()
    };
    let expected = |column: &str, after: &str| -> Vec<String> {
        let wanted = [
            ("stream", "recoloured"),
            ("strategy", "cgil"),
            ("seed", "1996"),
            ("after_task", after),
        ];
        let of_cell = rows.iter().filter(|row| {
            wanted
                .iter()
                .all(|(name, value)| field(row, name) == *value)
        });
        let texts = of_cell.map(|row| match field(row, column).parse::<f64>() {
            Ok(accuracy) => format!("{accuracy:.1}"),
            Err(_) => String::new(),
        });
        texts.collect()
    };
    for (width, dark) in [(390, false), (390, true), (1280, false), (1280, true)] {
        let said = used(browser, &dir, width, dark);
        let problems = said["problems"].as_array().unwrap();
        assert!(
            problems.is_empty(),
            "{width} px, dark {dark}: {problems:#?}"
        );
        assert_eq!(said["width"], width);
        assert_eq!(said["dark"], dark);
        for (matrix, column) in [("seen", "seen_accuracy"), ("all", "all_accuracy")] {
            for after in 0..=5 {
                let row = said[matrix][after].as_array().unwrap();
                let row: Vec<&str> = row.iter().map(|text| text.as_str().unwrap()).collect();
                assert_eq!(row[0], after.to_string());
                assert_eq!(row[1..], expected(column, row[0]), "{matrix} after {after}");
            }
        }
    }
}

#[test]
fn the_page_is_one_file_and_says_what_made_its_numbers() {
    let dir = Dir::new();
    let page = page(&dir);
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    // It asks for nothing from anywhere.
    for reference in ["src=", "url(", "@import", "href=\"http", "fetch("] {
        assert!(!page.contains(reference), "{reference}");
    }
    let leaderboard =
        fs::read_to_string(root().join("results/quickstart.leaderboard.csv")).unwrap();
    let mut rows = csv::Reader::from_reader(leaderboard.as_bytes());
    let header = rows.headers().unwrap().clone();
    for row in rows.records().map(Result::unwrap) {
        for (name, value) in header.iter().zip(&row) {
            let whole = !value.contains('+') && !value.starts_with("combined:");
            match name {
                "split_hash"
                | "content_digest"
                | "backbone_fingerprint"
                | "backbone_plugin_hash"
                | "plugin_hash"
                    if whole && !value.is_empty() =>
                {
                    assert!(page.contains(&value[..12]), "{name} {value}");
                }
                _ => {}
            }
        }
    }
    // The same records give the same page.
    let records = root().join("results/quickstart.records");
    let again = ["report", records.to_str().unwrap(), "-o", "again.html"];
    dir.clbench(again).succeeds();
    assert_eq!(fs::read_to_string(dir.path("again.html")).unwrap(), page);
}

#[test]
fn figures_are_files_and_nothing_else_is_overwritten() {
    let dir = Dir::new();
    let records = root().join("results/quickstart.records");
    let records = records.to_str().unwrap();
    dir.clbench(["report", records, "--figures", "figures"])
        .succeeds();
    let mut names: Vec<String> = fs::read_dir(dir.path("figures"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            name.starts_with("overall.") || name.starts_with("digits.") && !name.contains("matrix")
        })
        .collect();
    names.sort();
    expect_test::expect![[r#"
        digits.accuracy.csv
        digits.accuracy.svg
        digits.classes.csv
        digits.classes.svg
        digits.differences.csv
        digits.differences.svg
        digits.forgetting.csv
        digits.forgetting.svg
        digits.state.csv
        digits.state.svg
        digits.time.csv
        digits.time.svg
        digits.trade-off.csv
        digits.trade-off.svg
        overall.differences.csv
        overall.differences.svg
        overall.state.csv
        overall.state.svg
        overall.time.csv
        overall.time.svg
        overall.trade-off.csv
        overall.trade-off.svg
    "#]]
    .assert_eq(&(names.join("\n") + "\n"));
    let numbers = fs::read_to_string(dir.path("figures/overall.trade-off.csv")).unwrap();
    let leaderboard =
        fs::read_to_string(root().join("results/quickstart.leaderboard.csv")).unwrap();
    let cgil = numbers
        .lines()
        .find(|line| line.starts_with("cgil,"))
        .unwrap();
    let faa = cgil.split(',').nth(1).unwrap();
    assert!(leaderboard.contains(&format!(",{faa},")), "{cgil}");

    dir.write("notes.html", "<p>mine</p>");
    let refused = dir
        .clbench(["report", records, "-o", "notes.html"])
        .outcome();
    expect_test::expect![[r#"
        error: `notes.html` exists and is not a report of clbench; choose another file with `-o FILE`
    "#]]
    .assert_eq(&refused.stderr);
    assert_eq!(refused.code, 2);
    assert_eq!(
        fs::read_to_string(dir.path("notes.html")).unwrap(),
        "<p>mine</p>"
    );
}

/// Whatever a strategy is called, the page shows it and nothing runs.
#[test]
fn names_are_text() {
    let Some(browser) = browser() else {
        return skip("the report in a browser: install the Debian package chromium");
    };
    let dir = Dir::new();
    dir.write(
        "scenario.yaml",
        r#"
description: "</script><script>hacked"
seeds: [1]
stream: { tasks: 2 }
domains: { digits: { source: digits } }
backbones: { pixels: {} }
strategies:
  nearest-class-mean: { label: "<img src=x onerror=boom()>" }
  other: { use: nearest-class-mean, label: "</script><script>hacked" }
"#,
    );
    let args = "run scenario.yaml --limit 3 --out out".split(' ');
    dir.clbench(args).succeeds();
    dir.clbench(["report", "out"]).succeeds();
    let page = fs::read_to_string(dir.path("report.html")).unwrap();
    assert!(
        !page.contains("<img") && !page.contains("<script>hacked"),
        "{page}"
    );
    let count = page.matches("<script").count();
    assert_eq!(page.matches("</script>").count(), count);
    let dom = Command::new("timeout")
        .args([
            "120",
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", dir.path("profile").display()))
        .arg(format!("file://{}", dir.path("report.html").display()))
        .env("HOME", dir.path(""))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&dom.stdout);
    assert!(dom.contains("&lt;img src=x onerror=boom()&gt;"), "{dom}");
}

//! The messages about unreadable files, invalid YAML, and wrong keys and types.

use super::{GOOD, change, says, shown};
use crate::scenario::Scenario;
use expect_test::expect;

#[test]
fn the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("quickstart.yaml");
    std::fs::write(&file, b"seeds: [1]\nname: \xff\n").unwrap();
    let load = |name: &str| {
        let error = Scenario::load(&folder.path().join(name), &[], &[]).unwrap_err();
        shown(error).replace(&folder.path().display().to_string(), "DIR")
    };
    expect![[r#"
        DIR/quikstart.yaml: no such file; did you mean `DIR/quickstart.yaml`?
    "#]]
    .assert_eq(&load("quikstart.yaml"));
    expect![[r#"
        DIR/other.yaml: no such file
    "#]]
    .assert_eq(&load("other.yaml"));
    expect![[r#"
        DIR/.: cannot read the file: not a regular file (it is a folder)
    "#]]
    .assert_eq(&load("."));
    expect![[r#"
        DIR/quickstart.yaml:2: this line is not UTF-8; save the file as UTF-8
    "#]]
    .assert_eq(&load("quickstart.yaml"));

    std::fs::write(folder.path().join("My Scenario.yaml"), GOOD).unwrap();
    expect![[r#"
        DIR/My Scenario.yaml: the file's name, `My Scenario`, is not a valid scenario name; add `name:` with lowercase letters, digits, `-` and `_`
    "#]].assert_eq(&load("My Scenario.yaml"));

    says(
        "",
        expect![[r#"
            scenarios/test.yaml: the file is empty; a scenario needs at least `seeds`, `domains` and `strategies`
        "#]],
    );
    says(
        "# only a comment\n",
        expect![[r#"
            scenarios/test.yaml: the file is empty; a scenario needs at least `seeds`, `domains` and `strategies`
        "#]],
    );
}

#[test]
fn yaml_syntax() {
    says(
        "seeds: [1, 2\nthreads: 1\n",
        expect![[r#"
            scenarios/test.yaml:2: seeds: not valid YAML: the `[` on line 1 is not closed; add `]`, or a `,` before this
                2 | threads: 1
                  |        ^
        "#]],
    );
    change(
        "  digits: {",
        "\tdigits: {",
        expect![[r#"
            scenarios/test.yaml:6: domains: not valid YAML: a tab indents this line; indent with spaces
                6 | 	digits: {source: digits}
                  | ^
        "#]],
    );
    change(
        "  linear:\n",
        "  linear: heads:\n",
        expect![[r#"
            scenarios/test.yaml:8: strategies: not valid YAML: two keys on one line; write `linear: {heads: …}`, or `linear: "heads:"` if it is text
                8 |   linear: heads:
                  |                ^
        "#]],
    );
    change(
        "[1992, 1996]",
        "*nowhere",
        expect![[r#"
            scenarios/test.yaml:1: seeds: not valid YAML: `*nowhere` repeats an anchor that is not defined; if it is text, write `"*nowhere"`
                1 | seeds: *nowhere
                  |        ^
        "#]],
    );
    change(
        "seeds:",
        "name: \"a\nseeds:",
        expect![[r#"
            scenarios/test.yaml:1: name: not valid YAML: the quote that opens here is not closed; add the closing one
                1 | name: "a
                  |       ^
        "#]],
    );
    says(
        &format!("{GOOD}---\n{GOOD}"),
        expect![[r#"
            scenarios/test.yaml:11: a second YAML document begins here, and a scenario is a single one; remove the line `---`, or move the rest to another file
               11 | ---
                  | ^^^
        "#]],
    );
    // Each alias doubles what came before.
    let mut bomb = "a0: &a0 [x, x]\n".to_owned();
    for level in 1..40 {
        bomb += &format!("a{level}: &a{level} [*a{0}, *a{0}]\n", level - 1);
    }
    says(
        &bomb,
        expect![[r#"
            scenarios/test.yaml: not valid YAML: its aliases repeat more text than a scenario can need
        "#]],
    );
    says(
        &format!("seeds: {}", "[".repeat(1000)),
        expect![[r#"
            scenarios/test.yaml:1: seeds: not valid YAML: lists and mappings are nested too deep, more than 128 levels
        "#]],
    );
    change(
        "{lr: 0.1, epochs: 5}",
        "{<<: 3}",
        expect![[r#"
            scenarios/test.yaml:9: strategies.linear.parameters.<<: `<<` merges a mapping or a list of mappings, found the whole number 3
                9 |     parameters: {<<: 3}
                  |                  ^^
        "#]],
    );
    change(
        "{lr: 0.1",
        "{lr: !fast 0.1",
        expect![[r#"
            scenarios/test.yaml:9: strategies.linear.parameters.lr: YAML tags such as `!fast` are not supported; remove it
                9 |     parameters: {lr: !fast 0.1, epochs: 5}
                  |                  ^^
        "#]],
    );
}

#[test]
fn keys() {
    says(
        "[1, 2]\n",
        expect![[r#"
            scenarios/test.yaml: expected a mapping, found a list
        "#]],
    );
    change(
        "parameters:",
        "paramters:",
        expect![[r#"
            scenarios/test.yaml:9: strategies.linear.paramters: unknown key `paramters`; did you mean `parameters`?
                9 |     paramters: {lr: 0.1, epochs: 5}
                  |     ^^^^^^^^^
        "#]],
    );
    change(
        "stream:",
        "verbose: true\nstream:",
        expect![[r#"
            scenarios/test.yaml:2: verbose: unknown key `verbose`; the choices are `format`, `extends`, `without`, `name`, `description`, `seeds`, `threads`, `device`, `checkpoint`, `limits`, `stream`, `streams`, `backbones`, `domains`, `strategies`, `metrics`, `rank_by`, `columns`
                2 | verbose: true
                  | ^^^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: digits, flavour: test",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.flavour: unknown key `flavour`; the choices are `source`, `templates`, `shots`, `draw`, `stream`, `expect`, `trust`
                6 |   digits: {source: digits, flavour: test}
                  |                            ^^^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5, class-order: listed}",
        expect![[r#"
            scenarios/test.yaml:2: stream.class-order: unknown key `class-order`; did you mean `class_order`?
                2 | stream: {tasks: 5, class-order: listed}
                  |                    ^^^^^^^^^^^
        "#]],
    );
    change(
        "pixels: {}",
        "pixels: {Use: pixels}",
        expect![[r#"
            scenarios/test.yaml:4: backbones.pixels.Use: unknown key `Use`; did you mean `use`?
                4 |   pixels: {Use: pixels}
                  |            ^^^
        "#]],
    );
    change(
        "stream:",
        "seeds: [1]\nstream:",
        expect![[r#"
            scenarios/test.yaml:2: seeds: duplicate key `seeds`, first on line 1; remove one of them
                2 | seeds: [1]
                  | ^^^^^
        "#]],
    );
    change(
        "  nearest-class-mean:",
        "  linear:",
        expect![[r#"
            scenarios/test.yaml:10: strategies.linear: duplicate key `linear`, first on line 8; remove one of them
               10 |   linear: {}
                  |   ^^^^^^
        "#]],
    );
    change(
        "epochs: 5",
        "lr: 5",
        expect![[r#"
            scenarios/test.yaml:9: strategies.linear.parameters.lr: duplicate key `lr`, first on line 9; remove one of them
                9 |     parameters: {lr: 0.1, lr: 5}
                  |                           ^^
        "#]],
    );
    change(
        "digits: {",
        "1992: {",
        expect![[r#"
            scenarios/test.yaml:6: domains: a key must be text, found the number 1992; put it in quotes
                6 |   1992: {source: digits}
                  |   ^^^^
        "#]],
    );
    change(
        "{lr: 0.1",
        "{? {lr: 0.1} : 1",
        expect![[r#"
            scenarios/test.yaml:9: strategies.linear.parameters: a key must be text, found a mapping; put it in quotes
                9 |     parameters: {? {lr: 0.1} : 1, epochs: 5}
                  |                    ^
        "#]],
    );
    change(
        "digits: {",
        "[a]: {",
        expect![[r#"
            scenarios/test.yaml:6: domains: a key must be text, found a list; put it in quotes
                6 |   [a]: {source: digits}
                  |   ^
        "#]],
    );
    change(
        "stream:",
        "format: 2\nstream:",
        expect![[r#"
            scenarios/test.yaml:2: format: expected format 1, found the whole number 2; update clbench, or write `format: 1`
                2 | format: 2
                  | ^^^^^^
        "#]],
    );
    change(
        "seeds: [1992, 1996]\n",
        "",
        expect![[r#"
            scenarios/test.yaml: missing key `seeds`; add a list, as in `seeds: [1992, 1996, 1997]`
        "#]],
    );
    change(
        "domains:\n  digits: {source: digits}\n",
        "",
        expect![[r#"
            scenarios/test.yaml: missing key `domains`; add at least one, as in `domains: {digits: {source: digits}}`
        "#]],
    );
    change(
        "{source: digits}",
        "{}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits: missing key `source`; add one of SOURCES, as in `source: digits`
                6 |   digits: {}
                  |   ^^^^^^
        "#]],
    );
}

#[test]
fn types() {
    change(
        "seeds:",
        "threads: five\nseeds:",
        expect![[r#"
            scenarios/test.yaml:1: threads: expected a whole number, found the text `five`
                1 | threads: five
                  | ^^^^^^^
        "#]],
    );
    change(
        "seeds:",
        "threads: 1.5\nseeds:",
        expect![[r#"
            scenarios/test.yaml:1: threads: expected a whole number, found the number 1.5
                1 | threads: 1.5
                  | ^^^^^^^
        "#]],
    );
    change(
        "seeds:",
        "threads: [1]\nseeds:",
        expect![[r#"
            scenarios/test.yaml:1: threads: expected a whole number, found a list
                1 | threads: [1]
                  | ^^^^^^^
        "#]],
    );
    change(
        "seeds:",
        "name: 2024\nseeds:",
        expect![[r#"
            scenarios/test.yaml:1: name: expected text, found the whole number 2024; put it in quotes
                1 | name: 2024
                  | ^^^^
        "#]],
    );
    change(
        "[1992, 1996]",
        "1992",
        expect![[r#"
            scenarios/test.yaml:1: seeds: expected a list of seeds, found the whole number 1992; list each seed, as in `seeds: [1992, 1996, 1997]` for three, or write `seeds: [1992]` for one
                1 | seeds: 1992
                  | ^^^^^
        "#]],
    );
    change(
        "[1992, 1996]",
        "",
        expect![[r#"
            scenarios/test.yaml:1: seeds: expected a list, found nothing
                1 | seeds:
                  | ^^^^^
        "#]],
    );
    change(
        "1996]",
        "nineteen ninety-six]",
        expect![[r#"
            scenarios/test.yaml:1: seeds[1]: expected a whole number, found the text `nineteen ninety-six`
                1 | seeds: [1992, nineteen ninety-six]
                  |               ^^^^^^^^^^^^^^^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: {count: 5}}",
        expect![[r#"
            scenarios/test.yaml:2: stream.tasks.count: unknown key `count`; the choices are `base`, `increment`
                2 | stream: {tasks: {count: 5}}
                  |                  ^^^^^
        "#]],
    );
    change(
        "{source: digits}",
        "digits",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits: expected a mapping, found the text `digits`; write `digits: {source: digits}`
                6 |   digits: digits
                  |   ^^^^^^
        "#]],
    );
    change(
        "{lr: 0.1, epochs: 5}",
        "[0.1, 5]",
        expect![[r#"
            scenarios/test.yaml:9: strategies.linear.parameters: expected a mapping, found a list
                9 |     parameters: [0.1, 5]
                  |     ^^^^^^^^^^
        "#]],
    );
    change(
        "lr: 0.1",
        "lr: .inf",
        expect![[r#"
            scenarios/test.yaml:9: strategies.linear.parameters.lr: must be a finite number, found .inf
                9 |     parameters: {lr: .inf, epochs: 5}
                  |                  ^^
        "#]],
    );
    change(
        "nearest-class-mean: {}",
        "nearest-class-mean: {backbone: [pixels]}",
        expect![[r#"
            scenarios/test.yaml:10: strategies.nearest-class-mean.backbone: expected text, found a list; write `backbone: pixels`
               10 |   nearest-class-mean: {backbone: [pixels]}
                  |                        ^^^^^^^^
        "#]],
    );
}

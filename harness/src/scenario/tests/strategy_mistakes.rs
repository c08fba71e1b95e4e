//! The messages about strategies and their grids.

use super::{change, changed, says};
use expect_test::expect;

#[test]
fn strategies() {
    let ncm = "nearest-class-mean: {}";
    let with = |keys: &str| changed(ncm, &format!("nearest-class-mean: {{{keys}}}"));
    says(
        &with("backbone: pixel"),
        expect![[r#"
            scenarios/test.yaml:10: strategies.nearest-class-mean.backbone: unknown backbone `pixel`; did you mean `pixels`?
               10 |   nearest-class-mean: {backbone: pixel}
                  |                        ^^^^^^^^
        "#]],
    );
    says(
        &with("backbones: [pixels, clip]"),
        expect![[r#"
            scenarios/test.yaml:10: strategies.nearest-class-mean.backbones[1]: unknown backbone `clip`; the only choice is `pixels`
               10 |   nearest-class-mean: {backbones: [pixels, clip]}
                  |                                            ^^^^
        "#]],
    );
    says(
        &with("backbones: [pixels, pixels]"),
        expect![[r#"
            scenarios/test.yaml:10: strategies.nearest-class-mean.backbones[1]: `pixels` is listed twice; keep one of the two
               10 |   nearest-class-mean: {backbones: [pixels, pixels]}
                  |                                            ^^^^^^
        "#]],
    );
    says(
        &with("backbone: pixels, backbones: [pixels]"),
        expect![[r#"
            scenarios/test.yaml:10: strategies.nearest-class-mean: `backbone` and `backbones` are both given; remove one of them
               10 |   nearest-class-mean: {backbone: pixels, backbones: [pixels]}
                  |   ^^^^^^^^^^^^^^^^^^
        "#]],
    );
    says(
        &with("regime: jont"),
        expect![[r#"
            scenarios/test.yaml:10: strategies.nearest-class-mean.regime: unknown value `jont`; did you mean `joint`?
               10 |   nearest-class-mean: {regime: jont}
                  |                        ^^^^^^
        "#]],
    );
    says(
        &with("regime: parallel"),
        expect![[r#"
            scenarios/test.yaml:10: strategies.nearest-class-mean.regime: unknown value `parallel`; the choices are `sequential`, `joint`
               10 |   nearest-class-mean: {regime: parallel}
                  |                        ^^^^^^
        "#]],
    );
    says(
        &with("provenance: guessed"),
        expect![[r#"
            scenarios/test.yaml:10: strategies.nearest-class-mean.provenance: unknown value `guessed`; the choices are `published`, `tuned`
               10 |   nearest-class-mean: {provenance: guessed}
                  |                        ^^^^^^^^^^
        "#]],
    );
    says(
        &with("trials: 12"),
        expect![[r#"
            scenarios/test.yaml:10: strategies.nearest-class-mean.trials: `trials` counts the runs of a tuning, so it requires `provenance: tuned`; add that, or remove `trials`
               10 |   nearest-class-mean: {trials: 12}
                  |                        ^^^^^^
        "#]],
    );
    says(
        &with("trials: 12, provenance: published"),
        expect![[r#"
            scenarios/test.yaml:10: strategies.nearest-class-mean.trials: `trials` counts the runs of a tuning, so it requires `provenance: tuned`; add that, or remove `trials`
               10 |   nearest-class-mean: {trials: 12, provenance: published}
                  |                        ^^^^^^
        "#]],
    );
    says(
        &with("trials: 0, provenance: tuned"),
        expect![[r#"
            scenarios/test.yaml:10: strategies.nearest-class-mean.trials: must be at least 1, got 0
               10 |   nearest-class-mean: {trials: 0, provenance: tuned}
                  |                        ^^^^^^
        "#]],
    );
    says(
        &with("use: ''"),
        expect![[r#"
            scenarios/test.yaml:10: strategies.nearest-class-mean.use: must not be empty; write the name that the plugin offers, or remove the key
               10 |   nearest-class-mean: {use: ''}
                  |                        ^^^
        "#]],
    );
    change(
        "  linear:",
        "  linear[2]:",
        expect![[r#"
            scenarios/test.yaml:8: strategies.linear[2]: `linear[2]` is not a valid name; use letters, digits, `.`, `_`, `+` and `-`, beginning with a letter or a digit
                8 |   linear[2]:
                  |   ^^^^^^^^^
        "#]],
    );
    change(
        "  pixels: {}\n",
        "  pixels: {}\n  clip: {}\n",
        expect![[r#"
            scenarios/test.yaml:9: strategies.linear: the scenario has several backbones; choose one of `pixels`, `clip` with `backbone:`, or write `backbones: []` for none
                9 |   linear:
                  |   ^^^^^^
        "#]],
    );
    let without = changed("backbones:\n  pixels: {}\n", "");
    says(
        &without.replace(ncm, "nearest-class-mean: {backbone: pixels}"),
        expect![[r#"
            scenarios/test.yaml:8: strategies.nearest-class-mean.backbone: the scenario has no backbone `pixels`; add `backbones: {pixels: {}}` at the top level
                8 |   nearest-class-mean: {backbone: pixels}
                  |                        ^^^^^^^^
        "#]],
    );
}

#[test]
fn labels() {
    let ncm = "nearest-class-mean: {}";
    let with = |keys: &str| changed(ncm, &format!("nearest-class-mean: {{{keys}}}"));
    says(
        &with("label: ' '"),
        expect![[r#"
        scenarios/test.yaml:10: strategies.nearest-class-mean.label: must not be empty; write what tables call the row, or remove the key for its name
           10 |   nearest-class-mean: {label: ' '}
              |                        ^^^^^
    "#]],
    );
    says(
        &with(r#"label: "NCM\n(ours)""#),
        expect![[r#"
        scenarios/test.yaml:10: strategies.nearest-class-mean.label: a label is one line of text, and this one has a line break; write it without
           10 |   nearest-class-mean: {label: "NCM\n(ours)"}
              |                        ^^^^^
    "#]],
    );
    says(
        &with(r#"label: "\e[2JNCM""#),
        expect![[r#"
        scenarios/test.yaml:10: strategies.nearest-class-mean.label: a label is one line of text, and this one has a control character; write it without
           10 |   nearest-class-mean: {label: "\e[2JNCM"}
              |                        ^^^^^
    "#]],
    );
    says(
        &with("label: 5"),
        expect![[r#"
        scenarios/test.yaml:10: strategies.nearest-class-mean.label: expected text, found the whole number 5; put it in quotes
           10 |   nearest-class-mean: {label: 5}
              |                        ^^^^^
    "#]],
    );
    says(
        &with("label: linear"),
        expect![[r#"
        scenarios/test.yaml:10: strategies.nearest-class-mean.label: tables would call `linear` and `nearest-class-mean` both `linear`; give each row a label of its own
           10 |   nearest-class-mean: {label: linear}
              |                        ^^^^^
    "#]],
    );
    says(
        &with("title: NCM (ours)"),
        expect![[r#"
        scenarios/test.yaml:10: strategies.nearest-class-mean.title: unknown key `title`; write `label: NCM (ours)`
           10 |   nearest-class-mean: {title: NCM (ours)}
              |                        ^^^^^
    "#]],
    );
    change(
        "  linear:\n",
        "  other: {use: linear, label: NCM (ours)}\n  again: {use: linear, label: NCM (ours)}\n  linear:\n",
        expect![[r#"
            scenarios/test.yaml:9: strategies.again.label: tables would call `other` and `again` both `NCM (ours)`; give each row a label of its own
                9 |   again: {use: linear, label: NCM (ours)}
                  |                        ^^^^^
        "#]],
    );
}

#[test]
fn grids() {
    let linear = "    parameters: {lr: 0.1, epochs: 5}\n";
    let with = |grid: &str| changed(linear, &format!("{linear}    grid: {grid}\n"));
    says(
        &with("{}"),
        expect![[r#"
            scenarios/test.yaml:10: strategies.linear.grid: must not be empty; add parameters to vary, or remove the key
               10 |     grid: {}
                  |     ^^^^
        "#]],
    );
    says(
        &with("{momentum: []}"),
        expect![[r#"
            scenarios/test.yaml:10: strategies.linear.grid.momentum: must not be empty; list the values to try, or remove the key
               10 |     grid: {momentum: []}
                  |            ^^^^^^^^
        "#]],
    );
    says(
        &with("{momentum: 0.9}"),
        expect![[r#"
            scenarios/test.yaml:10: strategies.linear.grid.momentum: expected a list, found the number 0.9; write `momentum: [0.9]`
               10 |     grid: {momentum: 0.9}
                  |            ^^^^^^^^
        "#]],
    );
    says(
        &with("{lr: [0.1, 0.2]}"),
        expect![[r#"
            scenarios/test.yaml:10: strategies.linear.grid.lr: `lr` is varied here and also set by `parameters.lr`; remove one of them
               10 |     grid: {lr: [0.1, 0.2]}
                  |            ^^
        "#]],
    );
    says(
        &with("{lr.start: [0.1, 0.2]}"),
        expect![[r#"
            scenarios/test.yaml:10: strategies.linear.grid.lr.start: `lr.start` is varied here and also set by `parameters.lr`; remove one of them
               10 |     grid: {lr.start: [0.1, 0.2]}
                  |            ^^^^^^^^
        "#]],
    );
    says(
        &with("{optimizer: [{}], optimizer.lr: [0.1]}"),
        expect![[r#"
            scenarios/test.yaml:10: strategies.linear.grid.optimizer.lr: `optimizer.lr` is varied here and also set by `grid.optimizer`; remove one of them
               10 |     grid: {optimizer: [{}], optimizer.lr: [0.1]}
                  |                             ^^^^^^^^^^^^
        "#]],
    );
    says(
        &with("{optimizer..lr: [0.1]}"),
        expect![[r#"
            scenarios/test.yaml:10: strategies.linear.grid.optimizer..lr: `optimizer..lr` is not the path of a parameter; separate nested keys with one dot, as in `optimizer.lr`
               10 |     grid: {optimizer..lr: [0.1]}
                  |            ^^^^^^^^^^^^^
        "#]],
    );
    says(
        &with("{momentum: [0.9, 0.5, 0.9]}"),
        expect![[r#"
            scenarios/test.yaml:10: strategies.linear.grid: two rows of this grid are called `linear[momentum=0.9]`; list each value once
               10 |     grid: {momentum: [0.9, 0.5, 0.9]}
                  |     ^^^^
        "#]],
    );
    says(
        &with("{momentum: [0.9, '0.9']}"),
        expect![[r#"
            scenarios/test.yaml:10: strategies.linear.grid: two rows of this grid are called `linear[momentum=0.9]`; list each value once
               10 |     grid: {momentum: [0.9, '0.9']}
                  |     ^^^^
        "#]],
    );
}

//! The messages about anchors, merge keys, tags and nesting, and the lines that they point at.

use super::{GOOD, change, changed, parse, parse_with, says, shown};
use crate::scenario::SetOverride;
use expect_test::{Expect, expect};

#[test]
fn a_mistake_is_shown_where_it_was_written() {
    // The path says who uses it; the line is the one to change.
    let shared = "    parameters: &shared
      lr: 0.1
      epochs: .inf
  other: {use: linear, parameters: *shared}
";
    let text = changed("    parameters: {lr: 0.1, epochs: 5}\n", shared);
    says(
        &text,
        expect![[r#"
            scenarios/test.yaml:11: strategies.linear.parameters.epochs: must be a finite number, found .inf
               11 |       epochs: .inf
                  |       ^^^^^^
        "#]],
    );
    let text = text.replace("epochs: .inf", "epochs: 5");
    let scenario = parse(&text).unwrap();
    let key = scenario.strategies[1].parameter_key("epochs");
    expect![[r#"
        scenarios/test.yaml:11: strategies.other.parameters.epochs: must be at most 3
           11 |       epochs: 5
              |       ^^^^^^
    "#]]
    .assert_eq(&shown(scenario.key_error(&key, "must be at most 3")));
    // What the anchor lacks is missing at the alias.
    let key = scenario.strategies[1].parameter_key("momentum");
    expect![[r#"
        scenarios/test.yaml:12: strategies.other.parameters.momentum: is required
           12 |   other: {use: linear, parameters: *shared}
              |                        ^^^^^^^^^^
    "#]]
    .assert_eq(&shown(scenario.key_error(&key, "is required")));
}

#[test]
fn names_with_dots() {
    // `strategies.linear.parameters` is the path of two keys, as it is shown.
    change(
        "  nearest-class-mean: {}",
        "  linear.parameters:\n    {lr: 1}",
        expect![[r#"
            scenarios/test.yaml:11: strategies.linear.parameters.lr: unknown key `lr`; if it is a parameter, put it under `parameters:`, as in `linear.parameters: {parameters: {lr: 1}}`
               11 |     {lr: 1}
                  |      ^^
        "#]],
    );
    let text = changed(
        "  nearest-class-mean: {}",
        "  linear.parameters: {use: linear, trials: 0}",
    );
    says(
        &text,
        expect![[r#"
            scenarios/test.yaml:10: strategies.linear.parameters.trials: must be at least 1, got 0
               10 |   linear.parameters: {use: linear, trials: 0}
                  |                                    ^^^^^^
        "#]],
    );
}

#[test]
fn a_merged_key_is_shown_where_it_was_written() {
    let merged = "    regime: sequential
    parameters: &base {lr: 0.1, epochs: 5}
  other:
    use: linear
    parameters:
      <<: *base
      lr: 0.2
";
    let scenario = parse(&changed("    parameters: {lr: 0.1, epochs: 5}\n", merged)).unwrap();
    let says_of = |parameter: &str, message: Expect| {
        let key = scenario.strategies[1].parameter_key(parameter);
        message.assert_eq(&shown(scenario.key_error(&key, "is wrong")));
    };
    says_of(
        "lr",
        expect![[r#"
            scenarios/test.yaml:15: strategies.other.parameters.lr: is wrong
               15 |       lr: 0.2
                  |       ^^
        "#]],
    );
    says_of(
        "epochs",
        expect![[r#"
            scenarios/test.yaml:10: strategies.other.parameters.epochs: is wrong
               10 |     parameters: &base {lr: 0.1, epochs: 5}
                  |                                 ^^^^^^
        "#]],
    );
    // A key that is unknown in the mapping it is merged into.
    says_of_a_stream(
        "{<<: {tasks: 5, regime: joint}}",
        expect![[r#"
            scenarios/test.yaml:2: stream.regime: unknown key `regime`; the choices are `tasks`, `task_sizes`, `class_order`, `augmentation`
                2 | stream: {<<: {tasks: 5, regime: joint}}
                  |                         ^^^^^^
        "#]],
    );
}

/// The good scenario with this stream gives this message.
fn says_of_a_stream(stream: &str, message: Expect) {
    change("{tasks: 5}", stream, message);
}

#[test]
fn merge_keys_that_merge_nothing() {
    says_of_a_stream(
        "{<<: [{tasks: 5}, 5]}",
        expect![[r#"
            scenarios/test.yaml:2: stream.<<: `<<` merges a mapping or a list of mappings, found a list with the whole number 5
                2 | stream: {<<: [{tasks: 5}, 5]}
                  |          ^^
        "#]],
    );
    says_of_a_stream(
        "{<<: [[{tasks: 5}]]}",
        expect![[r#"
            scenarios/test.yaml:2: stream.<<: `<<` merges a mapping or a list of mappings, found a list with a list
                2 | stream: {<<: [[{tasks: 5}]]}
                  |          ^^
        "#]],
    );
    says_of_a_stream(
        "{<<: !local {tasks: 5}}",
        expect![[r#"
            scenarios/test.yaml:2: stream.<<: `<<` merges a mapping or a list of mappings, found a tagged value
                2 | stream: {<<: !local {tasks: 5}}
                  |          ^^
        "#]],
    );
    says_of_a_stream(
        "{<<: {tasks: 5}, <<: {tasks: 4}}",
        expect![[r#"
            scenarios/test.yaml:2: stream.<<: duplicate key `<<`, first on line 2; remove one of them
                2 | stream: {<<: {tasks: 5}, <<: {tasks: 4}}
                  |                          ^^
        "#]],
    );
}

#[test]
fn aliases() {
    change(
        "[1992, 1996]",
        "&seeds [1992, *seeds]",
        expect![[r#"
            scenarios/test.yaml:1: seeds[1]: not valid YAML: this alias is inside the value that it repeats
                1 | seeds: &seeds [1992, *seeds]
                  |                      ^^^^^^
        "#]],
    );
    change(
        "  digits: {source",
        "  ? *seeds\n  : {source",
        expect![[r#"
            scenarios/test.yaml:6: domains: not valid YAML: `*seeds` repeats an anchor that is not defined; if it is text, write `"*seeds"`
                6 |   ? *seeds
                  |     ^
        "#]],
    );
    says(
        &GOOD
            .replace("[1992, 1996]", "&seeds [1992, 1996]")
            .replace("  digits:", "  *seeds :"),
        expect![[r#"
            scenarios/test.yaml:6: domains: a key must be text, found an alias; put it in quotes
                6 |   *seeds : {source: digits}
                  |   ^^^^^^
        "#]],
    );
}

#[test]
fn tags() {
    change(
        "digits: {source",
        "!local digits: {source",
        expect![[r#"
            scenarios/test.yaml:6: domains: YAML tags such as `!local` are not supported; remove it
                6 |   !local digits: {source: digits}
                  |   ^^^^^^^^^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "!local {tasks: 5}",
        expect![[r#"
            scenarios/test.yaml:2: stream: YAML tags such as `!local` are not supported; remove it
                2 | stream: !local {tasks: 5}
                  | ^^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: !!int five}",
        expect![[r#"
        scenarios/test.yaml:2: stream.tasks: expected a whole number, found the text `five`
            2 | stream: {tasks: !!int five}
              |          ^^^^^
    "#]],
    );
    change(
        "[1992, 1996]",
        "[1992, !!int five]",
        expect![[r#"
        scenarios/test.yaml:1: seeds[1]: expected a whole number, found the text `five`
            1 | seeds: [1992, !!int five]
              |               ^^^^^^^^^^
    "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 99999999999999999999}",
        expect![[r#"
            scenarios/test.yaml:2: stream.tasks: the number 99999999999999999999 has too many digits; write it with an exponent, as in `1e20`, or in quotes if it is text
                2 | stream: {tasks: 99999999999999999999}
                  |          ^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{99999999999999999999: 5}",
        expect![[r#"
        scenarios/test.yaml:2: stream: the number 99999999999999999999 has too many digits; write it with an exponent, as in `1e20`, or in quotes if it is text
            2 | stream: {99999999999999999999: 5}
              |          ^^^^^^^^^^^^^^^^^^^^
    "#]],
    );
    let scenario = parse(&changed("linear:", "!!str linear:")).unwrap();
    assert_eq!(scenario.strategies[0].name, "linear");
}

#[test]
fn nesting() {
    let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    // It is inside four mappings: the file's, `strategies`, `linear` and `parameters`.
    assert!(parse(&changed("lr: 0.1", &format!("lr: {}", deep(124)))).is_ok());
    change(
        "lr: 0.1",
        &format!("lr: {}", deep(125)),
        expect![[r#"
            scenarios/test.yaml:9: not valid YAML: lists and mappings are nested too deep, more than 128 levels
        "#]],
    );
    let mut blocks = "seeds:\n".to_owned();
    for level in 1..200 {
        blocks += &format!("{}-\n", " ".repeat(level));
    }
    says(
        &blocks,
        expect![[r#"
            scenarios/test.yaml:129: not valid YAML: lists and mappings are nested too deep, more than 128 levels
              129 |                                                                                                                                 -
                  |                                                                                                                                 ^
        "#]],
    );
}

#[test]
fn overrides_of_what_is_shared_change_one_place() {
    let text = changed(
        "{lr: 0.1, epochs: 5}",
        "&base {lr: 0.1, deep: {x: 1}}\n  other: {use: linear, parameters: *base}",
    );
    let scenario = parse_with(
        &text,
        &["strategies.other.deep.x=2", "strategies.other.momentum=0.9"],
    )
    .unwrap();
    let parameters = |row: usize| scenario.strategies[row].parameters.to_string();
    assert_eq!(parameters(0), r#"{"deep":{"x":1},"lr":0.1}"#);
    assert_eq!(parameters(1), r#"{"deep":{"x":2},"lr":0.1,"momentum":0.9}"#);
    let error = |parameter: &str| {
        let key = scenario.strategies[1].parameter_key(parameter);
        shown(scenario.key_error(&key, "is wrong"))
    };
    expect![[r#"
        --set strategies.other.deep.x=2: strategies.other.parameters.deep.x: is wrong
    "#]]
    .assert_eq(&error("deep.x"));
    expect![[r#"
        scenarios/test.yaml:9: strategies.other.parameters.lr: is wrong
            9 |     parameters: &base {lr: 0.1, deep: {x: 1}}
              |                        ^^
    "#]]
    .assert_eq(&error("lr"));
    let set = "strategies.linear.grid={1: [2]}".parse::<SetOverride>();
    expect![[r#"
        the value of `strategies.linear.grid`: a key must be text, found the number 1; put it in quotes
    "#]].assert_eq(&shown(set.unwrap_err()));
}

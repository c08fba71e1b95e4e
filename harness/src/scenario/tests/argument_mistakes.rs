//! The messages about arguments that change or filter a scenario.

use super::{GOOD, changed, parse, parse_with, shown};
use crate::id::Seed;
use crate::scenario::{Selection, SetOverride};
use expect_test::{Expect, expect};

#[test]
fn overrides() {
    let set = |set: &str, message: Expect| {
        message.assert_eq(&shown(parse_with(GOOD, &[set]).unwrap_err()));
    };
    set(
        "strategies.liner.lr=0.1",
        expect![[r#"
            --set strategies.liner.lr=0.1: unknown strategy `liner`; did you mean `linear`?
        "#]],
    );
    set(
        "domains.letters.source=idx",
        expect![[r#"
            --set domains.letters.source=idx: unknown domain `letters`; the only choice is `digits`
        "#]],
    );
    set(
        "backbones.clip.size=4",
        expect![[r#"
            --set backbones.clip.size=4: unknown backbone `clip`; the only choice is `pixels`
        "#]],
    );
    set(
        "thread=2",
        expect![[r#"
            --set thread=2: thread: unknown key `thread`; did you mean `threads`?
        "#]],
    );
    set(
        "threads=two",
        expect![[r#"
            --set threads=two: threads: expected a whole number, found the text `two`
        "#]],
    );
    set(
        "stream.tasks=0",
        expect![[r#"
            --set stream.tasks=0: stream.tasks: must be at least 1, got 0
        "#]],
    );
    set(
        "seeds=[1, 2, 1]",
        expect![[r#"
            --set seeds=[1, 2, 1]: seeds[2]: `1` is listed twice; keep one of the two
        "#]],
    );
    set(
        "seeds.first=1",
        expect![[r#"
            --set seeds.first=1: `seeds` is a list, so it has no keys to set
        "#]],
    );
    set(
        "strategies.linear.grid={lr: [0.1]}",
        expect![[r#"
            --set strategies.linear.grid={lr: [0.1]}: strategies.linear.grid.lr: `lr` is varied here and also set by `parameters.lr`; remove one of them
        "#]],
    );
    set(
        "strategies.linear.regime=jont",
        expect![[r#"
            --set strategies.linear.regime=jont: strategies.linear.regime: unknown value `jont`; did you mean `joint`?
        "#]],
    );

    let malformed = |argument: &str| shown(argument.parse::<SetOverride>().unwrap_err());
    expect![[r#"
        `threads` is not KEY=VALUE; write `threads=2` or `strategies.NAME.KEY=VALUE`, for example
    "#]]
    .assert_eq(&malformed("threads"));
    expect![[r#"
        `=2` is not KEY=VALUE; write `threads=2` or `strategies.NAME.KEY=VALUE`, for example
    "#]]
    .assert_eq(&malformed("=2"));
    expect![[r#"
        `strategies..lr=2` is not KEY=VALUE; write `threads=2` or `strategies.NAME.KEY=VALUE`, for example
    "#]].assert_eq(&malformed("strategies..lr=2"));
    expect![[r#"
        the value of `seeds` is not valid YAML: did not find expected ',' or ']' at line 2 column 1, while parsing a flow sequence
    "#]].assert_eq(&malformed("seeds=[1, 2"));
}

#[test]
fn selections() {
    let text = changed("{lr: 0.1, epochs: 5}", "{}\n    grid: {lr: [0.1, 0.2]}");
    let scenario = parse(&text).unwrap();
    let select = |selection: Selection, message: Expect| {
        message.assert_eq(&shown(scenario.select(&selection).unwrap_err()));
    };
    let only = |name: &str| Selection {
        only: vec![name.to_owned()],
        ..Selection::default()
    };
    select(
        only("liner"),
        expect![[r#"
            --only liner: unknown strategy `liner`; did you mean `linear`?
        "#]],
    );
    select(
        only("linear[lr=0.3]"),
        expect![[r#"
            --only linear[lr=0.3]: unknown strategy `linear[lr=0.3]`; did you mean `linear[lr=0.1]`?
        "#]],
    );
    select(
        only("clip"),
        expect![[r#"
            --only clip: unknown strategy `clip`; the choices are `linear`, `linear[lr=0.1]`, `linear[lr=0.2]`, `nearest-class-mean`
        "#]],
    );
    let domains = vec!["letters".to_owned()];
    select(
        Selection {
            domains,
            ..Selection::default()
        },
        expect![[r#"
            --domain letters: unknown domain `letters`; the only choice is `digits`
        "#]],
    );
    let seeds = vec![Seed(7)];
    select(
        Selection {
            seeds,
            ..Selection::default()
        },
        expect![[r#"
            --seed 7: unknown seed `7`; the choices are `1992`, `1996`
        "#]],
    );
}

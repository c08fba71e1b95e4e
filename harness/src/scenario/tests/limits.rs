//! Limits: what they mean, and the messages about invalid ones.

use super::{change, changed, parse, parse_with};
use crate::byte_size::ByteSize;
use crate::scenario::Limits;
use expect_test::expect;

#[test]
fn limits_are_read_and_completed() {
    let written = changed("seeds:", "limits: {time: 90m, memory: 16GiB}\nseeds:");
    let limits = parse(&written).unwrap().limits;
    assert_eq!(
        serde_json::to_value(limits).unwrap(),
        serde_json::json!({"time": "1h30m", "memory": "16GiB"})
    );
    let argument = Limits {
        time: None,
        memory: Some(ByteSize(1 << 30)),
    };
    let both = argument.or(limits);
    assert_eq!((both.time, both.memory), (limits.time, argument.memory));
    let in_bytes = changed("seeds:", "limits: {memory: 2000000000}\nseeds:");
    let limits = parse(&in_bytes).unwrap().limits;
    assert_eq!(limits.memory.unwrap().to_string(), "2GB");
    assert!(
        parse(&changed("seeds:", "limits: {}\nseeds:"))
            .unwrap()
            .limits
            .is_none()
    );
    let set = parse_with(&written, &["limits.time=2h"]).unwrap().limits;
    assert_eq!(set.time.unwrap().to_string(), "2h");
}

#[test]
fn invalid_limits() {
    let limits = |written: &str, message| change("seeds:", &format!("{written}\nseeds:"), message);
    limits(
        "limits: 2h",
        expect![[r#"
        scenarios/test.yaml:1: limits: expected a mapping, found the text `2h`
            1 | limits: 2h
              | ^^^^^^
    "#]],
    );
    limits(
        "limits: {time: 7200}",
        expect![[r#"
        scenarios/test.yaml:1: limits.time: `7200` has no unit; write `7200s`, `7200m` or `7200h`
            1 | limits: {time: 7200}
              |          ^^^^
    "#]],
    );
    limits(
        "limits: {time: 1.5h}",
        expect![[r#"
        scenarios/test.yaml:1: limits.time: `1.5h` is not in whole units; write, for example, `1h30m` for one and a half hours
            1 | limits: {time: 1.5h}
              |          ^^^^
    "#]],
    );
    limits(
        "limits: {time: 1.5}",
        expect![[r#"
        scenarios/test.yaml:1: limits.time: expected a duration such as `90s`, `30m`, `2h` or `1h30m`, found the number 1.5
            1 | limits: {time: 1.5}
              |          ^^^^
    "#]],
    );
    limits(
        "limits: {time: 2 hours}",
        expect![[r#"
        scenarios/test.yaml:1: limits.time: `2 hours` is not a duration; write a number with a unit, as in `90s`, `30m`, `2h` or `1h30m`
            1 | limits: {time: 2 hours}
              |          ^^^^
    "#]],
    );
    limits(
        "limits: {time: 0s}",
        expect![[r#"
        scenarios/test.yaml:1: limits.time: must be at least `1s`, got `0s`
            1 | limits: {time: 0s}
              |          ^^^^
    "#]],
    );
    limits(
        "limits: {memory: 16G}",
        expect![[r#"
        scenarios/test.yaml:1: limits.memory: `16G` may be binary or decimal; write `16GiB` or `16GB`
            1 | limits: {memory: 16G}
              |          ^^^^^^
    "#]],
    );
    limits(
        "limits: {memory: 16}",
        expect![[r#"
        scenarios/test.yaml:1: limits.memory: no cell can run in 16B; write at least 16MiB, with a unit as in `16GiB`
            1 | limits: {memory: 16}
              |          ^^^^^^
    "#]],
    );
    limits(
        "limits: {memory: [16GiB]}",
        expect![[r#"
        scenarios/test.yaml:1: limits.memory: expected an amount of memory such as `512MiB` or `16GiB`, found a list
            1 | limits: {memory: [16GiB]}
              |          ^^^^^^
    "#]],
    );
    limits(
        "limits: {ram: 16GiB}",
        expect![[r#"
        scenarios/test.yaml:1: limits.ram: unknown key `ram`; the choices are `time`, `memory`
            1 | limits: {ram: 16GiB}
              |          ^^^
    "#]],
    );
    limits(
        "limits:\n  time: 2h\n  memory: lots",
        expect![[r#"
        scenarios/test.yaml:3: limits.memory: `lots` is not an amount of memory; write a number with a unit, as in `512MiB` or `16GiB`
            3 |   memory: lots
              |   ^^^^^^
    "#]],
    );
    limits(
        "timeout: 2h",
        expect![[r#"
        scenarios/test.yaml:1: timeout: unknown key `timeout`; write `limits: {time: 2h}`
            1 | timeout: 2h
              | ^^^^^^^
    "#]],
    );
    limits(
        "memory_limit: 16GiB",
        expect![[r#"
        scenarios/test.yaml:1: memory_limit: unknown key `memory_limit`; write `limits: {memory: 16GiB}`
            1 | memory_limit: 16GiB
              | ^^^^^^^^^^^^
    "#]],
    );
}

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
    limits("limits: 2h", expect![[""]]);
    limits("limits: {time: 7200}", expect![[""]]);
    limits("limits: {time: 1.5h}", expect![[""]]);
    limits("limits: {time: 1.5}", expect![[""]]);
    limits("limits: {time: 2 hours}", expect![[""]]);
    limits("limits: {time: 0s}", expect![[""]]);
    limits("limits: {memory: 16G}", expect![[""]]);
    limits("limits: {memory: 16}", expect![[""]]);
    limits("limits: {memory: [16GiB]}", expect![[""]]);
    limits("limits: {ram: 16GiB}", expect![[""]]);
    limits("limits:\n  time: 2h\n  memory: lots", expect![[""]]);
    limits("timeout: 2h", expect![[""]]);
    limits("memory_limit: 16GiB", expect![[""]]);
}

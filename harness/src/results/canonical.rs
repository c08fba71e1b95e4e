//! Canonical JSON: keys sorted, no spaces.

use serde::Serialize;
use serde_json::Value;

/// The canonical text of plain data.
pub(super) fn canonical(value: &impl Serialize) -> String {
    let mut text = String::new();
    write(&serde_json::to_value(value).expect("plain data"), &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (i, (key, value)) in entries.into_iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_does_not_matter() {
        let a: Value =
            serde_json::from_str(r#"{"b": [1, {"d": 2.5, "c": "x\"y"}], "a": null}"#).unwrap();
        assert_eq!(canonical(&a), r#"{"a":null,"b":[1,{"c":"x\"y","d":2.5}]}"#);
    }
}

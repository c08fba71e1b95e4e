//! How tables write numbers and lists.

use harness_abi::Keeps;

/// A number with `count` decimals, and no sign before a zero: −0.0 and a rounded −1e-9 print as 0.
pub(super) fn decimals(number: f64, count: usize) -> String {
    let text = format!("{number:.count$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.bytes().all(|byte| matches!(byte, b'0' | b'.')) => digits.to_owned(),
        _ => text,
    }
}

/// What a strategy keeps. An empty list prints as `nothing`, since it is known, not missing.
pub(super) fn keeps(kept: &[Keeps]) -> String {
    match kept {
        [] => "nothing".to_owned(),
        _ => joined(kept, "+"),
    }
}

pub(super) fn joined<T: ToString>(items: &[T], separator: &str) -> String {
    let items: Vec<String> = items.iter().map(T::to_string).collect();
    items.join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_has_no_sign() {
        let texts = [-0.0, -1e-9, 0.0, -0.01, 1.005].map(|number| decimals(number, 2));
        assert_eq!(texts, ["0.00", "0.00", "0.00", "-0.01", "1.00"]);
    }
}

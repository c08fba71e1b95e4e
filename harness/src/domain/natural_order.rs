//! Natural order: `2` before `100`, `img9` before `img10`.

use std::cmp::Ordering;

/// Compares runs of digits by their value and everything else byte by byte. Names that differ only
/// in leading zeros (`7`, `07`) fall back to plain order, so only equal names compare as equal.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    loop {
        let order = match (left.first(), right.first()) {
            (None, None) => return a.cmp(b),
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (x, y) = (take_number(&mut left), take_number(&mut right));
                // Without leading zeros, the longer number is the larger.
                x.len().cmp(&y.len()).then_with(|| x.cmp(y))
            }
            (x, y) => {
                (left, right) = (&left[left.len().min(1)..], &right[right.len().min(1)..]);
                x.cmp(&y)
            }
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Takes the digits at the start of `text` and returns them without leading zeros.
fn take_number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    *text = rest;
    let zeros = number.iter().take_while(|&&digit| digit == b'0').count();
    &number[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_by_value() {
        let sorted = [
            "",
            "0",
            "02",
            "2",
            "20",
            "100",
            "18446744073709551617",
            "a",
            "a-1",
            "a1b2",
            "a1b10",
            "a01b10c",
            "a2b1",
            "b",
            "é",
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a:?} and {b:?}");
            }
        }
    }
}

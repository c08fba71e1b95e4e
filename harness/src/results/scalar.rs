//! Values that a strategy reported while learning, such as its loss after every epoch.
//!
//! In a file, values of one name and task that follow each other are one curve: a list of steps and
//! a list of values. Values have nine significant digits there, which is all that an f32 has, and
//! few enough to be read back as the same number. So a cell that is resumed from a file writes the
//! same bytes as one that is not.

use crate::id::TaskId;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::num::FpCategory;

/// The largest number of nine digits.
const LARGEST: f64 = 1.797_693_13e308;

/// A value that a strategy reported while learning.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalar {
    /// Its name, as chosen by the strategy.
    pub name: String,
    /// The task that was being learned.
    pub task: TaskId,
    /// The step, as counted by the strategy.
    pub step: u64,
    /// The value; always finite.
    pub value: f64,
}

/// Values as written in a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Curve {
    name: String,
    task: TaskId,
    steps: Vec<u64>,
    values: Vec<f64>,
}

/// Writes values.
pub(super) fn serialize<S: Serializer>(
    scalars: &[Scalar],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let curves = scalars.chunk_by(|one, next| (&one.name, one.task) == (&next.name, next.task));
    serializer.collect_seq(curves.map(|curve| {
        Curve {
            name: curve[0].name.clone(),
            task: curve[0].task,
            steps: curve.iter().map(|scalar| scalar.step).collect(),
            values: curve
                .iter()
                .map(|scalar| nine_digits(scalar.value))
                .collect(),
        }
    }))
}

/// Reads values.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Scalar>, D::Error> {
    let mut scalars = Vec::new();
    for curve in Vec::<Curve>::deserialize(deserializer)? {
        if curve.steps.len() != curve.values.len() {
            let why = format!("`{}` does not have a value at each step", curve.name);
            return Err(de::Error::custom(why));
        }
        let points = curve.steps.into_iter().zip(curve.values);
        scalars.extend(points.map(|(step, value)| Scalar {
            name: curve.name.clone(),
            task: curve.task,
            step,
            value: nine_digits(value),
        }));
    }
    Ok(scalars)
}

/// The number with nine significant digits. Those too small to have as many are zero.
fn nine_digits(value: f64) -> f64 {
    let text = format!("{value:.8e}");
    let rounded: f64 = text.parse().expect("a number was written");
    match rounded.classify() {
        FpCategory::Subnormal => 0.0,
        FpCategory::Infinite => LARGEST.copysign(value),
        _ => rounded,
    }
}

/// The first value that differs, in words.
pub(super) fn difference(then: &[Scalar], now: &[Scalar]) -> Option<String> {
    if then.len() != now.len() {
        return Some("it reported another number of values while learning".to_owned());
    }
    let (then, now) = then.iter().zip(now).find(|(then, now)| then != now)?;
    let at = |scalar: &Scalar| {
        format!(
            "`{}` at step {} of task {}",
            scalar.name, scalar.step, scalar.task
        )
    };
    Some(match at(then) == at(now) {
        true => format!("{} was {}, but is {} now", at(then), then.value, now.value),
        false => format!("it reported {}, where it reports {} now", at(then), at(now)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[derive(Serialize, Deserialize)]
    struct Record(#[serde(with = "super")] Vec<Scalar>);

    fn scalar(name: &str, task: u32, step: u64, value: f64) -> Scalar {
        Scalar {
            name: name.into(),
            task: TaskId(task),
            step,
            value,
        }
    }

    #[test]
    fn values_are_written_as_curves_in_their_order() {
        let scalars = vec![
            scalar("loss", 1, 1, 0.1_f32.into()),
            scalar("loss", 1, 2, 2.0),
            scalar("accuracy", 1, 2, 99.5),
            scalar("loss", 1, 3, -0.0),
            scalar("loss", 2, 1, 1e-30),
        ];
        let text = serde_json::to_string(&Record(scalars.clone())).unwrap();
        expect![[r#"[{"name":"loss","task":1,"steps":[1,2],"values":[0.100000001,2.0]},{"name":"accuracy","task":1,"steps":[2],"values":[99.5]},{"name":"loss","task":1,"steps":[3],"values":[-0.0]},{"name":"loss","task":2,"steps":[1],"values":[1e-30]}]"#]]
            .assert_eq(&text);
        let read: Record = serde_json::from_str(&text).unwrap();
        let f32s = |scalars: &[Scalar]| -> Vec<f32> {
            scalars.iter().map(|scalar| scalar.value as f32).collect()
        };
        assert_eq!(f32s(&read.0), f32s(&scalars));
        let uneven = text.replace("[1,2]", "[1]");
        let error = serde_json::from_str::<Record>(&uneven).err().unwrap();
        assert_eq!(
            error.to_string(),
            "`loss` does not have a value at each step"
        );
    }

    /// serde_json may be off by the last bit when it reads a number, which must not add up.
    #[test]
    fn values_that_were_read_are_written_with_the_same_bytes() {
        let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
        let mut scalars = Vec::new();
        while scalars.len() < 20_000 {
            bits ^= bits << 13;
            bits ^= bits >> 7;
            bits ^= bits << 17;
            let value = f64::from_bits(bits);
            if value.is_finite() {
                scalars.push(scalar("x", 1, 0, value));
            }
        }
        let written = serde_json::to_string(&Record(scalars)).unwrap();
        let read: Record = serde_json::from_str(&written).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), written);
    }

    #[test]
    fn the_first_difference_is_named() {
        let then = [scalar("loss", 1, 1, 0.5), scalar("loss", 1, 2, 0.25)];
        let with = |second: Scalar| difference(&then, &[then[0].clone(), second]);
        assert_eq!(with(then[1].clone()), None);
        expect!["`loss` at step 2 of task 1 was 0.25, but is 0.125 now"]
            .assert_eq(&with(scalar("loss", 1, 2, 0.125)).unwrap());
        expect!["it reported `loss` at step 2 of task 1, where it reports `loss` at step 3 of task 1 now"]
            .assert_eq(&with(scalar("loss", 1, 3, 0.25)).unwrap());
        expect!["it reported another number of values while learning"]
            .assert_eq(&difference(&then, &then[..1]).unwrap());
    }
}

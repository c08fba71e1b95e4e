//! The confusion matrix after the last task, kept with `--confusion`: which classes are taken for
//! which.

use super::ClassCounts;
use crate::id::ClassId;
use serde::{Deserialize, Serialize};

/// How often the test samples of each class were predicted as each class after the last task, among
/// all classes. The diagonal is the last row of [`ClassCounts::seen`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Confusion {
    /// The class, the predicted class, and how often; ordered, without zeros.
    pub entries: Vec<(ClassId, ClassId, u64)>,
}

impl Confusion {
    /// Checks that it fits the counts per class.
    pub(super) fn check(&self, counts: Option<&ClassCounts>) -> Result<(), String> {
        let Some(counts) = counts else {
            return Err("it has a confusion matrix, but no counts per class".to_owned());
        };
        let classes = counts.n.len();
        let known = |&(class, predicted, n): &(ClassId, ClassId, u64)| {
            class.index() < classes && predicted.index() < classes && n > 0
        };
        let ordered = |pair: &[(ClassId, ClassId, u64)]| {
            let [(class, predicted, _), (next, next_predicted, _)] = pair else {
                return false;
            };
            (class, predicted) < (next, next_predicted)
        };
        if !self.entries.iter().all(known) || !self.entries.windows(2).all(ordered) {
            return Err("its confusion matrix is not a list of its classes in order".to_owned());
        }
        let (mut samples, mut correct) = (vec![0_u128; classes], vec![0; classes]);
        for &(class, predicted, n) in &self.entries {
            samples[class.index()] += u128::from(n);
            if class == predicted {
                correct[class.index()] = n;
            }
        }
        let last = counts.seen.last().into_iter().flatten();
        let last = last.map(|correct| correct.unwrap_or(0));
        let of_classes = counts.n.iter().copied().map(u128::from);
        match samples.into_iter().eq(of_classes) && correct.into_iter().eq(last) {
            true => Ok(()),
            false => Err("its confusion matrix does not fit its counts per class".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_matrix_that_does_not_fit_the_counts_is_refused() {
        let counts = json!({
            "n": [3, 2], "seen": [[], [2, 0]], "all": [[], [2, 0]], "task": [[], [2, 0]],
        });
        let counts: ClassCounts = serde_json::from_value(counts).unwrap();
        let check = |entries: serde_json::Value| {
            let confusion: Confusion = serde_json::from_value(entries).unwrap();
            confusion.check(Some(&counts))
        };
        assert_eq!(check(json!([[0, 0, 2], [0, 1, 1], [1, 0, 2]])), Ok(()));
        for unordered in [
            json!([[0, 1, 1], [0, 0, 2], [1, 0, 2]]),
            json!([[0, 0, 2], [0, 1, 1], [1, 0, 1], [1, 0, 1]]),
            json!([[0, 0, 2], [0, 1, 1], [1, 0, 2], [1, 1, 0]]),
            json!([[0, 0, 2], [0, 2, 1], [1, 0, 2]]),
        ] {
            let why = check(unordered).unwrap_err();
            assert_eq!(
                why,
                "its confusion matrix is not a list of its classes in order"
            );
        }
        for unfit in [
            json!([]),
            json!([[0, 0, 2], [0, 1, 1]]),
            json!([[0, 0, 1], [0, 1, 2], [1, 0, 2]]),
            json!([[0, 0, 2], [0, 1, 1], [1, 0, 1], [1, 1, 1]]),
        ] {
            let why = check(unfit).unwrap_err();
            assert_eq!(
                why,
                "its confusion matrix does not fit its counts per class"
            );
        }
        assert!(Confusion::default().check(None).is_err());
    }
}

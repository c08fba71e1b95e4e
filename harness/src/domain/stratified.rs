//! Stratified sampling: draws a seeded part of the samples of each class.

use super::error::DomainError;
use crate::id::Label;
use harness_random::shuffled;

/// For every sample, whether it is drawn: `fraction` of each class, rounded to the nearest number
/// (halves up), but at least one sample and not all.
///
/// All samples are shuffled once with `seed`; the first ones of each class are drawn. A class with
/// fewer than two samples cannot be split, and is returned as the error.
pub(crate) fn draw(
    labels: &[Label],
    classes: usize,
    fraction: f64,
    seed: u64,
) -> Result<Vec<bool>, Label> {
    let mut samples = vec![0_usize; classes];
    for label in labels {
        samples[label.index()] += 1;
    }
    if let Some(class) = samples.iter().position(|&n| n < 2) {
        return Err(Label(class as u32));
    }
    let mut wanted: Vec<usize> = samples
        .iter()
        .map(|&n| ((n as f64 * fraction).round() as usize).clamp(1, n - 1))
        .collect();
    let mut drawn = vec![false; labels.len()];
    for sample in shuffled(labels.len(), seed) {
        let wanted = &mut wanted[labels[sample].index()];
        if *wanted > 0 {
            *wanted -= 1;
            drawn[sample] = true;
        }
    }
    Ok(drawn)
}

/// Checks that a fraction of the training data leaves samples on both sides.
pub(crate) fn check_fraction(fraction: f64) -> Result<(), DomainError> {
    if fraction > 0.0 && fraction < 1.0 {
        Ok(())
    } else {
        Err(DomainError::ValidationFraction { fraction })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(labels: &[u32]) -> Vec<Label> {
        labels.iter().map(|&label| Label(label)).collect()
    }

    #[test]
    fn draws_the_fraction_of_each_class_and_never_none_or_all() {
        let labels = labels(&[0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        for (fraction, expected) in [(0.2, [2, 1]), (0.01, [1, 1]), (0.99, [9, 1])] {
            let drawn = draw(&labels, 2, fraction, 3).unwrap();
            let count = |class| {
                labels
                    .iter()
                    .zip(&drawn)
                    .filter(|&(label, &d)| label.0 == class && d)
                    .count()
            };
            assert_eq!([count(0), count(1)], expected, "fraction {fraction}");
        }
    }

    #[test]
    fn another_seed_draws_other_samples() {
        let labels = vec![Label(0); 100];
        let draw = |seed| draw(&labels, 1, 0.5, seed).unwrap();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn a_class_with_one_sample_cannot_be_split() {
        assert_eq!(draw(&labels(&[0, 0, 1]), 2, 0.5, 0), Err(Label(1)));
    }
}

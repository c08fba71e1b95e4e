//! Chooses what a memory keeps: among its exemplars and a task's samples.

use super::herding::{herding, unit_rows};
use super::parameters::{Budget, Selection, Settings};
use crate::{During, Generator};
use harness_abi::Result;
use std::collections::BTreeMap;
use tch::{Kind, TchError, Tensor};

/// Where an exemplar of the updated memory comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    /// A row of the memory as it was.
    Kept(usize),
    /// A row of the task.
    New(usize),
}

/// What there is to choose from.
pub(super) struct Choices<'a> {
    pub settings: Settings,
    /// The classes of the exemplars, in the order of the memory.
    pub kept_labels: &'a [i64],
    /// Their features, `[exemplars, width]`.
    pub kept_features: &'a Tensor,
    /// The classes of the task's samples.
    pub new_labels: &'a [i64],
    /// Their features, `[rows, width]`.
    pub new_features: &'a Tensor,
    /// The number of samples that each class had before the task, `[classes]`.
    pub seen: &'a [i64],
    /// Seeds the draws.
    pub seed: u64,
    /// The task's number, which seeds the draws too.
    pub task: u32,
}

impl Choices<'_> {
    /// The exemplars of the updated memory, in its order.
    pub(super) fn picks(&self) -> Result<Vec<Pick>> {
        match (self.settings.selection, self.settings.budget) {
            (Selection::Reservoir, Budget::Total(size)) => {
                let mut generator = Generator::new(self.seed, "exemplars", self.task);
                Ok(self.reservoir(size as usize, &mut generator))
            }
            _ => self.of_classes(),
        }
    }

    /// Vitter's algorithm R: the n-th sample replaces a uniformly drawn one of the last n, if that
    /// is in the memory.
    fn reservoir(&self, size: usize, generator: &mut Generator) -> Vec<Pick> {
        let mut slots: Vec<Pick> = (0..self.kept_labels.len()).map(Pick::Kept).collect();
        let before: i64 = self.seen.iter().sum();
        for row in 0..self.new_labels.len() {
            if slots.len() < size {
                slots.push(Pick::New(row));
                continue;
            }
            let slot = generator.below(before as u64 + row as u64 + 1) as usize;
            if let Some(slot) = slots.get_mut(slot) {
                *slot = Pick::New(row);
            }
        }
        slots
    }

    /// The same share for every class, by ascending class.
    fn of_classes(&self) -> Result<Vec<Pick>> {
        let (kept, new) = (
            rows_by_class(self.kept_labels),
            rows_by_class(self.new_labels),
        );
        let arrived = |class: &&i64| self.seen[**class as usize] == 0;
        let classes =
            self.seen.iter().filter(|&&seen| seen > 0).count() + new.keys().filter(arrived).count();
        let share = self.settings.budget.of_class(classes);
        let mut picks = Vec::new();
        for class in 0..self.seen.len() as i64 {
            let rows = |rows: &BTreeMap<i64, Vec<usize>>| rows.get(&class).cloned();
            let (kept, new) = (
                rows(&kept).unwrap_or_default(),
                rows(&new).unwrap_or_default(),
            );
            if new.is_empty() {
                picks.extend(kept.into_iter().take(share).map(Pick::Kept));
                continue;
            }
            let before = self.seen[class as usize];
            picks.extend(match self.settings.selection {
                Selection::Herding => self.herd(&kept, &new, before, share)?,
                // One generator per class, so that a class's picks do not depend on how many the
                // others take.
                _ => {
                    let purpose = format!("exemplars/{class}");
                    let mut generator = Generator::new(self.seed, &purpose, self.task);
                    draw(&kept, &new, before, share, &mut generator)
                }
            });
        }
        Ok(picks)
    }

    /// Herding among a class's exemplars and new samples, towards the mean of all that it has had.
    fn herd(&self, kept: &[usize], new: &[usize], before: i64, share: usize) -> Result<Vec<Pick>> {
        let pool = || -> Result<(Tensor, Tensor), TchError> {
            let fresh = unit_rows(&select(self.new_features, new)?)?;
            let mean = |rows: &Tensor| rows.f_mean_dim(0, false, Kind::Double);
            if kept.is_empty() {
                let mean = mean(&fresh)?;
                return Ok((fresh, mean));
            }
            let old = unit_rows(&select(self.kept_features, kept)?)?;
            // The kept exemplars stand for all the samples that they were chosen from.
            let (of_old, of_new) = (before as f64, new.len() as f64);
            let mean = mean(&old)?
                .f_mul_scalar(of_old)?
                .f_add(&mean(&fresh)?.f_mul_scalar(of_new)?)?
                .f_div_scalar(of_old + of_new)?;
            Ok((Tensor::f_cat(&[old, fresh], 0)?, mean))
        };
        let (pool, mean) = pool().during("preparing the samples of a class for herding")?;
        let picks = herding(&pool, &mean, share)?;
        let pick = |at: usize| match at.checked_sub(kept.len()) {
            None => Pick::Kept(kept[at]),
            Some(at) => Pick::New(new[at]),
        };
        Ok(picks.into_iter().map(pick).collect())
    }
}

/// The first `share` of a random permutation of all the samples that a class has had, `before` old
/// and the new ones. The exemplars are the first of a permutation of the old samples; so all that
/// has to be drawn for each place is whether it is an old sample or a new one.
fn draw(
    kept: &[usize],
    new: &[usize],
    before: i64,
    share: usize,
    generator: &mut Generator,
) -> Vec<Pick> {
    let (mut old, mut fresh) = (before as u64, new.len() as u64);
    let mut kept = kept.iter().map(|&row| Pick::Kept(row));
    let order = generator.permutation(new.len());
    let mut new = order.into_iter().map(|at| Pick::New(new[at as usize]));
    let mut picks = Vec::with_capacity(share.min(new.len()));
    while picks.len() < share && old + fresh > 0 {
        if generator.below(old + fresh) < old {
            old -= 1;
            picks.extend(kept.next());
        } else {
            fresh -= 1;
            picks.extend(new.next());
        }
    }
    picks
}

/// The positions of each class, in order.
fn rows_by_class(labels: &[i64]) -> BTreeMap<i64, Vec<usize>> {
    let mut rows: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (row, &label) in labels.iter().enumerate() {
        rows.entry(label).or_default().push(row);
    }
    rows
}

fn select(features: &Tensor, rows: &[usize]) -> Result<Tensor, TchError> {
    let rows: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
    let rows = Tensor::f_from_slice(&rows)?.f_to_device(features.device())?;
    features.f_index_select(0, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each of the samples 0 … 5 is picked when they come in two parts.
    fn frequencies(pick: impl Fn(&mut Generator) -> Vec<usize>) -> [f64; 6] {
        let mut counts = [0.0; 6];
        let draws = 20_000;
        for task in 0..draws {
            for sample in pick(&mut Generator::new(1, "exemplars", task)) {
                counts[sample] += 1.0 / f64::from(draws);
            }
        }
        counts
    }

    #[test]
    fn random_picks_of_a_class_that_comes_back_are_uniform() {
        let counts = frequencies(|generator| {
            let rows = [0, 1, 2, 3];
            // Four samples, of which three are kept; then two more, and two places.
            let kept: Vec<usize> = (draw(&[], &rows, 0, 3, generator).into_iter())
                .map(|pick| match pick {
                    Pick::New(row) => row,
                    Pick::Kept(_) => unreachable!("nothing was kept"),
                })
                .collect();
            let picks = draw(&[0, 1, 2], &[4, 5], 4, 2, generator);
            let sample = |pick| match pick {
                Pick::Kept(row) => kept[row],
                Pick::New(row) => row,
            };
            picks.into_iter().map(sample).collect()
        });
        for count in counts {
            assert!((count - 2.0 / 6.0).abs() < 0.015, "{counts:?}");
        }
    }

    #[test]
    fn a_reservoir_is_a_uniform_sample_of_everything() {
        let none = Tensor::zeros([0], (Kind::Float, tch::Device::Cpu));
        let counts = frequencies(|generator| {
            let seed = generator.bits();
            let mut samples: Vec<usize> = Vec::new();
            for (first, rows) in [(0, 4), (4, 2)] {
                let (kept, new) = (vec![0; samples.len()], vec![0; rows]);
                let choices = Choices {
                    settings: Settings {
                        budget: Budget::Total(3),
                        selection: Selection::Reservoir,
                    },
                    kept_labels: &kept,
                    kept_features: &none,
                    new_labels: &new,
                    new_features: &none,
                    seen: &[first as i64],
                    seed,
                    task: first as u32,
                };
                let sample = |pick: &Pick| match *pick {
                    Pick::Kept(row) => samples[row],
                    Pick::New(row) => first + row,
                };
                samples = choices.picks().unwrap().iter().map(sample).collect();
            }
            samples
        });
        for count in counts {
            assert!((count - 3.0 / 6.0).abs() < 0.015, "{counts:?}");
        }
    }
}

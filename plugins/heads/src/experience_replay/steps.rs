//! Which rows the steps of an epoch take.

use clbench_torch::Generator;

/// The steps of an epoch: each takes a part of a task's rows, and exemplars.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    /// The rows of the task: 0, 1, …
    pub rows: usize,
    /// The number of exemplars; their rows follow those of the task.
    pub exemplars: usize,
    /// B, the rows of the task in a step; the last one takes what is left.
    pub batch_size: usize,
    /// R, the exemplars in a step; all of them if there are fewer.
    pub replay: usize,
}

impl Steps {
    /// The number of steps.
    pub(super) fn per_epoch(&self) -> usize {
        self.rows.div_ceil(self.batch_size)
    }

    /// The exemplars in a step.
    fn replayed(&self) -> usize {
        self.replay.min(self.exemplars)
    }

    /// The rows of a step; the last one can have fewer.
    pub(super) fn step(&self) -> usize {
        self.batch_size + self.replayed()
    }

    /// The rows of all steps, one step after another: every row of the task once, in the order of
    /// the first generator, and exemplars drawn with the second, without repetition within a step.
    pub(super) fn order(&self, rows: &mut Generator, draws: &mut Generator) -> Vec<i64> {
        let mut deck: Vec<i64> = (self.rows..self.rows + self.exemplars)
            .map(|row| row as i64)
            .collect();
        let mut order = Vec::with_capacity(self.rows + self.per_epoch() * self.replayed());
        for part in rows.permutation(self.rows).chunks(self.batch_size) {
            order.extend(part);
            for at in 0..self.replayed() {
                let other = at + draws.below((deck.len() - at) as u64) as usize;
                deck.swap(at, other);
                order.push(deck[at]);
            }
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(steps: Steps, task: u32) -> Vec<i64> {
        steps.order(
            &mut Generator::new(1, "order", task),
            &mut Generator::new(1, "replay", task),
        )
    }

    #[test]
    fn every_step_has_its_share_of_the_task_and_distinct_exemplars() {
        for (rows, exemplars, batch_size, replay) in
            [(10, 6, 4, 3), (8, 2, 4, 5), (1, 7, 32, 32), (5, 1, 1, 1)]
        {
            let steps = Steps {
                rows,
                exemplars,
                batch_size,
                replay,
            };
            let order = order(steps, 1);
            let parts: Vec<&[i64]> = order.chunks(steps.step()).collect();
            assert_eq!(parts.len(), steps.per_epoch());
            let mut of_task = Vec::new();
            for part in parts {
                let (task, mut replayed): (Vec<i64>, Vec<i64>) =
                    part.iter().partition(|&&row| row < rows as i64);
                replayed.sort_unstable();
                replayed.dedup();
                assert_eq!(replayed.len(), replay.min(exemplars), "{steps:?}");
                assert!(replayed.iter().all(|&row| row < (rows + exemplars) as i64));
                assert!(task.len() <= batch_size);
                of_task.extend(task);
            }
            of_task.sort_unstable();
            assert!(of_task.into_iter().eq(0..rows as i64), "{steps:?}");
        }
    }

    #[test]
    fn exemplars_are_drawn_uniformly_and_no_exemplars_change_nothing() {
        let steps = Steps {
            rows: 4000,
            exemplars: 5,
            batch_size: 1,
            replay: 2,
        };
        let drawn = order(steps, 2);
        for row in 4000..4005 {
            let count = drawn.iter().filter(|&&drawn| drawn == row).count();
            assert!((count as f64 / 4000.0 - 2.0 / 5.0).abs() < 0.03, "{count}");
        }
        let none = Steps {
            exemplars: 0,
            ..steps
        };
        assert_eq!(
            order(none, 2),
            Generator::new(1, "order", 2).permutation(4000)
        );
    }
}

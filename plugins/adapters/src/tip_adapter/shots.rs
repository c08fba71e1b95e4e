//! Which samples are cached, and which of them are held out.
//!
//! With a limit, the cached samples of a class are a random subset of all its samples so far, each
//! equally likely, also if the class comes back in a later task (reservoir sampling: Vitter,
//! *Random Sampling with a Reservoir*, 1985, algorithm R).

use clbench_torch::Generator;
use std::collections::BTreeMap;

/// Which rows of a cache and of a task are kept, each ascending.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Rows of the cache.
    pub cached: Vec<usize>,
    /// Rows of the task.
    pub new: Vec<usize>,
}

/// Chooses the rows to keep. `cached` and `new` are the classes of the rows; `counts` holds how
/// many samples each class had so far, and is updated. At most `shots` rows of a class are kept;
/// `None` for all.
pub fn kept(
    cached: &[i64],
    new: &[i64],
    counts: &mut [i64],
    shots: Option<u32>,
    generator: &mut Generator,
) -> Kept {
    for &class in new {
        counts[class as usize] += 1;
    }
    let Some(shots) = shots.map(|shots| shots as usize) else {
        return Kept {
            cached: (0..cached.len()).collect(),
            new: (0..new.len()).collect(),
        };
    };
    let mut kept = Kept::default();
    let (cached, new) = (by_class(cached), by_class(new));
    for (&class, rows) in &cached {
        if !new.contains_key(&class) {
            kept.cached.extend(rows);
        }
    }
    for (class, rows) in new {
        let old = cached.get(&class).map_or(&[][..], |rows| rows);
        // Rows of the task are counted on from those of the cache.
        let mut its: Vec<usize> = (0..old.len()).collect();
        let first = counts[class as usize] as usize - rows.len();
        for (number, at) in generator.permutation(rows.len()).into_iter().enumerate() {
            let new = old.len() + at as usize;
            if its.len() < shots {
                its.push(new);
            } else {
                let place = generator.below((first + number + 1) as u64) as usize;
                if place < shots {
                    its[place] = new;
                }
            }
        }
        for at in its {
            match at.checked_sub(old.len()) {
                None => kept.cached.push(old[at]),
                Some(at) => kept.new.push(rows[at]),
            }
        }
    }
    kept.cached.sort_unstable();
    kept.new.sort_unstable();
    kept
}

/// Splits rows with the given classes into a training part and a held-out part, each ascending: of
/// every class, ⌊share · rows⌋ random rows are held out.
pub fn held_out(
    classes: &[i64],
    share: f64,
    generator: &mut Generator,
) -> (Vec<usize>, Vec<usize>) {
    let (mut train, mut held) = (Vec::new(), Vec::new());
    for rows in by_class(classes).values() {
        // With a little more, because 0.2 · 5 might be just below 1.
        let many = ((share * rows.len() as f64 + 1e-9) as usize).min(rows.len() - 1);
        let order = generator.permutation(rows.len());
        let (its, rest) = order.split_at(many);
        held.extend(its.iter().map(|&at| rows[at as usize]));
        train.extend(rest.iter().map(|&at| rows[at as usize]));
    }
    train.sort_unstable();
    held.sort_unstable();
    (train, held)
}

fn by_class(classes: &[i64]) -> BTreeMap<i64, Vec<usize>> {
    let mut rows: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (row, &class) in classes.iter().enumerate() {
        rows.entry(class).or_default().push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generator(task: u32) -> Generator {
        Generator::new(4, "shots", task)
    }

    #[test]
    fn without_a_limit_every_row_is_kept() {
        let mut counts = [0; 3];
        let kept = kept(&[1, 1], &[2, 1, 2], &mut counts, None, &mut generator(1));
        assert_eq!((kept.cached, kept.new), (vec![0, 1], vec![0, 1, 2]));
        assert_eq!(counts, [0, 1, 2]);
    }

    #[test]
    fn each_class_keeps_as_many_as_it_may() {
        let mut counts = [5, 3, 0];
        // Class 0 is full and does not come back; class 1 has room for one; class 2 is new.
        let (cached, new) = ([0, 1, 0, 1, 0, 1], [2, 2, 1, 2, 2, 2]);
        let kept = kept(&cached, &new, &mut counts, Some(4), &mut generator(1));
        assert_eq!(kept.cached, [0, 1, 2, 3, 4, 5]);
        assert_eq!(kept.new.len(), 5);
        assert!(kept.new.contains(&2) && kept.new.is_sorted());
        assert_eq!(counts, [5, 4, 5]);
    }

    /// Six samples of one class in three tasks of 1, 2 and 3: each is kept equally often.
    #[test]
    fn what_is_kept_of_a_class_that_comes_back_is_a_fair_draw() {
        let mut times = [0; 6];
        let runs = 6000;
        for run in 0..runs {
            let mut counts = [0];
            let mut cache: Vec<usize> = Vec::new();
            for (task, samples) in [vec![0], vec![1, 2], vec![3, 4, 5]].iter().enumerate() {
                let mut generator = Generator::new(run, "shots", task as u32);
                let (cached, new) = (vec![0; cache.len()], vec![0; samples.len()]);
                let kept = kept(&cached, &new, &mut counts, Some(2), &mut generator);
                let mut next: Vec<usize> = kept.cached.iter().map(|&row| cache[row]).collect();
                next.extend(kept.new.iter().map(|&row| samples[row]));
                cache = next;
            }
            assert_eq!(cache.len(), 2);
            for sample in cache {
                times[sample] += 1;
            }
        }
        for times in times {
            let share = f64::from(times) / runs as f64;
            assert!((share - 1.0 / 3.0).abs() < 0.03, "{share}");
        }
    }

    #[test]
    fn every_class_is_held_out_in_proportion_and_none_loses_all() {
        let classes = [vec![7; 10], vec![2; 1], vec![3; 4], vec![5; 5]].concat();
        let (train, held) = held_out(&classes, 0.2, &mut generator(1));
        let of = |rows: &[usize], class| {
            let its = rows.iter().filter(|&&row| classes[row] == class);
            its.count()
        };
        assert_eq!([7, 2, 3, 5].map(|class| of(&held, class)), [2, 0, 0, 1]);
        let mut all = [train, held].concat();
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
    }
}

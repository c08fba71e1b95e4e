//! How domains are cut into tasks: the `stream` keys, checked.

use super::Resolver;
use super::streams::OwnStream;
use crate::scenario::error::{Problem, ScenarioError};
use crate::scenario::resolved::StreamUse;
use crate::scenario::spec;
use crate::scenario::yaml::KeyPath;
use crate::scenario::{ClassOrder, Convention, SeedRef, Tasks};
use crate::stream::{Cut, WrittenOrder};

impl Resolver<'_> {
    /// How the domain, or every domain, is cut into tasks.
    pub(super) fn stream(
        &self,
        key: &KeyPath,
        written: spec::Stream,
    ) -> Result<OwnStream, ScenarioError> {
        let tasks = self.tasks(key, written.tasks, written.task_sizes)?;
        let class_order = self.class_order(&key.join("class_order"), written.class_order)?;
        Ok(OwnStream {
            cut: Cut { tasks, class_order },
            augmentation: written.augmentation.unwrap_or_default(),
            key: key.clone(),
        })
    }

    /// The tasks of the stream at `key`.
    pub(super) fn tasks(
        &self,
        key: &KeyPath,
        tasks: Option<spec::Tasks>,
        sizes: Option<Vec<u32>>,
    ) -> Result<Tasks, ScenarioError> {
        match (tasks, sizes) {
            (Some(_), Some(_)) => Err(self.error(key, Problem::TasksTwice)),
            (None, None) => Err(self.error(key, Problem::NoTasks)),
            (Some(spec::Tasks::Count(count)), None) => {
                let count = self.at_least_one(&key.join("tasks"), count)?;
                Ok(Tasks::Count(count.get()))
            }
            (Some(spec::Tasks::Increments(spec::Increments { base, increment })), None) => {
                let key = key.join("tasks").join("increment");
                let increment = self.at_least_one(&key, increment)?.get();
                let base = base.filter(|&base| base > 0).unwrap_or(increment);
                Ok(Tasks::Increments { base, increment })
            }
            (None, Some(sizes)) => {
                let key = key.join("task_sizes");
                if sizes.is_empty() {
                    let fix = "list the number of classes of each task, as in `[4, 3, 3]`";
                    return Err(self.error(&key, Problem::Empty { fix }));
                }
                for (index, &size) in sizes.iter().enumerate() {
                    self.at_least_one(&key.index(index), size)?;
                }
                Ok(Tasks::Sizes(sizes))
            }
        }
    }

    /// The class order at `key`; the default is `listed`.
    pub(super) fn class_order(
        &self,
        key: &KeyPath,
        written: Option<spec::ClassOrder>,
    ) -> Result<ClassOrder, ScenarioError> {
        match written {
            None | Some(spec::ClassOrder::Listed) => Ok(ClassOrder::Listed),
            Some(spec::ClassOrder::Published(order)) => Ok(order.order()),
            Some(spec::ClassOrder::Generated(order)) => self.generated_order(key, order),
            Some(spec::ClassOrder::Written(classes)) => {
                let order = WrittenOrder::new(classes).map_err(|error| {
                    let key = error.place().map_or(key.clone(), |place| key.index(place));
                    self.error(&key, Problem::Later(error.to_string()))
                })?;
                Ok(ClassOrder::Written(order))
            }
        }
    }

    fn generated_order(
        &self,
        key: &KeyPath,
        written: spec::GeneratedOrder,
    ) -> Result<ClassOrder, ScenarioError> {
        let seed = |seed| match seed {
            spec::OrderSeed::OfRun => SeedRef::CellSeed,
            spec::OrderSeed::Fixed(seed) => SeedRef::Fixed(seed),
        };
        let convention = |default| match written.convention {
            None => default,
            Some(spec::Convention::OldToNew) => Convention::OldToNew,
            Some(spec::Convention::NewToOld) => Convention::NewToOld,
        };
        match (written.numpy, written.python) {
            (Some(spec::OrderSeed::Fixed(seed)), None) if !numpy_takes(seed) => {
                Err(self.error(&key.join("numpy"), Problem::NumpySeed { seed }))
            }
            (Some(numpy), None) => Ok(ClassOrder::Numpy {
                seed: seed(numpy),
                convention: convention(Convention::OldToNew),
            }),
            (None, Some(python)) => Ok(ClassOrder::Python {
                seed: seed(python),
                convention: convention(Convention::NewToOld),
            }),
            _ => Err(self.error(key, Problem::ClassOrderGenerator)),
        }
    }

    /// If numpy draws a class order from the run's seed, it must accept every seed.
    pub(super) fn numpy_seeds(
        &self,
        seeds: &[u64],
        streams: &[StreamUse],
    ) -> Result<(), ScenarioError> {
        let mut cuts = streams.iter().flat_map(|stream| &stream.domains);
        let by_seed = cuts.any(|domain| {
            matches!(
                domain.cut.class_order,
                ClassOrder::Numpy {
                    seed: SeedRef::CellSeed,
                    ..
                }
            )
        });
        match seeds.iter().position(|&seed| !numpy_takes(seed)) {
            Some(index) if by_seed => {
                let problem = Problem::NumpySeed { seed: seeds[index] };
                Err(self.error(&KeyPath::top("seeds").index(index), problem))
            }
            _ => Ok(()),
        }
    }
}

/// Whether `numpy.random.seed` takes it.
fn numpy_takes(seed: u64) -> bool {
    u32::try_from(seed).is_ok()
}

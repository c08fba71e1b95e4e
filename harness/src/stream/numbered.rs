//! The stream itself: its classes, numbered in the order in which they first arrive, and its
//! tasks.

use super::digest::{DigestTask, OrderDigest};
use super::error::StreamError;
use super::spec::{ClassIdentity, StreamSpec};
use crate::id::{ClassId, Label, Seed, TaskId};
use std::collections::HashMap;

/// A stream: its domains' classes in the order in which they arrive, in tasks.
///
/// A class has its number from its first arrival, so the classes seen after a task are always those
/// below some number. The classes of a task need not be a range: some may have arrived before, with
/// another domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// By [`ClassId`].
    classes: Vec<StreamClass>,
    /// By domain and [`Label`].
    places: Vec<Vec<Place>>,
    tasks: Vec<StreamTask>,
}

/// A class of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamClass {
    /// Its name.
    pub name: String,
    /// The index of the domain with which it arrives first.
    pub domain: usize,
}

/// A task of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamTask {
    /// The index of its domain.
    pub domain: usize,
    /// Its classes, lowest first; at least one.
    pub classes: Vec<ClassId>,
    /// How many classes have arrived with it and the tasks before it.
    pub seen: usize,
}

/// Where a domain's class is in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    class: ClassId,
    task: TaskId,
}

impl Stream {
    /// Cuts domains with these class names into tasks, for a cell with this seed.
    ///
    /// # Errors
    ///
    /// If a cut does not fit its domain, or its class order cannot be drawn. The error is returned
    /// with the index of the domain.
    ///
    /// # Panics
    ///
    /// If there are not as many domains as cuts.
    pub fn new(
        spec: &StreamSpec,
        domains: &[&[String]],
        seed: Seed,
    ) -> Result<Self, (usize, StreamError)> {
        assert_eq!(spec.cuts.len(), domains.len(), "a cut for each domain");
        let mut stream = Self {
            classes: Vec::new(),
            places: Vec::new(),
            tasks: Vec::new(),
        };
        let mut by_name: HashMap<&str, ClassId> = HashMap::new();
        for (domain, (cut, names)) in spec.cuts.iter().zip(domains).enumerate() {
            let failed = |error| (domain, error);
            let n = u32::try_from(names.len()).expect("fewer than 2^32 classes");
            let sizes = cut.tasks.sizes(n).map_err(failed)?;
            let order = cut.class_order.draw(n, seed).map_err(failed)?;
            let nowhere = Place {
                class: ClassId(0),
                task: TaskId(0),
            };
            let mut places = vec![nowhere; names.len()];
            let mut order = order.into_iter();
            for size in sizes {
                let task = TaskId(stream.tasks.len() as u32 + 1);
                let mut classes = Vec::with_capacity(size as usize);
                for label in order.by_ref().take(size as usize) {
                    let name = names[label.index()].as_str();
                    let known = match spec.classes {
                        ClassIdentity::ByDomain => None,
                        ClassIdentity::ByName => by_name.get(name).copied(),
                    };
                    let class = known.unwrap_or_else(|| {
                        let class = ClassId(stream.classes.len() as u32);
                        stream.classes.push(StreamClass {
                            name: name.to_owned(),
                            domain,
                        });
                        by_name.insert(name, class);
                        class
                    });
                    places[label.index()] = Place { class, task };
                    classes.push(class);
                }
                classes.sort_unstable();
                let seen = stream.classes.len();
                stream.tasks.push(StreamTask {
                    domain,
                    classes,
                    seen,
                });
            }
            stream.places.push(places);
        }
        Ok(stream)
    }

    /// The tasks' numbers, in order.
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = TaskId> + use<> {
        (0..self.tasks.len()).map(|task| TaskId(task as u32 + 1))
    }

    /// A task.
    pub fn task(&self, task: TaskId) -> &StreamTask {
        &self.tasks[task.index()]
    }

    /// The number of tasks, T.
    pub fn n_tasks(&self) -> usize {
        self.tasks.len()
    }

    /// All classes, in the order of their first arrival.
    pub fn classes(&self) -> &[StreamClass] {
        &self.classes
    }

    /// The number of classes, N.
    pub fn n_classes(&self) -> usize {
        self.classes.len()
    }

    /// The class of a label of the domain with this index.
    pub fn class_of(&self, domain: usize, label: Label) -> ClassId {
        self.places[domain][label.index()].class
    }

    /// The task of the samples with a label of the domain with this index.
    pub fn task_of(&self, domain: usize, label: Label) -> TaskId {
        self.places[domain][label.index()].task
    }

    /// The labels of a task's classes in its domain.
    pub fn labels_of(&self, task: TaskId) -> impl Iterator<Item = Label> {
        let places = self.places[self.task(task).domain].iter();
        let of_task = (0..).map(Label).zip(places);
        of_task.filter_map(move |(label, place)| (place.task == task).then_some(label))
    }

    /// The digest of this stream, with the templates of each of its domains.
    ///
    /// # Panics
    ///
    /// If there are not as many templates as domains.
    pub fn order_digest(&self, templates: &[&[String]]) -> OrderDigest {
        assert_eq!(templates.len(), self.places.len(), "for each domain");
        let task = |task: &StreamTask| DigestTask {
            domain: task.domain,
            classes: (task.classes.iter())
                .map(|&class| (class, &*self.classes[class.index()].name))
                .collect(),
        };
        OrderDigest::of(&self.tasks.iter().map(task).collect::<Vec<_>>(), templates)
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::{Augmentation, Cut};
    use super::*;
    use crate::stream::{ClassOrder, SeedRef, Tasks};

    fn names(names: &str) -> Vec<String> {
        names.split(' ').map(str::to_owned).collect()
    }

    fn numbered(n: usize) -> Vec<String> {
        (0..n).map(|class| class.to_string()).collect()
    }

    fn cut(tasks: Tasks) -> Cut {
        Cut {
            tasks,
            class_order: ClassOrder::Listed,
        }
    }

    fn of_one(cut: Cut, names: &[String]) -> Stream {
        let spec = StreamSpec::of_domain(cut, Augmentation::None);
        Stream::new(&spec, &[names], Seed(1992)).unwrap()
    }

    fn over(domains: &[Vec<String>], cuts: Vec<Cut>, classes: ClassIdentity) -> Stream {
        let spec = StreamSpec {
            cuts,
            classes,
            augmentation: Augmentation::None,
        };
        let domains: Vec<&[String]> = domains.iter().map(Vec::as_slice).collect();
        Stream::new(&spec, &domains, Seed(1992)).unwrap()
    }

    fn ids(stream: &Stream) -> Vec<Vec<u32>> {
        let classes = |task| stream.task(task).classes.iter().map(|class| class.0);
        stream.tasks().map(|task| classes(task).collect()).collect()
    }

    #[test]
    fn numbers_translate_both_ways() {
        let order = ClassOrder::numpy(SeedRef::CellSeed);
        let cut = Cut {
            tasks: Tasks::Count(3),
            class_order: order,
        };
        let stream = of_one(cut, &numbered(10));
        // 2 7 3 6 | 0 5 1 | 9 8 4
        assert_eq!(stream.classes()[4].name, "0");
        assert_eq!(stream.class_of(0, Label(9)), ClassId(7));
        let tasks: Vec<u32> = (0..10)
            .map(|label| stream.task_of(0, Label(label)).0)
            .collect();
        assert_eq!(tasks, [2, 2, 1, 1, 3, 2, 1, 1, 3, 3]);
        assert_eq!(ids(&stream)[1], [4, 5, 6]);
        assert_eq!(stream.task(TaskId(2)).seen, 7);
        let labels: Vec<u32> = stream.labels_of(TaskId(2)).map(|label| label.0).collect();
        assert_eq!(labels, [0, 1, 5]);
    }

    #[test]
    fn by_domain_a_name_that_repeats_is_another_class() {
        let domains = [names("cat dog"), names("dog owl fox")];
        let stream = over(
            &domains,
            vec![cut(Tasks::Count(1)), cut(Tasks::Sizes(vec![1, 2]))],
            ClassIdentity::ByDomain,
        );
        assert_eq!(ids(&stream), [vec![0, 1], vec![2], vec![3, 4]]);
        assert_eq!(stream.class_of(1, Label(0)), ClassId(2));
        assert_eq!(stream.task_of(1, Label(2)), TaskId(3));
        assert_eq!((stream.n_classes(), stream.classes()[2].domain), (5, 1));
    }

    #[test]
    fn by_name_a_class_comes_back_and_ids_stay_those_of_its_first_arrival() {
        let domains = [names("cat dog"), names("owl dog"), names("dog cat")];
        let whole = || cut(Tasks::Count(1));
        let stream = over(
            &domains,
            vec![whole(), whole(), cut(Tasks::Count(2))],
            ClassIdentity::ByName,
        );
        assert_eq!(ids(&stream), [vec![0, 1], vec![1, 2], vec![1], vec![0]]);
        let seen: Vec<usize> = stream.tasks().map(|task| stream.task(task).seen).collect();
        assert_eq!(seen, [2, 3, 3, 3]);
        // The samples of a class belong to the task of their domain, not of the class.
        assert_eq!(stream.task_of(0, Label(1)), TaskId(1));
        assert_eq!(stream.task_of(1, Label(1)), TaskId(2));
        assert_eq!(stream.task_of(2, Label(0)), TaskId(3));
        assert_eq!(stream.class_of(2, Label(0)), ClassId(1));
    }

    #[test]
    fn the_digest_sees_names_order_boundaries_and_templates() {
        let digest = |sizes: &[u32], classes: &str, template: &str| {
            let cut = cut(Tasks::Sizes(sizes.to_vec()));
            of_one(cut, &names(classes)).order_digest(&[&[template.to_owned()]])
        };
        let photo = "a photo of a {}";
        let digests = [
            digest(&[1, 2], "ab c d", photo),
            digest(&[2, 1], "ab c d", photo),
            digest(&[3], "ab c d", photo),
            digest(&[1, 2], "a bc d", photo),
            digest(&[1, 2], "ab d c", photo),
            digest(&[1, 2], "ab c d", "a drawing of a {}"),
        ];
        assert_distinct(&digests);
        assert_eq!(digests[0], digest(&[1, 2], "ab c d", photo));
        // As it was before streams could have several domains.
        assert_eq!(
            digests[0].as_str(),
            "782e4be4f4264a56f12dce2acdf5a1c551fd7649b3dec21dfb5b0b3421d2b250"
        );
    }

    #[test]
    fn the_digest_sees_domains_and_what_comes_back() {
        let domains = [names("a b"), names("b c")];
        let of = |domains: &[Vec<String>], classes, templates: [&str; 2]| {
            let cuts = domains.iter().map(|_| cut(Tasks::Count(1))).collect();
            let templates = templates.map(|template| vec![template.to_owned()]);
            over(domains, cuts, classes).order_digest(&[&templates[0], &templates[1]])
        };
        use ClassIdentity::{ByDomain, ByName};
        assert_distinct(&[
            of(&domains, ByDomain, ["{}", "{}"]),
            of(&domains, ByName, ["{}", "{}"]),
            of(&domains, ByDomain, ["{}", "a {}"]),
            of(&[names("b c"), names("a b")], ByDomain, ["{}", "{}"]),
        ]);
    }

    fn assert_distinct(digests: &[OrderDigest]) {
        for (i, one) in digests.iter().enumerate() {
            assert!(!digests[..i].contains(one), "{i}");
        }
    }
}

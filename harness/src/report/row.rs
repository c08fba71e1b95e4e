//! The rows of a leaderboard: cells of one strategy that differ only in their seeds, and their
//! means over seeds and streams.

use super::ReportError;
use super::coverage::Coverage;
use super::domain_scores::domain_scores;
use super::identity::{self, Identity, combined, content_digests, split_hashes};
use super::section::{Place, Unit};
use super::standing::{Absence, Entry, Returning, Scope, Score, Section, Standing};
use super::statistics::Summary;
use super::twin::are_twins;
use crate::id::Seed;
use crate::metric::MetricInfo;
use crate::results::CellRecord;
use crate::scenario::Regime;
use crate::stream::Augmentation;
use harness_abi::Matrix;
use std::collections::{BTreeMap, HashMap};

/// The cells of one strategy row in one place, all with the same settings.
pub(super) struct Row<'a> {
    unit: usize,
    name: &'a str,
    /// What tables call it.
    title: &'a str,
    backbones: Vec<&'a str>,
    settings: String,
    cells: BTreeMap<Seed, usize>,
}

/// The data that a leaderboard is made from: records, and the values of the metrics for each.
pub(super) struct Source<'a> {
    pub(super) records: &'a [CellRecord],
    pub(super) metrics: &'a [MetricInfo],
    pub(super) values: &'a [Vec<Option<f64>>],
}

impl<'a> Source<'a> {
    /// The rows of a place, in the order of the records.
    pub(super) fn rows(&self, place: &Place) -> Result<Vec<Row<'a>>, ReportError> {
        let mut rows: Vec<Row<'a>> = Vec::new();
        let mut row_of = BTreeMap::new();
        for &(unit, index) in &place.members {
            let record = &self.records[index];
            let cell = &record.cell;
            let name = cell.strategy.row.as_str();
            let backbones: Vec<&str> = cell.backbones.iter().map(|b| b.name.as_str()).collect();
            let settings = identity::settings(record);
            let key = (unit, name, backbones.clone(), settings.clone());
            let row = *row_of.entry(key).or_insert_with(|| {
                rows.push(Row {
                    unit,
                    name,
                    title: cell.strategy.title(),
                    backbones,
                    settings,
                    cells: BTreeMap::new(),
                });
                rows.len() - 1
            });
            let kept = *rows[row].cells.entry(cell.seed).or_insert(index);
            // Ids may differ in what does not affect the numbers, such as the path of the weights.
            if self.records[kept].matrices != record.matrices {
                let id = cell.id.clone();
                return Err(ReportError::Ambiguous { id });
            }
        }
        let mut distinct: Vec<Row<'a>> = Vec::new();
        let mut namesakes: HashMap<(usize, &str), Vec<usize>> = HashMap::new();
        for row in rows {
            let namesakes = namesakes.entry((row.unit, row.name)).or_default();
            let is_twin = |&other: &usize| self.are_twins(&distinct[other], &row);
            if !namesakes.iter().any(is_twin) {
                namesakes.push(distinct.len());
                distinct.push(row);
            }
        }
        Ok(distinct)
    }

    /// Whether the cells of two rows are the same for the same seeds. Their rows then have the same
    /// name, so only rows with the same name are compared: there may be ten thousand of them.
    fn are_twins(&self, one: &Row<'a>, other: &Row<'a>) -> bool {
        let mut cells = one.cells.values().zip(other.cells.values());
        one.cells.len() == other.cells.len()
            && cells.all(|(&cell, &other)| are_twins(&self.records[cell], &self.records[other]))
    }

    /// The section of a place with these rows.
    pub(super) fn stream(&self, rows: &[Row<'a>], units: &[Unit<'_>]) -> Section {
        let lacking = |row: &Row<'a>| lacking_seeds(row, &units[row.unit].coverage);
        // Of rows that say the same, one is shown: a complete one, if there is one.
        let mut shown: Vec<&Row<'a>> = Vec::new();
        let mut namesakes: HashMap<&str, Vec<usize>> = HashMap::new();
        for row in rows {
            let namesakes = namesakes.entry(row.name).or_default();
            let mut twins = namesakes.iter().copied();
            match twins.find(|&twin| self.are_twins(shown[twin], row)) {
                None => {
                    namesakes.push(shown.len());
                    shown.push(row);
                }
                Some(twin) if lacking(shown[twin]).is_some() && lacking(row).is_none() => {
                    shown[twin] = row;
                }
                Some(_) => {}
            }
        }
        let by_title = by_title(shown.iter().copied());
        let entry = |row: &&Row<'a>| {
            let scores = (0..self.metrics.len()).map(|metric| {
                let values = row.cells.values().map(|&cell| self.values[cell][metric]);
                self.score(metric, row, values.collect())
            });
            let label = label(row, &by_title[row.title], units);
            self.entry(label, &[row], lacking(row), scores.collect())
        };
        let first = self.first(&rows[0]);
        let CellRecord { cell, stream, .. } = first;
        Section {
            scope: Scope::Stream {
                name: cell.stream.name.clone(),
                domains: (cell.stream.domains.iter())
                    .map(|domain| domain.name.clone())
                    .collect(),
                split_hash: combined(split_hashes(first)),
                content_digest: combined(content_digests(first)),
                tasks: stream.task_sizes.len(),
                returning: Returning::of(stream),
            },
            limit: cell.stream.limit,
            validation: cell.stream.validation,
            entries: shown.iter().map(entry).collect(),
            published: Vec::new(),
        }
    }

    /// A section for each set of places that some unit covers, unless a mean over them would mean
    /// nothing.
    pub(super) fn overall(&self, places: &[Vec<Row<'a>>], units: &[Unit<'_>]) -> Vec<Section> {
        let mut groups: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
        for unit in 0..units.len() {
            let has_unit = |place: &usize| places[*place].iter().any(|row| row.unit == unit);
            let covered: Vec<usize> = (0..places.len()).filter(has_unit).collect();
            match groups.iter_mut().find(|(other, _)| *other == covered) {
                Some((_, members)) => members.push(unit),
                None => groups.push((covered, vec![unit])),
            }
        }
        let section = |(covered, members): (Vec<usize>, Vec<usize>)| {
            let first = |place: usize| &self.first(&places[place][0]).cell.stream;
            let records = covered.iter().map(|&place| self.first(&places[place][0]));
            if !have_a_mean(&records.collect::<Vec<_>>()) {
                return None;
            }
            let streams: Vec<String> = covered.iter().map(|&p| first(p).name.clone()).collect();
            // The first row of each strategy represents all of its rows in these places.
            let mut heads: Vec<&Row<'a>> = Vec::new();
            // For each line of a scenario, its rows in each of these places.
            let mut found: HashMap<Line<'_>, Vec<Vec<&Row<'a>>>> = HashMap::new();
            for (number, &place) in covered.iter().enumerate() {
                for row in places[place]
                    .iter()
                    .filter(|row| members.contains(&row.unit))
                {
                    let found = found.entry(row.line()).or_insert_with(|| {
                        heads.push(row);
                        vec![Vec::new(); covered.len()]
                    });
                    found[number].push(row);
                }
            }
            let lacking = |strategy: &Strategy<'_, 'a>| {
                lacking_streams(
                    &strategy.found,
                    &streams,
                    &units[strategy.head.unit].coverage,
                )
            };
            // Of strategies that say the same everywhere, one is shown.
            let mut shown: Vec<Strategy<'_, 'a>> = Vec::new();
            let mut namesakes: HashMap<&str, Vec<usize>> = HashMap::new();
            for head in heads {
                let found = found.remove(&head.line()).unwrap_or_default();
                let strategy = Strategy { head, found };
                let namesakes = namesakes.entry(head.name).or_default();
                let mut twins = namesakes.iter().copied();
                match twins.find(|&twin| self.agree(&shown[twin], &strategy)) {
                    None => {
                        namesakes.push(shown.len());
                        shown.push(strategy);
                    }
                    Some(twin)
                        if lacking(&shown[twin]).is_some() && lacking(&strategy).is_none() =>
                    {
                        shown[twin] = strategy;
                    }
                    Some(_) => {}
                }
            }
            let by_title = by_title(shown.iter().map(|strategy| strategy.head));
            let entries = shown.iter().map(|strategy| {
                let label = label(strategy.head, &by_title[strategy.head.title], units);
                self.overall_entry(label, &strategy.found, lacking(strategy))
            });
            Some(Section {
                limit: first(covered[0]).limit,
                validation: first(covered[0]).validation,
                entries: entries.collect(),
                scope: Scope::Overall { streams },
                published: Vec::new(),
            })
        };
        groups.into_iter().filter_map(section).collect()
    }

    /// Whether two strategies say the same in every place.
    fn agree(&self, one: &Strategy<'_, 'a>, other: &Strategy<'_, 'a>) -> bool {
        let mut places = one.found.iter().zip(&other.found);
        places.all(|(ours, theirs)| {
            let mut rows = ours.iter().zip(theirs);
            ours.len() == theirs.len() && rows.all(|(one, other)| self.are_twins(one, other))
        })
    }

    /// `found` has the strategy's rows on each stream, and `obstacle` why there is no mean over
    /// them.
    fn overall_entry(
        &self,
        label: String,
        found: &[Vec<&Row<'a>>],
        obstacle: Option<String>,
    ) -> Entry {
        let rows: Vec<&Row<'a>> = found.iter().flatten().copied().collect();
        let scores = (0..self.metrics.len()).map(|metric| match &obstacle {
            Some(reason) => Score::Absent(Absence::Incomplete(reason.clone())),
            None => {
                let per_seed = rows[0].cells.keys().map(|seed| {
                    let values = rows
                        .iter()
                        .map(|row| self.values[*row.cells.get(seed)?][metric]);
                    let sum = values.sum::<Option<f64>>()?;
                    Some(sum / rows.len() as f64)
                });
                self.score(metric, rows[0], per_seed.collect())
            }
        });
        let scores = scores.collect();
        self.entry(label, &rows, obstacle, scores)
    }

    fn score(&self, metric: usize, row: &Row<'a>, per_seed: Vec<Option<f64>>) -> Score {
        let all: Option<Vec<f64>> = per_seed.into_iter().collect();
        if let Some(summary) = all.and_then(|values| Summary::of(&values)) {
            return Score::Measured {
                summary,
                best: false,
            };
        }
        Score::Absent(absence(self.first(row), &self.metrics[metric]))
    }

    fn entry(
        &self,
        label: String,
        rows: &[&Row<'a>],
        lacking: Option<String>,
        scores: Vec<Score>,
    ) -> Entry {
        let indices: Vec<usize> = rows
            .iter()
            .flat_map(|row| row.cells.values().copied())
            .collect();
        let cells: Vec<&CellRecord> = indices.iter().map(|&cell| &self.records[cell]).collect();
        let CellRecord {
            cell, declaration, ..
        } = self.first(rows[0]);
        let strategy = &cell.strategy;
        let mut seeds: Vec<Seed> = cells.iter().map(|record| record.cell.seed).collect();
        seeds.sort();
        seeds.dedup();
        let mut augmentations: Vec<Augmentation> = cells
            .iter()
            .map(|record| record.cell.stream.spec.augmentation)
            .filter(|augmentation| !augmentation.is_none())
            .collect();
        augmentations.dedup();
        Entry {
            label,
            identity: Identity::of(&cells),
            own_label: strategy.label.clone(),
            cells: indices,
            regime: strategy.regime,
            augmentations,
            keeps: declaration.keeps.clone(),
            adaptation: declaration.adaptation.clone(),
            scores_unseen: declaration.scores_unseen,
            batch_dependent: cells
                .iter()
                .any(|record| record.declaration.batch_dependent),
            trainable_parameters: cells
                .iter()
                .map(|record| record.declaration.trainable_parameters)
                .max()
                .unwrap_or_default(),
            provenance: strategy.provenance,
            trials: strategy.trials,
            seeds,
            standing: match lacking {
                _ if strategy.regime == Regime::Joint => Standing::Reference,
                Some(lacking) => Standing::Incomplete(lacking),
                None => Standing::Unranked,
            },
            scores,
            domain_scores: match rows {
                [_] => domain_scores(&cells),
                _ => Vec::new(),
            },
        }
    }

    fn first(&self, row: &Row<'a>) -> &'a CellRecord {
        let index = row
            .cells
            .values()
            .next()
            .expect("a row is made with its first cell");
        &self.records[*index]
    }
}

/// Why a cell has no value in a metric.
pub(super) fn absence(record: &CellRecord, metric: &MetricInfo) -> Absence {
    let needs_unseen = matches!(metric.matrix, Some(Matrix::All | Matrix::Task));
    if record.cell.strategy.regime == Regime::Joint {
        Absence::Joint
    } else if !record.declaration.scores_unseen && needs_unseen {
        Absence::CannotScoreUnseen
    } else {
        Absence::Undefined
    }
}

/// Whether a mean over these streams means something. Two streams over the same images are two
/// views of one thing, and transfer to known classes is another quantity than transfer to new ones.
pub(super) fn have_a_mean(streams: &[&CellRecord]) -> bool {
    let domains = |record: &CellRecord| -> Vec<String> {
        let domains = record.cell.stream.domains.iter();
        domains.map(|domain| domain.name.clone()).collect()
    };
    let overlap = |one: &CellRecord, other: &CellRecord| {
        let (ours, theirs) = (domains(one), domains(other));
        one.cell.stream.name != other.cell.stream.name
            && ours.iter().any(|domain| theirs.contains(domain))
    };
    let returns = |record: &CellRecord| Returning::of(&record.stream).is_some();
    let mut pairs = (0..streams.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    !pairs
        .any(|(i, j)| overlap(streams[i], streams[j]) || returns(streams[i]) != returns(streams[j]))
}

/// A line of a scenario in several places, where it should have one row each.
struct Strategy<'r, 'a> {
    head: &'r Row<'a>,
    found: Vec<Vec<&'r Row<'a>>>,
}

/// Why a strategy with these rows on each stream has no mean over them.
fn lacking_streams(
    found: &[Vec<&Row<'_>>],
    streams: &[String],
    coverage: &Coverage,
) -> Option<String> {
    if let Some(missing) = coverage.streams.iter().find(|name| !streams.contains(name)) {
        return Some(format!("lacks stream {missing}"));
    }
    for (rows, stream) in found.iter().zip(streams) {
        if streams.iter().filter(|other| *other == stream).count() > 1 {
            return Some(format!("stream {stream} was run in two versions"));
        }
        match rows[..] {
            [] => return Some(format!("lacks stream {stream}")),
            [row] => {
                if let Some(lacking) = lacking_seeds(row, coverage) {
                    return Some(format!("{lacking} of {stream}"));
                }
            }
            _ => return Some(format!("{stream} was run with different settings")),
        }
    }
    None
}

/// A line of a scenario: its unit, name and backbones.
type Line<'r> = (usize, &'r str, &'r [&'r str]);

impl Row<'_> {
    /// The line of the scenario that the row is of, whatever its settings.
    fn line(&self) -> Line<'_> {
        (self.unit, self.name, &self.backbones)
    }
}

/// Rows by what tables call them.
fn by_title<'r, 'a: 'r>(
    rows: impl Iterator<Item = &'r Row<'a>>,
) -> HashMap<&'r str, Vec<&'r Row<'a>>> {
    let mut by_title: HashMap<&str, Vec<&Row<'a>>> = HashMap::new();
    for row in rows {
        by_title.entry(row.title).or_default().push(row);
    }
    by_title
}

fn lacking_seeds(row: &Row<'_>, coverage: &Coverage) -> Option<String> {
    let lacking: Vec<String> = coverage
        .seeds
        .iter()
        .filter(|seed| !row.cells.contains_key(seed))
        .map(Seed::to_string)
        .collect();
    let plural = if lacking.len() == 1 { "" } else { "s" };
    (!lacking.is_empty()).then(|| format!("lacks seed{plural} {}", lacking.join(", ")))
}

/// What the scenario calls the row, with its name, backbone, scenario and settings only if rows that
/// are called the same, which are `namesakes`, differ in them.
fn label(row: &Row<'_>, namesakes: &[&Row<'_>], units: &[Unit<'_>]) -> String {
    let mut differ = [false; 4];
    for other in namesakes {
        differ[0] |= other.name != row.name;
        differ[1] |= other.name == row.name && other.backbones != row.backbones;
        differ[2] |=
            other.name == row.name && units[other.unit].scenario != units[row.unit].scenario;
        differ[3] |= other.line() == row.line() && other.settings != row.settings;
    }
    let mut label = row.title.to_owned();
    if differ[0] && row.title != row.name {
        label += &format!(" ({})", row.name);
    }
    if differ[1] {
        label += &format!(" on {}", row.backbones.join("+"));
    }
    if differ[2] {
        label += &format!(" ({})", units[row.unit].scenario);
    }
    if differ[3] {
        label += &format!(" [{}]", row.settings);
    }
    label
}

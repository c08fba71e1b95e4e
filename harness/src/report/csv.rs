//! The four CSV files of a run; `results/README.md` explains every column.
//!
//! Rows come in the order of the records. Measured values have six decimals and seconds three, always, so equal inputs give equal
//! bytes; what is missing is an empty field.

use super::leaderboard::{Entry, Plan, Scope, Score, Section, Standing};
use super::metric::compute_all;
use super::{CellRecord, Identity, Keeps, Leaderboard, MetricInfo, MetricSet, ReportError};
use crate::atomic;
use harness_abi::Matrix;
use std::path::Path;

/// Writes `accuracy.csv`, `metrics.csv`, `costs.csv` and `leaderboard.csv` into `dir`, each of them whole or not at all.
pub fn write_all(
    dir: &Path,
    records: &[CellRecord],
    metrics: &dyn MetricSet,
    plan: Option<&Plan>,
) -> Result<Leaderboard, ReportError> {
    let values = compute_all(records, metrics)?;
    let leaderboard = Leaderboard::from_values(records, metrics.infos(), &values, plan)?;
    let write = |name: &str, csv: String| {
        let path = dir.join(name);
        atomic::write(&path, csv.as_bytes()).map_err(ReportError::unwritten(&path))
    };
    write("accuracy.csv", accuracy(records))?;
    write(
        "metrics.csv",
        self::metrics(records, metrics.infos(), &values),
    )?;
    write("costs.csv", costs(records))?;
    write("leaderboard.csv", self::leaderboard(&leaderboard))?;
    Ok(leaderboard)
}

/// One row for each entry of a cell's accuracy matrices.
fn accuracy(records: &[CellRecord]) -> String {
    let mut file = File::new([
        "seed",
        "after_task",
        "on_task",
        "n",
        "seen_correct",
        "seen_accuracy",
        "all_correct",
        "all_accuracy",
        "task_correct",
        "task_accuracy",
    ]);
    for record in records {
        let identity = Identity::of(&[record]);
        let matrices = &record.matrices;
        for after in matrices.rows() {
            for on in matrices.tasks() {
                let mut row = vec![
                    record.seed.to_string(),
                    after.to_string(),
                    on.to_string(),
                    text(matrices.n(on)),
                ];
                for candidates in Matrix::EACH {
                    row.push(text(matrices.correct(candidates, after, on)));
                    row.push(value(matrices.accuracy(candidates, after, on)));
                }
                file.row(&identity, &record.domain.name, row);
            }
        }
    }
    file.finish()
}

/// One row per cell and metric.
fn metrics(records: &[CellRecord], infos: &[MetricInfo], values: &[Vec<Option<f64>>]) -> String {
    let mut file = File::new([
        "seed",
        "metric",
        "unit",
        "higher_is_better",
        "matrix",
        "value",
    ]);
    for (record, values) in records.iter().zip(values) {
        let identity = Identity::of(&[record]);
        for (info, &metric) in infos.iter().zip(values) {
            let [name, unit, higher_is_better, matrix] = metric_fields(info);
            let seed = record.seed.to_string();
            let row = vec![seed, name, unit, higher_is_better, matrix, value(metric)];
            file.row(&identity, &record.domain.name, row);
        }
    }
    file.finish()
}

/// One row per cell.
fn costs(records: &[CellRecord]) -> String {
    let mut file = File::new([
        "seed",
        "threads",
        "device",
        "dtype",
        "features_seconds",
        "learn_seconds",
        "evaluate_seconds",
        "total_seconds",
        "peak_memory_bytes",
        "optimiser_steps",
        "trainable_parameters",
        "state_bytes",
    ]);
    for record in records {
        let costs = &record.costs;
        let wall = costs.wall_seconds;
        let seconds = [wall.features, wall.learn, wall.evaluate, wall.total];
        let mut row = vec![
            record.seed.to_string(),
            record.threads.to_string(),
            record.device.clone(),
            record.dtype.clone(),
        ];
        row.extend(seconds.map(|seconds| decimals(seconds, 3)));
        row.push(text(costs.peak_memory_bytes));
        row.push(costs.optimiser_steps.to_string());
        row.push(record.strategy.trainable_parameters.to_string());
        row.push(costs.state_bytes.to_string());
        file.row(&Identity::of(&[record]), &record.domain.name, row);
    }
    file.finish()
}

/// One row per domain (or `overall`), strategy and metric.
pub(super) fn leaderboard(leaderboard: &Leaderboard) -> String {
    let mut file = File::new([
        "limit",
        "validation",
        "tasks",
        "regime",
        "augmentation",
        "keeps",
        "adaptation",
        "scores_unseen",
        "batch_dependent",
        "trainable_parameters",
        "provenance",
        "trials",
        "seeds",
        "metric",
        "unit",
        "higher_is_better",
        "matrix",
        "n_seeds",
        "mean",
        "std",
        "ci95_low",
        "ci95_high",
        "rank",
        "note",
    ]);
    for section in &leaderboard.sections {
        for entry in &section.entries {
            for (info, score) in leaderboard.metrics.iter().zip(&entry.scores) {
                let mut row = entry_fields(section, entry);
                row.extend(metric_fields(info));
                row.extend(score_fields(entry, score));
                file.row(&entry.identity, section.scope.name(), row);
            }
        }
    }
    file.finish()
}

fn entry_fields(section: &Section, entry: &Entry) -> Vec<String> {
    let tasks = match section.scope {
        Scope::Domain { tasks, .. } => Some(tasks),
        Scope::Overall { .. } => None,
    };
    vec![
        text(section.limit),
        text(section.validation),
        text(tasks),
        entry.regime.to_string(),
        joined(&entry.augmentations, "+"),
        keeps(&entry.keeps),
        entry.adaptation.clone().unwrap_or_default(),
        entry.scores_unseen.to_string(),
        entry.batch_dependent.to_string(),
        entry.trainable_parameters.to_string(),
        text(entry.provenance),
        text(entry.trials),
        joined(&entry.seeds, " "),
    ]
}

fn metric_fields(info: &MetricInfo) -> [String; 4] {
    [
        info.name.clone(),
        info.unit.clone(),
        info.higher_is_better.to_string(),
        text(info.matrix),
    ]
}

fn score_fields(entry: &Entry, score: &Score) -> [String; 7] {
    let (rank, mut note) = match &entry.standing {
        Standing::Ranked(rank) => (rank.to_string(), String::new()),
        Standing::UpperBound => (String::new(), "upper bound, unranked".to_owned()),
        Standing::Incomplete(lacking) => (String::new(), lacking.clone()),
        Standing::Unranked => Default::default(),
    };
    let summary = match score {
        Score::Measured { summary, .. } => Some(summary),
        Score::Absent(absence) => {
            note = absence.to_string();
            None
        }
    };
    let interval = summary.and_then(|summary| summary.ci95);
    [
        text(summary.map(|summary| summary.n)),
        value(summary.map(|summary| summary.mean)),
        value(summary.and_then(|summary| summary.std)),
        value(interval.map(|(low, _)| low)),
        value(interval.map(|(_, high)| high)),
        rank,
        note,
    ]
}

/// `nothing` for nothing: it is known, not missing.
pub(super) fn keeps(kept: &[Keeps]) -> String {
    match kept {
        [] => "nothing".to_owned(),
        _ => joined(kept, "+"),
    }
}

pub(super) fn joined<T: ToString>(items: &[T], separator: &str) -> String {
    items
        .iter()
        .map(T::to_string)
        .collect::<Vec<_>>()
        .join(separator)
}

/// With so many decimals, and no sign before a zero: −0.0 and a rounded −1e-9 print as 0.
pub(super) fn decimals(number: f64, count: usize) -> String {
    let text = format!("{number:.count$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.bytes().all(|byte| matches!(byte, b'0' | b'.')) => digits.to_owned(),
        _ => text,
    }
}

fn value(number: Option<f64>) -> String {
    number.map_or_else(String::new, |number| decimals(number, 6))
}

fn text(item: Option<impl ToString>) -> String {
    item.map_or_else(String::new, |item| item.to_string())
}

/// A CSV file in memory, whose rows begin with an [`Identity`].
struct File(::csv::Writer<Vec<u8>>);

impl File {
    fn new<const N: usize>(columns: [&str; N]) -> Self {
        let mut file = Self(::csv::Writer::from_writer(Vec::new()));
        file.write(Identity::HEADER.iter().copied().chain(columns));
        file
    }

    fn row(&mut self, identity: &Identity, domain: &str, rest: Vec<String>) {
        let begin = identity.fields(domain);
        self.write(begin.into_iter().chain(rest.iter().map(String::as_str)));
    }

    fn write<'a>(&mut self, fields: impl Iterator<Item = &'a str>) {
        self.0
            .write_record(fields)
            .expect("memory takes rows of equal length");
    }

    fn finish(self) -> String {
        let bytes = self.0.into_inner().expect("memory takes every write");
        String::from_utf8(bytes).expect("made of strings")
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{blind, joint, metrics as metric_set, record};
    use super::*;
    use expect_test::expect;

    /// `wanted` columns of a CSV, one line per row.
    fn columns(csv: &str, wanted: &[&str]) -> String {
        let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
        let header = reader.headers().unwrap().clone();
        let index = |name: &&str| header.iter().position(|h| h == *name).expect(name);
        let picked: Vec<usize> = wanted.iter().map(index).collect();
        let line = |row: ::csv::StringRecord| -> String {
            picked
                .iter()
                .map(|&i| &row[i])
                .collect::<Vec<_>>()
                .join(",")
                + "\n"
        };
        reader.records().map(|row| line(row.unwrap())).collect()
    }

    fn header(csv: &str) -> &str {
        csv.lines().next().unwrap()
    }

    fn cells() -> Vec<CellRecord> {
        vec![
            record("digits", "head", 1, [50, 90]),
            record("digits", "head", 2, [60, 90]),
            blind("digits", "ncm", 1, [80, 80]),
            blind("digits", "ncm", 2, [84, 80]),
            joint("digits", "joint", 1, [97, 96]),
            joint("digits", "joint", 2, [98, 95]),
        ]
    }

    fn leaderboard_csv(records: &[CellRecord]) -> String {
        leaderboard(&Leaderboard::build(records, &metric_set(), None).unwrap())
    }

    #[test]
    fn accuracy_has_every_entry_and_leaves_the_missing_ones_empty() {
        let csv = accuracy(&[blind("digits", "ncm", 1, [80, 70])]);
        expect!["scenario,domain,split_hash,class_order_digest,backbone,backbone_fingerprint,backbone_plugin_hash,strategy,method,plugin,plugin_version,plugin_hash,settings,seed,after_task,on_task,n,seen_correct,seen_accuracy,all_correct,all_accuracy,task_correct,task_accuracy"]
            .assert_eq(header(&csv));
        let of_matrix = &header(&csv)[header(&csv).find("after_task").unwrap()..];
        expect![[r#"
            0,1,100,,,,,,
            0,2,100,,,,,,
            1,1,100,95,95.000000,,,99,99.000000
            1,2,100,,,,,,
            2,1,100,80,80.000000,,,99,99.000000
            2,2,100,70,70.000000,,,99,99.000000
        "#]]
        .assert_eq(&columns(&csv, &of_matrix.split(',').collect::<Vec<_>>()));
    }

    #[test]
    fn metrics_has_a_row_per_cell_and_metric() {
        let records = [blind("digits", "ncm", 1, [80, 70])];
        let set = metric_set();
        let values = compute_all(&records, &set).unwrap();
        let csv = metrics(&records, set.infos(), &values);
        expect!["scenario,domain,split_hash,class_order_digest,backbone,backbone_fingerprint,backbone_plugin_hash,strategy,method,plugin,plugin_version,plugin_hash,settings,seed,metric,unit,higher_is_better,matrix,value"]
            .assert_eq(header(&csv));
        expect![[r#"
            1,faa,%,true,seen,75.000000
            1,ci-transfer,%,true,all,
            1,forgetting-seen,points,false,seen,15.000000
        "#]]
        .assert_eq(&columns(
            &csv,
            &[
                "seed",
                "metric",
                "unit",
                "higher_is_better",
                "matrix",
                "value",
            ],
        ));
    }

    #[test]
    fn costs_has_a_row_per_cell() {
        let csv = costs(&[record("digits", "head", 1, [50, 90])]);
        expect![[r#"
            scenario,domain,split_hash,class_order_digest,backbone,backbone_fingerprint,backbone_plugin_hash,strategy,method,plugin,plugin_version,plugin_hash,settings,seed,threads,device,dtype,features_seconds,learn_seconds,evaluate_seconds,total_seconds,peak_memory_bytes,optimiser_steps,trainable_parameters,state_bytes
            quick,digits,digits-split,order1,pixels,weights,pixels-file,head,head,heads,0.1.0,heads-file,9256cd0c3360,1,1,cpu,f32,0.250,1.500,0.500,2.457,50000000,120,650,2600
        "#]]
        .assert_eq(&csv);
    }

    #[test]
    fn leaderboard_sums_up_seeds_and_says_why_a_field_is_empty() {
        let csv = leaderboard_csv(&cells());
        expect!["scenario,domain,split_hash,class_order_digest,backbone,backbone_fingerprint,backbone_plugin_hash,strategy,method,plugin,plugin_version,plugin_hash,settings,limit,validation,tasks,regime,augmentation,keeps,adaptation,scores_unseen,batch_dependent,trainable_parameters,provenance,trials,seeds,metric,unit,higher_is_better,matrix,n_seeds,mean,std,ci95_low,ci95_high,rank,note"]
            .assert_eq(header(&csv));
        let shown = [
            "domain",
            "strategy",
            "regime",
            "keeps",
            "seeds",
            "metric",
            "n_seeds",
            "mean",
            "std",
            "ci95_low",
            "ci95_high",
            "rank",
            "note",
        ];
        expect![[r#"
            digits,head,sequential,nothing,1 2,faa,2,72.500000,3.535534,40.734488,104.265512,2,
            digits,head,sequential,nothing,1 2,ci-transfer,2,30.000000,0.000000,30.000000,30.000000,2,
            digits,head,sequential,nothing,1 2,forgetting-seen,2,40.000000,7.071068,-23.531024,103.531024,2,
            digits,ncm,sequential,statistics,1 2,faa,2,81.000000,1.414214,68.293795,93.706205,1,
            digits,ncm,sequential,statistics,1 2,ci-transfer,,,,,,1,cannot score unseen classes
            digits,ncm,sequential,statistics,1 2,forgetting-seen,2,13.000000,2.828427,-12.412409,38.412409,1,
            digits,joint,joint,images,1 2,faa,2,96.500000,0.000000,96.500000,96.500000,,upper bound, unranked
            digits,joint,joint,images,1 2,ci-transfer,,,,,,,not defined for a joint run
            digits,joint,joint,images,1 2,forgetting-seen,,,,,,,not defined for a joint run
            overall,head,sequential,nothing,1 2,faa,2,72.500000,3.535534,40.734488,104.265512,2,
            overall,head,sequential,nothing,1 2,ci-transfer,2,30.000000,0.000000,30.000000,30.000000,2,
            overall,head,sequential,nothing,1 2,forgetting-seen,2,40.000000,7.071068,-23.531024,103.531024,2,
            overall,ncm,sequential,statistics,1 2,faa,2,81.000000,1.414214,68.293795,93.706205,1,
            overall,ncm,sequential,statistics,1 2,ci-transfer,,,,,,1,cannot score unseen classes
            overall,ncm,sequential,statistics,1 2,forgetting-seen,2,13.000000,2.828427,-12.412409,38.412409,1,
            overall,joint,joint,images,1 2,faa,2,96.500000,0.000000,96.500000,96.500000,,upper bound, unranked
            overall,joint,joint,images,1 2,ci-transfer,,,,,,,not defined for a joint run
            overall,joint,joint,images,1 2,forgetting-seen,,,,,,,not defined for a joint run
        "#]].assert_eq(&columns(&csv, &shown));
    }

    #[test]
    fn a_row_says_what_made_it_even_where_its_cells_differ() {
        let csv = leaderboard_csv(&cells()[..2]);
        let shown = [
            "domain",
            "split_hash",
            "class_order_digest",
            "backbone_fingerprint",
            "plugin_hash",
        ];
        let first_of_each = |prefix: &str| {
            columns(&csv, &shown)
                .lines()
                .find(|line| line.starts_with(prefix))
                .unwrap()
                .to_owned()
        };
        expect!["digits,digits-split,combined:fb7d0e6242b1,weights,heads-file"]
            .assert_eq(&first_of_each("digits"));
        expect!["overall,digits-split,combined:fb7d0e6242b1,weights,heads-file"]
            .assert_eq(&first_of_each("overall"));
    }

    #[test]
    fn equal_records_give_equal_bytes_in_all_files_whatever_they_cost() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write_all(one.path(), &cells(), &metric_set(), None).unwrap();
        let mut again = cells();
        for record in &mut again {
            record.costs.wall_seconds.learn *= 3.0;
        }
        write_all(two.path(), &again, &metric_set(), None).unwrap();
        let read = |dir: &tempfile::TempDir, name| std::fs::read(dir.path().join(name)).unwrap();
        for name in ["accuracy.csv", "metrics.csv", "leaderboard.csv"] {
            assert_eq!(read(&one, name), read(&two, name), "{name}");
        }
        assert_ne!(read(&one, "costs.csv"), read(&two, "costs.csv"));
    }

    #[test]
    fn every_column_is_explained_in_the_results_readme() {
        let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../results/README.md");
        let readme = std::fs::read_to_string(readme).unwrap();
        let (records, set) = (cells(), metric_set());
        let values = compute_all(&records, &set).unwrap();
        let files = [
            ("accuracy.csv", accuracy(&records)),
            ("metrics.csv", metrics(&records, set.infos(), &values)),
            ("costs.csv", costs(&records)),
            ("leaderboard.csv", leaderboard_csv(&records)),
        ];
        let section = |title: &str| {
            let start = readme.find(&format!("\n## {title}")).expect(title);
            let end = readme[start + 4..]
                .find("\n## ")
                .map_or(readme.len(), |end| start + 4 + end);
            &readme[start..end]
        };
        for (name, csv) in &files {
            for (index, column) in header(csv).split(',').enumerate() {
                let of_all = index < Identity::HEADER.len();
                let title = if of_all {
                    "Columns of every file"
                } else {
                    name
                };
                let row = format!("\n| `{column}` |");
                assert!(
                    section(title).contains(&row),
                    "{name}: {column} under {title}"
                );
            }
        }
    }

    #[test]
    fn zero_has_no_sign() {
        assert_eq!(decimals(-0.0, 6), "0.000000");
        assert_eq!(decimals(-1e-9, 6), "0.000000");
        assert_eq!(decimals(-0.5, 2), "-0.50");
    }
}

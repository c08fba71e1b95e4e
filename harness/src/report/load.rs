//! From run folders to records.

use super::{CellRecord, ReportError};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Reads `<dir>/cells/*.json` of every folder.
///
/// Records come in the order of the folders, and within one by scenario, domain, strategy row, backbones and seed. A record that is
/// there twice (the same cell, gathered from two folders) is taken once.
pub fn load(dirs: &[PathBuf]) -> Result<Vec<CellRecord>, ReportError> {
    let mut records: Vec<CellRecord> = Vec::new();
    let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
    for dir in dirs {
        for record in load_one(dir)? {
            let twins = by_id.entry(record.id.clone()).or_default();
            if !twins.iter().any(|&twin| records[twin].same_result(&record)) {
                twins.push(records.len());
                records.push(record);
            }
        }
    }
    Ok(records)
}

fn load_one(dir: &Path) -> Result<Vec<CellRecord>, ReportError> {
    let paths = record_paths(dir)?;
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(8));
    let chunk = paths.len().div_ceil(threads).max(1);
    // The first error in file order is reported, however the threads run.
    let chunks: Vec<Result<Vec<CellRecord>, ReportError>> = std::thread::scope(|scope| {
        let readers: Vec<_> = paths
            .chunks(chunk)
            .map(|paths| scope.spawn(|| paths.iter().map(|path| CellRecord::read(path)).collect()))
            .collect();
        let join = |reader: std::thread::ScopedJoinHandle<'_, _>| {
            reader
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        readers.into_iter().map(join).collect()
    });
    let mut records = Vec::with_capacity(paths.len());
    for chunk in chunks {
        records.extend(chunk?);
    }
    records.sort_by(|a, b| order(a).cmp(&order(b)));
    Ok(records)
}

/// The record files of a run folder. Temporary files of cells that are being written end otherwise.
fn record_paths(dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let cells = dir.join("cells");
    let no_cells = || ReportError::NoCells {
        dir: dir.to_owned(),
    };
    let unreadable = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => no_cells(),
        _ => ReportError::Io {
            action: "read",
            path: cells.clone(),
            source,
        },
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&cells).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(no_cells());
    }
    paths.sort();
    Ok(paths)
}

fn order(record: &CellRecord) -> impl Ord + '_ {
    let backbones: Vec<&str> = record.backbones.iter().map(|b| b.name.as_str()).collect();
    let CellRecord {
        scenario,
        domain,
        strategy,
        ..
    } = record;
    (
        scenario,
        &domain.name,
        &strategy.row,
        backbones,
        record.seed,
        &record.id,
    )
}

#[cfg(test)]
mod tests {
    use super::super::fixture::record;
    use super::*;

    #[test]
    fn folders_are_gathered_and_a_cell_in_both_is_taken_once() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let write = |dir: &Path, record: &CellRecord| {
            record
                .write_atomic(&dir.join("cells").join(format!("{}.json", record.id)))
                .unwrap();
        };
        let shared = record("digits", "ncm", 2, [90, 70]);
        let mut elsewhere = shared.clone();
        elsewhere.costs.wall_seconds.total += 1.0;
        write(one.path(), &shared);
        write(one.path(), &record("digits", "ncm", 10, [90, 71]));
        write(two.path(), &elsewhere);
        write(two.path(), &record("digits", "head", 2, [60, 10]));
        std::fs::write(one.path().join("cells/.tmpX"), "half").unwrap();

        let dirs = [one.path().to_owned(), two.path().to_owned()];
        let loaded = load(&dirs).unwrap();
        let found: Vec<_> = loaded
            .iter()
            .map(|r| (r.strategy.row.as_str(), r.seed.0))
            .collect();
        assert_eq!(found, [("ncm", 2), ("ncm", 10), ("head", 2)]);
        assert_eq!(loaded[0], shared);
    }

    #[test]
    fn a_folder_without_cells_is_an_error_that_says_what_to_name() {
        let dir = tempfile::tempdir().unwrap();
        let message = load(&[dir.path().to_owned()]).unwrap_err().to_string();
        assert_eq!(
            message,
            format!(
                "`{}` holds no cell records: expected `cells/<id>.json` in it\nname a folder that `clbench run` has written, such as \
                 `results/runs/<scenario>`",
                dir.path().display()
            )
        );
    }
}

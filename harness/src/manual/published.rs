//! The figures of `results/published.yaml`, one table for each data set.

use super::markdown::table;
use crate::published::{Entry, Figure, Published, Shots, Tasks, Templates};
use crate::scenario::ScenarioError;

/// The page of published figures, in Markdown.
///
/// # Errors
///
/// If the file that is built in has a mistake.
pub fn published() -> Result<String, ScenarioError> {
    let published = Published::built_in()?;
    let mut done: Vec<&[String]> = Vec::new();
    let mut text = String::new();
    for entry in &published.entries {
        if done.contains(&&entry.datasets[..]) {
            continue;
        }
        done.push(&entry.datasets);
        let names: Vec<&str> = entry
            .datasets
            .iter()
            .map(|id| published.datasets[id].name.as_str())
            .collect();
        text += &format!("\n### {}\n\n", names.join(", "));
        let same = published.entries.iter();
        let same = same.filter(|other| other.datasets == entry.datasets);
        let rows: Vec<[String; 5]> = same.flat_map(|entry| rows(&published, entry)).collect();
        text += &table(
            ["method", "published", "weights", "protocol", "source"],
            &rows,
        );
    }
    Ok(text.trim_start().to_owned())
}

/// One row for each method of an entry.
fn rows(published: &Published, entry: &Entry) -> Vec<[String; 5]> {
    let weights = entry.weights.as_ref().map(|id| &published.weights[id].name);
    let paper = entry.source.arxiv.as_ref();
    let paper = paper.map_or(String::new(), |id| {
        format!("[{id}](https://arxiv.org/abs/{id}), ")
    });
    let row = |figure: &Figure| {
        let known = figure.values.iter();
        let known = known.map(|(metric, value)| format!("`{metric}` {}", value.text));
        let other = figure.other_values.iter();
        let other = other.map(|(metric, value)| format!("{} {}", escaped(metric), value.text));
        let strategy = figure.strategy.as_ref();
        let strategy = strategy.map_or(String::new(), |name| format!(" (`{name}`)"));
        [
            format!("{}{strategy}", escaped(&figure.method)),
            known.chain(other).collect::<Vec<_>>().join(", "),
            weights.map_or("–", String::as_str).to_owned(),
            protocol(entry),
            format!("{paper}{}", escaped(&entry.source.in_)),
        ]
    };
    entry.figures.iter().map(row).collect()
}

/// What is known of the protocol, but for the weights.
fn protocol(entry: &Entry) -> String {
    let mut parts = Vec::new();
    if let Some(split) = &entry.split {
        parts.push(format!("split `{split}`"));
    }
    if let Shots::Most(shots) = entry.shots {
        parts.push(format!("{shots} shots"));
    }
    match &entry.tasks {
        Some(Tasks::Count(count)) => parts.push(format!("{count} tasks")),
        Some(Tasks::Sizes(sizes)) => parts.push(format!("tasks of {}", runs(sizes))),
        None => {}
    }
    if let Some(order) = &entry.class_order {
        parts.push(format!("class order {order}"));
    }
    match &entry.templates {
        Some(Templates::Listed(templates)) => {
            let templates: Vec<String> = templates.iter().map(|t| format!("`{t}`")).collect();
            parts.push(templates.join(", "));
        }
        Some(Templates::None) | None => {}
    }
    if let Some(output) = &entry.output {
        parts.push(output.clone());
    }
    if let Some(augmentation) = &entry.augmentation
        && augmentation != "none"
    {
        parts.push(format!("augmentation {}", escaped(augmentation)));
    }
    if entry.batch_dependent {
        parts.push("predictions depend on the batch".to_owned());
    }
    match (&entry.seeds[..], entry.runs) {
        ([], None) => {}
        ([], Some(1)) => parts.push("1 run".to_owned()),
        ([], Some(runs)) => parts.push(format!("{runs} runs")),
        ([seed], _) => parts.push(format!("seed {seed}")),
        (seeds, _) => {
            let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
            parts.push(format!("seeds {}", seeds.join(", ")));
        }
    }
    parts.extend(entry.note.iter().map(|note| escaped(note)));
    match parts.is_empty() {
        true => "–".to_owned(),
        false => parts.join("; "),
    }
}

/// `16+9×20` for one 16 and nine 20.
fn runs(sizes: &[u32]) -> String {
    let same = sizes.chunk_by(|one, next| one == next);
    let part = |run: &[u32]| match run.len() {
        1 => run[0].to_string(),
        times => format!("{times}×{}", run[0]),
    };
    same.map(part).collect::<Vec<_>>().join("+")
}

fn escaped(text: &str) -> String {
    text.replace('*', "\\*").replace('_', "\\_")
}

//! The table: zero-shot accuracy of the written folder, evaluated through the backbone.
//!
//! Pictures are in the plain style and drawn only for this table. The row of held-out combinations
//! is the result; the row of seen ones shows the generalisation gap.

use crate::batches::channels_first;
use anyhow::{Context, Result};
use clbench_clip::{Clip, ComputeType, Parameters};
use clbench_torch::bridge;
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::tch::Kind;
use clbench_torch::training::GradientMode;
use comfy_table::{Table, presets};
use harness_abi::{Backbone, BackboneSetting, Host};
use harness_pictures::{Combination, Style, picture};
use std::path::Path;

/// The key for drawing the table's pictures.
const KEY: u64 = 0x0065_7661_6c75_6174;
/// The number of pictures per combination.
const PICTURES: u64 = 50;
/// The number of combinations per row of the table: the candidate classes.
const CLASSES: usize = 64;
/// The template for class names.
const TEMPLATE: &str = "a photo of a {}";

/// Makes the table, in Markdown.
pub fn table(folder: &Path, threads: u32) -> Result<String> {
    let clip = open(folder, threads)?;
    // Every n-th one, so that all shapes, colours and fills occur.
    let some = |held_out: bool, step: usize| -> Vec<Combination> {
        let all = Combination::all().filter(|combination| combination.held_out() == held_out);
        all.step_by(step).take(CLASSES).collect()
    };
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header([
        "combinations",
        "classes",
        "pictures",
        "chance %",
        "zero-shot %",
    ]);
    for (name, classes) in [
        ("held out of training", some(true, 2)),
        ("seen in training", some(false, 6)),
    ] {
        let accuracy = accuracy(&clip, &classes).with_context(|| name.to_owned())?;
        table.add_row([
            name.to_owned(),
            classes.len().to_string(),
            (classes.len() as u64 * PICTURES).to_string(),
            format!("{:.1}", 100.0 / classes.len() as f64),
            format!("{:.1}", 100.0 * accuracy),
        ]);
    }
    Ok(table.to_string())
}

fn open(folder: &Path, threads: u32) -> Result<Clip> {
    let parameters = Parameters {
        path: Some(
            folder
                .canonicalize()
                .with_context(|| folder.display().to_string())?,
        ),
        dtype: ComputeType::F32,
        ..Parameters::default()
    };
    let setting = BackboneSetting {
        device: "cpu".into(),
        threads,
        folder: ".".into(),
        host: Host::silent(),
    };
    Ok(Clip::create(parameters, setting)?)
}

/// The zero-shot accuracy among `classes`.
fn accuracy(clip: &Clip, classes: &[Combination]) -> Result<f64> {
    let _mode = GradientMode::off();
    let texts: Vec<String> = classes
        .iter()
        .map(|combination| TEMPLATE.replace("{}", &combination.name()))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let names = unit_rows(&bridge::copy_in(clip.encode_texts(&texts)?.view())?)?;
    let mut right = 0;
    for (label, &combination) in (0..).zip(classes) {
        let pictures: Vec<u8> = (0..PICTURES)
            .flat_map(|index| picture(combination, Style::Plain, KEY, index))
            .collect();
        let pictures = bridge::copy_out(&channels_first(&pictures, PICTURES as usize))?;
        let pictures = unit_rows(&bridge::copy_in(
            clip.encode_images(pictures.view())?.view(),
        )?)?;
        let nearest = pictures.matmul(&names.transpose(0, 1)).argmax(1, false);
        right += nearest.eq(label).sum(Kind::Int64).int64_value(&[]);
    }
    Ok(right as f64 / (classes.len() as u64 * PICTURES) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_abi::{Inputs, Place, Site};

    fn shipped() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../weights/small"))
    }

    /// The accuracy in each row of a table, in percent.
    fn accuracies(table: &str) -> Vec<f64> {
        let rows = table.lines().skip(2).map(|row| row.split('|').rev().nth(1));
        rows.map(|cell| cell.unwrap().trim().parse().unwrap())
            .collect()
    }

    #[test]
    fn the_committed_table_matches_the_committed_weights() {
        let written = std::fs::read_to_string(shipped().join("zero-shot.md")).unwrap();
        let measured = table(shipped(), 1).unwrap();
        let (written, measured) = (accuracies(&written), accuracies(&measured));
        assert_eq!((written.len(), measured.len()), (2, 2));
        for (written, measured) in written.iter().zip(&measured) {
            // Another processor may sum in another order, which can flip the prediction of a
            // borderline picture.
            assert!(
                (written - measured).abs() < 0.3,
                "{written}, measured {measured}"
            );
        }
        assert!(
            measured[0] > 90.0,
            "held out of training: {} %",
            measured[0]
        );
    }

    #[test]
    fn every_class_name_leaves_room_for_ten_context_tokens() {
        let clip = open(shipped(), 1).unwrap();
        let digits = [
            "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
        ];
        let names = Combination::all().map(|combination| combination.name());
        let names: Vec<String> = names.chain(digits.map(String::from)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let rows: Vec<i64> = (0..names.len() as i64).collect();
        let width = clip.info().text.unwrap().width;
        let context = vec![0.02_f32; names.len() * 10 * width as usize];
        let shape = [rows.len() as i64, 10, width.into()];
        let site = Site {
            name: clbench_clip::sites::TEXT_CONTEXT,
            prompt: harness_abi::TensorView::new(&context, &shape).unwrap(),
        };
        let inputs = Inputs::Texts {
            texts: &names,
            row_text: &rows,
            place: Place::Front,
            options: br#"{"suffix": "."}"#,
        };
        let forward = clip.forward(&inputs, &[site], &["embedding"]).unwrap();
        assert_eq!(forward.outputs[0].view().shape()[0], rows.len() as i64);
    }
}

//! Training augmentation as an option of the stream, end to end: training images change, test
//! images do not, and the tables say so.

use clbench_tests::{Dir, root};
use serde_json::Value;
use std::fs;

fn scenario(dir: &Dir, name: &str, augmentation: &str) {
    let clip = root().join("plugins/clip/weights/small");
    dir.write(
        name,
        format!(
            "seeds: [1]\n\
             stream: {{tasks: 5{augmentation}}}\n\
             domains: {{digits: {{source: digits}}}}\n\
             backbones: {{clip: {{parameters: {{path: {}}}}}}}\n\
             strategies:\n\
             \x20 head: {{use: linear-head, parameters: {{epochs: 1}}}}\n\
             \x20 l2p: {{parameters: {{top_k: 1, training: {{epochs: 1, batch_size: 8, lr: 0.01}}}}}}\n",
            clip.display()
        ),
    );
}

/// Runs a scenario and returns its records' matrices by strategy, its cells' ids and its
/// leaderboard.
fn run(dir: &Dir, name: &str, out: &str) -> (Vec<(String, Value)>, Vec<String>, String) {
    let outcome = dir
        .clbench(["run", name, "--limit", "6", "--out", out])
        .outcome();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let mut records: Vec<(String, Value)> = fs::read_dir(dir.path(out).join("cells"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .map(|path| {
            let record: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            let row = record["cell"]["strategy"]["row"]
                .as_str()
                .unwrap()
                .to_owned();
            (row, record)
        })
        .collect();
    records.sort_by(|a, b| a.0.cmp(&b.0));
    let ids = records
        .iter()
        .map(|(_, record)| record["cell"]["id"].as_str().unwrap().to_owned())
        .collect();
    let matrices = records
        .into_iter()
        .map(|(row, record)| (row, record["matrices"].clone()))
        .collect();
    let board = fs::read_to_string(dir.path(out).join("leaderboard.csv")).unwrap();
    (matrices, ids, board)
}

#[test]
fn augmentation_is_an_option_of_the_stream() {
    let dir = Dir::new();
    scenario(&dir, "plain.yaml", "");
    scenario(&dir, "none.yaml", ", augmentation: none");
    scenario(
        &dir,
        "augmented.yaml",
        ", augmentation: random-resized-crop-and-flip",
    );
    let (plain, ids, board) = run(&dir, "plain.yaml", "plain");
    let (none, same_ids, _) = run(&dir, "none.yaml", "none");
    assert_eq!((&plain, &ids), (&none, &same_ids));
    assert!(!board.contains("random-resized-crop-and-flip"));

    let (augmented, other_ids, board) = run(&dir, "augmented.yaml", "augmented");
    let (again, ..) = run(&dir, "augmented.yaml", "again");
    assert_eq!(augmented, again);
    // A head on cached features always learns from the plain images; a strategy that encodes images
    // does not.
    assert_eq!(augmented[0], plain[0]);
    assert_ne!(augmented[1], plain[1]);
    assert!(ids.iter().all(|id| !other_ids.contains(id)));
    let mut reader = csv::Reader::from_reader(board.as_bytes());
    let column = |name: &str, reader: &mut csv::Reader<&[u8]>| {
        let headers = reader.headers().unwrap();
        headers.iter().position(|header| header == name).unwrap()
    };
    let (augmentation, adaptation, strategy) = (
        column("augmentation", &mut reader),
        column("adaptation", &mut reader),
        column("strategy", &mut reader),
    );
    for row in reader.records() {
        let row = row.unwrap();
        assert_eq!(&row[augmentation], "random-resized-crop-and-flip");
        let expected = match &row[strategy] {
            "l2p" => "prompts in the image encoder of a CLIP; published for an ImageNet ViT",
            _ => "",
        };
        assert_eq!(&row[adaptation], expected);
    }
}

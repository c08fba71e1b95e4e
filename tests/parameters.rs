//! Parameters as users look them up and as scenarios are checked against them: from the plugins'
//! manifests, without running a plugin.

use clbench_tests::{Dir, build};
use expect_test::expect;
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn one_strategy_is_listed_with_its_parameters() {
    let outcome = Dir::new()
        .clbench(["ls", "strategies", "linear-head"])
        .succeeds();
    expect![[r#"
        linear-head: softmax regression on frozen features: forgets in sequence; a reference in the joint regime
        clbench-heads 0.1.0, BUILD/libclbench_heads.so

        parameters:
          epochs  (integer, at least 1, default 20)
              Passes over a task's samples.
          batch_size  (integer, at least 1, default 32)
              Samples per step. The last step of an epoch takes what is left.
          lr  (number, above 0, default 0.01)
              η, the learning rate.
          optimiser  (choice, default sgd)
              The optimiser, made anew for every task.
              sgd
                  Stochastic gradient descent with momentum: v ← μ v + g, θ ← θ − η v.
              adam
                  Adam (arXiv 1412.6980) with β₁ = 0.9, β₂ = 0.999, ε = 1e-8.
          momentum  (number, at least 0 and below 1)
              μ, the momentum of `sgd`: 0.9 if it is not set. `adam` takes none.
          weight_decay  (number, at least 0, default 0)
              λ, the weight decay: λ times the parameter is added to its gradient, for the bias too.
          init_std  (number, at least 0, default 0.01)
              Standard deviation of the initial weights. The bias starts at 0.
          output  (choice, default embedding)
              The output of the backbone that is an image's feature.
              embedding
                  The embedding: after the projection into the space that images share with texts, not
                  normalised.
              class-token
                  The class token after the last layer norm, before the projection: 768 wide in a CLIP ViT-
                  B, whose embeddings are 512 wide.
          normalise  (choice, default none)
              How a feature is normalised first.
              none
                  Not at all.
              unit
                  To unit length, as is usual for CLIP's embeddings.
          train_on  (choice, default seen)
              The classes that the cross-entropy chooses among.
              seen
                  All classes seen so far: plain fine-tuning. Samples of the new task push down the weights
                  of past classes.
              task
                  The current task's classes. The weights of past classes stay as they are, but are never
                  compared with the new ones.
    "#]].assert_eq(&outcome.stdout);
}

#[test]
fn one_source_is_listed_with_its_keys() {
    let outcome = Dir::new().clbench(["ls", "domains", "idx"]).succeeds();
    expect![[r#"
        idx: the four files of MNIST or Fashion-MNIST, plain or gzipped; `path`, `classes`
        built in

        keys:
          path
              The folder with the four files, relative to the scenario file; `~` is your home directory.
          classes
              The reference list of classes, in label order: label numbers and class names come only from
              it. Either the list itself, or a file that contains it (YAML, JSON, or text with one name per
              line). An entry is a name, or `{name: ladybug, key: n02165456}` if the source calls the class
              something else. A bare number in the source is an index into the list, from 0, unless keys are
              numbers. In a text file, a number is looked up as a key or name first. Every class of the
              domain must be in the list, and every class in the list must have images. Default: the numbers
              that the source or the split list gives its classes, else natural order.
    "#]].assert_eq(&outcome.stdout);
}

#[test]
fn unknown_names_are_answered_with_the_closest() {
    let told = |kind: &str, name: &str| {
        let outcome = Dir::new().clbench(["ls", kind, name]).outcome();
        format!("{} {}", outcome.code, outcome.stderr)
    };
    expect![[r#"
        3 error: no plugin offers a strategy `linear-haed`; did you mean `linear-head`? (searched BUILD)
        2 error: no source of images is called `parquets`; did you mean `parquet`?
        2 error: `clbench ls plugins` takes no name; `clbench plugin inspect FILE` shows a plugin file, and `clbench ls strategies clip` a strategy
    "#]].assert_eq(
        &[
            told("strategies", "linear-haed"),
            told("domains", "parquets"),
            told("plugins", "clip"),
        ]
        .concat(),
    );
}

/// The only plugins there are have no libtorch, so loading one would fail.
#[test]
fn validate_checks_parameters_against_their_schemas_before_it_loads_plugins() {
    let dir = Dir::new();
    let plugins = dir.path("plugins");
    fs::create_dir(&plugins).unwrap();
    for library in [
        "libclbench_heads.so",
        "libclbench_pixels.so",
        "libclbench_metrics.so",
    ] {
        symlink(build().join(library), plugins.join(library)).unwrap();
    }
    let told = |strategy: &str, backbone: &str| {
        dir.write(
            "scenario.yaml",
            format!(
                "seeds: [1]\nstream: {{ tasks: 5 }}\ndomains: {{ digits: {{ source: digits }} }}\n\
                 backbones:\n  pixels: {{ parameters: {{ {backbone} }} }}\n\
                 strategies:\n  linear-head: {{ {strategy} }}\n"
            ),
        );
        let args = ["validate", "scenario.yaml", "--plugin-dir", "plugins"];
        let run = dir.clbench(args).env("CLBENCH_LIBTORCH", "/nowhere");
        run.outcome().stderr
    };
    expect![[r#"
        error: scenario.yaml:7: strategies.linear-head.parameters.lr: must be above 0, got 0
            7 |   linear-head: { parameters: { lr: 0 } }
              |                                ^^
        error: scenario.yaml:7: strategies.linear-head.parameters.optimiser: `sdg` is not allowed; did you mean `sgd`?
            7 |   linear-head: { parameters: { optimiser: sdg } }
              |                                ^^^^^^^^^
        error: scenario.yaml:7: strategies.linear-head.parameters.epochs: must be a whole number, got "many"
            7 |   linear-head: { parameters: { epochs: many } }
              |                                ^^^^^^
        error: scenario.yaml:7: strategies.linear-head.parameters.learning_rate: no such parameter; there are `epochs`, `batch_size`, `lr`, `optimiser`, `momentum`, `weight_decay`, `init_std`, `output`, `normalise`, `train_on`
            7 |   linear-head: { parameters: { learning_rate: 0.1 } }
              |                                ^^^^^^^^^^^^^
        error: scenario.yaml:7: strategies.linear-head.grid.lr[1]: must be above 0, got -0.1
            7 |   linear-head: { grid: { lr: [0.1, -0.1] } }
              |                                    ^^^^
        error: scenario.yaml:5: backbones.pixels.parameters.size: must be at least 1 and at most 1024, got 2000
            5 |   pixels: { parameters: { size: 2000 } }
              |                           ^^^^
        error: scenario.yaml:5: backbones.pixels.parameters.colour: must be `true` or `false`, got "red"
            5 |   pixels: { parameters: { colour: red } }
              |                           ^^^^^^
    "#]].assert_eq(
        &[
            told("parameters: { lr: 0 }", ""),
            told("parameters: { optimiser: sdg }", ""),
            told("parameters: { epochs: many }", ""),
            told("parameters: { learning_rate: 0.1 }", ""),
            told("grid: { lr: [0.1, -0.1] }", ""),
            told("", "size: 2000"),
            told("", "colour: red"),
        ]
        .concat(),
    );
}

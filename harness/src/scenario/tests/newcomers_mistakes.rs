//! The messages about mistakes that newcomers make: what to write instead.

use super::{change, changed, parse, shown};
use crate::scenario::Scenario;
use expect_test::expect;
use std::fs;

#[test]
fn parameters_outside_parameters() {
    change(
        "parameters: {lr: 0.1, epochs: 5}",
        "lr: 0.01",
        expect![[r#"
            scenarios/test.yaml:9: strategies.linear.lr: unknown key `lr`; if it is a parameter, put it under `parameters:`, as in `linear: {parameters: {lr: 0.01}}`
                9 |     lr: 0.01
                  |     ^^
        "#]],
    );
    change(
        "parameters: {lr: 0.1, epochs: 5}",
        "use: linear-head\n    lr: 0.01\n    schedule: {name: cosine, warmup: [1, 2]}",
        expect![[r#"
            scenarios/test.yaml:10: strategies.linear.lr: unknown keys `lr`, `schedule`; if they are parameters, put them under `parameters:`, as in `linear: {parameters: {lr: 0.01, schedule: {name: cosine, warmup: [1, 2]}}}`
               10 |     lr: 0.01
                  |     ^^
        "#]],
    );
    change(
        "    parameters: {lr: 0.1, epochs: 5}\n  nearest-class-mean: {}",
        "    lr: 0.01\n    grid: {epochs: [1, 2]}\n  nearest-class-mean: {}",
        expect![[r#"
            scenarios/test.yaml:9: strategies.linear.lr: unknown key `lr`; if it is a parameter, put it under `parameters:`, as in `linear: {parameters: {lr: 0.01}}`
                9 |     lr: 0.01
                  |     ^^
        "#]],
    );
    change(
        "  pixels: {}",
        "  clip: {path: ../weights/clip}",
        expect![[r#"
            scenarios/test.yaml:4: backbones.clip.path: unknown key `path`; if it is a parameter, put it under `parameters:`, as in `clip: {parameters: {path: ../weights/clip}}`
                4 |   clip: {path: ../weights/clip}
                  |          ^^^^
        "#]],
    );
    change(
        "  pixels: {}",
        "  clip: {use: clip, path: 'C:\\weights, old', dtype: bf16}",
        expect![[r#"
            scenarios/test.yaml:4: backbones.clip.path: unknown keys `path`, `dtype`; if they are parameters, put them under `parameters:`, as in `clip: {parameters: {path: 'C:\weights, old', dtype: bf16}}`
                4 |   clip: {use: clip, path: 'C:\weights, old', dtype: bf16}
                  |                     ^^^^
        "#]],
    );
    change(
        "nearest-class-mean: {}",
        "nearest-class-mean: {seeds: [1]}",
        expect![[r#"
            scenarios/test.yaml:10: strategies.nearest-class-mean.seeds: unknown key `seeds` here; it belongs at the top level of the scenario, as in `seeds: [1]`
               10 |   nearest-class-mean: {seeds: [1]}
                  |                        ^^^^^
        "#]],
    );
    change(
        "nearest-class-mean: {}",
        "nearest-class-mean: {class_order: listed}",
        expect![[r#"
            scenarios/test.yaml:10: strategies.nearest-class-mean.class_order: unknown key `class_order` here; it belongs under `stream:`, as in `stream: {class_order: listed}`
               10 |   nearest-class-mean: {class_order: listed}
                  |                        ^^^^^^^^^^^
        "#]],
    );
    change(
        "nearest-class-mean: {}",
        "nearest-class-mean: {lr:0.1}",
        expect![[r#"
            scenarios/test.yaml:10: strategies.nearest-class-mean.lr:0.1: `lr` needs a space after its colon; write `lr: 0.1`
               10 |   nearest-class-mean: {lr:0.1}
                  |                        ^^^^^^
        "#]],
    );
    change(
        "parameters: {lr: 0.1, epochs: 5}",
        "parameters: [lr: 0.1, epochs: 5]",
        expect![[r#"
            scenarios/test.yaml:9: strategies.linear.parameters: expected a mapping, found a list; write `parameters: {lr: 0.1, epochs: 5}`
                9 |     parameters: [lr: 0.1, epochs: 5]
                  |     ^^^^^^^^^^
        "#]],
    );
    change(
        "parameters: {lr: 0.1, epochs: 5}",
        "parameters:\n    - lr: 0.1\n    - epochs: 5",
        expect![[r#"
            scenarios/test.yaml:9: strategies.linear.parameters: expected a mapping, found a list; write `parameters: {lr: 0.1, epochs: 5}`
                9 |     parameters:
                  |     ^^^^^^^^^^
        "#]],
    );
}

#[test]
fn keys_of_other_names_and_places() {
    change(
        "nearest-class-mean: {}",
        "nearest-class-mean: {params: {lr: 0.1}}",
        expect![[r#"
            scenarios/test.yaml:10: strategies.nearest-class-mean.params: unknown key `params`; write `parameters: {lr: 0.1}`
               10 |   nearest-class-mean: {params: {lr: 0.1}}
                  |                        ^^^^^^
        "#]],
    );
    change(
        "nearest-class-mean: {}",
        "nearest-class-mean: {name: ncm}",
        expect![[r#"
            scenarios/test.yaml:10: strategies.nearest-class-mean.name: unknown key `name`; write `use: ncm`
               10 |   nearest-class-mean: {name: ncm}
                  |                        ^^^^
        "#]],
    );
    change(
        "nearest-class-mean: {}",
        "nearest-class-mean: {seed: 1}",
        expect![[r#"
            scenarios/test.yaml:10: strategies.nearest-class-mean.seed: unknown key `seed` here; it belongs at the top level of the scenario, as in `seeds: [1]`
               10 |   nearest-class-mean: {seed: 1}
                  |                        ^^^^
        "#]],
    );
    change(
        "nearest-class-mean: {}",
        "nearest-class-mean:\n  backbone: pixels",
        expect![[r#"
            scenarios/test.yaml:11: strategies.backbone: `backbone` is a key of a strategy, not the name of one; indent it below the strategy's name
               11 |   backbone: pixels
                  |   ^^^^^^^^
        "#]],
    );
    change(
        "nearest-class-mean: {}",
        "nearest-class-mean:\n  parameters: {lr: 0.1}",
        expect![[r#"
            scenarios/test.yaml:11: strategies.parameters.lr: `parameters` is a key of a strategy, not the name of one; indent it below the strategy's name
               11 |   parameters: {lr: 0.1}
                  |                ^^
        "#]],
    );
    change(
        "nearest-class-mean: {}",
        "nearest-class-mean:\nparameters: {lr: 0.1}",
        expect![[r#"
            scenarios/test.yaml:11: parameters: unknown key `parameters` here; it belongs under the name of a strategy or backbone, as in `strategies: {NAME: {parameters: {lr: 0.1}}}`
               11 | parameters: {lr: 0.1}
                  | ^^^^^^^^^^
        "#]],
    );
    change(
        "{source: digits}",
        "\n  source: digits",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits: `source` is a key of a domain, not the name of one; indent it below the domain's name
                6 |   digits:
                  |   ^^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5, seed: 1993}",
        expect![[r#"
        scenarios/test.yaml:2: stream.seed: unknown key `seed`; write `class_order: {numpy: 1993}`
            2 | stream: {tasks: 5, seed: 1993}
              |                    ^^^^
    "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5, class_order: {seed: 1993}}",
        expect![[r#"
            scenarios/test.yaml:2: stream.class_order.seed: unknown key `seed`; write `class_order: {numpy: 1993}`
                2 | stream: {tasks: 5, class_order: {seed: 1993}}
                  |                                  ^^^^
        "#]],
    );
}

#[test]
fn values_in_another_form() {
    change(
        "{tasks: 5}",
        "[5, 5]",
        expect![[r#"
        scenarios/test.yaml:2: stream: expected a mapping, found a list; write `stream: {task_sizes: [5, 5]}`
            2 | stream: [5, 5]
              | ^^^^^^
    "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5.0}",
        expect![[r#"
            scenarios/test.yaml:2: stream.tasks: expected a whole number or sizes such as `{base: 50, increment: 10}`, found the number 5.0
                2 | stream: {tasks: 5.0}
                  |          ^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5, augmentation: true}",
        expect![[r#"
        scenarios/test.yaml:2: stream.augmentation: unknown value `true`; the choices are `none`, `random-resized-crop-and-flip`
            2 | stream: {tasks: 5, augmentation: true}
              |                    ^^^^^^^^^^^^
    "#]],
    );
    change(
        "seeds:",
        "device: 0\nseeds:",
        expect![[r#"
        scenarios/test.yaml:1: device: expected text, found the whole number 0; write `device: cuda:0`
            1 | device: 0
              | ^^^^^^
    "#]],
    );
    change(
        "seeds:",
        "rank_by: [faa]\nseeds:",
        expect![[r#"
        scenarios/test.yaml:1: rank_by: expected text, found a list; write `rank_by: faa`
            1 | rank_by: [faa]
              | ^^^^^^^
    "#]],
    );
    change(
        "    parameters: {lr: 0.1, epochs: 5}",
        "    grid: {lr: {0.1, 0.2}}",
        expect![[r#"
            scenarios/test.yaml:9: strategies.linear.grid.lr: a list is written in `[` and `]`, not in `{` and `}`
                9 |     grid: {lr: {0.1, 0.2}}
                  |                 ^^^
        "#]],
    );
    change(
        "nearest-class-mean: {}",
        "nearest-class-mean: {backbone: [pixels, clip]}",
        expect![[r#"
            scenarios/test.yaml:10: strategies.nearest-class-mean.backbone: expected text, found a list; write `backbones: [pixels, clip]`
               10 |   nearest-class-mean: {backbone: [pixels, clip]}
                  |                        ^^^^^^^^
        "#]],
    );
}

#[test]
fn streams() {
    change(
        "{tasks: 5}",
        "{tasks: [2, 2, 2]}",
        expect![[r#"
        scenarios/test.yaml:2: stream.tasks: `tasks` is the number of tasks; for the number of classes of each task, write `task_sizes: [2, 2, 2]`
            2 | stream: {tasks: [2, 2, 2]}
              |          ^^^^^
    "#]],
    );
    change(
        "{tasks: 5}",
        "{task_sizes: 5}",
        expect![[r#"
        scenarios/test.yaml:2: stream.task_sizes: expected a list with the number of classes of each task, found the whole number 5; for 5 equal tasks, write `tasks: 5`
            2 | stream: {task_sizes: 5}
              |          ^^^^^^^^^^
    "#]],
    );
    change(
        "{tasks: 5}",
        "5",
        expect![[r#"
        scenarios/test.yaml:2: stream: expected a mapping, found the whole number 5; write `stream: {tasks: 5}`
            2 | stream: 5
              | ^^^^^^
    "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: '5'}",
        expect![[r#"
            scenarios/test.yaml:2: stream.tasks: expected a whole number or sizes such as `{base: 50, increment: 10}`, found the text `5`; write `5`, without quotes or separators
                2 | stream: {tasks: '5'}
                  |          ^^^^^
        "#]],
    );
    change(
        "stream: {tasks: 5}",
        "tasks: 5",
        expect![[r#"
        scenarios/test.yaml:2: tasks: unknown key `tasks` here; it belongs under `stream:`, as in `stream: {tasks: 5}`
            2 | tasks: 5
              | ^^^^^
    "#]],
    );
    change(
        "stream: {tasks: 5}\n",
        "class_order: listed\nstream: {tasks: 5}\n",
        expect![[r#"
            scenarios/test.yaml:2: class_order: unknown key `class_order` here; it belongs under `stream:`, as in `stream: {class_order: listed}`
                2 | class_order: listed
                  | ^^^^^^^^^^^
        "#]],
    );
    change(
        "{source: digits}",
        "{source: digits, tasks: 5}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.tasks: unknown key `tasks` here; it belongs under `stream:`, as in `stream: {tasks: 5}`
                6 |   digits: {source: digits, tasks: 5}
                  |                            ^^^^^
        "#]],
    );
    change(
        "{source: digits}",
        "{source: digits, seeds: [1]}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.seeds: unknown key `seeds` here; it belongs at the top level of the scenario, as in `seeds: [1]`
                6 |   digits: {source: digits, seeds: [1]}
                  |                            ^^^^^
        "#]],
    );
}

#[test]
fn class_orders_that_list_names() {
    change(
        "{source: digits}",
        "{source: idx, path: x, classes: [T-shirt, Trouser, Bag], stream: {tasks: 3, class_order: [Bag, T-shirt, Trouser]}}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.stream.class_order[0]: a class order lists classes by number; write `class_order: [2, 0, 1]`
                6 |   digits: {source: idx, path: x, classes: [T-shirt, Trouser, Bag], stream: {tasks: 3, class_order: [Bag, T-shirt, Trouser]}}
                  |                                                                                                     ^^^
        "#]],
    );
    change(
        "{source: digits}",
        "{source: parquet, path: x, classes: [T-shirt, {name: Bag, key: bag}], stream: {tasks: 3, class_order: [Bag, T-shirt]}}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.stream.class_order[0]: a class order lists classes by number; write `class_order: [1, 0]`
                6 |   digits: {source: parquet, path: x, classes: [T-shirt, {name: Bag, key: bag}], stream: {tasks: 3, class_order: [Bag, T-shirt]}}
                  |                                                                                                                  ^^^
        "#]],
    );
    change(
        "{source: digits}",
        "{source: image-folder, path: x, stream: {tasks: 3, class_order: [dog, cat]}}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.stream.class_order[0]: a class order lists classes by number; write `class_order: listed` and the domain's `classes: [dog, cat]`
                6 |   digits: {source: image-folder, path: x, stream: {tasks: 3, class_order: [dog, cat]}}
                  |                                                                            ^^^
        "#]],
    );
    change(
        "{source: digits}",
        "{source: digits, stream: {tasks: 3, class_order: [three, one]}}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.stream.class_order[0]: expected a whole number, found the text `three`
                6 |   digits: {source: digits, stream: {tasks: 3, class_order: [three, one]}}
                  |                                                             ^^^^^
        "#]],
    );
    change(
        "{source: digits}",
        "{source: digits, stream: {tasks: 3, class_order: ['3', '1']}}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.stream.class_order[0]: expected a whole number, found the text `3`; write `3`, without quotes or separators
                6 |   digits: {source: digits, stream: {tasks: 3, class_order: ['3', '1']}}
                  |                                                             ^^^
        "#]],
    );
}

#[test]
fn keys_of_pycil() {
    change(
        "{tasks: 5}",
        "{base: 50, increment: 10}",
        expect![[r#"
        scenarios/test.yaml:2: stream.base: unknown key `base`; write `tasks: {base: 50, increment: …}`
            2 | stream: {base: 50, increment: 10}
              |          ^^^^
    "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5, increment: 10}",
        expect![[r#"
        scenarios/test.yaml:2: stream.increment: unknown key `increment`; write `tasks: {increment: 10}`
            2 | stream: {tasks: 5, increment: 10}
              |                    ^^^^^^^^^
    "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: {init_cls: 50, increment: 10}}",
        expect![[r#"
            scenarios/test.yaml:2: stream.tasks.init_cls: unknown key `init_cls`; write `base: 50`
                2 | stream: {tasks: {init_cls: 50, increment: 10}}
                  |                  ^^^^^^^^
        "#]],
    );
}

#[test]
fn lists_and_names_in_place_of_mappings() {
    change(
        "backbones:\n  pixels: {}",
        "backbones: [pixels]",
        expect![[r#"
            scenarios/test.yaml:3: backbones: expected a mapping, found a list; write `backbones: {pixels: {}}`
                3 | backbones: [pixels]
                  | ^^^^^^^^^
        "#]],
    );
    change(
        "backbones:\n  pixels: {}",
        "backbones: pixels",
        expect![[r#"
        scenarios/test.yaml:3: backbones: expected a mapping, found the text `pixels`; write `backbones: {pixels: {}}`
            3 | backbones: pixels
              | ^^^^^^^^^
    "#]],
    );
    change(
        "backbones:\n  pixels: {}",
        "backbone: pixels",
        expect![[r#"
        scenarios/test.yaml:3: backbone: unknown key `backbone`; write `backbones: {pixels: {}}`
            3 | backbone: pixels
              | ^^^^^^^^
    "#]],
    );
    change(
        "backbones:\n  pixels: {}",
        "model: ViT-B/32",
        expect![[r#"
        scenarios/test.yaml:3: model: unknown key `model`; write `backbones: {ViT-B/32: {}}`
            3 | model: ViT-B/32
              | ^^^^^
    "#]],
    );
    change(
        "  pixels: {}",
        "  clip: ../weights/clip",
        expect![[r#"
        scenarios/test.yaml:4: backbones.clip: expected a mapping, found the text `../weights/clip`; write `clip: {parameters: {path: ../weights/clip}}`
            4 |   clip: ../weights/clip
              |   ^^^^
    "#]],
    );
    change(
        "domains:\n  digits: {source: digits}",
        "domains: [digits, flowers]",
        expect![[r#"
            scenarios/test.yaml:5: domains: expected a mapping, found a list; write `domains: {digits: {source: digits}, flowers: {source: …}}`
                5 | domains: [digits, flowers]
                  | ^^^^^^^
        "#]],
    );
    change(
        "domains:\n  digits: {source: digits}",
        "domain: digits",
        expect![[r#"
            scenarios/test.yaml:5: domain: unknown key `domain`; write `domains: {digits: {source: digits}}`
                5 | domain: digits
                  | ^^^^^^
        "#]],
    );
    change(
        "domains:\n  digits: {source: digits}",
        "datasets:\n  digits: {source: digits}",
        expect![[r#"
            scenarios/test.yaml:5: datasets: unknown key `datasets`; write `domains:`
                5 | datasets:
                  | ^^^^^^^^
        "#]],
    );
    change(
        "{source: digits}",
        "data/flowers",
        expect![[r#"
        scenarios/test.yaml:6: domains.digits: expected a mapping, found the text `data/flowers`; write `digits: {source: image-folder, path: data/flowers}`
            6 |   digits: data/flowers
              |   ^^^^^^
    "#]],
    );
    change(
        "  linear:\n    parameters: {lr: 0.1, epochs: 5}\n  nearest-class-mean: {}",
        "  [linear, nearest-class-mean]",
        expect![[r#"
            scenarios/test.yaml:7: strategies: expected a mapping, found a list; write `strategies: {linear: {}, nearest-class-mean: {}}`
                7 | strategies:
                  | ^^^^^^^^^^
        "#]],
    );
    change(
        "  linear:\n    parameters: {lr: 0.1, epochs: 5}\n  nearest-class-mean: {}",
        "  - linear:\n      parameters: {lr: 0.1}\n  - nearest-class-mean",
        expect![[r#"
            scenarios/test.yaml:7: strategies: expected a mapping, found a list; write `strategies: {linear: {parameters: {lr: 0.1}}, nearest-class-mean: {}}`
                7 | strategies:
                  | ^^^^^^^^^^
        "#]],
    );
    change(
        "  linear:\n    parameters: {lr: 0.1, epochs: 5}\n  nearest-class-mean: {}",
        "  - name: linear\n    lr: 0.1",
        expect![[r#"
            scenarios/test.yaml:7: strategies: expected a mapping, found a list; write `strategies: {linear: {…}}`
                7 | strategies:
                  | ^^^^^^^^^^
        "#]],
    );
    change(
        "strategies:\n  linear:",
        "strategy:\n  linear:",
        expect![[r#"
            scenarios/test.yaml:7: strategy: unknown key `strategy`; write `strategies:`
                7 | strategy:
                  | ^^^^^^^^
        "#]],
    );
}

#[test]
fn seeds_and_numbers() {
    change(
        "[1992, 1996]",
        "3",
        expect![[r#"
        scenarios/test.yaml:1: seeds: expected a list of seeds, found the whole number 3; list each seed, as in `seeds: [1992, 1996, 1997]` for three, or write `seeds: [3]` for one
            1 | seeds: 3
              | ^^^^^
    "#]],
    );
    change(
        "seeds: [1992, 1996]",
        "seed: 1992",
        expect![[r#"
        scenarios/test.yaml:1: seed: unknown key `seed`; write `seeds: [1992]`
            1 | seed: 1992
              | ^^^^
    "#]],
    );
    change(
        "seeds: [1992, 1996]",
        "seed: [1992, 1996]",
        expect![[r#"
        scenarios/test.yaml:1: seed: unknown key `seed`; write `seeds: [1992, 1996]`
            1 | seed: [1992, 1996]
              | ^^^^
    "#]],
    );
    change(
        "1996]",
        "'1996']",
        expect![[r#"
            scenarios/test.yaml:1: seeds[1]: expected a whole number, found the text `1996`; write `1996`, without quotes or separators
                1 | seeds: [1992, '1996']
                  |               ^^^^^^
        "#]],
    );
    change(
        "seeds:",
        "threads: '2'\nseeds:",
        expect![[r#"
            scenarios/test.yaml:1: threads: expected a whole number, found the text `2`; write `2`, without quotes or separators
                1 | threads: '2'
                  | ^^^^^^^
        "#]],
    );
    change(
        "seeds:",
        "threads: 1_000\nseeds:",
        expect![[r#"
            scenarios/test.yaml:1: threads: expected a whole number, found the text `1_000`; write `1000`, without quotes or separators
                1 | threads: 1_000
                  | ^^^^^^^
        "#]],
    );
    change(
        "seeds:",
        "metrics: faa\nseeds:",
        expect![[r#"
        scenarios/test.yaml:1: metrics: expected a list, found the text `faa`; write `metrics: [faa]`
            1 | metrics: faa
              | ^^^^^^^
    "#]],
    );
    change(
        "source: digits",
        "source: digits, templates: a photo of the digit",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.templates: expected a list, found the text `a photo of the digit`; write `templates: [a photo of the digit]`
                6 |   digits: {source: digits, templates: a photo of the digit}
                  |                            ^^^^^^^^^
        "#]],
    );
}

#[test]
fn text_that_needs_quotes() {
    change(
        "{source: digits}",
        "{ source: digits, templates: [a photo of a {}] }",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.templates: not valid YAML: text with `{` in it needs quotes; write `"a photo of a {}"`
                6 |   digits: { source: digits, templates: [a photo of a {}] }
                  |                                                      ^
        "#]],
    );
    change(
        "{lr: 0.1, epochs: 5}",
        "{ template: a photo of a {} }",
        expect![[r#"
            scenarios/test.yaml:9: strategies.linear.parameters: not valid YAML: text with `{` in it needs quotes; write `"a photo of a {}"`
                9 |     parameters: { template: a photo of a {} }
                  |                                          ^
        "#]],
    );
    change(
        "{lr: 0.1, epochs: 5}",
        "{ template: a photo of a {}, a digit, lr: 1 }",
        expect![[r#"
            scenarios/test.yaml:9: strategies.linear.parameters: not valid YAML: text with `{` in it needs quotes; write `"a photo of a {}"`
                9 |     parameters: { template: a photo of a {}, a digit, lr: 1 }
                  |                                          ^
        "#]],
    );
    change(
        "{lr: 0.1, epochs: 5}",
        "\n      templates:\n        - {} in a picture, at night # or by day",
        expect![[r#"
            scenarios/test.yaml:11: strategies.linear.parameters.templates: not valid YAML: text with `{` in it needs quotes; write `"{} in a picture, at night"`
               11 |         - {} in a picture, at night # or by day
                  |              ^
        "#]],
    );
    change(
        "{lr: 0.1, epochs: 5}",
        "{path: {data}/x}",
        expect![[r#"
        scenarios/test.yaml:9: strategies.linear.parameters: not valid YAML: text with `{` in it needs quotes; write `"{data}/x"`
            9 |     parameters: {path: {data}/x}
              |                              ^
    "#]],
    );
    change(
        "{lr: 0.1, epochs: 5}",
        "{lr: 0.1 {epochs: 5}}",
        expect![[r#"
        scenarios/test.yaml:9: strategies.linear.parameters: not valid YAML: expected `,` or `}` here
            9 |     parameters: {lr: 0.1 {epochs: 5}}
              |                          ^
    "#]],
    );
    change(
        "seeds:",
        "description: CGIL: a test\nseeds:",
        expect![[r#"
        scenarios/test.yaml:1: not valid YAML: two keys on one line; write `description: {CGIL: a test}`, or `description: "CGIL: a test"` if it is text
            1 | description: CGIL: a test
              |                  ^
    "#]],
    );
    change(
        "seeds:",
        "description: cgil: a test\nseeds:",
        expect![[r#"
        scenarios/test.yaml:1: not valid YAML: two keys on one line; write `description: {cgil: a test}`, or `description: "cgil: a test"` if it is text
            1 | description: cgil: a test
              |                  ^
    "#]],
    );
    change(
        "seeds:",
        "name: 'it's'\nseeds:",
        expect![[r#"
            scenarios/test.yaml:1: name: not valid YAML: text follows the closing quote; write a quote inside single quotes as `''`, and inside double quotes as `\"`
                1 | name: 'it's'
                  |           ^
        "#]],
    );
    change(
        "{source: digits}",
        "{source: image-folder, path: %DATA%/x}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.path: not valid YAML: text that begins with `%` needs quotes; write `"%DATA%/x"`
                6 |   digits: {source: image-folder, path: %DATA%/x}
                  |                                        ^
        "#]],
    );
    change(
        "{source: digits}",
        "{source: image-folder, path: @x}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.path: not valid YAML: text that begins with `@` needs quotes; write `"@x"`
                6 |   digits: {source: image-folder, path: @x}
                  |                                        ^
        "#]],
    );
    change(
        "{source: digits}",
        "{source: image-folder, path: `pwd`}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.path: not valid YAML: text that begins with a backtick needs quotes; write `"`pwd`"`
                6 |   digits: {source: image-folder, path: `pwd`}
                  |                                        ^
        "#]],
    );
    change(
        "{source: digits}",
        "{source: parquet, path: *.parquet}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.path: not valid YAML: `*.parquet` repeats an anchor that is not defined; if it is text, write `"*.parquet"`
                6 |   digits: {source: parquet, path: *.parquet}
                  |                                   ^
        "#]],
    );
}

#[test]
fn windows_paths() {
    change(
        "{source: digits}",
        "{source: image-folder, path: \"C:\\data\\x\"}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.path: not valid YAML: `\d` is not a valid escape in double quotes; use single quotes, as in `'C:\data\x'`
                6 |   digits: {source: image-folder, path: "C:\data\x"}
                  |                                        ^
        "#]],
    );
    change(
        "{source: digits}",
        "{source: image-folder, path: \"C:\\users\\x\"}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.path: not valid YAML: `\u` is not a valid escape in double quotes; use single quotes, as in `'C:\users\x'`
                6 |   digits: {source: image-folder, path: "C:\users\x"}
                  |                                        ^
        "#]],
    );
    change(
        "{source: digits}",
        "\n    source: image-folder\n    path: \"C:\\data\\x\"",
        expect![[r#"
            scenarios/test.yaml:8: domains.digits.path: not valid YAML: `\d` is not a valid escape in double quotes; use single quotes, as in `'C:\data\x'`
                8 |     path: "C:\data\x"
                  |           ^
        "#]],
    );
    change(
        "{source: digits}",
        "{source: image-folder, path: \"C:\\new\"}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.path: the path contains a line break, since `\` begins an escape in double quotes; use single quotes
                6 |   digits: {source: image-folder, path: "C:\new"}
                  |                                  ^^^^
        "#]],
    );
    change(
        "{source: digits}",
        "{source: image-folder, path: \"C:\\table\"}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.path: the path contains a tab, since `\` begins an escape in double quotes; use single quotes
                6 |   digits: {source: image-folder, path: "C:\table"}
                  |                                  ^^^^
        "#]],
    );
    change(
        "{source: digits}",
        "{source: image-folder, path: \"C:\\backup\"}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.path: the path contains a control character, since `\` begins an escape in double quotes; use single quotes
                6 |   digits: {source: image-folder, path: "C:\backup"}
                  |                                  ^^^^
        "#]],
    );
}

#[test]
fn indentation_and_punctuation() {
    change(
        "  digits: {",
        "\tdigits: {",
        expect![[r#"
        scenarios/test.yaml:6: domains: not valid YAML: a tab indents this line; indent with spaces
            6 | 	digits: {source: digits}
              | ^
    "#]],
    );
    change(
        "stream: {tasks: 5}",
        "stream:\n  tasks: 5\n\tclass_order: listed",
        expect![[r#"
            scenarios/test.yaml:4: stream.tasks: not valid YAML: a tab indents this line; indent with spaces
                4 | 	class_order: listed
                  | ^
        "#]],
    );
    change(
        "seeds: [1992, 1996]",
        "seeds:[1992, 1996]",
        expect![[r#"
        scenarios/test.yaml:1: not valid YAML: a space is missing after `seeds:`; write `seeds: [1992, 1996]`
            1 | seeds:[1992, 1996]
              | ^^^^^^
    "#]],
    );
    change(
        "stream: {tasks: 5}",
        " stream: {tasks: 5}",
        expect![[r#"
            scenarios/test.yaml:2: not valid YAML: the indentation of this line matches no key above; align it with the keys it belongs to
                2 |  stream: {tasks: 5}
                  |  ^
        "#]],
    );
    change(
        "    parameters: {lr: 0.1, epochs: 5}",
        "      parameters: {lr: 0.1}\n    trials: 3",
        expect![[r#"
            scenarios/test.yaml:10: strategies: not valid YAML: the indentation of this line matches no key above; align it with the keys it belongs to
               10 |     trials: 3
                  |     ^
        "#]],
    );
    change(
        "seeds: [1992, 1996]",
        "seeds:\n- 1992\n  - 1996",
        expect![[r#"
            scenarios/test.yaml:2: seeds[0]: expected a whole number, found the text `1992 - 1996`
                2 | - 1992
                  |   ^
        "#]],
    );
    change(
        "seeds: [1992, 1996]",
        "seeds:\n  - 1992\n  1996",
        expect![[r#"
            scenarios/test.yaml:3: seeds: not valid YAML: this line is neither `key: value` nor an entry of a list, `- value`
                3 |   1996
                  |   ^^^^
        "#]],
    );
    change(
        "stream: {tasks: 5}",
        "stream:\n  tasks: 5\n  listed",
        expect![[r#"
            scenarios/test.yaml:4: stream: not valid YAML: this line is neither `key: value` nor an entry of a list, `- value`
                4 |   listed
                  |   ^^^^^^
        "#]],
    );
    change(
        "[1992, 1996]",
        "[1992, 1996",
        expect![[r#"
        scenarios/test.yaml:2: seeds: not valid YAML: the `[` on line 1 is not closed; add `]`, or a `,` before this
            2 | stream: {tasks: 5}
              |       ^
    "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5",
        expect![[r#"
        scenarios/test.yaml:3: stream: not valid YAML: the `{` on line 2 is not closed; add `}`, or a `,` before this
            3 | backbones:
              |          ^
    "#]],
    );
    change(
        "[1992, 1996]",
        "[1992 : 1996, 3: 4: 5]",
        expect![[r#"
        scenarios/test.yaml:1: seeds[0]: a key must be text, found the number 1992; put it in quotes
            1 | seeds: [1992 : 1996, 3: 4: 5]
              |         ^^^^
    "#]],
    );
    change(
        "[1992, 1996]",
        "[1992, 1996] 1997",
        expect![[r#"
            scenarios/test.yaml:1: not valid YAML: unexpected text after the value; remove it, or put the whole value in quotes
                1 | seeds: [1992, 1996] 1997
                  |                     ^
        "#]],
    );
    change(
        "  linear:\n    parameters:",
        "  linear: parameters:",
        expect![[r#"
            scenarios/test.yaml:8: strategies: not valid YAML: two keys on one line; write `linear: {parameters: {lr: 0.1, epochs: 5}}`, or `linear: "parameters: {lr: 0.1, epochs: 5}"` if it is text
                8 |   linear: parameters: {lr: 0.1, epochs: 5}
                  |                     ^
        "#]],
    );
    change(
        "seeds:",
        "name: \"digits\nseeds:",
        expect![[r#"
        scenarios/test.yaml:1: name: not valid YAML: the quote that opens here is not closed; add the closing one
            1 | name: "digits
              |       ^
    "#]],
    );
}

#[test]
fn a_crate_in_the_place_of_its_plugin() {
    let folder = tempfile::tempdir().unwrap();
    let crate_folder = folder.path().join("my-method");
    fs::create_dir(&crate_folder).unwrap();
    fs::write(
        crate_folder.join("Cargo.toml"),
        "[package]\nname = \"my-method\"\n",
    )
    .unwrap();
    let file = folder.path().join("s.yaml");
    let load = |plugin: &str| {
        let entry = format!("nearest-class-mean: {{plugin: {plugin}}}");
        fs::write(&file, changed("nearest-class-mean: {}", &entry)).unwrap();
        let error = Scenario::load(&file, &[], &[]).unwrap_err();
        shown(error).replace(&folder.path().display().to_string(), "DIR")
    };
    expect![[r#"
        DIR/s.yaml:10: strategies.nearest-class-mean.plugin: a crate's folder, not a plugin file; run `cargo build --release` in it, then name `my-method/target/release/libmy_method.so`
           10 |   nearest-class-mean: {plugin: my-method}
              |                        ^^^^^^
    "#]].assert_eq(&load("my-method"));
    expect![[r#"
        DIR/s.yaml:10: strategies.nearest-class-mean.plugin: a crate's folder, not a plugin file; run `cargo build --release` in it, then name `./my-method/target/release/libmy_method.so`
           10 |   nearest-class-mean: {plugin: ./my-method/}
              |                        ^^^^^^
    "#]].assert_eq(&load("./my-method/"));
    expect![[r#"
        DIR/s.yaml:10: strategies.nearest-class-mean.plugin: a folder, not a plugin file; name the plugin's `.so` file
           10 |   nearest-class-mean: {plugin: .}
              |                        ^^^^^^
    "#]].assert_eq(&load("."));
    let text = changed(
        "nearest-class-mean: {}",
        "nearest-class-mean: {plugin: libx.so}",
    );
    assert!(
        parse(&text).is_ok(),
        "whether a file is there is seen later"
    );
}

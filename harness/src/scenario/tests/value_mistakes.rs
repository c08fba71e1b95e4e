//! The messages about invalid values: seeds, devices, streams, domains.

use super::{change, changed, parse, says, shown};
use crate::stream::open;
use expect_test::{Expect, expect};

#[test]
fn the_scenario_itself() {
    change(
        "seeds:",
        "name: Quick Start\nseeds:",
        expect![[r#"
            scenarios/test.yaml:1: name: `Quick Start` is not a valid name; use lowercase letters, digits, `-` and `_`
                1 | name: Quick Start
                  | ^^^^
        "#]],
    );
    change(
        "[1992, 1996]",
        "[]",
        expect![[r#"
            scenarios/test.yaml:1: seeds: must not be empty; list the seeds, as in `[1992, 1996, 1997]`
                1 | seeds: []
                  | ^^^^^
        "#]],
    );
    change(
        "1996]",
        "1992]",
        expect![[r#"
            scenarios/test.yaml:1: seeds[1]: `1992` is listed twice; keep one of the two
                1 | seeds: [1992, 1992]
                  |               ^^^^
        "#]],
    );
    change(
        "1996]",
        "-1]",
        expect![[r#"
            scenarios/test.yaml:1: seeds[1]: must be at least 0, got -1
                1 | seeds: [1992, -1]
                  |               ^^
        "#]],
    );
    change(
        "seeds:",
        "threads: 0\nseeds:",
        expect![[r#"
            scenarios/test.yaml:1: threads: must be at least 1, got 0
                1 | threads: 0
                  | ^^^^^^^
        "#]],
    );
    change(
        "seeds:",
        "threads: -2\nseeds:",
        expect![[r#"
            scenarios/test.yaml:1: threads: must be at least 0, got -2
                1 | threads: -2
                  | ^^^^^^^
        "#]],
    );
    change(
        "seeds:",
        "threads: 5000000000\nseeds:",
        expect![[r#"
            scenarios/test.yaml:1: threads: must be at most 4294967295, got 5000000000
                1 | threads: 5000000000
                  | ^^^^^^^
        "#]],
    );
    change(
        "seeds:",
        "device: gpu\nseeds:",
        expect![[r#"
            scenarios/test.yaml:1: device: unknown device `gpu`; write `cpu`, `cuda` or `cuda:N`, with N from 0
                1 | device: gpu
                  | ^^^^^^
        "#]],
    );
    change(
        "seeds:",
        "device: cuda:-1\nseeds:",
        expect![[r#"
            scenarios/test.yaml:1: device: unknown device `cuda:-1`; write `cpu`, `cuda` or `cuda:N`, with N from 0
                1 | device: cuda:-1
                  | ^^^^^^
        "#]],
    );
    change(
        "  digits: {source: digits}\n",
        "  {}\n",
        expect![[r#"
            scenarios/test.yaml:5: domains: must not be empty; add at least one domain
                5 | domains:
                  | ^^^^^^^
        "#]],
    );
    says(
        "seeds: [1]\nstream: {tasks: 5}\ndomains: {digits: {source: digits}}\nstrategies: {}\n",
        expect![[r#"
            scenarios/test.yaml:4: strategies: must not be empty; add at least one strategy
                4 | strategies: {}
                  | ^^^^^^^^^^
        "#]],
    );
    change(
        "seeds:",
        "metrics: []\nseeds:",
        expect![[r#"
            scenarios/test.yaml:1: metrics: must not be empty; list metrics, or remove the key to report all
                1 | metrics: []
                  | ^^^^^^^
        "#]],
    );
    change(
        "seeds:",
        "metrics: [faa, bwt, faa]\nseeds:",
        expect![[r#"
            scenarios/test.yaml:1: metrics[2]: `faa` is listed twice; keep one of the two
                1 | metrics: [faa, bwt, faa]
                  |                     ^^^
        "#]],
    );
    change(
        "seeds:",
        "metrics: [faa, bwt]\nrank_by: fwt\nseeds:",
        expect![[r#"
            scenarios/test.yaml:2: rank_by: `fwt` is not in `metrics`; add it there, or choose one that is
                2 | rank_by: fwt
                  | ^^^^^^^
        "#]],
    );
    change(
        "seeds:",
        "metrics: [faa, bwt]\ncolumns: [bwt, fwt]\nseeds:",
        expect![[r#"
            scenarios/test.yaml:2: columns[1]: `fwt` is not in `metrics`; add it there, or choose one that is
                2 | columns: [bwt, fwt]
                  |                ^^^
        "#]],
    );
}

#[test]
fn streams() {
    change(
        "stream: {tasks: 5}\n",
        "",
        expect![[r#"
            scenarios/test.yaml:5: domains.digits: no stream has this domain; add `stream: {tasks: 5}` to the domain or to the scenario, or list the domain in one of `streams`
                5 |   digits: {source: digits}
                  |   ^^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{}",
        expect![[r#"
            scenarios/test.yaml:2: stream: the number of tasks is missing; add `tasks: 5` for five equal tasks, or `task_sizes: [4, 3, 3]`
                2 | stream: {}
                  | ^^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5, task_sizes: [2, 2]}",
        expect![[r#"
            scenarios/test.yaml:2: stream: `tasks` and `task_sizes` are both given; remove one of them
                2 | stream: {tasks: 5, task_sizes: [2, 2]}
                  | ^^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 0}",
        expect![[r#"
            scenarios/test.yaml:2: stream.tasks: must be at least 1, got 0
                2 | stream: {tasks: 0}
                  |          ^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: -1}",
        expect![[r#"
            scenarios/test.yaml:2: stream.tasks: must be at least 0, got -1
                2 | stream: {tasks: -1}
                  |          ^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{task_sizes: []}",
        expect![[r#"
            scenarios/test.yaml:2: stream.task_sizes: must not be empty; list the number of classes of each task, as in `[4, 3, 3]`
                2 | stream: {task_sizes: []}
                  |          ^^^^^^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{task_sizes: [5, 0]}",
        expect![[r#"
            scenarios/test.yaml:2: stream.task_sizes[1]: must be at least 1, got 0
                2 | stream: {task_sizes: [5, 0]}
                  |                          ^
        "#]],
    );
    change(
        "digits}",
        "digits, stream: {tasks: 0}}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.stream.tasks: must be at least 1, got 0
                6 |   digits: {source: digits, stream: {tasks: 0}}
                  |                                     ^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5, class_order: lited}",
        expect![[r#"
            scenarios/test.yaml:2: stream.class_order: unknown class order `lited`; did you mean `listed`?
                2 | stream: {tasks: 5, class_order: lited}
                  |                    ^^^^^^^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5, class_order: pilott}",
        expect![[r#"
        scenarios/test.yaml:2: stream.class_order: unknown class order `pilott`; did you mean `pilot`?
            2 | stream: {tasks: 5, class_order: pilott}
              |                    ^^^^^^^^^^^
    "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5, class_order: []}",
        expect![[r#"
            scenarios/test.yaml:2: stream.class_order: must not be empty; list every class of the domain by its number, as in `[3, 0, 2, 1]`
                2 | stream: {tasks: 5, class_order: []}
                  |                    ^^^^^^^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5, class_order: [3, 0, 2, 0]}",
        expect![[r#"
            scenarios/test.yaml:2: stream.class_order[3]: class 0 is listed twice, first at index 1; list each class once
                2 | stream: {tasks: 5, class_order: [3, 0, 2, 0]}
                  |                                           ^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5, class_order: [8, 0, 1, 2]}",
        expect![[r#"
            scenarios/test.yaml:2: stream.class_order[0]: there is no class 8, since the list has 4 classes, 0 to 3; list every class of the domain once
                2 | stream: {tasks: 5, class_order: [8, 0, 1, 2]}
                  |                                  ^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5, class_order: [0, -1]}",
        expect![[r#"
            scenarios/test.yaml:2: stream.class_order[1]: must be at least 0, got -1
                2 | stream: {tasks: 5, class_order: [0, -1]}
                  |                                     ^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: {base: 50}}",
        expect![[r#"
        scenarios/test.yaml:2: stream.tasks: missing key `increment`; add the classes of each later task, as in `{base: 50, increment: 10}`
            2 | stream: {tasks: {base: 50}}
              |          ^^^^^
    "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: {base: 50, increment: 0}}",
        expect![[r#"
            scenarios/test.yaml:2: stream.tasks.increment: must be at least 1, got 0
                2 | stream: {tasks: {base: 50, increment: 0}}
                  |                            ^^^^^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: {base: 50, increments: 10}}",
        expect![[r#"
            scenarios/test.yaml:2: stream.tasks.increments: unknown key `increments`; did you mean `increment`?
                2 | stream: {tasks: {base: 50, increments: 10}}
                  |                            ^^^^^^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: {base: x, increment: 10}}",
        expect![[r#"
            scenarios/test.yaml:2: stream.tasks.base: expected a whole number, found the text `x`
                2 | stream: {tasks: {base: x, increment: 10}}
                  |                  ^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5, class_order: alphabetical}",
        expect![[r#"
            scenarios/test.yaml:2: stream.class_order: unknown class order `alphabetical`; write one of `listed`, `mammoth`, `coda-prompt`, `pycil`, `pilot`, `rapf-cifar-100`, `rapf-imagenet-r`, `rapf-cub`, a generator such as `{numpy: seed}`, or a list of class numbers
                2 | stream: {tasks: 5, class_order: alphabetical}
                  |                    ^^^^^^^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5, class_order: numpy}",
        expect![[r#"
            scenarios/test.yaml:2: stream.class_order: expected one generator with its seed; write `{numpy: seed}`, `{numpy: 1993}`, `{python: seed}` or `listed`
                2 | stream: {tasks: 5, class_order: numpy}
                  |                    ^^^^^^^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5, class_order: 1993}",
        expect![[r#"
            scenarios/test.yaml:2: stream.class_order: expected a name such as `listed` or `pilot`, a generator such as `{numpy: seed}`, or a list of class numbers, found the whole number 1993; write `class_order: {numpy: 1993}`
                2 | stream: {tasks: 5, class_order: 1993}
                  |                    ^^^^^^^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5, class_order: {nunpy: seed}}",
        expect![[r#"
            scenarios/test.yaml:2: stream.class_order.nunpy: unknown key `nunpy`; did you mean `numpy`?
                2 | stream: {tasks: 5, class_order: {nunpy: seed}}
                  |                                  ^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5, class_order: {numpy: sed}}",
        expect![[r#"
            scenarios/test.yaml:2: stream.class_order.numpy: expected `seed` (the seed of each run) or a whole number, found the text `sed`
                2 | stream: {tasks: 5, class_order: {numpy: sed}}
                  |                                  ^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5, class_order: {numpy: 1, python: 1}}",
        expect![[r#"
            scenarios/test.yaml:2: stream.class_order: expected one generator with its seed; write `{numpy: seed}`, `{numpy: 1993}`, `{python: seed}` or `listed`
                2 | stream: {tasks: 5, class_order: {numpy: 1, python: 1}}
                  |                    ^^^^^^^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5, class_order: {numpy: 4294967296}}",
        expect![[r#"
            scenarios/test.yaml:2: stream.class_order.numpy: numpy takes seeds from 0 to 4294967295, got 4294967296; choose a smaller seed
                2 | stream: {tasks: 5, class_order: {numpy: 4294967296}}
                  |                                  ^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{tasks: 5, class_order: {numpy: 1, convention: old2new}}",
        expect![[r#"
            scenarios/test.yaml:2: stream.class_order.convention: unknown value `old2new`; the choices are `old-to-new`, `new-to-old`
                2 | stream: {tasks: 5, class_order: {numpy: 1, convention: old2new}}
                  |                                            ^^^^^^^^^^
        "#]],
    );
    let text = changed("{tasks: 5}", "{tasks: 5, class_order: {numpy: seed}}");
    says(
        &text.replace("1996", "4294967296"),
        expect![[r#"
            scenarios/test.yaml:1: seeds[1]: numpy takes seeds from 0 to 4294967295, got 4294967296; choose a smaller seed
                1 | seeds: [1992, 4294967296]
                  |               ^^^^^^^^^^
        "#]],
    );
}

#[test]
fn domains() {
    change(
        "digits: {",
        "overall: {",
        expect![[r#"
            scenarios/test.yaml:6: domains.overall: `overall` is reserved for the mean over streams; choose another name
                6 |   overall: {source: digits}
                  |   ^^^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: digit",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.source: unknown value `digit`; did you mean `digits`?
                6 |   digits: {source: digit}
                  |            ^^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: imagenet",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.source: unknown value `imagenet`; the choices are SOURCES
                6 |   digits: {source: imagenet}
                  |            ^^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: digits, path: /data",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.path: the source `digits` does not take `path`; remove it
                6 |   digits: {source: digits, path: /data}
                  |                            ^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: digits, classes: [zero, one]",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.classes: the source `digits` does not take `classes`; remove it
                6 |   digits: {source: digits, classes: [zero, one]}
                  |                            ^^^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: cub, path: x, classes: [a, {name: b, key: a}]",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.classes[0]: `a` is both a class name and the key of class `b`; give each class a unique name and key
                6 |   digits: {source: cub, path: x, classes: [a, {name: b, key: a}]}
                  |                                            ^
        "#]],
    );
    change(
        "source: digits",
        "source: image-folder, path: {train: a, test: b}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.path: expected the folder of the images, found a mapping
                6 |   digits: {source: image-folder, path: {train: a, test: b}}
                  |                                  ^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: parquet, path: {train: a}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.path: missing key `test`; add it
                6 |   digits: {source: parquet, path: {train: a}}
                  |                             ^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: parquet, path: 3",
        expect![[r#"
        scenarios/test.yaml:6: domains.digits.path: expected a path, or `{train: …, test: …}`, found the whole number 3
            6 |   digits: {source: parquet, path: 3}
              |                             ^^^^
    "#]],
    );
    change(
        "source: digits",
        "source: webdataset, path: x, columns: {image: png}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.columns.image: unknown key `image`; the only choice is `label`
                6 |   digits: {source: webdataset, path: x, columns: {image: png}}
                  |                                                   ^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: webdataset, path: {train: [], test: b}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.path.train: must not be empty; name a file, or a pattern
                6 |   digits: {source: webdataset, path: {train: [], test: b}}
                  |                                       ^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: file-list, path: x",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits: missing key `split`; add the list of images, as in `split: lists/split.json`
                6 |   digits: {source: file-list, path: x}
                  |   ^^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: idx, path: x, split: s.json",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.split: the source `idx` does not take `split`; remove it
                6 |   digits: {source: idx, path: x, split: s.json}
                  |                                  ^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: cub, path: x, split: {train: a.yaml}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.split: a split is one file, `{file: split.json, val: unused}`, one file per split, `{train: train.yaml, test: test.yaml}`, or a random draw, `{random: 0.8, torch: 42}`
                6 |   digits: {source: cub, path: x, split: {train: a.yaml}}
                  |                                  ^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: cub, path: x, split: {file: a.json, val: test}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.split.val: unknown value `test`; the choices are `unused`, `train`
                6 |   digits: {source: cub, path: x, split: {file: a.json, val: test}}
                  |                                                        ^^^
        "#]],
    );
    change(
        "source: digits",
        "source: cub, path: x, labels: a.csv",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.labels: the source `cub` does not take `labels`; remove it
                6 |   digits: {source: cub, path: x, labels: a.csv}
                  |                                  ^^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: isic, path: x, leave_out: [NV, NV]",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.leave_out[1]: `NV` is listed twice; keep one of the two
                6 |   digits: {source: isic, path: x, leave_out: [NV, NV]}
                  |                                                   ^^
        "#]],
    );
    change(
        "source: digits",
        "source: cub, path: x, classes: [a, 3]",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.classes[1]: expected a class name (text; quote numbers and `yes`) or `{name: …, key: …}`, found the whole number 3
                6 |   digits: {source: cub, path: x, classes: [a, 3]}
                  |                                               ^
        "#]],
    );
    change(
        "source: digits",
        "source: cub, path: x, classes: [{key: 3}]",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.classes[0]: missing key `name`; add it
                6 |   digits: {source: cub, path: x, classes: [{key: 3}]}
                  |                                            ^
        "#]],
    );
    change(
        "source: digits",
        "source: cub, path: x, classes: [{name: a, kay: 3}]",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.classes[0].kay: unknown key `kay`; did you mean `key`?
                6 |   digits: {source: cub, path: x, classes: [{name: a, kay: 3}]}
                  |                                                      ^^^
        "#]],
    );
    change(
        "source: digits",
        "source: cub, path: x, classes: 3",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.classes: expected a list of classes, or a file that contains it, found the whole number 3
                6 |   digits: {source: cub, path: x, classes: 3}
                  |                                  ^^^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: image-folder",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits: missing key `path`; add the folder of the images, as in `path: data/flowers`
                6 |   digits: {source: image-folder}
                  |   ^^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: idx",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits: missing key `path`; add the folder of the images, as in `path: data/flowers`
                6 |   digits: {source: idx}
                  |   ^^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: idx, path: ''",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.path: must not be empty; write a path
                6 |   digits: {source: idx, path: ''}
                  |                         ^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: idx, path: x, classes: []",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.classes: must not be empty; list the names, or remove the key
                6 |   digits: {source: idx, path: x, classes: []}
                  |                                  ^^^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: idx, path: x, classes: [bag, shoe, bag]",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.classes[2]: `bag` is listed twice; keep one of the two
                6 |   digits: {source: idx, path: x, classes: [bag, shoe, bag]}
                  |                                                       ^^^
        "#]],
    );
    change(
        "source: digits",
        "source: idx, path: x, classes: [bag, '']",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.classes[1]: must not be empty; write some text
                6 |   digits: {source: idx, path: x, classes: [bag, '']}
                  |                                                 ^^
        "#]],
    );
    change(
        "source: digits",
        "source: digits, templates: []",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.templates: must not be empty; list templates, or remove the key for the default, `a photo of a {}`
                6 |   digits: {source: digits, templates: []}
                  |                            ^^^^^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: digits, templates: [a digit]",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.templates[0]: the template `a digit` contains `{}` 0 times; write it exactly once, where the class name goes
                6 |   digits: {source: digits, templates: [a digit]}
                  |                                        ^^^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: digits, templates: ['{} or {}']",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.templates[0]: the template `{} or {}` contains `{}` 2 times; write it exactly once, where the class name goes
                6 |   digits: {source: digits, templates: ['{} or {}']}
                  |                                        ^^^^^^^^^^
        "#]],
    );
    change(
        "digits: {",
        "my digits: {",
        expect![[r#"
            scenarios/test.yaml:6: domains.my digits: `my digits` is not a valid name; use letters, digits, `.`, `_`, `+` and `-`, beginning with a letter or a digit
                6 |   my digits: {source: digits}
                  |   ^^^^^^^^^
        "#]],
    );
    change(
        "digits: {",
        "../digits: {",
        expect![[r#"
            scenarios/test.yaml:6: domains.../digits: `../digits` is not a valid name; use letters, digits, `.`, `_`, `+` and `-`, beginning with a letter or a digit
                6 |   ../digits: {source: digits}
                  |   ^^^^^^^^^
        "#]],
    );
}

#[test]
fn styles_of_pictures() {
    change(
        "source: digits",
        "source: pictures",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits: missing key `style`; add `style:` and one of `plain`, `faded`, `recoloured`, `sketch`, `negative`
                6 |   digits: {source: pictures}
                  |   ^^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: pictures, style: skech",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.style: unknown value `skech`; did you mean `sketch`?
                6 |   digits: {source: pictures, style: skech}
                  |                              ^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: pictures, style: sepia",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.style: unknown value `sepia`; the choices are `plain`, `faded`, `recoloured`, `sketch`, `negative`
                6 |   digits: {source: pictures, style: sepia}
                  |                              ^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: pictures, style: [plain, faded]",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.style: expected text, found a list
                6 |   digits: {source: pictures, style: [plain, faded]}
                  |                              ^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: pictures, style: plain, path: x",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.path: the source `pictures` does not take `path`; remove it
                6 |   digits: {source: pictures, style: plain, path: x}
                  |                                            ^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: pictures, style: plain, classes: [star]",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.classes: the source `pictures` does not take `classes`; remove it
                6 |   digits: {source: pictures, style: plain, classes: [star]}
                  |                                            ^^^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: digits, style: plain",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.style: the source `digits` does not take `style`; remove it
                6 |   digits: {source: digits, style: plain}
                  |                            ^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: idx, path: x, style: plain",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.style: the source `idx` does not take `style`; remove it
                6 |   digits: {source: idx, path: x, style: plain}
                  |                                  ^^^^^
        "#]],
    );
}

#[test]
fn augmentation() {
    change(
        "{tasks: 5}",
        "{tasks: 5, augmentation: random-resized-crop}",
        expect![[r#"
            scenarios/test.yaml:2: stream.augmentation: unknown value `random-resized-crop`; the choices are `none`, `random-resized-crop-and-flip`
                2 | stream: {tasks: 5, augmentation: random-resized-crop}
                  |                    ^^^^^^^^^^^^
        "#]],
    );
}

/// How many classes there are is known when the domain is opened.
#[test]
fn streams_that_do_not_fit_the_domain() {
    let cut = |stream: &str, message: Expect| {
        let scenario = parse(&changed("{tasks: 5}", stream)).unwrap();
        let classes: Vec<String> = (0..10).map(|n| n.to_string()).collect();
        let cut = open::streams(&scenario, &scenario.streams[0], &[&classes]);
        message.assert_eq(&shown(cut.expect_err("the stream does not fit")));
    };
    cut(
        "{tasks: {base: 50, increment: 10}}",
        expect![[r#"
            scenarios/test.yaml:2: stream.tasks: domain `digits`: the first task has 50 classes, but the domain has only 10; use a `base` of at most 10
                2 | stream: {tasks: {base: 50, increment: 10}}
                  |          ^^^^^
        "#]],
    );
    cut(
        "{tasks: 5, class_order: [1, 0]}",
        expect![[r#"
            scenarios/test.yaml:2: stream.class_order: domain `digits`: the class order lists 2 classes, but the domain has 10; it must list each of 0 to 9 once
                2 | stream: {tasks: 5, class_order: [1, 0]}
                  |                    ^^^^^^^^^^^
        "#]],
    );
    cut(
        "{tasks: 5, class_order: rapf-cub}",
        expect![[r#"
            scenarios/test.yaml:2: stream.class_order: domain `digits`: the class order lists 200 classes, but the domain has 10; it must list each of 0 to 9 once
                2 | stream: {tasks: 5, class_order: rapf-cub}
                  |                    ^^^^^^^^^^^
        "#]],
    );
}

#[test]
fn named_streams() {
    let streams = |streams: &str| {
        super::changed(
            "strategies:\n",
            &format!("streams: {{{streams}}}\nstrategies:\n"),
        )
    };
    let refused = |written: &str, expected: Expect| {
        let error = parse(&streams(written)).unwrap_err();
        expected.assert_eq(&format!("{}\n", error.to_string().lines().next().unwrap()));
    };
    refused(
        "a: {domains: []}",
        expect![[r#"
        scenarios/test.yaml:7: streams.a.domains: must not be empty; list the domains in the order in which they arrive
    "#]],
    );
    refused(
        "a: {domains: [digts]}",
        expect![[r#"
        scenarios/test.yaml:7: streams.a.domains[0]: unknown domain `digts`; did you mean `digits`?
    "#]],
    );
    refused(
        "a: {domains: [{domain: digts, tasks: 2}]}",
        expect![[r#"
        scenarios/test.yaml:7: streams.a.domains[0]: unknown domain `digts`; did you mean `digits`?
    "#]],
    );
    refused(
        "a: {domains: [digits, digits]}",
        expect![[r#"
        scenarios/test.yaml:7: streams.a.domains[1]: domain `digits` is listed twice, but a test image can belong to only one task; list it once
    "#]],
    );
    refused(
        "a: {domains: [digits, {domain: digits, tasks: 2}]}",
        expect![[r#"
        scenarios/test.yaml:7: streams.a.domains[1]: domain `digits` is listed twice, but a test image can belong to only one task; list it once
    "#]],
    );
    refused(
        "a: {domains: [digits], classes: by-names}",
        expect![[r#"
        scenarios/test.yaml:7: streams.a.classes: unknown value `by-names`; did you mean `by-name`?
    "#]],
    );
    refused(
        "a: {domains: [digits], templates: ['a {} {}']}",
        expect![[r#"
        scenarios/test.yaml:7: streams.a.templates[0]: the template `a {} {}` contains `{}` 2 times; write it exactly once, where the class name goes
    "#]],
    );
    refused(
        "a: {domains: [digits], tasks: 5}",
        expect![[r#"
        scenarios/test.yaml:7: streams.a.tasks: unknown key `tasks`; the choices are `domains`, `classes`, `templates`, `augmentation`, `expect`
    "#]],
    );
    refused(
        "a: {domains: [{domain: digits, tasks: 0}]}",
        expect![[r#"
        scenarios/test.yaml:7: streams.a.domains[0].tasks: must be at least 1, got 0
    "#]],
    );
    refused(
        "a: {domains: [3]}",
        expect![[r#"
        scenarios/test.yaml:7: streams.a.domains[0]: expected a domain's name, or `{domain: NAME, tasks: 5}`, found the whole number 3
    "#]],
    );
    refused(
        "digits: {domains: [digits]}",
        expect![[r#"
        scenarios/test.yaml:7: streams.digits: a domain called `digits` has a stream of its own, which has this name; choose another name
    "#]],
    );
    refused(
        "overall: {domains: [digits]}",
        expect![[r#"
        scenarios/test.yaml:7: streams.overall: `overall` is reserved for the mean over streams; choose another name
    "#]],
    );
    refused(
        "a: {domains: [digits], expect: {class_orders: [abc]}}",
        expect![[r#"
            scenarios/test.yaml:7: streams.a.expect.class_orders: expected 2 class orders, found 1; give one per seed, in the order of `seeds`
        "#]],
    );
}

"""Time a sweep in mammoth and in clbench: 3 strategies, 3 seeds, 2 domains, on one frozen CLIP.

The CLIP has ViT-B/32's size and random weights. clbench encodes every image once, and all 18 runs
share the features. In mammoth every run is a process of its own that encodes its images: the test
images after every task, and the training images once:

- zero-shot CLIP (`clip`) encodes the test images of the tasks so far.
- RanPAC (`ranpac`) does the same. mammoth has it on ViT-B/16 alone; here it gets the CLIP's image
  encoder, and its first phase, which trains adapters, is left out, as in clbench.
- CGIL (`cgil`) encodes all test images after every task: `eval_future`, as in its configuration.
  mammoth keeps the features of its training images in files, one per task and seed.

A run's work does not depend on the seed, so mammoth runs only the first `--mammoth-seeds` seeds,
and its time is scaled to three. Needs what `cgil_speed.py` needs.

    python3 tests/parity/mammoth/sweep_speed.py --mammoth mammoth
"""

import argparse
import csv
import tempfile
from collections import Counter
from pathlib import Path

import clip_fixture
import side_by_side

SEEDS, DOMAINS, TASKS = (1992, 1996, 1997), ("first", "second"), 5
SHARED = "features, shared by all"
WHOLE, CPU, MEMORY = "whole run", "CPU time of the whole run", "peak memory"
SCENARIO = """\
format: 1
name: sweep-speed
seeds: [{seeds}]
threads: {threads}
stream: {{ tasks: {tasks}, class_order: mammoth }}
domains:
  first: {{ source: image-folder, path: first }}
  second: {{ source: image-folder, path: second }}
backbones:
  clip: {{ parameters: {{ path: clip }} }}
strategies:
  zero-shot: {{ parameters: {{ templates: ["a photo of a {{}}"] }} }}
  ranpac: {{ parameters: {{ projection_width: {width}, ridge_rule: published }} }}
  cgil:
    parameters:
      fidelity: reference
      vae: {{ epochs: {vae_epochs} }}
      alignment: {{ epochs: {alignment_epochs} }}
"""


def mammoth(arguments, folder):
    """The seconds of all 18 runs, by strategy and in all."""
    clip = f"--clip_backbone={folder / 'clip.pt'}"
    strategies = {
        "zero-shot": ["--model=clip", clip],
        "ranpac": ["--model=ranpac", f"--rp_size={arguments.width}"],
        "cgil": [
            "--model=cgil",
            clip,
            "--eval_future=1",
            f"--gr_vae_n_iters={arguments.vae_epochs}",
            f"--num_epochs_alignment={arguments.alignment_epochs}",
        ],
    }
    taken = Counter()
    scale = len(SEEDS) / arguments.mammoth_seeds
    for strategy, options in strategies.items():
        for domain in DOMAINS:
            for seed in SEEDS[: arguments.mammoth_seeds]:
                run = side_by_side.run_mammoth(
                    arguments.mammoth,
                    folder,
                    folder / domain,
                    folder / f"{strategy}-{domain}-{seed}.json",
                    TASKS,
                    arguments.threads,
                    f"--seed={seed}",
                    "--permute_classes=1",
                    "--n_epochs=0",
                    *options,
                )
                taken[strategy] += scale * run[WHOLE]
                taken[WHOLE] += scale * run[WHOLE]
                taken[CPU] += scale * run[CPU]
                taken[MEMORY] = max(taken[MEMORY], run[MEMORY])
    return taken


def clbench(arguments, folder):
    """The seconds of all 18 cells, by strategy and in all."""
    out = folder / "clbench"
    taken = side_by_side.run_clbench(
        arguments.clbench, folder / "scenario.yaml", out, folder / "cache", arguments.threads
    )
    taken[SHARED] = side_by_side.features_seconds(out.with_suffix(".log"))
    with open(out / "costs.csv", newline="") as file:
        for cell in csv.DictReader(file):
            strategy = cell["strategy"]
            taken[strategy] = taken.get(strategy, 0.0) + float(cell["total_seconds"])
    return taken


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    side_by_side.add_arguments(parser)
    parser.add_argument("--size", choices=clip_fixture.SIZES, default="vit-b-32")
    parser.add_argument("--mammoth-seeds", type=int, choices=(1, 2, 3), default=1)
    parser.add_argument(
        "--classes", type=int, default=10, help="classes of a domain, a multiple of 5"
    )
    parser.add_argument("--images", type=int, default=20, help="training images per class")
    parser.add_argument("--test-images", type=int, default=10, help="test images per class")
    parser.add_argument("--width", type=int, default=1000, help="of RanPAC's projection")
    parser.add_argument("--vae-epochs", type=int, default=50)
    parser.add_argument("--alignment-epochs", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.classes % TASKS != 0:
        parser.error(f"--classes must be a multiple of {TASKS}, got {arguments.classes}")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        clip_fixture.write_clip(arguments.size, folder)
        for number, domain in enumerate(DOMAINS):
            clip_fixture.write_images(
                folder / domain,
                arguments.classes,
                arguments.images,
                arguments.test_images,
                seed=number,
            )
        (folder / "scenario.yaml").write_text(
            SCENARIO.format(
                seeds=", ".join(map(str, SEEDS)),
                tasks=TASKS,
                threads=arguments.threads,
                width=arguments.width,
                vae_epochs=arguments.vae_epochs,
                alignment_epochs=arguments.alignment_epochs,
            )
        )
        ours = clbench(arguments, folder)
        theirs = mammoth(arguments, folder)
    side_by_side.print_table(
        [(theirs, ours)], [SHARED, "zero-shot", "ranpac", "cgil", WHOLE, CPU, MEMORY]
    )
    count = len(DOMAINS) * arguments.classes * (arguments.images + arguments.test_images)
    print(f"\n{count} images; mammoth ran {arguments.mammoth_seeds} of {len(SEEDS)} seeds")


if __name__ == "__main__":
    main()

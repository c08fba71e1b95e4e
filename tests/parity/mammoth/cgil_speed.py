"""Time CGIL in mammoth, the authors' own code, and in clbench, side by side.

Both read the same JPEG files and the same random weights of a CLIP, fit the same autoencoders to
the embeddings of every class, and align the same prompts: 5 tasks of 4 classes, 60 images per
class, 100 epochs of the autoencoders (512 hidden units, 256 latent), and 1,200 steps of the
alignment in batches of 128, with one thread. Prints a Markdown table of the phases and of peak
memory. Exits with 1 if the two did not make the same number of optimiser steps.

Embeddings are 512 wide, as those of ViT-B/32. Its encoders are small by default, so that mammoth is
done in minutes. With `--size vit-b-32` they are ViT-B/32's; add `--alignment-epochs 1`, since a
step of mammoth's alignment then takes seconds.

mammoth evaluates unseen classes too (`eval_future`), as in its own configuration of CGIL. It
encodes the test images again after every task, which is part of its `evaluation`. clbench encodes
every image once, before it learns, so its `features` include the test images.

    pip install torch==2.11.0 torchvision 'kornia>=0.7' timm==0.9.8 onedrivedownloader ftfy \\
        regex pyyaml requests six tqdm wandb pillow safetensors
    pip install git+https://github.com/openai/CLIP.git
    git clone https://github.com/aimagelab/mammoth && git -C mammoth checkout e75a491
    cargo xtask build
    python3 tests/parity/mammoth/cgil_speed.py --mammoth mammoth

A PyTorch with CUDA works too, but its libraries add a quarter of a GiB to mammoth's memory.
"""

import argparse
import csv
import json
import re
import sys
import tempfile
from pathlib import Path

import clip_fixture
import side_by_side

TASKS, CLASSES, SEED = 5, 20, 1992
ROWS = [
    "start-up, reading and the rest",
    "features",
    "VAE fit",
    "alignment",
    "evaluation",
    "whole run",
    "CPU time of the whole run",
    "peak memory",
]
SCENARIO = """\
format: 1
name: cgil-speed
seeds: [{seed}]
threads: {threads}
stream: {{ tasks: {tasks} }}
domains:
  images: {{ source: image-folder, path: images }}
backbones:
  clip: {{ parameters: {{ path: clip }} }}
strategies:
  cgil:
    parameters:
      fidelity: reference
      vae: {{ epochs: {vae_epochs} }}
      alignment: {{ epochs: {alignment_epochs}, lr: 0.05 }}
"""
PHASES = re.compile(r"generators fitted in ([\d.]+) s, prompts aligned in ([\d.]+) s")


def mammoth(arguments, folder, number):
    """A run of mammoth: seconds by phase, and its optimiser steps."""
    out = folder / f"mammoth-{number}.json"
    taken = side_by_side.run_mammoth(
        arguments.mammoth,
        folder,
        folder / "images",
        out,
        TASKS,
        arguments.threads,
        "--model=cgil",
        f"--clip_backbone={folder / 'clip.pt'}",
        f"--seed={SEED}",
        "--eval_future=1",
        f"--gr_vae_n_iters={arguments.vae_epochs}",
        f"--num_epochs_alignment={arguments.alignment_epochs}",
        "--learning_rate_alignment=0.05",
    )
    written = json.loads(out.read_text())
    seconds = written["seconds"]
    taken |= {
        "features": seconds["features"],
        "VAE fit": seconds["fit"],
        "alignment": seconds["alignment"],
        "evaluation": seconds["evaluation"],
    }
    return with_rest(taken), written["steps"]


def clbench(arguments, folder, number):
    """A run of clbench: seconds by phase, and its optimiser steps."""
    out = folder / f"clbench-{number}"
    taken = side_by_side.run_clbench(
        arguments.clbench,
        folder / "scenario.yaml",
        out,
        folder / f"cache-{number}",
        arguments.threads,
    )
    with open(out / "costs.csv", newline="") as file:
        costs = next(csv.DictReader(file))
    (log,) = (out / "cells").glob("*.log")
    tasks = PHASES.findall(log.read_text())
    if len(tasks) != TASKS:
        sys.exit(f"{arguments.clbench} does not log CGIL's phases: build it from this repository")
    taken |= {
        "features": side_by_side.features_seconds(out.with_suffix(".log")),
        "VAE fit": sum(float(fit) for fit, _ in tasks),
        "alignment": sum(float(alignment) for _, alignment in tasks),
        "evaluation": float(costs["evaluate_seconds"]),
    }
    return with_rest(taken), int(costs["optimiser_steps"])


def with_rest(taken):
    phases = sum(taken[row] for row in ROWS[1:5])
    return taken | {ROWS[0]: taken["whole run"] - phases}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    side_by_side.add_arguments(parser)
    parser.add_argument("--size", choices=clip_fixture.SIZES, default="small-towers")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each, in turn")
    parser.add_argument("--images", type=int, default=60, help="training images per class")
    parser.add_argument("--test-images", type=int, default=20, help="test images per class")
    parser.add_argument("--vae-epochs", type=int, default=100)
    parser.add_argument("--alignment-epochs", type=int, default=10, help="epochs of 120 steps")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        clip_fixture.write_clip(arguments.size, folder)
        clip_fixture.write_images(
            folder / "images", CLASSES, arguments.images, arguments.test_images
        )
        (folder / "scenario.yaml").write_text(
            SCENARIO.format(
                seed=SEED,
                tasks=TASKS,
                threads=arguments.threads,
                vae_epochs=arguments.vae_epochs,
                alignment_epochs=arguments.alignment_epochs,
            )
        )
        rounds, steps = [], set()
        for number in range(arguments.repeat):
            (theirs, their_steps), (ours, our_steps) = (
                run(arguments, folder, number) for run in (mammoth, clbench)
            )
            rounds.append((theirs, ours))
            steps |= {their_steps, our_steps}
    side_by_side.print_table(rounds, ROWS)
    if len(steps) > 1:
        sys.exit(f"the numbers of optimiser steps differ: {sorted(steps)}")
    print(f"\n{steps.pop():,} optimiser steps each; median of {arguments.repeat}")


if __name__ == "__main__":
    main()

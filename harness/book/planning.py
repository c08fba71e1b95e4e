"""What a study costs: 14 data sets, 20 strategies and 5 seeds at CLIP ViT-L/14.

    python3 harness/book/planning.py [TABLE]    print the tables of src/planning.md, or one of them
    python3 harness/book/planning.py --write    renew them in the page; --check compares
    python3 harness/book/planning.py --rate 1000 --step 0.01 --fixed 20    with your own figures
"""

import argparse
import heapq
import math
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

PAGE = Path(__file__).resolve().parent / "src/planning.md"
SEEDS = 5

# Classes, tasks, training images, test images, epochs of CGIL's prompts, of its autoencoders.
# Sizes: `expect` in scenarios/mtil/order-1.yaml; the last three scenarios/paper. Ten tasks, except
# EuroSAT and ISIC as in scenarios/paper, and MNIST like EuroSAT. CGIL's epochs: scenarios/paper;
# where none are published, its defaults.
DOMAINS = {
    "aircraft": (100, 10, 3_334, 3_333, 30, 500),
    "caltech-101": (101, 10, 6_941, 1_736, 30, 500),
    "cifar-100": (100, 10, 50_000, 10_000, 30, 500),
    "dtd": (47, 10, 1_880, 1_880, 30, 500),
    "eurosat": (10, 5, 21_600, 5_400, 150, 500),
    "flowers-102": (102, 10, 1_020, 6_149, 30, 500),
    "food-101": (101, 10, 75_750, 25_250, 30, 500),
    "mnist": (10, 5, 60_000, 10_000, 30, 500),
    "oxford-pets": (37, 10, 3_680, 3_669, 30, 500),
    "cars-196": (196, 10, 8_144, 8_041, 60, 500),
    "sun397": (397, 10, 87_003, 21_751, 30, 500),
    "imagenet-r": (200, 10, 24_000, 6_000, 60, 500),
    "cub-200": (200, 10, 5_994, 5_794, 60, 500),
    "isic": (6, 3, 3_310, 603, 150, 750),
}
IMAGES = sum(train + test for _, _, train, test, _, _ in DOMAINS.values())

# Images per second of vit_large_patch14_clip_224 in mixed precision, measured by timm:
# huggingface/pytorch-image-models, results/benchmark-infer-amp-nchw-{pt240-cu124-rtx3090,
# pt291-cu128-4090,pt291-cu130-pro6000maxq}.csv.
GPUS = {
    "RTX 3090 (PyTorch 2.4, September 2024)": 359.73,
    "RTX 4090 (PyTorch 2.9, January 2026)": 785.27,
    "RTX PRO 6000 Max-Q (PyTorch 2.9, January 2026)": 1_119.32,
}

# GFLOP for one image and for one token of a text: mlfoundations/open_clip, docs/model_profile.csv,
# ViT-L-14, whose texts have 77 tokens.
IMAGE, TOKEN = 162.03, 13.3 / 77
# Tokens of a text beside the start token. CoOp: 16 of context, name and end.
TOKENS = {"coop": 21, "prompt-tuning": 8, "cgil": 8}

# Training with prompts on images, in passes of the image encoder: the ratio of images per second
# that benchmarks.md has for encoding and for training at ViT-B/32. L2P's 25 tokens are half as
# many as an image's 50 there, but only a tenth of ViT-L/14's 257.
PASSES = {
    "l2p": 10.3 / 3.1 * (282 / 257) / (75 / 50),
    "dualprompt": 10.3 / 4.8,
    "coda-prompt": 10.3 / 4.9,
}
# Their epochs on CIFAR-100 and on ImageNet-R in scenarios/paper. Here: on data sets of 50,000
# training images or more, and on the others.
EPOCHS = {"l2p": (5, 50), "dualprompt": (5, 50), "coda-prompt": (20, 50)}

# Seconds of a cell on cached features, 768 wide, with as many images, classes and tasks as Cars-196
# and as CIFAR-100: CPU seconds on one thread, measured as planning.md says; RanPAC and RAIL on two
# threads. None: not measured, taken in proportion to the images.
FEATURES = {
    "zero-shot": (3.0, 3.7),
    "linear-head": (6.4, 25),
    "classifier-alignment": (75, None),  # from four of ten tasks
    "nearest-class-mean": (4.0, 5.6),
    "slda": (7.3, 11.5),
    "fecam": (480, 300),  # from one of ten tasks, by operations
    "klda": (75, 75),  # from four of ten tasks
    "ranpac": (210, 380),  # strategies/ranpac.md: 18 s for a task, 10 s for 2,500 samples
    "rail": (580, 960),  # strategies/rail.md: a minute for a task; its sums by RanPAC's
    "rapf": (110, None),  # from six of ten tasks; without boundary pairs
    "tip-adapter": (9.9, 8.2),  # 16 shots, as is the next
    "tip-adapter-f": (14, 14),
    "nearest-mean-of-exemplars": (4.8, None),
    "experience-replay": (11, 36),
}
# Seconds of a cell beside its work: starting the process; reading and hashing weights of ViT-L/14's
# size, which every cell does.
PROCESS, WEIGHTS = 0.4, 3.5


@dataclass(frozen=True)
class Machine:
    """What a GPU and a cluster do."""

    rate: float = GPUS["RTX 4090 (PyTorch 2.9, January 2026)"]  # images encoded per second
    # Seconds of a step that is too small to fill the GPU: two passes, forward and back, each as
    # long as one text through ViT-L/14 on an RTX 3080. OrangeSodahub/Openclip-ait, README.md,
    # November 2022.
    step: float = 2 * 8.6888e-3
    fixed: float = 0  # seconds that the cluster adds to a cell
    faster: float = 1  # how much faster than FEATURES cells on cached features are
    epochs: int = 0  # of training with prompts on images; 0 for those of EPOCHS

    def cell(self, strategy, domain):
        """Seconds of one cell."""
        classes, tasks, train, test, prompt_epochs, vae_epochs = DOMAINS[domain]
        fixed = PROCESS + WEIGHTS + self.fixed
        # Every test image is predicted after every task.
        if strategy in PASSES:
            epochs = self.epochs or EPOCHS[strategy][train < 50_000]
            passes = epochs * train * PASSES[strategy] + tasks * test
            return fixed + passes / self.rate
        if strategy in FEATURES:
            cars, cifar = FEATURES[strategy]
            cifar = cifar or cars * 50_000 / 8_144
            return fixed + max(cars, cifar * train / 50_000) / self.faster
        # Of one text in training, forward and back.
        text = 2 * TOKENS[strategy] * TOKEN / IMAGE / self.rate
        seen = [classes * task / tasks for task in range(1, tasks + 1)]
        if strategy == "coop":
            steps = 50 * math.ceil(train / tasks / 32)
            return fixed + tasks * steps * max(self.step, classes / tasks * text)
        if strategy == "prompt-tuning":
            steps = prompt_epochs * math.ceil(train / tasks / 128)
            return fixed + sum(steps * max(self.step, n * text) for n in seen)
        # CGIL: one stack of autoencoders for each task; then 256 draws per class, 128 in a step.
        fits = tasks * vae_epochs * math.ceil(train / classes / 64) * self.step
        return fixed + fits + sum(2 * n * prompt_epochs * max(self.step, n * text) for n in seen)

    def features(self):
        """Seconds of the features of each data set."""
        return [(train + test) / self.rate for _, _, train, test, _, _ in DOMAINS.values()]

    def cells(self, strategies=(*FEATURES, *TOKENS, *PASSES)):
        """Seconds of all cells in the order of a plan: data set, strategy, seed."""
        cells = [self.cell(strategy, domain) for domain in DOMAINS for strategy in strategies]
        return [seconds for seconds in cells for _ in range(SEEDS)]

    def study(self, gpus, **options):
        """Wall time of the features, then of the cells."""
        return wall(self.features(), gpus) + wall(self.cells(**options), gpus)


def wall(seconds, gpus):
    """When the last job ends, if each GPU takes the next one as soon as it is free."""
    free = [0.0] * gpus
    for duration in seconds:
        heapq.heappush(free, heapq.heappop(free) + duration)
    return max(free)


def time(seconds):
    for unit, size in [("days", 86_400), ("h", 3600), ("min", 60)]:
        if seconds >= 1.95 * size:
            return f"{seconds / size:.{1 if seconds < 9.95 * size else 0}f} {unit}"
    return f"{seconds:.0f} s"


def hours(seconds):
    return f"{seconds / 3600:.{1 if seconds < 9.95 * 3600 else 0}f}"


def table(head, rows):
    lines = [head, ["--"] + ["--:"] * (len(head) - 1), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def result(machine):
    gpus = GPUS if machine == Machine() else {"yours": machine.rate}
    rows = []
    for name, rate in gpus.items():
        there = replace(machine, rate=rate)
        spent = [hours(sum(there.features())), hours(sum(there.cells()))]
        rows.append([name, f"{rate:,.0f}", *spent, *(time(there.study(n)) for n in (1, 8, 64))])
    head = ["GPU", "images/s", "features, GPU h", "cells, GPU h", "one GPU", "8 GPUs", "64 GPUs"]
    return table(head, rows)


def strategies(machine):
    spent = {}
    for strategy in [*FEATURES, *TOKENS, *PASSES]:
        cells = {domain: machine.cell(strategy, domain) for domain in DOMAINS}
        longest = max(cells, key=cells.get)
        spent[f"`{strategy}`"] = SEEDS * sum(cells.values()), cells[longest], longest
    order = sorted(spent.items(), key=lambda item: -item[1][0])
    rest = [costs for _, costs in order[9:]]
    most = max(rest, key=lambda costs: costs[1])
    order[9:] = [(f"the other {len(rest)}", (sum(costs[0] for costs in rest), *most[1:]))]
    total = sum(machine.cells())
    return table(["strategy", "GPU h of its 70 cells", "share", "longest cell"], [
        [name, hours(all_cells), f"{100 * all_cells / total:.0f} %", f"{time(cell)}, {domain}"]
        for name, (all_cells, cell, domain) in order
    ])


def bounds(machine):
    cells = machine.cells()
    longest_first = lambda gpus: wall(machine.features(), gpus) + wall(sorted(cells)[::-1], gpus)
    each = lambda function: [time(function(gpus)) for gpus in (1, 8, 64)]
    return table(["", "one GPU", "8 GPUs", "64 GPUs"], [
        ["features", *each(lambda gpus: wall(machine.features(), gpus))],
        ["longest cell", *each(lambda _: max(cells))],
        ["all cells, evenly shared", *each(lambda gpus: sum(cells) / gpus)],
        ["features, then cells in the order of the plan", *each(machine.study)],
        ["features, then cells, the longest first", *each(longest_first)],
    ])


def assumptions(machine):
    low = {"step": machine.step / 2, "faster": 4}
    high = {"rate": machine.rate / 2, "epochs": 50, "step": machine.step * 2}
    cases = {
        "as above": {},
        "half the images per second, as in f32": {"rate": high["rate"]},
        "ImageNet-R's 50 epochs on every data set": {"epochs": 50},
        "small steps take twice as long": {"step": high["step"]},
        "these three": high,
        "small steps take half as long": {"step": low["step"]},
        "cells on cached features take a quarter": {"faster": 4},
        "these two": low,
    }
    rows = [(name, replace(machine, **case), {}) for name, case in cases.items()]
    few = {"strategies": [*FEATURES, *TOKENS]}
    rows.append(("without L2P, DualPrompt and CODA-Prompt", machine, few))
    return table(["assumption", "cells, GPU h", "64 GPUs"], [
        [name, hours(sum(there.cells(**options))), time(there.study(64, **options))]
        for name, there, options in rows
    ])


def cache(machine):
    cells = SEEDS * len([*FEATURES, *TOKENS])
    again = sum((tasks - 1) * test for _, tasks, _, test, _, _ in DOMAINS.values())
    queries = SEEDS * sum(
        EPOCHS[strategy][train < 50_000] * train + tasks * test
        for strategy in PASSES
        for _, tasks, train, test, _, _ in DOMAINS.values()
    )
    rows = [
        ("features once, for all cells", IMAGES),
        (f"every image once in each of {cells * len(DOMAINS):,} cells", cells * IMAGES),
        ("the same, test images after every task", cells * (IMAGES + again)),
        ("queries of L2P, DualPrompt and CODA-Prompt", queries),
    ]
    return table(["", "images encoded", "GPU h"], [
        [name, f"{images / 1e6:.1f} million", hours(images / machine.rate)]
        for name, images in rows
    ])


TABLES = {
    function.__name__: function for function in (result, strategies, bounds, assumptions, cache)
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", nargs="?", choices=TABLES)
    parser.add_argument("--rate", type=float, help="images encoded per second")
    parser.add_argument("--step", type=float, help="seconds of a step too small for the GPU")
    parser.add_argument("--fixed", type=float, help="seconds that a cell takes beside its work")
    parser.add_argument("--write", action="store_true", help="renew the tables of the page")
    parser.add_argument("--check", action="store_true", help="fail if the page's tables differ")
    arguments = parser.parse_args()
    own = {key: getattr(arguments, key) for key in ("rate", "step", "fixed")}
    machine = Machine(**{key: value for key, value in own.items() if value is not None})
    if not (arguments.write or arguments.check):
        names = [arguments.table] if arguments.table else TABLES
        return print("\n".join(TABLES[name](machine) for name in names), end="")
    block = r"(<!-- made by: python3 harness/book/planning.py (\w+) -->\n).*?(<!-- end -->\n)"
    renewed = lambda match: f"{match[1]}\n{TABLES[match[2]](machine)}\n{match[3]}"
    page = PAGE.read_text()
    made = re.sub(block, renewed, page, flags=re.DOTALL)
    if arguments.write:
        PAGE.write_text(made)
    elif page != made:
        sys.exit(f"the tables of {PAGE.name} are not those of planning.py; --write renews them")


if __name__ == "__main__":
    main()

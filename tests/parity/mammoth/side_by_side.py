"""Programs run in turn, with their time and memory, and tables of what they took."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[3]
DRIVER = Path(__file__).with_name("mammoth_run.py")
GIB = 2**30


def add_arguments(parser):
    parser.add_argument("--mammoth", type=Path, required=True, help="a clone of aimagelab/mammoth")
    parser.add_argument("--clbench", type=Path, default=ROOT / "target/release/clbench")
    parser.add_argument("--threads", type=int, default=1)


def measure(command, log, threads, **variables):
    """Runs a command to its end; returns its seconds, CPU seconds and peak memory in bytes.

    The peak is that of the largest of its processes.
    """
    environment = dict(
        os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads), **variables
    )
    start = time.perf_counter()
    with open(log, "w") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        lines = "".join(Path(log).read_text(errors="replace").splitlines(keepends=True)[-20:])
        sys.exit(f"{lines}\n`{command[0]}` failed; all of its output is in {log}")
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        "whole run": time.perf_counter() - start,
        "CPU time of the whole run": usage.ru_utime + usage.ru_stime,
        "peak memory": peak,
    }


def run_mammoth(clone, folder, images, out, tasks, threads, *options):
    """Runs mammoth in a process of its own; the result has what `mammoth_run.py` wrote, too."""
    command = [
        sys.executable,
        DRIVER,
        clone,
        folder / "clip.pt",
        images,
        out,
        f"--tasks={tasks}",
        f"--threads={threads}",
        "--lr=0.01",
        *options,
    ]
    return measure(command, out.with_suffix(".log"), threads)


def run_clbench(program, scenario, out, cache, threads):
    """Runs a scenario with an empty cache of features."""
    command = [program, "run", scenario, "--out", out]
    return measure(command, out.with_suffix(".log"), threads, CLBENCH_CACHE=str(cache))


def features_seconds(log):
    """What `clbench run` says about the features that it computed before the first cell."""
    return sum(map(float, re.findall(r"features of clip +([\d.]+) s", log.read_text())))


def print_table(rounds, rows):
    """Prints medians of (mammoth, clbench) rounds, and the median of the rounds' ratios."""
    print("| | mammoth | clbench | mammoth / clbench |")
    print("|:--|--:|--:|--:|")
    for row in rows:
        pairs = [(theirs.get(row), ours.get(row)) for theirs, ours in rounds]
        cells = [shown(row, [value for value in side if value is not None]) for side in zip(*pairs)]
        ratios = [theirs / ours for theirs, ours in pairs if theirs is not None and ours]
        ratio = f"{median(ratios):.2f}" if ratios else "–"
        print(f"| {row} | {cells[0]} | {cells[1]} | {ratio} |", flush=True)


def shown(row, values):
    if not values:
        return "–"
    middle = median(values)
    return f"{middle / GIB:.2f} GiB" if "memory" in row else f"{middle:.1f} s"

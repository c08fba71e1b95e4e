"""The matrices and figures of runs, computed again from their predictions.

Written from the definitions in `harness/book/src/protocols.md` and `metrics.md`, not from the Rust
code, with the standard library alone. Every cell's counts are compared with its record, and its
figures with the folder's `metrics.csv`:

    clbench run tests/streams/streams.yaml --out FOLDER --save-predictions
    python3 tests/streams/matrices.py FOLDER

Class numbers count from 0, tasks from 1; row 0 is before the first task. A task's classes are those
of its test images.
"""

import csv
import json
import sys
from pathlib import Path

MATRICES = ("seen", "all", "task")


def best(logits, candidates):
    """The class with the largest logit, the lowest number on ties; `logits` are text."""
    return max(sorted(candidates), key=lambda c: float(logits[c]))


def of_task(row, sizes):
    """The task of a test image. Runs before streams over domains have no column for it."""
    if "task" in row:
        return int(row["task"])
    starts = [sum(sizes[:t]) for t in range(len(sizes) + 1)]
    return next(t for t in range(1, len(starts)) if int(row["class"]) < starts[t])


def read(path, sizes):
    """By row of the matrix: (image, task, class, logits) of each test image."""
    rows = {}
    with open(path, newline="") as file:
        for line in csv.DictReader(file):
            width = sum(key.startswith("logit_") for key in line)
            image = (line.get("domain"), line["sample"])
            logits = [line[f"logit_{c}"] for c in range(width)]
            row = rows.setdefault(int(line["after_task"]), [])
            row.append((image, of_task(line, sizes), int(line["class"]), logits))
    return rows


def matrices(rows):
    """n, and by name [T + 1][T] counts of correct answers; None where there is no entry."""
    any_row = next(iter(rows.values()))
    tasks = max(task for _, task, _, _ in any_row)
    classes = {j: set() for j in range(1, tasks + 1)}
    n = [0] * tasks
    home = {}
    for image, task, truth, _ in any_row:
        assert home.setdefault(image, task) == task, f"{image} is in two tasks"
        classes[task].add(truth)
        n[task - 1] += 1
    seen, so_far = {0: set()}, set()
    for t in range(1, tasks + 1):
        so_far = so_far | classes[t]
        assert so_far == set(range(len(so_far))), "class numbers are not in the order of arrival"
        seen[t] = so_far
    stream = seen[tasks]
    # A strategy that scores learned classes alone leaves the others empty, and has no row 0. Where
    # everything is learned before anything is tested, in a joint run, the two cannot be told apart.
    unseen = any("" not in logits for t, row in rows.items() if seen[t] != stream
                 for _, _, _, logits in row)

    counts = {name: [[None] * tasks for _ in range(tasks + 1)] for name in MATRICES}
    for t, row in rows.items():
        for image, j, truth, logits in row:
            assert home.get(image) == j, f"{image} is not in every row, or in two tasks"
            candidates = {
                "seen": seen[t] if j <= t else None,
                "all": stream if unseen or seen[t] == stream else None,
                "task": classes[j] if unseen or classes[j] <= seen[t] else None,
            }
            for name, among in candidates.items():
                if among is not None:
                    correct = best(logits, among) == truth
                    counts[name][t][j - 1] = (counts[name][t][j - 1] or 0) + correct
    return n, counts


def mean(values):
    """None if there are none, or if one is missing."""
    values = list(values)
    return None if not values or None in values else sum(values) / len(values)


def figures(n, counts):
    """The figures that papers report, in percent, by the name of their metric."""
    last = len(n)
    past = range(1, last + 1)

    def percent(name):
        return [[None if c is None else 100 * c / n[j] for j, c in enumerate(row)]
                for row in counts[name]]

    def transfer_by_column(a):
        return mean(mean(a[t][j - 1] for t in range(1, j)) for j in range(2, last + 1))

    def transfer_by_row(a):
        return mean(mean(a[t][j - 1] for j in range(t + 1, last + 1)) for t in range(1, last))

    def pooled(t):
        # Rounded to two decimals, as PyCIL and PILOT do before they average.
        correct = counts["seen"][t][:t]
        return None if None in correct else round(100 * (100 * sum(correct) / sum(n[:t]))) / 100

    seen, every, task = (percent(name) for name in MATRICES)
    return {
        "faa": mean(seen[last]),
        "average-incremental-accuracy": mean(mean(seen[t][:t]) for t in past),
        "ci-transfer": transfer_by_row(every),
        "zscl-transfer-task": transfer_by_column(task),
        "zscl-average-task": mean(a for t in past for a in task[t]),
        "final-task-accuracy": mean(task[last]),
        "zscl-transfer-all": transfer_by_column(every),
        "zscl-average-all": mean(a for t in past for a in every[t]),
        "pooled-final": pooled(last),
        "pooled-average": mean(pooled(t) for t in past),
    }


def reported(folder, record):
    """The figures of this cell in the folder's `metrics.csv`."""
    cell, found = record["cell"], {}
    with open(folder / "metrics.csv", newline="") as file:
        for line in csv.DictReader(file):
            stream = line.get("stream") or line["domain"]
            same = (stream, line["strategy"], line["seed"]) == (
                cell["stream"]["name"], cell["strategy"]["row"], str(cell["seed"]))
            if same and line["value"]:
                found[line["metric"]] = float(line["value"])
    return found


def main(folder):
    wrong = cells = 0
    for path in sorted((folder / "cells").glob("*.predictions.csv")):
        name = path.name.removesuffix(".predictions.csv")
        record = json.loads(path.with_name(name + ".json").read_text())
        n, counts = matrices(read(path, record["stream"].get("task_sizes")))
        ours = figures(n, counts)
        theirs = reported(folder, record)
        differ = [m for m in MATRICES if record["matrices"][m] != counts[m]]
        differ += ["n"] if record["matrices"]["n"] != n else []
        for metric, value in ours.items():
            other = theirs.get(metric)
            if other is not None and (value is None or abs(value - other) > 1e-5):
                differ.append(f"{metric} ({value}, reported {other})")
        shown = ", ".join(f"{k} {v:.4f}" for k, v in ours.items() if v is not None)
        print(f"{name}: {'DIFFERS in ' + ', '.join(differ) if differ else 'same'}\n    {shown}")
        cells, wrong = cells + 1, wrong + bool(differ)
    print(f"{cells} cells, {wrong} differ")
    return wrong > 0 or cells == 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

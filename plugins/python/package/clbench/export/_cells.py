"""What is exported of a cell, from the CSV files of its run."""

import csv
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from clbench.tables import Cell, file_of

CANDIDATES = ("seen", "all", "task")
#: The columns of `costs.csv` that say where a cell was computed. The others are costs.
WHERE = ("threads", "device", "dtype")


class Written(NamedTuple):
    """A cell that was exported."""

    cell: Cell
    #: A folder, or the address of a page.
    where: str


class Value(NamedTuple):
    """A value that a strategy reported while learning."""

    #: The step, counted over all tasks: see `continued`.
    step: int
    #: The task that was being learned, from 1.
    task: int
    value: float


@dataclass
class Exported:
    """A cell with everything that is shown of it."""

    cell: Cell
    #: What made it: the columns that every table has, as far as they are not empty.
    identity: Dict[str, str]
    #: The number of tasks.
    tasks: int = 0
    #: Threads, device and number type.
    where: Dict[str, object] = field(default_factory=dict)
    #: Curves over tasks by name, in percent: pairs of the number of tasks learned and a value.
    accuracy: Dict[str, List[Tuple[int, float]]] = field(default_factory=dict)
    #: The final metrics by name, in percent or points. Those that are not defined are absent.
    metrics: Dict[str, float] = field(default_factory=dict)
    #: The costs, with the names and units of `costs.csv`.
    costs: Dict[str, float] = field(default_factory=dict)
    #: The reported values by name, in the order of their steps.
    scalars: Dict[str, List[Value]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """16 hex digits that are the same whenever the same cell is exported."""
        text = json.dumps([sorted(self.identity.items()), self.cell.seed])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def config(self) -> Dict[str, object]:
        """What the cell was run with."""
        return {**self.identity, "seed": self.cell.seed, "tasks": self.tasks, **self.where}


def read(
    folder,
    stream: Optional[str],
    strategy: Optional[str],
    seed: Optional[int],
    candidates: Sequence[str],
) -> List[Exported]:
    """The cells of a run that have this stream, strategy and seed, in the order of its tables."""
    if isinstance(candidates, str):
        candidates = (candidates,)
    for name in candidates:
        if name not in CANDIDATES:
            raise ValueError(f'candidates are "seen", "all" or "task", not {name!r}')
    cells: Dict[tuple, Exported] = {}
    # Its rows have the identity as a whole; those of `accuracy.csv` name the domain of one task.
    for key, identity, row in _rows(file_of(folder, "costs")):
        cell = Cell(row["stream"], row["strategy"], int(row["seed"]))
        named = {name: text for name, text in identity.items() if text}
        exported = cells[key] = Exported(cell, named)
        own = {name: text for name, text in row.items() if text and name not in identity}
        exported.where = {name: own[name] for name in WHERE if name in own}
        exported.where["threads"] = int(row["threads"])
        left = ("seed", *WHERE)
        exported.costs = {name: float(text) for name, text in own.items() if name not in left}
    chosen = {
        key: exported
        for key, exported in cells.items()
        if stream in (None, exported.cell.stream)
        and strategy in (None, exported.cell.strategy)
        and seed in (None, exported.cell.seed)
    }
    if not chosen:
        known = sorted({f"{one.cell.strategy} on {one.cell.stream}" for one in cells.values()})
        raise KeyError(f"no such cells; there are {', '.join(known)}")
    for key, rows in _grouped(file_of(folder, "accuracy"), chosen):
        chosen[key].tasks = max(int(row["on_task"]) for row in rows)
        chosen[key].accuracy = _curves(rows, candidates)
    for key, rows in _grouped(file_of(folder, "metrics"), chosen):
        chosen[key].metrics = {row["metric"]: float(row["value"]) for row in rows if row["value"]}
    try:
        scalars = file_of(folder, "scalars")
    except FileNotFoundError:
        scalars = None
    if scalars is not None:
        for key, rows in _grouped(scalars, chosen):
            chosen[key].scalars = _scalars(rows)
    return list(chosen.values())


def _rows(path: Path) -> Iterator[Tuple[tuple, Dict[str, str], Dict[str, str]]]:
    """The rows of a table, each with what identifies its cell, and with the columns of identity."""
    with open(path, encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        columns = list(table.fieldnames or ())
        if "seed" not in columns:
            raise ValueError(f"{path}: no column `seed`; `clbench leaderboard DIR` makes it again")
        # The columns of every file come first.
        shared = columns[: columns.index("seed")]
        for row in table:
            identity = {name: row[name] for name in shared}
            key = tuple(text for name, text in identity.items() if name != "domain")
            yield (*key, row["seed"]), identity, row


def _grouped(path: Path, chosen: Dict[tuple, Exported]):
    """The rows of each chosen cell."""
    found: Dict[tuple, List[Dict[str, str]]] = {}
    for key, _, row in _rows(path):
        if key in chosen:
            found.setdefault(key, []).append(row)
    return found.items()


def _curves(rows: List[Dict[str, str]], candidates: Iterable[str]):
    width = len(str(max(int(row["on_task"]) for row in rows)))
    curves: Dict[str, List[Tuple[int, float]]] = {}
    for matrix in candidates:
        of_tasks: Dict[int, List[float]] = {}
        for row in rows:
            text = row[f"{matrix}_accuracy"]
            if text:
                after = int(row["after_task"])
                of_tasks.setdefault(after, []).append(float(text))
                name = f"accuracy_{matrix}/task_{int(row['on_task']):0{width}}"
                curves.setdefault(name, []).append((after, float(text)))
        if of_tasks:
            mean = [(after, sum(values) / len(values)) for after, values in of_tasks.items()]
            curves[f"accuracy_{matrix}/mean"] = mean
    return {name: sorted(curve) for name, curve in sorted(curves.items())}


def _scalars(rows: List[Dict[str, str]]) -> Dict[str, List[Value]]:
    named: Dict[str, List[Dict[str, str]]] = {}
    # Sorting keeps the order in which values of one task were reported.
    for row in sorted(rows, key=lambda row: int(row["task"])):
        named.setdefault(row["name"], []).append(row)
    return {
        name: [
            Value(step, int(row["task"]), float(row["value"]))
            for step, row in zip(continued([int(row["step"]) for row in own]), own)
        ]
        for name, own in named.items()
    }


def continued(steps: Iterable[int]) -> List[int]:
    """Steps that increase throughout, so that a curve goes on from task to task.

    Most strategies restart their steps in every task, and some in every fit within a task. A step
    that does not exceed the one before it begins a new count, which is shifted to follow the last
    one. The gap between the two is the smallest gap so far, or 1. Steps that already increase over
    tasks are kept.

    >>> continued([0, 10, 20, 0, 10, 20])
    [0, 10, 20, 30, 40, 50]
    """
    made: List[int] = []
    last = gap = None
    shift = 0
    for step in steps:
        if last is not None and step > last:
            gap = step - last if gap is None else min(gap, step - last)
        elif last is not None:
            shift = made[-1] + (gap or 1) - step
        made.append(step + shift)
        last = step
    return made

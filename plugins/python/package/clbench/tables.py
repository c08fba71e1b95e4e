"""A run's tables as pandas frames, and its accuracy matrices as arrays. Needs pandas."""

import csv
from pathlib import Path
from typing import Dict, NamedTuple, Optional

TABLES = (
    "accuracy",
    "metrics",
    "costs",
    "leaderboard",
    "domains",
    "scalars",
    "classes",
    "confusion",
)
#: Why a table may be missing although the run is done.
ABSENT = {
    "scalars": "runs of older versions have none",
    "classes": "runs of older versions have none",
    "confusion": "`clbench run --confusion` writes it",
}
#: Columns of text. Many look like numbers at times: a hash such as 5612e3, a class `7`, one seed.
TEXTS = (
    "scenario",
    "stream",
    "domain",
    "split_hash",
    "content_digest",
    "class_order_digest",
    "backbone",
    "backbone_fingerprint",
    "backbone_plugin_hash",
    "strategy",
    "method",
    "plugin",
    "plugin_version",
    "plugin_hash",
    "settings",
    "seeds",
    "name",
    "class",
    "predicted",
)


class Cell(NamedTuple):
    """What a run is made of."""

    stream: str
    strategy: str
    seed: int


def results(folder) -> "Results":
    """The results of a run folder, such as `results/runs/quickstart`.

    The tables in this repository's `results` have a common beginning, and `results/quickstart`
    reads them.
    """
    return Results(folder)


def file_of(folder, table: str) -> Path:
    """The file of a table: `FOLDER/TABLE.csv`, or `FOLDER.TABLE.csv`."""
    folder = Path(folder)
    within = folder / f"{table}.csv"
    beside = Path(f"{folder}.{table}.csv")
    for path in (within, beside):
        if path.is_file():
            return path
    advice = ABSENT.get(
        table,
        "a run writes its tables when its cells are done, and `clbench leaderboard DIR` makes them "
        "again",
    )
    raise FileNotFoundError(f"{within}: no such file; {advice}")


class Results:
    """The tables of a run, each a pandas frame: `accuracy`, `metrics`, `costs`, `leaderboard` and
    `domains`; `scalars`, the values that strategies reported while learning; `classes`, the
    accuracy on each class; and `confusion`, if the run was asked for it.

    The manual describes their columns under "Files and columns". Accuracies are in percent. Missing
    values are NaN. A table is read when it is first used.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self._read = {}

    def __getattr__(self, table):
        if table not in TABLES:
            raise AttributeError(f"no table `{table}`; there are {', '.join(TABLES)}")
        if table not in self._read:
            self._read[table] = self._frame(table)
        return self._read[table]

    def __repr__(self):
        return f"Results({str(self.folder)!r})"

    def _frame(self, table):
        import pandas

        path = file_of(self.folder, table)
        with open(path, encoding="utf-8", newline="") as file:
            columns = next(csv.reader(file), [])
        return pandas.read_csv(
            path,
            dtype={name: str for name in TEXTS},
            # A class may be called `NA` or `null`, and a number that was reported may be NaN.
            keep_default_na=False,
            na_values={name: [""] if name in TEXTS else ["", "NaN"] for name in columns},
        )

    def matrices(self, candidates: str = "seen") -> Dict[Cell, "object"]:
        """The accuracy matrix of every cell, in percent, `[tasks + 1, tasks]`.

        Entry [t, j] is the accuracy on task j + 1 after t tasks, among `candidates`: the classes
        "seen" so far, "all" classes of the stream, or those of the "task". It is NaN where it is not
        defined.
        """
        import numpy

        if candidates not in ("seen", "all", "task"):
            raise ValueError(f'candidates are "seen", "all" or "task", not {candidates!r}')
        made = {}
        for cell, rows in self.accuracy.groupby(["stream", "strategy", "seed"], sort=False):
            tasks = rows["on_task"].max()
            matrix = numpy.full((tasks + 1, tasks), numpy.nan)
            matrix[rows["after_task"], rows["on_task"] - 1] = rows[f"{candidates}_accuracy"]
            made[Cell(cell[0], cell[1], int(cell[2]))] = matrix
        return made

    def matrix(
        self,
        strategy: str,
        stream: Optional[str] = None,
        seed: Optional[int] = None,
        candidates: str = "seen",
    ):
        """The mean of a strategy's accuracy matrices over seeds, or that of one seed."""
        import numpy

        found = {
            cell: matrix
            for cell, matrix in self.matrices(candidates).items()
            if cell.strategy == strategy
            and stream in (None, cell.stream)
            and seed in (None, cell.seed)
        }
        if not found:
            known = sorted({f"{cell.strategy} on {cell.stream}" for cell in self.matrices()})
            raise KeyError(f"no such cells; there are {', '.join(known)}")
        streams = sorted({cell.stream for cell in found})
        if len(streams) > 1:
            raise ValueError(f"name a stream: {', '.join(streams)}")
        return numpy.mean(list(found.values()), axis=0)

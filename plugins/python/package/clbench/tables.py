"""A run's tables as pandas frames, and its accuracy matrices as arrays. Needs pandas."""

from pathlib import Path
from typing import Dict, NamedTuple, Optional

TABLES = (
    "accuracy",
    "metrics",
    "costs",
    "leaderboard",
    "domains",
    "classes",
    "scalars",
    "confusion",
)
#: Hashes and names look like numbers at times, such as 5612e3.
TEXTS = (
    "split_hash",
    "content_digest",
    "class_order_digest",
    "backbone_fingerprint",
    "backbone_plugin_hash",
    "plugin_version",
    "plugin_hash",
    "settings",
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


class Results:
    """The tables of a run: `accuracy`, `metrics`, `costs`, `leaderboard`, `domains`, `classes`,
    `scalars` and `confusion`.

    Each is a pandas frame with the columns that the manual describes under "Files and columns".
    Missing values are NaN.
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

        within = self.folder / f"{table}.csv"
        beside = self.folder.with_name(f"{self.folder.name}.{table}.csv")
        for path in (within, beside):
            if path.is_file():
                return pandas.read_csv(path, dtype={name: str for name in TEXTS})
        raise FileNotFoundError(
            f"{within}: no such file; a run writes its tables when its cells are done, and "
            "`clbench leaderboard DIR` makes them again"
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

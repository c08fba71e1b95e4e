"""Weights & Biases: one run per cell."""

import importlib
import shutil
from pathlib import Path
from typing import List, Optional, Sequence

from clbench.export._cells import Exported, Written, read

#: The longest tag that W&B takes, in characters.
LONGEST_TAG = 64


def wandb(
    folder,
    project: str = "clbench",
    *,
    entity: Optional[str] = None,
    mode: Optional[str] = None,
    directory=None,
    tags: Sequence[str] = (),
    stream: Optional[str] = None,
    strategy: Optional[str] = None,
    seed: Optional[int] = None,
    candidates: Sequence[str] = ("seen", "all"),
) -> List[Written]:
    """Logs every cell of a run to W&B, as a run of its own. Needs `pip install 'clbench[wandb]'`.

    `folder` is a run folder, or a common beginning such as `results/quickstart`. `stream`,
    `strategy` and `seed` choose among its cells. A W&B run has

    - the name STREAM/STRATEGY/SEED, the group STREAM/STRATEGY, and tags for scenario, stream,
      strategy, method and backbone, besides your own `tags`;
    - as config, what made the cell: the hashes of split, images, class order, weights and plugin
      file, `settings`, `seed`, `tasks`, `threads`, `device` and `dtype`;
    - curves in percent over `tasks_learned`: `accuracy_seen/mean` is the mean over tasks learned so
      far, and `accuracy_seen/task_1` the accuracy on the first task. `candidates` are the classes
      that a prediction may choose from: "seen", "all", "task";
    - `training/NAME` over `training_step`, if the strategy reported values while it learned. Steps
      that restart in every task are continued over tasks;
    - as summary, the metrics (`metrics/faa`, in percent or points) and the costs
      (`costs/learn_seconds`, `costs/peak_memory_bytes`, …).

    `mode` is "online", "offline" or "disabled"; by default, what `WANDB_MODE` says. Offline runs
    are written to `directory`/wandb, by default in the working folder; `wandb sync` uploads them.

    A cell has the same run id whenever it is exported, so W&B replaces what it had of the run, and
    an offline run replaces the one that was written before.

    Returns each cell with its page, or with its folder if it was written offline; with neither if
    W&B is disabled.
    """
    library = _library()
    cells = read(folder, stream, strategy, seed, candidates)
    if directory is not None:
        # If there is no such folder, W&B writes to one for temporary files.
        Path(directory).mkdir(parents=True, exist_ok=True)
    return [
        _write(library, cell, project, entity, mode, directory, list(tags)) for cell in cells
    ]


def _library():
    try:
        library = importlib.import_module("wandb")
    except ImportError as error:
        raise ImportError(_missing()) from error
    # Offline runs are in a folder `wandb`, which Python takes for a package if there is no other.
    if getattr(library, "__file__", None) is None:
        raise ImportError(_missing())
    return library


def _missing():
    return "clbench.export.wandb needs W&B's library; run `pip install 'clbench[wandb]'`"


def _write(library, cell: Exported, project, entity, mode, directory, tags) -> Written:
    identity = cell.identity
    of = ("scenario", "stream", "strategy", "method", "backbone")
    named = [identity.get(name) for name in of]
    tags = [tag for tag in dict.fromkeys([*named, *tags]) if tag and len(tag) <= LONGEST_TAG]
    run = library.init(
        project=project,
        entity=entity,
        id=cell.id,
        name=f"{cell.cell.stream}/{cell.cell.strategy}/{cell.cell.seed}",
        group=f"{cell.cell.stream}/{cell.cell.strategy}",
        tags=tags,
        config=cell.config,
        mode=mode,
        dir=None if directory is None else str(directory),
        # A run that the caller has open stays as it is.
        reinit="create_new",
        # `resume` is not set: then W&B replaces a run of the same id. If it were, the second export
        # would begin after the last step of the first.
        #
        # This machine, its load and its repository have nothing to do with the cell.
        settings=library.Settings(
            silent=True,
            console="off",
            disable_git=True,
            disable_code=True,
            save_code=False,
            x_disable_machine_info=True,
            x_disable_stats=True,
        ),
    )
    with run:
        run.define_metric("tasks_learned", hidden=True)
        run.define_metric("training_step", hidden=True)
        run.define_metric("training_task", hidden=True)
        for prefix in dict.fromkeys(name.partition("/")[0] for name in cell.accuracy):
            run.define_metric(f"{prefix}/*", step_metric="tasks_learned")
        if cell.scalars:
            run.define_metric("training/*", step_metric="training_step")
        for row in _history(cell):
            run.log(row)
        run.summary.update({f"metrics/{name}": value for name, value in cell.metrics.items()})
        run.summary.update({f"costs/{name}": value for name, value in cell.costs.items()})
    if getattr(run, "offline", False):
        where = Path(run.dir).parent
        _remove_earlier(where, cell.id)
        return Written(cell.cell, str(where))
    return Written(cell.cell, str(run.url or ""))


def _history(cell: Exported):
    """The rows of a run in the order of time: what was reported in a task, then the accuracies
    after it."""
    for after in range(cell.tasks + 1):
        for name, values in cell.scalars.items():
            for step, task, value in values:
                if task == after:
                    row = {"training_step": step, "training_task": task}
                    yield {**row, f"training/{name}": value}
        accuracies = {
            name: value
            for name, curve in cell.accuracy.items()
            for tasks, value in curve
            if tasks == after
        }
        if accuracies:
            yield {"tasks_learned": after, **accuracies}


def _remove_earlier(written: Path, id: str) -> None:
    """Removes offline runs of the same cell. They would only be uploaded one after the other."""
    # Of two runs in one second, the name of the second ends in a number.
    for other in written.parent.glob(f"offline-run-*-{id}*"):
        if other != written:
            shutil.rmtree(other)

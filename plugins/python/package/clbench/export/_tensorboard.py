"""TensorBoard: one folder of events per cell."""

import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Sequence

from clbench.export._cells import Exported, Written, read

#: The file that marks a folder as an export, and lists what is in it.
MARK = "clbench.json"


def tensorboard(
    folder,
    out,
    *,
    stream: Optional[str] = None,
    strategy: Optional[str] = None,
    seed: Optional[int] = None,
    candidates: Sequence[str] = ("seen", "all"),
) -> List[Written]:
    """Writes every cell of a run to the folder `out`, as a run of its own: STREAM/STRATEGY/SEED.
    Needs `pip install 'clbench[tensorboard]'`. `tensorboard --logdir OUT` shows them.

    `folder` is a run folder, or a common beginning such as `results/quickstart`. `stream`,
    `strategy` and `seed` choose among its cells. The tab "Time series" has

    - curves in percent, whose step is the number of tasks learned: `accuracy_seen/mean` is the mean
      over the tasks learned so far, and `accuracy_seen/task_1` the accuracy on the first task.
      `candidates` are the classes that a prediction may choose from: "seen", "all", "task";
    - `training/NAME`, if the strategy reported values while it learned. Steps that restart in every
      task are continued over tasks;
    - the metrics (`metrics/faa`, in percent or points) and the costs (`costs/learn_seconds`,
      `costs/peak_memory_bytes`, …), at the step of the last task.

    The tab "HParams" has a row for every cell: what made it (the hashes of split, images, class
    order, weights and plugin file, `settings`, `seed`, …), its metrics and costs.

    An earlier export in `out` is replaced as a whole, once the new one is complete. A folder with
    anything else in it is refused. TensorBoard keeps values as 32-bit floats.

    Returns each cell with its folder.
    """
    writer = _library()
    cells = read(folder, stream, strategy, seed, candidates)
    out = Path(out)
    _check(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    # Beside it, so that it can be renamed.
    part = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        part.chmod(0o755)
        places = _places(cells)
        with writer(part) as overview:
            overview.columns(_names(one.config for one in cells), _names(map(_final, cells)))
        for exported, place in zip(cells, places):
            with writer(part / place) as events:
                _write(events, exported)
        listed = {"source": str(folder), "runs": places}
        (part / MARK).write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
        _replace(out, part)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return [Written(one.cell, str(out / place)) for one, place in zip(cells, places)]


def _places(cells: List[Exported]) -> List[str]:
    """A folder for every cell. Names of streams and strategies can be those of files."""
    places = ["/".join(map(str, one.cell)) for one in cells]
    # A folder of runs can have a row twice, with other settings.
    return [
        f"{place}-{one.id}" if places.count(place) > 1 else place
        for one, place in zip(cells, places)
    ]


def _names(texts: Iterable[Dict[str, object]]) -> List[str]:
    return list(dict.fromkeys(name for names in texts for name in names))


def _final(cell: Exported) -> Dict[str, float]:
    """What is known of a cell at its end."""
    metrics = {f"metrics/{name}": value for name, value in cell.metrics.items()}
    return {**metrics, **{f"costs/{name}": value for name, value in cell.costs.items()}}


def _write(events, cell: Exported) -> None:
    events.begin(cell.id, cell.config)
    for name, curve in cell.accuracy.items():
        for after, value in curve:
            events.scalar(name, after, value)
    for name, values in cell.scalars.items():
        for step, _, value in values:
            events.scalar(f"training/{name}", step, value)
    for name, value in _final(cell).items():
        events.scalar(name, cell.tasks, value)
    events.end()


def _check(out: Path) -> None:
    if out.is_dir() and not (out / MARK).is_file() and any(out.iterdir()):
        raise FileExistsError(
            f"{out} has files that are no export of clbench (it has no {MARK}); name another folder"
        )
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"{out} is no folder; name another one")


def _replace(out: Path, part: Path) -> None:
    """Puts the new folder in the place of the old one, which is there until then."""
    if not out.exists():
        part.rename(out)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        out.rename(old / out.name)
        try:
            part.rename(out)
        except BaseException:
            (old / out.name).rename(out)
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _library():
    """A class that writes a run's events to a folder."""
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
        from tensorboard.plugins.hparams import summary_v2 as hparams
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError as error:
        raise ImportError(
            "clbench.export.tensorboard needs TensorBoard; run `pip install 'clbench[tensorboard]'`"
        ) from error

    class Events:
        def __init__(self, folder: Path):
            self._writer = EventFileWriter(str(folder))

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self._writer.close()

        def scalar(self, tag: str, step: int, value: float) -> None:
            value = Summary.Value(tag=tag, simple_value=value)
            self._add(Summary(value=[value]), step)

        def begin(self, id: str, config: Dict[str, object]) -> None:
            """Says which row of "HParams" this run is."""
            self._add(hparams.hparams_pb(config, trial_id=id))

        def end(self) -> None:
            """Says that this run is complete; TensorBoard would call it running."""
            info = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS)
            data = plugin_data_pb2.HParamsPluginData(session_end_info=info)
            value = Summary.Value(
                tag=metadata.SESSION_END_INFO_TAG,
                metadata=metadata.create_summary_metadata(data),
                tensor=metadata.NULL_TENSOR,
            )
            self._add(Summary(value=[value]))

        def columns(self, config: List[str], metrics: List[str]) -> None:
            """Says what the columns of "HParams" are."""
            self._add(
                hparams.hparams_config_pb(
                    [hparams.HParam(name) for name in config],
                    [hparams.Metric(name) for name in metrics],
                )
            )

        def _add(self, summary, step: int = 0) -> None:
            self._writer.add_event(Event(step=step, wall_time=time.time(), summary=summary))

    return Events


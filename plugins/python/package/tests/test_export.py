"""What exporters write, read back from it.

What is passed to the tools is tested with stand-ins for them. Tests that read files back need the
tools, and are skipped without. `CLBENCH_TEST_EXPORTERS` makes a missing tool an error.
"""

import contextlib
import csv
import importlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import types
import unittest
from collections import defaultdict
from pathlib import Path
from unittest import mock

import clbench
import clbench.export
from clbench.export import _cells, _tensorboard
from clbench.tables import Cell

PACKAGE = Path(__file__).resolve().parents[1]
QUICKSTART = Path(__file__).resolve().parents[4] / "results" / "quickstart"
IDENTITY = {
    "scenario": "small",
    "stream": "digits",
    "domain": "digits",
    "split_hash": "5612e3",
    "content_digest": "0c",
    "class_order_digest": "0d",
    "backbone": "",
    "backbone_fingerprint": "",
    "backbone_plugin_hash": "",
    "strategy": "mine",
    "method": "python",
    "plugin": "clbench-python",
    "plugin_version": "0.1.0",
    "plugin_hash": "0e",
    "settings": "0f",
}


def needs(tool):
    """Skips what needs a tool that is not installed, unless it must be there."""
    if os.environ.get("CLBENCH_TEST_EXPORTERS"):
        return lambda test: test
    try:
        importlib.import_module(tool)
    except ImportError:
        return unittest.skip(f"{tool} is not installed")
    return lambda test: test


class Folder(unittest.TestCase):
    """A folder for what is written, and a run of one cell with two tasks in it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.run_folder = self.folder / "run"
        self.run_folder.mkdir()
        entries = [(0, 1, ""), (0, 2, ""), (1, 1, 90), (1, 2, ""), (2, 1, 70), (2, 2, 80)]
        self.table(
            "accuracy",
            "seed,after_task,on_task,n,seen_accuracy,all_accuracy,task_accuracy",
            [(7, after, on, 10, value, "", value) for after, on, value in entries],
        )
        self.table(
            "metrics",
            "seed,metric,unit,higher_is_better,matrix,value",
            [(7, "faa", "%", "true", "seen", 75), (7, "ci-transfer", "%", "true", "all", "")],
        )
        self.table(
            "costs",
            "seed,threads,device,dtype,learn_seconds,peak_memory_bytes",
            [(7, 1, "cpu", "f32", 1.5, "")],
        )

    def table(self, name, columns, rows):
        with open(self.run_folder / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow([*IDENTITY, *columns.split(",")])
            table.writerows([*IDENTITY.values(), *row] for row in rows)

    def report(self):
        """Adds a loss that is counted anew in every task."""
        steps = [(1, 1, 0.5), (1, 2, 0.25), (2, 1, 0.75), (2, 2, 0.125)]
        rows = [(7, task, "loss", step, value) for task, step, value in steps]
        self.table("scalars", "seed,task,name,step,value", rows)


class ReadTests(Folder):
    def read(self, **chosen):
        return _cells.read(
            self.run_folder, *map(chosen.get, ("stream", "strategy", "seed")), ("seen", "all")
        )

    def test_a_cell_has_what_is_known_of_it_and_nothing_else(self):
        (cell,) = self.read()
        self.assertEqual(cell.cell, Cell("digits", "mine", 7))
        self.assertEqual(
            cell.accuracy,
            {
                "accuracy_seen/mean": [(1, 90), (2, 75)],
                "accuracy_seen/task_1": [(1, 90), (2, 70)],
                "accuracy_seen/task_2": [(2, 80)],
            },
        )
        self.assertEqual((cell.metrics, cell.costs), ({"faa": 75}, {"learn_seconds": 1.5}))
        self.assertEqual(cell.scalars, {})
        where = {"threads": 1, "device": "cpu", "dtype": "f32"}
        known = {name: text for name, text in IDENTITY.items() if text}
        self.assertEqual(cell.config, {**known, "seed": 7, "tasks": 2, **where})

    def test_counts_go_on_from_task_to_task(self):
        for steps, made in (
            # From 0 or 1 in every task, in steps of one or more.
            ([0, 1, 2, 0, 1, 2], [0, 1, 2, 3, 4, 5]),
            ([1, 2, 1, 2, 3, 1], [1, 2, 3, 4, 5, 6]),
            ([10, 20, 30, 10, 20], [10, 20, 30, 40, 50]),
            ([0, 50, 99, 0, 50], [0, 50, 99, 148, 198]),
            # Once in every task.
            ([0, 0, 0], [0, 1, 2]),
            # A strategy that goes on counting.
            ([1, 2, 3, 7], [1, 2, 3, 7]),
            # With a third task that goes on from where the second was moved to.
            ([0, 1, 0, 1, 5], [0, 1, 2, 3, 7]),
            ([], []),
        ):
            self.assertEqual(_cells.continued(steps), made)
        self.report()
        (cell,) = self.read()
        self.assertEqual(
            cell.scalars, {"loss": [(1, 1, 0.5), (2, 1, 0.25), (3, 2, 0.75), (4, 2, 0.125)]}
        )

    def test_an_id_is_that_of_the_cell(self):
        (before,) = self.read()
        self.report()
        (after,) = self.read()
        self.assertEqual((before.id, len(before.id)), (after.id, 16))
        quickstart = _cells.read(QUICKSTART, None, None, None, ("seen",))
        self.assertEqual(len({cell.id for cell in quickstart}), len(quickstart))
        self.assertGreaterEqual(len(quickstart), 50)

    def test_cells_are_chosen(self):
        chosen = _cells.read(QUICKSTART, "digits", "cgil", None, ("seen",))
        self.assertEqual({cell.cell[:2] for cell in chosen}, {("digits", "cgil")})
        self.assertEqual([cell.cell.seed for cell in chosen], [1992, 1996, 1997])
        with self.assertRaisesRegex(KeyError, "no such cells; there are mine on digits"):
            self.read(strategy="yours")
        with self.assertRaisesRegex(ValueError, '"seen", "all" or "task", not \'any\''):
            _cells.read(self.run_folder, None, None, None, "any")
        (self.run_folder / "metrics.csv").unlink()
        with self.assertRaisesRegex(FileNotFoundError, "run/metrics.csv: no such file"):
            self.read()


class FakeRun:
    offline = False

    def __init__(self, arguments):
        self.arguments, self.rows, self.summary, self.axes = arguments, [], {}, {}
        self.log, self.url = self.rows.append, f"https://wandb.example/{arguments['id']}"

    def define_metric(self, name, step_metric=None, hidden=None):
        self.axes[name] = step_metric

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.finished = error == (None, None, None)


class WandbTests(Folder):
    def exported(self, **options):
        """The runs that a stand-in for W&B's library was told of, and what was returned."""
        runs = []
        library = types.ModuleType("wandb")
        library.__file__ = "wandb.py"
        library.Settings = dict
        library.init = lambda **arguments: runs.append(FakeRun(arguments)) or runs[-1]
        with mock.patch.dict(sys.modules, wandb=library):
            written = clbench.export.wandb(self.run_folder, **options)
        return runs, written

    def test_a_run_has_the_cells_name_config_curves_and_summary(self):
        self.report()
        (run,), written = self.exported(project="p", tags=["mine", "extra", "x" * 65])
        expected = {
            "project": "p",
            "name": "digits/mine/7",
            "group": "digits/mine",
            "tags": ["small", "digits", "mine", "python", "extra"],
            "reinit": "create_new",
            "mode": None,
            "dir": None,
        }
        self.assertEqual({name: run.arguments[name] for name in expected}, expected)
        self.assertNotIn("resume", run.arguments)
        self.assertEqual(run.arguments["config"]["split_hash"], "5612e3")
        self.assertEqual(run.axes["accuracy_seen/*"], "tasks_learned")
        self.assertEqual(run.axes["training/*"], "training_step")
        self.assertEqual(
            run.rows,
            [
                {"training_step": 1, "training_task": 1, "training/loss": 0.5},
                {"training_step": 2, "training_task": 1, "training/loss": 0.25},
                {"tasks_learned": 1, "accuracy_seen/mean": 90, "accuracy_seen/task_1": 90},
                {"training_step": 3, "training_task": 2, "training/loss": 0.75},
                {"training_step": 4, "training_task": 2, "training/loss": 0.125},
                {
                    "tasks_learned": 2,
                    "accuracy_seen/mean": 75,
                    "accuracy_seen/task_1": 70,
                    "accuracy_seen/task_2": 80,
                },
            ],
        )
        self.assertEqual(run.summary, {"metrics/faa": 75, "costs/learn_seconds": 1.5})
        self.assertTrue(run.finished)
        url = f"https://wandb.example/{run.arguments['id']}"
        self.assertEqual(written, [(Cell("digits", "mine", 7), url)])

    def test_the_second_export_has_the_same_ids(self):
        (first,), _ = self.exported()
        (second,), _ = self.exported(mode="online")
        self.assertEqual(first.arguments["id"], second.arguments["id"])

    def test_a_missing_library_is_one_clear_error(self):
        # A folder of offline runs is no library.
        for missing in (None, types.ModuleType("wandb")):
            with mock.patch.dict(sys.modules, wandb=missing):
                with self.assertRaisesRegex(ImportError, r"run `pip install 'clbench\[wandb\]'`"):
                    clbench.export.wandb(self.run_folder)

    @needs("wandb")
    def test_offline_runs_hold_the_numbers_of_the_tables(self):
        written = clbench.export.wandb(
            QUICKSTART, mode="offline", directory=self.folder, stream="digits"
        )
        cells = _cells.read(QUICKSTART, "digits", None, None, ("seen", "all"))
        self.assertEqual([one.cell for one in written], [cell.cell for cell in cells])
        for cell, one in zip(cells, written):
            (file,) = Path(one.where).glob("*.wandb")
            run, curves, summary = offline_run(file)
            self.assertEqual((run.run_id, run.run_group), (cell.id, f"digits/{cell.cell.strategy}"))
            self.assertEqual(dict(curves), cell.accuracy)
            for name, value in cell.metrics.items():
                self.assertEqual(summary[f"metrics/{name}"], value)
            for name, value in cell.costs.items():
                self.assertEqual(summary[f"costs/{name}"], value)

    @needs("wandb")
    def test_offline_runs_hold_what_was_reported_and_leave_an_open_run_alone(self):
        self.report()
        wandb = importlib.import_module("wandb")
        own = wandb.init(mode="offline", dir=str(self.folder), settings={"silent": True})
        for _ in range(3):
            (one,) = clbench.export.wandb(self.run_folder, mode="offline", directory=self.folder)
        self.assertIs(wandb.run, own)
        own.finish()
        # Each export has replaced the one before.
        left = {str(path) for path in (self.folder / "wandb").glob("offline-run-*")}
        self.assertEqual(left, {one.where, str(Path(own.dir).parent)})
        (file,) = Path(one.where).glob("*.wandb")
        _, curves, _ = offline_run(file)
        self.assertEqual(curves["training/loss"], [(1, 0.5), (2, 0.25), (3, 0.75), (4, 0.125)])
        self.assertEqual(curves["accuracy_seen/mean"], [(1, 90), (2, 75)])


def offline_run(path):
    """The run in a file of W&B's: its description, its curves by name, and its summary."""
    from wandb.proto import wandb_internal_pb2

    run, curves, summary = None, defaultdict(list), {}
    name = lambda item: item.key or "/".join(item.nested_key)
    for data in log_entries(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.HasField("run"):
            run = run or record.run
        if record.HasField("history"):
            row = {name(item): json.loads(item.value_json) for item in record.history.item}
            at = row.get("tasks_learned", row.get("training_step"))
            for key, value in row.items():
                if "/" in key:
                    curves[key].append((at, value))
        if record.HasField("summary"):
            for item in record.summary.update:
                summary[name(item)] = json.loads(item.value_json)
    return run, curves, summary


def log_entries(data, block=32768, header=7):
    """The entries of a file in LevelDB's log format, after W&B's own header."""
    at, entry = header, b""
    while at + header <= len(data):
        if block - at % block < header:
            at += block - at % block
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        entry += data[at + header : at + header + length]
        at += header + length
        # Whole, or the last of several parts.
        if kind in (1, 4):
            yield entry
            entry = b""


class FakeEvents:
    """Keeps what would be written to each folder."""

    written = defaultdict(list)

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        (self.folder / "events").write_text(repr(self.written))

    def scalar(self, *value):
        self.written["scalar"].append(value)

    def end(self):
        self.written["end"].append(self.folder.name)

    def begin(self, *row):
        self.written["begin"].append(row)

    def columns(self, *columns):
        self.written["columns"].append(columns)


class TensorboardTests(Folder):
    def setUp(self):
        super().setUp()
        self.out = self.folder / "tensorboard/run"

    @contextlib.contextmanager
    def stand_in(self):
        FakeEvents.written = defaultdict(list)
        with mock.patch.object(_tensorboard, "_library", lambda: FakeEvents):
            yield FakeEvents.written

    def test_a_run_has_the_cells_curves_and_its_row_of_parameters(self):
        self.report()
        with self.stand_in() as written:
            returned = clbench.export.tensorboard(self.run_folder, self.out)
        self.assertEqual(
            returned, [(Cell("digits", "mine", 7), str(self.out / "digits/mine/7"))]
        )
        ((id, config),) = written["begin"]
        self.assertEqual((len(id), config["seed"], config["split_hash"]), (16, 7, "5612e3"))
        ((parameters, metrics),) = written["columns"]
        self.assertEqual(parameters, list(config))
        self.assertEqual(written["end"], ["7"])
        self.assertEqual(metrics, ["metrics/faa", "costs/learn_seconds"])
        self.assertEqual(
            written["scalar"],
            [
                ("accuracy_seen/mean", 1, 90),
                ("accuracy_seen/mean", 2, 75),
                ("accuracy_seen/task_1", 1, 90),
                ("accuracy_seen/task_1", 2, 70),
                ("accuracy_seen/task_2", 2, 80),
                ("training/loss", 1, 0.5),
                ("training/loss", 2, 0.25),
                ("training/loss", 3, 0.75),
                ("training/loss", 4, 0.125),
                ("metrics/faa", 2, 75),
                ("costs/learn_seconds", 2, 1.5),
            ],
        )

    def test_an_export_is_replaced_as_a_whole_and_nothing_else_is(self):
        with self.stand_in():
            clbench.export.tensorboard(QUICKSTART, self.out)
            clbench.export.tensorboard(self.run_folder, self.out)
            self.assertEqual(
                sorted(path.name for path in self.out.iterdir()),
                ["clbench.json", "digits", "events"],
            )
            self.assertEqual([path.name for path in self.out.glob("digits/*/*")], ["7"])

            # One that fails leaves the old one.
            with mock.patch.object(FakeEvents, "scalar", side_effect=OSError("disk full")):
                with self.assertRaisesRegex(OSError, "disk full"):
                    clbench.export.tensorboard(QUICKSTART, self.out)
            self.assertTrue((self.out / "digits/mine/7/events").is_file())
            self.assertEqual([path.name for path in self.out.parent.iterdir()], ["run"])

            other = self.folder / "other"
            other.mkdir()
            clbench.export.tensorboard(self.run_folder, other)
            (self.folder / "own").mkdir()
            (self.folder / "own/notes.txt").touch()
            with self.assertRaisesRegex(FileExistsError, "own has files that are no export"):
                clbench.export.tensorboard(self.run_folder, self.folder / "own")
            with self.assertRaisesRegex(FileExistsError, "notes.txt is no folder"):
                clbench.export.tensorboard(self.run_folder, self.folder / "own/notes.txt")
            self.assertTrue((self.folder / "own/notes.txt").is_file())

    def test_a_missing_library_is_one_clear_error(self):
        hidden = {name: None for name in ("tensorboard", "tensorboard.compat.proto.event_pb2")}
        with mock.patch.dict(sys.modules, hidden):
            with self.assertRaisesRegex(ImportError, r"run `pip install 'clbench\[tensorboard\]'`"):
                clbench.export.tensorboard(self.run_folder, self.out)
        self.assertFalse(self.out.exists())

    @needs("tensorboard")
    def test_event_files_hold_the_numbers_of_the_tables(self):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from tensorboard.plugins.hparams import api_pb2, metadata

        clbench.export.tensorboard(QUICKSTART, self.out)
        written = clbench.export.tensorboard(QUICKSTART, self.out)
        cells = _cells.read(QUICKSTART, None, None, None, ("seen", "all"))
        self.assertEqual([one.cell for one in written], [cell.cell for cell in cells])
        self.assertEqual(
            {path.parent for path in self.out.glob("**/events.out.tfevents.*")},
            {self.out, *(Path(one.where) for one in written)},
        )
        parsed = metadata.parse_session_start_info_plugin_data
        for cell, one in zip(cells, written):
            events = EventAccumulator(one.where)
            events.Reload()
            expected = dict(cell.accuracy)
            for name, value in _tensorboard._final(cell).items():
                expected[name] = [(cell.tasks, value)]
            self.assertEqual(set(events.Tags()["scalars"]), set(expected))
            for name, curve in expected.items():
                found = [(event.step, event.value) for event in events.Scalars(name)]
                self.assertEqual([step for step, _ in found], [step for step, _ in curve])
                for (_, value), (_, true) in zip(found, curve):
                    self.assertAlmostEqual(value, true, delta=1e-6 * max(1, abs(true)))
            about = events.PluginTagToContent(metadata.PLUGIN_NAME)
            self.assertEqual(len(about), 2)
            start = parsed(about[metadata.SESSION_START_INFO_TAG])
            end = metadata.parse_session_end_info_plugin_data(about[metadata.SESSION_END_INFO_TAG])
            self.assertEqual(end.status, api_pb2.STATUS_SUCCESS)
            self.assertEqual(start.group_name, cell.id)
            self.assertEqual(start.hparams["settings"].string_value, cell.identity["settings"])
            self.assertEqual(start.hparams["seed"].number_value, cell.cell.seed)
        overview = EventAccumulator(str(self.out))
        overview.Reload()
        ((_, data),) = overview.PluginTagToContent(metadata.PLUGIN_NAME).items()
        experiment = metadata.parse_experiment_plugin_data(data)
        self.assertIn("metrics/faa", [info.name.tag for info in experiment.metric_infos])

    @needs("tensorboard")
    def test_reported_values_are_read_back_in_order(self):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        self.report()
        (one,) = clbench.export.tensorboard(self.run_folder, self.out)
        events = EventAccumulator(one.where)
        events.Reload()
        loss = [(event.step, event.value) for event in events.Scalars("training/loss")]
        self.assertEqual(loss, [(1, 0.5), (2, 0.25), (3, 0.75), (4, 0.125)])


class ImportTests(unittest.TestCase):
    def test_strategies_do_without_the_exporters(self):
        """Their process has only some modules of the package."""
        code = (
            "import sys, clbench; assert 'clbench.export' not in sys.modules;"
            "assert clbench.export.wandb.__module__ == 'clbench.export._wandb';"
            "assert not {'wandb', 'tensorboard', 'pandas'} & set(sys.modules)"
        )
        environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
        subprocess.run([sys.executable, "-B", "-c", code], check=True, env=environment)


if __name__ == "__main__":
    unittest.main()

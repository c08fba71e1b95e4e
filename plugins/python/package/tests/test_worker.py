"""The worker, driven by a host that is written in Python."""

import hashlib
import json
import tempfile
import textwrap
import threading
import time
import unittest
from pathlib import Path

import numpy

from clbench.wire import Connection
from host import Zygote

CLASSES = [{"id": number, "name": name, "templates": ["a {}"]} for number, name in enumerate("ab")]
SETTING = {
    "seed": 1,
    "tasks": 2,
    "classes": 2,
    "device": "cpu",
    "threads": 1,
    "folder": "/",
}
FEATURES = numpy.array([[1, 0], [0, 2], [3, 0], [0, 4]], "float32")
LABELS = numpy.array([0, 1, 0, 1])

MEANS = """
import clbench
import numpy as np


class Means(clbench.Strategy):
    keeps = ["statistics"]

    class Parameters:
        scale: float = 1.0
        steps: int = 0

    def learn(self, task):
        features = task.features()
        features[0, 0] += 0.0  # It is the strategy's own.
        for kind in task.classes:
            mean = features[task.labels == kind.id].mean(0)
            self.state[str(kind.id)] = mean
        self.state["seen"] = self.state.get("seen", 0) + len(task)
        task.progress(1, 1)
        return self.parameters.steps

    def predict(self, batch):
        means = np.stack([self.state[str(kind.id)] for kind in batch.classes])
        return self.parameters.scale * batch.features() @ means.T
"""


def samples(message):
    """Features of the rows that a worker asks for."""
    rows = message["rows"]
    return {"tensor": FEATURES if rows is None else FEATURES[rows]}


def is_running(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


class WorkerTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "method.py"
        self.zygote = Zygote()
        self.addCleanup(self.zygote.close)

    def worker(self, source, name, parameters=None, created=True):
        self.file.write_text(textwrap.dedent(source))
        worker = self.zygote.fork()
        self.about = {
            "file": str(self.file),
            "class": name,
            "parameters": parameters or {},
            "snapshot": None,
            "setting": SETTING,
            "backbones": [],
            "debug": False,
        }
        if created:
            self.create(worker)
        return worker

    def create(self, worker):
        created = worker.call("create", **self.about)
        self.assertIn("done", created, created)

    def learn(self, worker, answer=samples):
        task = {"id": 1, "classes": CLASSES}
        return worker.call("learn", answer, task=task, labels=LABELS, index=LABELS)

    def broken(self, body):
        """A strategy whose `learn` has this body."""
        source = "import clbench\nclass Broken(clbench.Strategy):\n    def learn(self, task):\n"
        return self.worker(source + textwrap.indent(body, " " * 8), "Broken")

    def test_a_value_that_is_not_finite_is_told_without_a_number(self):
        body = 'for step, loss in enumerate([0.5, float("nan")]):\n    task.scalar("loss", step, loss)'
        worker = self.broken(body)
        self.learn(worker)
        told = [(message["tell"], message["step"], message["value"]) for message in worker.told]
        self.assertEqual(told, [("scalar", 0, 0.5), ("scalar", 1, None)])

    def test_a_strategy_learns_is_restored_in_a_fresh_process_and_predicts(self):
        first = self.worker(MEANS, "Means", {"scale": 2, "steps": 7})
        self.assertEqual(self.learn(first)["done"]["optimiser_steps"], 7)
        self.assertEqual(first.told, [{"tell": "progress", "phase": "step", "done": 1, "total": 1}])
        self.assertEqual(FEATURES[0, 0], 1)
        state = first.call("state")["done"]
        self.assertEqual(json.loads(state["json"])["seen"], 4)
        state["tensors"] = {name: tensor.numpy() for name, tensor in state["tensors"].items()}

        second = self.zygote.fork()
        self.assertNotEqual(first.pid, second.pid)
        self.create(second)
        self.assertEqual(second.call("restore", **state), {"done": {}})
        again = second.call("state")["done"]
        self.assertEqual(again["json"], state["json"])
        batch = {"images": 4, "classes": CLASSES}
        logits = second.call("predict", samples, batch=batch)["done"]["logits"].numpy()
        means = numpy.array([[2, 0], [0, 3]], "float32")
        numpy.testing.assert_array_equal(logits, 2 * FEATURES @ means.T)

    def test_large_tensors_arrive_whole_and_stay_the_hosts(self):
        large = numpy.arange(300_000, dtype="float32").reshape(-1, 3)
        worker = self.broken(
            "features = task.features()\n"
            "assert (features.ravel() == range(300_000)).all()\n"
            "features[:] = 0\n"
            "self.state['sent'] = task.features() + 1"
        )
        self.assertIn("done", self.learn(worker, lambda _: {"tensor": large}))
        state = worker.call("state")["done"]["tensors"]
        numpy.testing.assert_array_equal(state["sent"].numpy(), large + 1)
        self.assertEqual(large[-1, -1], 299_999)

    def test_declarations_and_parameters_are_checked(self):
        worker = self.worker(MEANS, "Means", created=False)

        def check(**changes):
            return worker.call("check", **{**self.about, **changes})

        done = check()["done"]
        self.assertEqual((done["keeps"], done["scores_unseen"]), (["statistics"], False))
        self.assertEqual(
            check(parameters={"scael": 1}),
            {"parameter": "scael", "problem": "unknown parameter; did you mean `scale`?"},
        )
        self.assertEqual(
            check(parameters={"steps": 1.5}),
            {"parameter": "steps", "problem": "expected int, got 1.5"},
        )
        self.assertIn(
            "`Mean` is not there; strategies in method.py: `Means`", check(**{"class": "Mean"})["failed"]
        )

    def test_failures_name_the_authors_line(self):
        failed = self.learn(self.broken("rows = []\nreturn rows[3]"))["failed"]
        self.assertEqual(failed, f"{self.file}:5: IndexError: list index out of range")
        failed = self.learn(self.broken("import sys\nsys.exit(3)"))["failed"]
        self.assertEqual(failed, f"{self.file}:5: SystemExit: 3")

        def refuse(_):
            raise ValueError("row 9 does not exist")

        failed = self.learn(self.broken("task.features([9])"), refuse)["failed"]
        self.assertEqual(failed, f"{self.file}:4: row 9 does not exist")
        worker = self.broken("self.state[3] = 1\nself.state['set'] = {1}")
        self.learn(worker)
        self.assertIn("the state's key [3] is no str", worker.call("state")["failed"])
        self.file.write_text("def broken(:\n")
        failed = self.zygote.fork().call("create", **self.about)["failed"]
        self.assertEqual(failed.split(": ")[:2], [f"{self.file}:1", "SyntaxError"])
        printed = self.zygote.close()
        self.assertIn("    return rows[3]\n", printed)
        self.assertIn("IndexError: list index out of range\n", printed)
        self.assertNotIn("worker.py", printed)

    def test_sources_are_hashed_and_closed_after_the_import(self):
        folder = self.file.parent
        (folder / "helpers.py").write_text("FACTOR = 2\n")
        (folder / "late.py").write_text("")
        source = MEANS + (
            "\nimport helpers\n\n\nclass Late(Means):\n    def learn(self, task):\n        import late\n"
        )
        worker = self.worker(source, "Late", created=False)
        done = worker.call("check", **self.about)["done"]
        expected = [
            {"module": name, "path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
            for name, path in (("helpers", folder / "helpers.py"), ("method", self.file))
        ]
        self.assertEqual(done["sources"], expected)
        late = self.zygote.fork()
        self.create(late)
        self.assertIn("import it at the top of method.py", self.learn(late)["failed"])

        # From a snapshot, whatever has become of the files.
        copies = folder / "copies"
        copies.mkdir()
        for entry in expected:
            path = Path(entry["path"])
            (copies / f"{entry['sha256']}.py").write_bytes(path.read_bytes())
            path.unlink()
        (copies / "sources.json").write_text(json.dumps(expected))
        self.about.update(snapshot=str(copies))
        again = self.zygote.fork().call("check", **self.about)["done"]
        self.assertEqual(again["sources"], expected)

    def test_memory_is_returned_when_its_last_tensor_is_gone(self):
        large = numpy.zeros((50_000, 2), "float32")
        worker = self.broken(
            "kept = task.features()[:1]\n"
            "task.images([0])\n"
            "task.images([0])\n"
            "assert kept[0, 0] == 0"
        )
        numbers = iter((1, 2, 3))
        self.learn(worker, lambda _: {"tensor": large, "$memory": next(numbers)})
        released = [number for told in worker.told for number in told["memories"]]
        self.assertEqual(released, [2])

    def test_a_worker_that_dies_or_is_interrupted_leaves_the_others(self):
        crashed = self.broken("import os\nos._exit(7)")
        crashed.connection.send({"call": "learn", "task": {"id": 1, "classes": []}, "labels": LABELS,
                                 "index": LABELS})
        self.assertTrue(crashed.is_gone())
        endless = self.broken("while True:\n    pass")
        threading.Timer(0.5, endless.interrupt).start()
        self.assertEqual(self.learn(endless), {"cancelled": True})
        self.assertIn("done", self.learn(self.worker(MEANS, "Means")))

    def test_nothing_is_left_when_the_host_is_gone(self):
        """Not even a process that the strategy has started."""
        worker = self.broken(
            "import subprocess\n"
            "sleeping = subprocess.Popen(['sleep', '60'])\n"
            "self.state['sleeping'] = sleeping.pid"
        )
        self.learn(worker)
        sleeping = json.loads(worker.call("state")["done"]["json"])["sleeping"]
        self.assertTrue(Path(f"/proc/{sleeping}").exists())
        self.zygote.close()
        for process in (worker.pid, sleeping):
            deadline = time.monotonic() + 5
            while is_running(process):
                self.assertLess(time.monotonic(), deadline, "still there")
                time.sleep(0.01)

    def test_every_task_draws_other_numbers_and_a_run_the_same(self):
        drawn = []
        for task in (1, 2, 1):
            worker = self.broken("import random\nself.state['drawn'] = random.random()")
            worker.call("learn", task={"id": task, "classes": []}, labels=LABELS, index=LABELS)
            drawn.append(json.loads(worker.call("state")["done"]["json"])["drawn"])
        self.assertEqual(drawn[0], drawn[2])
        self.assertNotEqual(drawn[0], drawn[1])


if __name__ == "__main__":
    unittest.main()

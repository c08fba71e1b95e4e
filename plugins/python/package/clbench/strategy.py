"""What an author writes, and what the host hands to it."""

import math
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple


@dataclass(frozen=True)
class Class:
    """A class of the stream."""

    #: Its position in the class order, from 0.
    id: int
    #: Its name.
    name: str
    #: Its domain's templates, such as `a photo of a {}`.
    templates: Tuple[str, ...]


@dataclass(frozen=True)
class Setting:
    """What a strategy is created with, besides its parameters."""

    #: The cell's seed. Seed your own generators with it.
    seed: int
    #: The number of tasks, and of the stream's classes.
    tasks: int
    classes: int
    #: Where to compute: `cpu`, `cuda` or `cuda:N`.
    device: str
    #: The number of threads that one operation may use.
    threads: int
    #: The scenario's folder.
    folder: str


class Task:
    """A task's classes and training samples. Rows are positions in the task, from 0."""

    def __init__(self, host, about, labels, index):
        self._host = host
        #: The task's number, from 1.
        self.id: int = about["id"]
        #: The classes of this task, ascending by id. A class can come back with new samples.
        self.classes: List[Class] = classes_of(about["classes"])
        #: The class id of every row, i64 [n]: a tensor if you import torch, otherwise an array.
        self.labels = labels.native()
        #: Every row's index into the domain's training split, i64 [n].
        self.index = index.native()
        # What the host has sent of all rows, from which rows are taken here.
        self._cached: Dict[Any, Any] = {}

    def __len__(self) -> int:
        return len(self.labels)

    def features(self, rows: Optional[Sequence[int]] = None, backbone: int = 0):
        """Cached features, f32 [rows, width], not normalised; all rows by default."""
        return self._rows(rows, "features", backbone)

    def output(self, name: str, rows: Optional[Sequence[int]] = None, backbone: int = 0):
        """Another cached output of the backbone, one that the strategy `reads`."""
        return self._rows(rows, "output", backbone, output=name)

    def _rows(self, rows, what, backbone, **more):
        if rows is None:
            return self._host.samples(what, None, backbone, **more).native()
        key = (what, backbone, *more.values())
        if key not in self._cached:
            self._cached[key] = self._host.samples(what, None, backbone, **more)
        return self._cached[key].rows(rows)

    def images(self, rows: Sequence[int], draw: Optional[int] = None, backbone: int = 0):
        """Images, u8 [rows, 3, height, width]. With a number `draw`, such as the epoch, they are
        augmented if the stream says so."""
        return self._host.samples("images", rows, backbone, draw=draw).native()

    def progress(self, step: int, of: int, phase: str = "step") -> None:
        """Shows how far the training is."""
        self._host.tell({"tell": "progress", "phase": phase, "done": int(step), "total": int(of)})

    def scalar(self, name: str, step: int, value: float) -> None:
        """Records a value of the training, such as the loss after an epoch. Values that are not
        finite are only logged."""
        value = float(value)
        finite = value if math.isfinite(value) else None
        self._host.tell({"tell": "scalar", "name": name, "step": int(step), "value": finite})


class Batch:
    """Test images, and the classes to score them for."""

    def __init__(self, host, about):
        self._host = host
        self._images: int = about["images"]
        #: The classes, in the order of the logits' columns.
        self.classes: List[Class] = classes_of(about["classes"])

    def __len__(self) -> int:
        return self._images

    def features(self, backbone: int = 0):
        """Cached features, f32 [images, width], not normalised."""
        return self._host.samples("features", None, backbone).native()

    def output(self, name: str, backbone: int = 0):
        """Another cached output of the backbone, one that the strategy `reads`."""
        return self._host.samples("output", None, backbone, output=name).native()

    def images(self, backbone: int = 0):
        """The images, u8 [images, 3, height, width]."""
        return self._host.samples("images", None, backbone).native()


class Strategy:
    """A continual-learning method.

    After every task the host takes its state and drops it; the next task begins in a new process
    with `restore`d state. So everything that it remembers is in `self.state`.
    """

    #: What it keeps of past data: any of "statistics", "generators", "features", "images".
    keeps: Sequence[str] = ()
    #: Whether it can score classes that it has not learned.
    scores_unseen: bool = False
    #: Whether an image's logits depend on the other images of its batch.
    batch_dependent: bool = False
    #: The backbone outputs that it reads besides the features, such as "class_token".
    reads: Sequence[str] = ()
    #: How it departs from the published method, in a few words.
    adaptation: Optional[str] = None

    class Parameters:
        """What a scenario can set: names, types and defaults."""

    #: The parameters, an instance of `Parameters`.
    parameters: Any
    #: What it is created with.
    setting: Setting
    #: The backbones that the scenario gives it; `backbone` is the only one.
    backbones: List[Any]
    #: What it remembers: arrays, tensors and JSON by name. Assign to it and read from it.
    state: Dict[str, Any]

    @property
    def backbone(self):
        """The only backbone."""
        if len(self.backbones) != 1:
            raise RuntimeError(
                f"this strategy works on one backbone, but was given {len(self.backbones)}"
            )
        return self.backbones[0]

    def start(self) -> None:
        """Called once before the first task, and before `load_state_dict` in later ones."""

    def trainable_parameters(self) -> int:
        """How many parameters are trained; a column of the tables. It is asked before `start`, so it
        follows from `parameters`, `setting` and the backbones' `info`."""
        return 0

    def learn(self, task: Task) -> Optional[int]:
        """Learns a task. May return the number of optimiser steps."""
        raise NotImplementedError(f"{type(self).__name__} has no method `learn`")

    def predict(self, batch: Batch):
        """Returns logits, f32 [images, classes], in the order of the batch and of its classes."""
        raise NotImplementedError(f"{type(self).__name__} has no method `predict`")

    def state_dict(self) -> Dict[str, Any]:
        """Everything that it remembers; override it together with `load_state_dict`."""
        return self.state

    def load_state_dict(self, state: Dict[str, Any]) -> None:
        """Takes back what `state_dict` returned."""
        self.state.update(state)


def classes_of(entries):
    return [Class(entry["id"], entry["name"], tuple(entry["templates"])) for entry in entries]

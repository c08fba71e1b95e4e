"""Strategies for clbench in Python.

A strategy is a class in a file of its own, which a scenario names:

    strategies:
      mine: { python: my_method.py:MyMethod, parameters: { lr: 0.1 } }

`Strategy` says what it looks like. `results` reads what a run has written, and `export` shows it in
W&B and TensorBoard.
"""

import importlib
from typing import TYPE_CHECKING

from clbench.backbone import Backbone
from clbench.strategy import Batch, Class, Setting, Strategy, Task
from clbench.tables import Results, results

if TYPE_CHECKING:
    from clbench import export

__all__ = ["Backbone", "Batch", "Class", "Results", "Setting", "Strategy", "Task", "results"]


def __getattr__(name):
    # Imported when it is used: the process of a strategy has no such module.
    if name == "export":
        return importlib.import_module("clbench.export")
    raise AttributeError(f"module `clbench` has no attribute `{name}`")

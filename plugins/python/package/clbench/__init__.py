"""Strategies for clbench in Python.

A strategy is a class in a file of its own, which a scenario names:

    strategies:
      mine: { python: my_method.py:MyMethod, parameters: { lr: 0.1 } }

`Strategy` says what it looks like. `results` reads what a run has written.
"""

from clbench.backbone import Backbone
from clbench.strategy import Batch, Class, Setting, Strategy, Task
from clbench.tables import Results, results

__all__ = ["Backbone", "Batch", "Class", "Results", "Setting", "Strategy", "Task", "results"]

"""Strategies for clbench in Python.

A strategy is a class in a file of its own, which a scenario names:

    strategies:
      mine: { python: my_method.py:MyMethod, parameters: { lr: 0.1 } }

`Strategy` says what it looks like.
"""

from clbench.backbone import Backbone
from clbench.strategy import Batch, Class, Setting, Strategy, Task

__all__ = ["Backbone", "Batch", "Class", "Setting", "Strategy", "Task"]

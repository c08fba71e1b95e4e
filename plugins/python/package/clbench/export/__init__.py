"""Show the cells of a run in the tools that you use.

    clbench.export.tensorboard("results/runs/quickstart", "tensorboard/quickstart")
    clbench.export.wandb("results/runs/quickstart", project="quickstart")

They read the CSV files of a run folder, or those in this repository's `results` that have a common
beginning, such as `results/quickstart`. A tool is one file in this folder and one line below.
"""

from clbench.export._cells import Written
from clbench.export._tensorboard import tensorboard
from clbench.export._wandb import wandb

__all__ = ["Written", "tensorboard", "wandb"]

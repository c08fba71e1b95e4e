"""MyMethod: a continual-learning strategy for clbench.

As generated, it is nearest class mean with the cosine: a class is the sum of its training features,
and an image belongs to the class whose sum has the most similar direction. Replace it piece by
piece. `python -c "import clbench; help(clbench.Strategy)"` lists what a strategy can have.
"""

import clbench
import numpy as np


class MyMethod(clbench.Strategy):
    # What it keeps of past data: a column of the leaderboard.
    keeps = ["statistics"]

    # The keys of `parameters:` in a scenario, with types and defaults. Others are errors there.
    class Parameters:
        # Whether every training feature gets length 1, so that all images count the same.
        normalise: bool = True

    # Called for each task, with its classes and training images only. `self.setting.seed` is the
    # only source of randomness that a strategy may use.
    def learn(self, task):
        # One row for each image, [images, width]; `task.images(rows)` has the images themselves.
        features = np.asarray(task.features(), "float64")
        if self.parameters.normalise:
            features = unit(features)
        labels = np.asarray(task.labels)
        for kind in task.classes:
            # The next task begins in a new process: what is not in `self.state` is forgotten. A
            # class can come back in a later task, so sums are kept instead of means.
            seen = self.state.get(str(kind.id), 0.0)
            self.state[str(kind.id)] = seen + features[labels == kind.id].sum(axis=0)
        # A method that trains returns the number of its optimiser steps.

    # Called after each task, with test images of all tasks but neither labels nor task. Returns
    # f32 [images, classes], in the order of `batch.classes`; the highest logit wins.
    def predict(self, batch):
        features = unit(np.asarray(batch.features(), "float64"))
        sums = np.stack([self.state[str(kind.id)] for kind in batch.classes])
        return (features @ unit(sums).T).astype("float32")


def unit(rows):
    """The rows with length 1."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)

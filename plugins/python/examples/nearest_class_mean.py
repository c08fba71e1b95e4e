"""Nearest class mean: predicts the class whose mean feature is nearest in Euclidean distance."""

import clbench
import numpy as np


class NearestClassMean(clbench.Strategy):
    keeps = ["statistics"]

    def learn(self, task):
        features = task.features().astype("float64")
        for kind in task.classes:
            own = features[task.labels == kind.id]
            # A class can come back with more samples, so sums are kept.
            total, count = self.state.get(str(kind.id), (0, 0))
            self.state[str(kind.id)] = (total + own.sum(0), count + len(own))

    def predict(self, batch):
        sums = [self.state[str(kind.id)] for kind in batch.classes]
        means = np.stack([total / count for total, count in sums])
        # |x − m|² = |x|² − 2 x·m + |m|², and |x|² is the same for every class.
        return 2 * batch.features() @ means.T - (means**2).sum(1)

"""Write tests/fixtures/nearest_mean_of_exemplars/ with the code of LAMDA-CL/LAMDA-PILOT.

Runs PILOT's exemplar memory and nearest-mean classifier (`models/base.py`) on synthetic features: three
tasks, with a budget in total and one per class, so that both of its code paths run. The backbone is the
identity, so an image is its feature.

    pip install torch==2.11.0 numpy scipy safetensors
    git clone https://github.com/LAMDA-CL/LAMDA-PILOT && git -C LAMDA-PILOT checkout 5240714
    python3 tests/parity/nearest_mean_of_exemplars.py LAMDA-PILOT
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

OUT = Path(__file__).resolve().parents[1] / "fixtures" / "nearest_mean_of_exemplars"
SEED = 1
WIDTH = 24
TASKS = [[0, 1, 2], [3, 4, 5, 6], [7, 8]]
PER_CLASS = 14
TEST_PER_CLASS = 12
# Total: 14 of 14 samples, then 6, then 4 of each class. PILOT cannot take more than a class has.
BUDGETS = {
    "total": dict(memory_size=42, memory_per_class=None, fixed_memory=False),
    "per_class": dict(memory_size=0, memory_per_class=6, fixed_memory=True),
}


class Identity:
    """A backbone whose features are its inputs. The last column numbers the samples: it is no feature."""

    feature_dim = WIDTH

    def eval(self):
        pass

    def extract_vector(self, inputs):
        return inputs[:, :WIDTH]


class Data:
    """What the learner asks of a data manager."""

    def __init__(self, samples, labels):
        self.samples, self.labels = samples, labels

    def get_dataset(self, classes, source, mode, appendent=None, ret_data=False):
        chosen = np.isin(self.labels, classes)
        data, targets = self.samples[chosen], self.labels[chosen]
        if appendent is not None:
            data, targets = np.concatenate([data, appendent[0]]), np.concatenate([targets, appendent[1]])
        dataset = [(row, torch.from_numpy(x), int(y)) for row, (x, y) in enumerate(zip(data, targets))]
        return (data, targets, dataset) if ret_data else dataset


def samples(generator, centres, per_class):
    labels = np.repeat(np.arange(len(centres)), per_class)
    features = centres[labels] + 1.6 * generator.normal(size=(len(labels), WIDTH))
    return features.astype(np.float32), labels.astype(np.int64)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pilot", type=Path, help="a checkout of LAMDA-PILOT")
    sys.path.insert(0, str(parser.parse_args().pilot.resolve()))
    import models.base as base

    # Workers would only copy the few samples to other processes.
    loader = base.DataLoader
    base.DataLoader = lambda dataset, batch_size, shuffle, num_workers: loader(dataset, batch_size, shuffle)

    generator = np.random.default_rng(SEED)
    centres = 2.0 + generator.normal(size=(sum(map(len, TASKS)), WIDTH))
    features, labels = samples(generator, centres, PER_CLASS)
    shuffled = generator.permutation(len(labels))
    features, labels = features[shuffled], labels[shuffled]
    images, truth = samples(generator, centres, TEST_PER_CLASS)
    numbers = np.arange(len(labels), dtype=np.float32)[:, None]
    data = Data(np.concatenate([features, numbers], axis=1), labels)
    out = {"features": features, "labels": labels, "images": images}

    for name, budget in BUDGETS.items():
        learner = base.BaseLearner(dict(budget, device=["cpu"]))
        learner._network = Identity()
        for task, classes in enumerate(TASKS, 1):
            learner._total_classes += len(classes)
            learner.build_rehearsal_memory(data, learner.samples_per_class)
            learner._known_classes = learner._total_classes
            test = [(row, torch.from_numpy(x), int(y)) for row, (x, y) in enumerate(zip(images, truth))]
            learner.topk = learner._total_classes
            ranked, _ = learner._eval_nme(loader(test, base.batch_size), learner._class_means)
            case = f"{name}.{task}"
            out[f"{case}.exemplars"] = learner._data_memory[:, WIDTH].astype(np.int64)
            out[f"{case}.exemplar_labels"] = learner._targets_memory.astype(np.int64)
            out[f"{case}.means"] = learner._class_means
            unit = (images.T / (np.linalg.norm(images.T, axis=0) + base.EPSILON)).T
            out[f"{case}.distances"] = base.cdist(learner._class_means, unit, "sqeuclidean").T
            out[f"{case}.predictions"] = ranked[:, 0].astype(np.int64)
            known = truth < learner._total_classes
            print(case, len(learner._data_memory), "exemplars, accuracy", (ranked[known, 0] == truth[known]).mean())
    OUT.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(array) for name, array in out.items()}, OUT / "nearest_mean_of_exemplars.safetensors")


if __name__ == "__main__":
    main()

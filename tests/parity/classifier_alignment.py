"""Write tests/fixtures/classifier_alignment/ with the code of GengDavid/SLCA.

Runs SLCA's own `incremental_train` and `after_task` (`models/slca.py`, `models/base.py`) with its head
(`convs/linears.py`) on synthetic features: three tasks of two classes. The backbone is the identity and
does not learn, so an image is its feature. Orders and normal numbers are drawn here and recorded; a
normal number is rounded to a multiple of 1/32, so that it takes one byte.

    pip install torch==2.11.0 numpy scipy safetensors
    git clone https://github.com/GengDavid/SLCA && git -C SLCA checkout 169d4e6
    python3 tests/parity/classifier_alignment.py SLCA
"""

import argparse
import sys
import types
from pathlib import Path

import numpy as np
import torch
import torch._dynamo  # Before `module` replaces modules that it looks for.
from safetensors.numpy import save_file

OUT = Path(__file__).resolve().parents[1] / "fixtures" / "classifier_alignment"
SEED = 1
WIDTH, CLASSES, PER_TASK = 6, 6, 2
# Samples of each class; class 3 has fewer than dimensions.
SAMPLES = [12, 9, 10, 4, 11, 8]
TEST = 10
BATCH_SIZE = 8
ARGS = {
    "memory_size": 0,
    "memory_per_class": 0,
    "fixed_memory": False,
    "device": ["cpu"],
    "model_name": "slca",
    "model_postfix": "test",
    "prefix": "test",
    "run_id": 0,
    "seed": SEED,
    "epochs": 6,
    "milestones": [4],
    "lr": 0.02,
    "bcb_lrscale": 0,
    "ca_epochs": 3,
    "ca_with_logit_norm": 0.1,
}


def module(name, **contents):
    made = types.ModuleType(name)
    made.__dict__.update(contents)
    sys.modules[name] = made
    return made


class Samples(torch.utils.data.Dataset):
    def __init__(self, features, labels):
        self.features, self.labels = features, labels

    def __len__(self):
        return len(self.labels)


class Data:
    """SLCA's `DataManager`."""

    dataset_name = "synthetic"

    def __init__(self, train, test):
        self.splits = {"train": train, "test": test}

    def get_task_size(self, task):
        return PER_TASK

    def get_dataset(self, classes, source, mode, ret_data=False, **unused):
        split = self.splits[source]
        kept = np.isin(split.labels, classes)
        samples = Samples(split.features[kept], split.labels[kept])
        return (samples.features, samples.labels, samples) if ret_data else samples


class Recorder:
    def __init__(self):
        self.random = np.random.default_rng(SEED)
        self.tensors = {}
        self.task = 0

    def put(self, name, array):
        self.tensors[f"{self.task}.{name}"] = np.ascontiguousarray(array)

    def append(self, name, array):
        key = f"{self.task}.{name}"
        before = self.tensors.get(key)
        row = np.asarray(array)[None]
        self.tensors[key] = row if before is None else np.concatenate([before, row])

    def permutation(self, length, name):
        order = self.random.permutation(length).astype(np.int16)
        self.append(name, order)
        return torch.from_numpy(order.astype(np.int64))

    def normal(self, shape):
        drawn = np.clip(np.rint(self.random.standard_normal(shape) * 32), -127, 127)
        self.append("normal", drawn.astype(np.int8))
        return torch.from_numpy((drawn / 32).astype(np.float32))


def loader_class(recorder):
    class Loader:
        def __init__(self, samples, batch_size, shuffle, num_workers):
            self.samples, self.batch_size, self.shuffle = samples, batch_size, shuffle
            # SLCA reads the loader once more every fifth epoch, for the accuracy on the training data.
            self.recorded = 0

        def __len__(self):
            return -(-len(self.samples) // self.batch_size)

        def __iter__(self):
            order = torch.arange(len(self.samples))
            if self.shuffle and self.recorded < ARGS["epochs"] and recorder.training():
                self.recorded += 1
                order = recorder.permutation(len(order), "order")
            for start in range(0, len(order), self.batch_size):
                rows = order[start : start + self.batch_size].numpy()
                features = torch.from_numpy(self.samples.features[rows])
                yield rows, features, torch.from_numpy(self.samples.labels[rows])

    return Loader


def blocks(fc):
    weight = torch.cat([head[-1].weight for head in fc.heads])
    bias = torch.cat([head[-1].bias for head in fc.heads])
    return torch.cat([weight, bias[:, None]], 1).detach().numpy().copy()


def synthetic(random, split):
    centres = np.random.default_rng(SEED + 1).normal(0, 1.2, (CLASSES, WIDTH)) + 0.5
    features, labels = [], []
    for label in range(CLASSES):
        count = SAMPLES[label] if split == "train" else TEST
        mix = np.random.default_rng(SEED + 2 + label).normal(0, 0.5, (WIDTH, WIDTH))
        features.append(centres[label] + random.normal(size=(count, WIDTH)) @ mix)
        labels += [label] * count
    order = random.permutation(len(labels))
    features = np.concatenate(features).astype(np.float32)[order]
    return Samples(features, np.array(labels, dtype=np.int64)[order])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="a checkout of GengDavid/SLCA")
    folder = parser.parse_args().folder
    sys.path.insert(0, folder)
    torch.manual_seed(SEED)
    torch.set_num_threads(1)

    recorder = Recorder()
    module("timm")
    module("timm.models")
    module("timm.models.layers", Mlp=None)
    module("timm.models.layers.weight_init", trunc_normal_=torch.nn.init.trunc_normal_)
    module("torchvision", transforms=None)
    utils = module("utils")
    utils.__path__ = []
    module("utils.toolkit", tensor2numpy=lambda t: t.detach().numpy(), accuracy=None)
    from convs.linears import SimpleContinualLinear

    class Network(torch.nn.Module):
        """`FinetuneIncrementalNet` with a backbone that returns its input."""

        feature_dim = WIDTH

        def __init__(self, args, pretrained):
            super().__init__()
            self.convnet, self.fc = torch.nn.Identity(), None

        def update_fc(self, classes):
            if self.fc is None:
                self.fc = SimpleContinualLinear(WIDTH, classes)
            else:
                self.fc.update(classes, freeze_old=True)
            recorder.put("initial", blocks(self.fc)[-classes:])

        def extract_vector(self, inputs):
            return self.convnet(inputs)

        def forward(self, inputs, bcb_no_grad=False, fc_only=False):
            return self.fc(inputs)

    module("utils.inc_net", FinetuneIncrementalNet=Network)
    import models.base
    import models.slca

    models.slca.batch_size = BATCH_SIZE
    models.slca.DataLoader = models.base.DataLoader = loader_class(recorder)
    torch.distributions.multivariate_normal._standard_normal = (
        lambda shape, dtype, device: recorder.normal(tuple(shape))
    )
    torch.randperm = lambda length: recorder.permutation(length, "alignment_order")

    train = synthetic(recorder.random, "train")
    test = synthetic(recorder.random, "test")
    for name, split in [("train", train), ("test", test)]:
        recorder.tensors[f"{name}.features"] = split.features
        recorder.tensors[f"{name}.labels"] = split.labels
    learner = models.slca.SLCA(ARGS)
    recorder.training = lambda: learner._network.training
    learner.save_checkpoint = lambda *args, **kwargs: None
    compute = learner._compute_class_mean

    def compute_and_record(*args, **kwargs):
        recorder.put("trained", blocks(learner._network.fc))
        compute(*args, **kwargs)
        recorder.put("means", learner._class_means)
        recorder.put("covariances", learner._class_covs.numpy())

    learner._compute_class_mean = compute_and_record
    data = Data(train, test)
    for task in range(CLASSES // PER_TASK):
        recorder.task = task + 1
        learner.incremental_train(data)
        recorder.put("aligned", blocks(learner._network.fc))
        with torch.no_grad():
            logits = learner._network(torch.from_numpy(test.features))["logits"]
        recorder.put("logits", logits.numpy())
        learner.after_task()
        after = blocks(learner._network.fc)
        assert (after == recorder.tensors[f"{recorder.task}.trained"]).all()
        seen = test.labels < (task + 1) * PER_TASK
        right = logits.argmax(1).numpy()[seen] == test.labels[seen]
        print(f"task {task + 1}: {right.mean():.3f} right")

    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / "classifier_alignment.safetensors"
    save_file(recorder.tensors, path)
    for name, tensor in recorder.tensors.items():
        print(name, tensor.dtype, tensor.shape)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()

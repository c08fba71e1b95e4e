"""Write tests/fixtures/rapf/ with the code of linlany/RAPF.

Runs RAPF's own training (`run_class_incremental` of `main.py` and `ClassIncrementalCLIP`) on synthetic
features: two tasks of three classes, once with the settings of its CIFAR-100 file and once with those
of its ImageNet-R file, which shrinks covariances. The image encoder is the identity, so an image is its
feature (half-precision numbers, as RAPF casts images to half precision), and the text encoder looks the
class up. What each step gets, draws included, is recorded.

    pip install torch==2.11.0 numpy pyyaml safetensors
    git clone https://github.com/linlany/RAPF && git -C RAPF checkout 81d41df
    python3 tests/parity/rapf.py RAPF
"""

import argparse
import contextlib
import io
import sys
import tempfile
import types
from pathlib import Path

import numpy as np
import torch
import torch._dynamo  # Before `stub` replaces modules that it looks for.
import torch.nn.functional as F
import yaml
from safetensors.numpy import save_file

OUT = Path(__file__).resolve().parents[1] / "fixtures" / "rapf"
SEED = 1
WIDTH, CLASSES, PER_TASK = 8, 6, 3
SAMPLES, TEST = 8, 6
# A learning rate with which a few steps matter.
EPOCHS, MILESTONES, LR = 2, [1], 0.05
SCALE = 20.0
# Close enough that some pairs of classes are below the threshold and some are not.
SPREAD = 0.55


def module(name, **contents):
    made = types.ModuleType(name)
    made.__dict__.update(contents)
    sys.modules[name] = made
    return made


class Samples(torch.utils.data.Dataset):
    """Features, labels, and the number of the task, by task or for several tasks."""

    def __init__(self, features, labels):
        self.features, self.labels = features, labels

    def tasks(self, tasks):
        kept = np.isin(self.labels // PER_TASK, tasks)
        return Samples(self.features[kept], self.labels[kept])

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, at):
        label = int(self.labels[at])
        return torch.from_numpy(self.features[at]), label, label // PER_TASK


class Scenario:
    """What `build_cl_scenarios` returns."""

    def __init__(self, samples):
        self.samples = samples

    def __iter__(self):
        return iter(range(CLASSES // PER_TASK))

    def __getitem__(self, tasks):
        every = np.arange(CLASSES // PER_TASK)
        return self.samples.tasks(np.atleast_1d(every[tasks]))


class Visual(torch.nn.Module):
    def forward(self, images):
        return images


class Clip(torch.nn.Module):
    dtype = torch.float32
    visual = Visual()
    transformer = token_embedding = ln_final = text_projection = positional_embedding = None
    logit_scale = torch.tensor(SCALE).log()


class Logger:
    """Stands in for continuum's; nothing that it computes is used."""

    accuracy = average_incremental_accuracy = forgetting = backward_transfer = forward_transfer = 0.0
    accuracy_per_task = []

    def __init__(self, list_subsets):
        pass

    def add(self, *_, **__):
        pass

    def end_task(self):
        pass


def stub(train, test):
    """Modules that RAPF imports but that play no part here."""
    module("clip", load=lambda *_, **__: (Clip(), None), tokenize=lambda texts: torch.tensor(
        [[int(text.split()[-1].rstrip("."))] for text in texts]))
    module("omegaconf", DictConfig=dict, OmegaConf=None)
    module("hydra", main=lambda *_, **__: lambda function: function)
    module("continuum")
    module("continuum.metrics", Logger=Logger)

    class Progress:
        def __init__(self, items):
            self.items = items

        def __iter__(self):
            return iter(self.items)

        def set_description(self, _):
            pass

    module("tqdm", tqdm=Progress)

    def build(_, is_train, transforms):
        return Scenario(train if is_train else test), [str(at) for at in range(CLASSES)]

    module("continual_clip.datasets", build_cl_scenarios=build)


def run(rapf, config, texts, train, test):
    """Runs all tasks; returns what happened."""
    sys.path.insert(0, str(rapf))
    stub(train, test)
    import main
    from continual_clip import models, utils

    log, out = {"task": -1, "step": 0}, {}
    record = lambda name, value: out.__setitem__(f"{log['task'] + 1}.{name}", value.detach().numpy().copy())

    class Recorded(models.ClassIncrementalCLIP):
        def __init__(self, cfg, device):
            super().__init__(cfg, device)
            # The published adapter is 512 wide.
            self.adapter = torch.nn.Linear(WIDTH, WIDTH, bias=False)

        def encode_text(self, tokens, prompt=False):
            return texts[tokens[:, 0]]

        def adaptation(self, task, threshold=0):
            super().adaptation(task, threshold)
            log.update(task=task, step=0)
            record("before", self.adapter.weight)
            if task > 0:
                record("pairs", self.hard_pairs)

        def forward(self, image, memory_data=None, edge_sample=None, **others):
            if self.training and not others.get("ori_ima_f"):
                log["step"] += 1
                record(f"step{log['step']}.images", image)
                if memory_data is not None:
                    record(f"step{log['step']}.draws", memory_data)
                if edge_sample is not None:
                    record(f"step{log['step']}.boundary", edge_sample)
            result = super().forward(image, memory_data=memory_data, edge_sample=edge_sample, **others)
            if not self.training:
                log.setdefault("logits", []).append(result[0])
            return result

        def mix_matrix(self):
            record("trained", self.adapter.weight)
            super().mix_matrix()
            record("fused", self.adapter.weight)
            record("means", torch.stack(self.class_mean_list))
            record("covariances", torch.stack(self.class_cov_list))
            if config["shrinkage"]:
                record("shrunk", torch.stack([models.shrink_cov(cov) for cov in self.class_cov_list]))

    def cross_entropy(logits, targets):
        record(f"step{log['step']}.targets", targets)
        return F.__dict__["_cross_entropy"](logits, targets)

    F._cross_entropy, F.cross_entropy = F.cross_entropy, cross_entropy
    main.load_model = lambda cfg, device: Recorded(cfg, device)
    utils.get_class_order = lambda _: list(range(CLASSES))
    with tempfile.TemporaryDirectory() as folder:
        cfg = types.SimpleNamespace(**{
            **config, "class_order": "", "workdir": folder, "log_path": f"{folder}/log", "scenario": "class",
            "initial_increment": PER_TASK, "increment": PER_TASK, "num_workers": 0, "train_batch_size": 10,
            "epochs": EPOCHS, "milestones": MILESTONES, "lr": LR, "batch_size": 1000})
        main.seed_everything(config["seed"])
        with contextlib.redirect_stdout(io.StringIO()):
            main.run_class_incremental(cfg, torch.device("cpu"))
    F.cross_entropy = F._cross_entropy
    for task, logits in enumerate(log["logits"]):
        out[f"{task + 1}.logits"] = logits.detach().numpy().copy()
    # One draw from given noise.
    noise = torch.randn(8, WIDTH)
    with contextlib.ExitStack() as stack:
        randn, models.torch.randn = torch.randn, lambda *_, **__: noise
        stack.callback(setattr, models.torch, "randn", randn)
        mean, covariance = (torch.from_numpy(out[name][1]) for name in ("1.means", "1.covariances"))
        drawn = models.sample(mean, covariance, 8, shrink=config["shrinkage"])
    out["noise"], out["drawn"] = noise.numpy(), drawn.numpy()
    for name in [name for name in sys.modules if name == "main" or name.startswith("continual_clip")]:
        del sys.modules[name]
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rapf", type=Path, help="a checkout of linlany/RAPF")
    rapf = parser.parse_args().rapf
    random = np.random.default_rng(SEED)
    directions = random.normal(size=(1, WIDTH)) / SPREAD**2 + random.normal(size=(CLASSES, WIDTH))
    texts = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    # Raw features: of no particular length, and not all around the texts.
    centres = 3 * texts + 0.6 * random.normal(size=(CLASSES, WIDTH))

    def samples(per_class):
        labels = random.permutation(np.repeat(np.arange(CLASSES), per_class))
        features = centres[labels] + 0.7 * random.normal(size=(len(labels), WIDTH))
        return Samples(features.astype(np.float16).astype(np.float32), labels)

    train, test = samples(SAMPLES), samples(TEST)
    texts = torch.from_numpy(texts.astype(np.float32))
    out = {"texts": texts.numpy(), "train.features": train.features, "train.labels": train.labels,
           "test.features": test.features, "test.labels": test.labels}
    for name, file in [("cifar-100", "cifar100_10-10.yaml"), ("imagenet-r", "imagenet_r_20-20.yaml")]:
        config = yaml.safe_load((rapf / "configs" / "class" / file).read_text())
        for key, value in run(rapf, config, texts, train, test).items():
            out[f"{name}.{key}"] = value
    OUT.mkdir(exist_ok=True)
    save_file({name: np.ascontiguousarray(value) for name, value in out.items()}, OUT / "rapf.safetensors")


if __name__ == "__main__":
    main()

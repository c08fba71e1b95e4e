"""Write tests/fixtures/tip_adapter/ with the code of gaopengcuhk/Tip-Adapter.

Runs Tip-Adapter's own functions (`build_cache_model` and `search_hp` of `utils.py`, `run_tip_adapter` and
`run_tip_adapter_F` of `main.py`) on synthetic features with the settings of its DTD file, from the search
for alpha and beta to the choice of the epoch. The image encoder is the identity, so an image is its
feature, and augmentation leaves it as it is.

    pip install torch==2.11.0 numpy pyyaml safetensors
    git clone https://github.com/gaopengcuhk/Tip-Adapter && git -C Tip-Adapter checkout d0e2d6f
    python3 tests/parity/tip_adapter.py Tip-Adapter
"""

import argparse
import contextlib
import io
import re
import sys
import tempfile
import types
from pathlib import Path

import numpy as np
import torch
import torch._dynamo  # Before `stub` replaces modules that it looks for.
import yaml
from safetensors.numpy import save_file

OUT = Path(__file__).resolve().parents[1] / "fixtures" / "tip_adapter"
SEED = 2
WIDTH, CLASSES, SHOTS, VALIDATION, TEST = 24, 7, 6, 90, 110
# The code's logit scale is 100, so texts must be a bad guide for the cache to matter.
NOISE = 0.55
EPOCHS, BATCH, LR = 6, 16, 0.02


def module(name, **contents):
    made = types.ModuleType(name)
    made.__dict__.update(contents)
    sys.modules[name] = made


def stub():
    """Modules that the code imports but that play no part here; CUDA calls do nothing."""
    module("clip")
    module("tqdm", tqdm=lambda items: items)
    module("datasets", build_dataset=None)
    module("datasets.utils", build_data_loader=None)
    module("torchvision")
    module("torchvision.transforms")
    sys.modules["torchvision"].transforms = sys.modules["torchvision.transforms"]
    torch.Tensor.cuda = torch.nn.Module.cuda = lambda self: self


class Clip:
    dtype = torch.float32

    def encode_image(self, images):
        # The code scales the result in place.
        return images.clone()


class Batches:
    """Batches in the order of `order`, an epoch at a time."""

    def __init__(self, features, labels, order):
        self.features, self.labels, self.order = features, labels, iter(order)

    def __len__(self):
        return -(-len(self.labels) // BATCH)

    def __iter__(self):
        for rows in next(self.order).split(BATCH):
            yield self.features[rows], self.labels[rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tip_adapter", type=Path, help="a checkout of gaopengcuhk/Tip-Adapter")
    folder = parser.parse_args().tip_adapter
    stub()
    sys.path.insert(0, str(folder))
    import main as tip
    import utils

    # The code makes a number of an array of one, which NumPy 2.4 no longer does.
    accuracy = lambda output, target: 100 * float((output.topk(1)[1].flatten() == target).float().mean())
    tip.cls_acc = utils.cls_acc = accuracy
    random = np.random.default_rng(SEED)
    unit = lambda rows: rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    centres = unit(random.normal(size=(CLASSES, WIDTH)))
    # Close together, as CLIP's texts are, and turned away from the images.
    texts = unit(5 * unit(random.normal(size=(1, WIDTH))) + 0.06 * centres + 0.1 * random.normal(size=(CLASSES, WIDTH)))

    def samples(labels):
        features = centres[labels] + NOISE * random.normal(size=(len(labels), WIDTH)) * np.sqrt(8 / WIDTH)
        length = random.uniform(4, 9, size=(len(labels), 1))
        return torch.from_numpy((length * features).astype(np.float32)), torch.from_numpy(labels)

    train, train_labels = samples(np.repeat(np.arange(CLASSES), SHOTS))
    validation, validation_labels = samples(random.integers(CLASSES, size=VALIDATION))
    test, test_labels = samples(random.integers(CLASSES, size=TEST))
    weights = torch.from_numpy(texts.astype(np.float32)).T.contiguous()
    normalised = lambda rows: rows / rows.norm(dim=-1, keepdim=True)

    cfg = yaml.safe_load((folder / "configs" / "dtd.yaml").read_text())
    out = {"texts": weights.T, "train": train, "train.labels": train_labels, "validation": validation,
           "validation.labels": validation_labels, "test": test, "test.labels": test_labels}
    with tempfile.TemporaryDirectory() as cache, contextlib.redirect_stdout(io.StringIO()) as printed:
        cfg.update(cache_dir=cache, train_epoch=EPOCHS, lr=LR)
        once = Batches(train, train_labels, [torch.arange(len(train))] * cfg["augment_epoch"])
        keys, values = tip.build_cache_model(cfg, Clip(), once)
        values = values.float()
        out["keys"] = keys.T
        beta, alpha = cfg["init_beta"], cfg["init_alpha"]
        features = normalised(test)
        votes = (-1 * (beta - beta * (features @ keys))).exp() @ values
        out["votes"] = votes
        out["logits"] = 100.0 * features @ weights + votes * alpha

        found = []
        search = tip.search_hp
        tip.search_hp = lambda *arguments, **others: found.append(search(*arguments, **others)) or found[-1]
        sets = normalised(validation), validation_labels, features, test_labels, weights
        tip.run_tip_adapter(cfg, keys, values, *sets)

        order = [torch.from_numpy(random.permutation(len(train))) for _ in range(EPOCHS)]
        out["order"] = torch.stack(order)
        steps = []
        step = torch.optim.AdamW.step

        def recorded(self, *arguments):
            result = step(self, *arguments)
            steps.append(self.param_groups[0]["params"][0].detach().clone())
            return result

        torch.optim.AdamW.step = recorded
        # The learned keys share the memory of those given.
        tip.run_tip_adapter_F(cfg, keys.clone(), values, *sets, Clip(), Batches(train, train_labels, order))
        out["best"] = torch.load(f"{cache}/best_F_{cfg['shots']}shots.pt").detach()
        out["last"] = steps[-1]
        out["step1"], out["step2"] = steps[0], steps[1]
    out["found"] = torch.tensor(found, dtype=torch.float64)
    epoch = re.search(r"at epoch: (\d+)", printed.getvalue())
    out["best.epoch"] = torch.tensor(int(epoch[1]))
    OUT.mkdir(exist_ok=True)
    save_file({name: np.ascontiguousarray(tensor.detach().numpy()) for name, tensor in out.items()},
              OUT / "tip_adapter.safetensors")


if __name__ == "__main__":
    main()

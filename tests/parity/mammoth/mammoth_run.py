"""Run one of mammoth's strategies on a folder of images, and say how long each phase took.

Started by `cgil_speed.py` and `sweep_speed.py` in a process of its own. The strategy, its training
and its evaluation are mammoth's, through its `main.initialize` and `train`; this adds the data set,
clocks around mammoth's functions, and for RanPAC the image encoder.
"""

import argparse
import functools
import json
import os
import sys
import time
from pathlib import Path

DATASET = "image-folder"
SIDE = 224


class Clock:
    """Seconds spent inside functions, by phase. An inner phase is taken out of the outer one."""

    def __init__(self):
        self.seconds, self.inner = {}, [0.0]

    def time(self, owner, name, phase):
        function = getattr(owner, name)
        is_static = isinstance(vars(owner).get(name), staticmethod)

        @functools.wraps(function)
        def timed(*arguments, **options):
            self.inner.append(0.0)
            start = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                seconds = time.perf_counter() - start
                own = seconds - self.inner.pop()
                self.inner[-1] += seconds
                self.seconds[phase] = self.seconds.get(phase, 0.0) + own

        setattr(owner, name, staticmethod(timed) if is_static else timed)


def enter(clone, folder):
    """Makes the clone importable from a folder of links, so that nothing is written into it."""
    folder.mkdir()
    for path in clone.resolve().iterdir():
        if path.name not in (".git", "cache", "checkpoints", "data", "datasets"):
            (folder / path.name).symlink_to(path)
    # Without the data sets themselves: two of them download a model when they are imported.
    (folder / "datasets").mkdir()
    for path in (clone.resolve() / "datasets").iterdir():
        if path.is_dir() or path.name == "__init__.py":
            (folder / "datasets" / path.name).symlink_to(path)
    sys.path.insert(0, str(folder))
    os.chdir(folder)


def register_images(images, tasks, preprocess):
    """Registers the folder as a data set, written as mammoth's own with files on disk."""
    import numpy as np
    import torch.nn.functional as F
    from PIL import Image
    from torch.utils.data import Dataset
    from torchvision import transforms

    from datasets import register_dataset
    from datasets.utils import set_default_from_args
    from datasets.utils.continual_dataset import (
        ContinualDataset,
        fix_class_names_order,
        store_masked_loaders,
    )

    names = sorted(path.name for path in (images / "train").iterdir())
    not_augmented = transforms.Compose([transforms.Resize((SIDE, SIDE)), transforms.ToTensor()])

    class Images(Dataset):
        def __init__(self, split):
            files = [
                (path, number)
                for number, name in enumerate(names)
                for path in sorted((images / split / name).iterdir())
            ]
            self.data = np.array([str(path) for path, _ in files])
            self.targets = [number for _, number in files]
            self.train, self.transform = split == "train", preprocess

        def __len__(self):
            return len(self.data)

        def __getitem__(self, at):
            image = Image.open(self.data[at]).convert("RGB")
            shown = self.transform(image)
            if not self.train:
                return shown, self.targets[at]
            return shown, self.targets[at], not_augmented(image)

    @register_dataset(DATASET)
    class Sequential(ContinualDataset):
        NAME, SETTING = DATASET, "class-il"
        N_CLASSES, N_TASKS, N_CLASSES_PER_TASK = len(names), tasks, len(names) // tasks
        SIZE = (SIDE, SIDE)
        TRANSFORM = TEST_TRANSFORM = preprocess

        def get_data_loaders(self):
            return store_masked_loaders(Images("train"), Images("test"), self)

        def get_class_names(self):
            return fix_class_names_order(names, self.args)

        @staticmethod
        def get_transform():
            return transforms.Compose([transforms.ToPILImage(), preprocess])

        @staticmethod
        def get_loss():
            return F.cross_entropy

        @staticmethod
        def get_normalization_transform():
            return preprocess.transforms[-1]

        @set_default_from_args("backbone")
        def get_backbone():
            # Built and put aside by all strategies here, which bring their own encoders.
            return "resnet18"

        @set_default_from_args("batch_size")
        def get_batch_size():
            return 32

        @set_default_from_args("n_epochs")
        def get_epochs():
            return 0


def read_state_dicts():
    """Lets `clip` read weights without a TorchScript program, which it tries first, and gives up at
    the end of the file."""
    import torch

    load = torch.jit.load

    def rewinding(file, *arguments, **options):
        try:
            return load(file, *arguments, **options)
        except RuntimeError:
            if hasattr(file, "seek"):
                file.seek(0)
            raise

    torch.jit.load = rewinding


def give_ranpac(weights):
    """RanPAC builds on ViT-B/16 and nothing else; here it gets the image encoder of the CLIP."""
    import clip
    from backbone import MammothBackbone
    from models import ranpac
    from models.ranpac_utils.inc_net import RanPACNet

    class Network(RanPACNet):
        def __init__(self):
            MammothBackbone.__init__(self)
            self.fc = None
            self.convnet = clip.load(weights, "cpu")[0].visual.requires_grad_(False)
            self.convnet.embed_dim = self.convnet.output_dim

    class Model(ranpac.RanPAC_Model):
        def __init__(self, backbone, args):
            self.args, self._network = args, Network()

    ranpac.RanPAC_Model = Model


def add_clocks(clock):
    """Times CGIL's phases, and the evaluation of any strategy."""
    from datasets.utils.continual_dataset import ContinualDataset
    from models.cgil_utils import cgil_utils

    clock.time(cgil_utils.Prompter, "update_statistics", "features")
    clock.time(cgil_utils.VariationalAutoEncoderModel, "fit", "fit")
    clock.time(cgil_utils.Prompter, "align", "alignment")
    clock.time(ContinualDataset, "evaluate", "evaluation")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("clone", type=Path)
    parser.add_argument("weights", help="a CLIP in OpenAI's format")
    parser.add_argument("images", type=Path, help="a folder with train/CLASS/ and test/CLASS/")
    parser.add_argument("out", type=Path, help="the JSON file to write, beside a work folder")
    parser.add_argument("--tasks", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    arguments, options = parser.parse_known_args()
    images, out = arguments.images.resolve(), arguments.out.resolve()
    weights = str(Path(arguments.weights).resolve())
    # Where mammoth looks for its options.
    sys.argv[1:] = [*options, f"--dataset={DATASET}", "--num_workers=0", "--base_path=data"]
    enter(arguments.clone, out.with_suffix(".work"))

    import clip
    import torch
    import main as mammoth  # Asks for two threads.
    from torch.optim.optimizer import register_optimizer_step_post_hook
    from utils.training import train

    torch.set_num_threads(arguments.threads)
    # `clip` allows only names of published models; a path is loaded all the same.
    published = clip.available_models
    clip.available_models = lambda: [*published(), weights]
    read_state_dicts()
    register_images(images, arguments.tasks, clip.clip._transform(SIDE))
    give_ranpac(weights)
    clock = Clock()
    add_clocks(clock)
    steps = 0

    def count(*_):
        nonlocal steps
        steps += 1

    register_optimizer_step_post_hook(count)
    model, dataset, args = mammoth.initialize()
    train(model, dataset, args)
    out.write_text(json.dumps({"seconds": clock.seconds, "steps": steps}))


if __name__ == "__main__":
    main()

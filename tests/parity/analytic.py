"""Write tests/fixtures/analytic/ with the code of RanPAC, RAIL, Deep_SLDA and FeCAM.

Runs the authors' functions on small synthetic features, in f64, and stores what they compute. Image
encoders are the identity, so an image is its feature, and text encoders are not run. Nothing runs on a
GPU: `cuda()` and `to()` do nothing. RAIL's fusion of scores is not a function in its code, so the
statements of its evaluation loop are taken out of the script and run as they are. KLDA's code is not
public; it is written here from the paper.

    pip install torch==2.11.0 numpy scikit-learn safetensors
    git clone https://github.com/RanPAC/RanPAC && git -C RanPAC checkout 012927f
    git clone https://github.com/linghan1997/Regression-based-Analytic-Incremental-Learning RAIL
    git -C RAIL checkout eaac644
    git clone https://github.com/tyler-hayes/Deep_SLDA && git -C Deep_SLDA checkout bc15797
    git clone https://github.com/dipamgoswami/FeCAM && git -C FeCAM checkout d2479b7
    python3 tests/parity/analytic.py .
"""

import argparse
import ast
import sys
import types
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.numpy import save_file

OUT = Path(__file__).resolve().parents[1] / "fixtures" / "analytic"
SEED = 1
WIDTH, CLASSES = 12, 7
# The classes of each task, and how many samples each has. Class 1 comes back where the code allows it.
TASKS = [[(0, 9), (1, 14)], [(2, 11), (3, 8), (4, 12)], [(5, 10), (6, 13)]]
BACK = (1, 7)


def module(name, **contents):
    made = types.ModuleType(name)
    made.__dict__.update(contents)
    sys.modules[name] = made
    return made


def definitions(path, names, **namespace):
    """Runs the named functions and classes of a script that cannot be imported."""
    tree = ast.parse(path.read_text())
    tree.body = [node for node in tree.body if getattr(node, "name", None) in names]
    exec(compile(tree, str(path), "exec"), namespace)
    return namespace


class Double:
    """Makes single precision double, and every device the CPU."""

    def __enter__(self):
        torch.set_default_dtype(torch.float64)
        self.patches = [
            mock.patch.object(torch, "float", torch.float64),
            mock.patch.object(torch.Tensor, "float", torch.Tensor.double),
            mock.patch.object(torch.Tensor, "cuda", lambda tensor, *_, **__: tensor),
            mock.patch.object(torch.Tensor, "to", lambda tensor, *_, **__: tensor),
            mock.patch.object(np, "mat", np.asmatrix, create=True),
        ]
        for patch in self.patches:
            patch.start()

    def __exit__(self, *_):
        for patch in self.patches:
            patch.stop()
        torch.set_default_dtype(torch.float32)


def features(random, classes, shift=0.6):
    """f32 numbers around a mean per class, in a random order."""
    means = np.random.default_rng(7).normal(size=(CLASSES, WIDTH))
    labels = np.concatenate([np.full(samples, label) for label, samples in classes])
    random.shuffle(labels)
    rows = shift * means[labels] + random.normal(size=(len(labels), WIDTH)) + 0.5
    return rows.astype(np.float32), labels.astype(np.int64)


def stream(random, back):
    """Each task's features and labels, and test features."""
    tasks = [list(classes) for classes in TASKS]
    if back:
        tasks[2].append(BACK)
    train = [features(random, classes) for classes in tasks]
    test, _ = features(random, [(label, 4) for label in range(CLASSES)])
    stored = {"test": test}
    for number, (rows, labels) in enumerate(train):
        stored[f"train.{number}"], stored[f"labels.{number}"] = rows, labels
    return stored, train, test


def double(rows):
    return torch.from_numpy(rows.astype(np.float64))


def ranpac(folder, projected):
    for name in ["resnet", "timm", "tqdm"]:
        module(name, tqdm=lambda rows, *_, **__: rows)
    sys.path.insert(0, str(folder))
    for name in ["utils", "utils.toolkit", "inc_net"]:
        sys.modules.pop(name, None)
    from RanPAC import Learner
    from inc_net import CosineLinear

    stored, train, test = stream(np.random.default_rng(SEED), back=True)
    torch.manual_seed(SEED)
    learner = Learner.__new__(Learner)
    learner.args = {"use_RP": True, "M": projected}
    learner.total_classnum = CLASSES
    learner.is_dil = False
    learner._network = nn.Module()
    learner._network.convnet = nn.Identity()
    learner._network.fc = CosineLinear(WIDTH, 2, sigma=False)
    learner.setup_RP()
    if projected:
        stored["weight"] = learner.W_rand.numpy().astype(np.float32).astype(np.float64)
        learner.W_rand = torch.from_numpy(stored["weight"])
    seen = 0
    for number, (rows, labels) in enumerate(train):
        seen = max(seen, labels.max() + 1)
        learner._network.fc = CosineLinear(WIDTH, int(seen), sigma=False)
        errors = []

        def recorded(*arguments, actual=F.mse_loss):
            errors.append(actual(*arguments))
            return errors[-1]

        # Two batches, as a loader gives them.
        half = len(rows) // 2
        batches = [(None, double(part), torch.from_numpy(its)) for part, its in
                   [(rows[:half], labels[:half]), (rows[half:], labels[half:])]]
        with mock.patch.object(F, "mse_loss", recorded):
            learner.replace_fc(batches)
        stored[f"errors.{number}"] = torch.stack(errors).numpy()
        stored[f"lambda.{number}"] = 10.0 ** np.arange(-8, 9)[[int(np.argmin(stored[f"errors.{number}"]))]]
        stored[f"head.{number}"] = learner._network.fc.weight.data.numpy()
        with torch.no_grad():
            stored[f"logits.{number}"] = learner._network.fc(double(test))["logits"].numpy()
    stored["gram"], stored["cross"] = learner.G.numpy(), learner.Q.numpy()
    sys.path.remove(str(folder))
    return stored


def evaluation(path):
    """The body of RAIL's evaluation loop."""
    loops = [node for node in ast.walk(ast.parse(path.read_text()))
             if isinstance(node, ast.For) and "test_loader" in ast.unparse(node.iter)]
    (loop,) = [loop for loop in loops if "fusion_weight" in ast.unparse(loop)]
    return compile(ast.Module(loop.body, []), str(path), "exec")


class Encoder:
    def eval(self):
        return self

    def encode_image(self, images):
        return images.clone()


def rail(folder, form):
    clip = module("clip", load=lambda *_, **__: (Encoder(), None, None))
    module("tqdm", tqdm=lambda rows, *_, **__: rows)
    shared = {"torch": torch, "nn": nn, "F": F, "np": np, "clip": clip, "tqdm": lambda rows, *_, **__: rows,
              "math": __import__("math")}
    utils = definitions(folder / "utils.py",
                        ["kernel", "cls_acc", "encode_images", "kernel_ridge_regression"], **shared)
    cfg = types.SimpleNamespace(device="cpu", backbone="", hidden_dim=40, feature_expansion=1, regularization=0.1,
                                fusion_weight=0.8, gamma=0.1, trained_class_num=0)
    shared.update(utils, cfg=cfg)
    stored, train, test = stream(np.random.default_rng(SEED + 1), back=False)
    texts = np.random.default_rng(3).normal(size=(CLASSES, WIDTH))
    texts = texts + 0.5 * np.random.default_rng(7).normal(size=(CLASSES, WIDTH))
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    stored["texts"] = texts
    torch.manual_seed(SEED)
    if form == "primal":
        shared = definitions(folder / "primal_RAIL.py", ["continual_clip_adaptor"], **shared)
        # The class asks for the width of CLIP's features, so its parts are made here.
        kind = shared["continual_clip_adaptor"]
        adaptor = kind.__new__(kind)
        nn.Module.__init__(adaptor)
        adaptor.clip_model, adaptor.analytic_adaptor = Encoder(), None
        adaptor.feature_dim, adaptor.hidden_dim = WIDTH, cfg.hidden_dim
        adaptor.expansion_layer = nn.Sequential(
            nn.Linear(WIDTH, cfg.hidden_dim, bias=False, dtype=torch.float), nn.ReLU())
        stored["weight"] = adaptor.expansion_layer[0].weight.detach().numpy()
        # The evaluation calls the object by the name of its class.
        shared["continual_clip_adaptor"] = adaptor
    else:
        krr = shared["kernel_ridge_regression"](lamda=0.001, gamma=cfg.gamma)
        shared.update(krr=krr, clip_model=Encoder())
    evaluate = evaluation(folder / f"{form}_RAIL.py")
    inverse, memory = None, None
    for number, (rows, labels) in enumerate(train):
        classes = int(labels.max()) + 1
        cfg.increment, cfg.current_class_num = classes - cfg.trained_class_num, classes
        targets = torch.from_numpy(labels)
        if form == "primal":
            # `target += trained_class_num` in the code, which numbers every domain from 0.
            local = targets - cfg.trained_class_num
            batches = [(double(rows)[i:i + 10], local[i:i + 10].clone()) for i in range(0, len(rows), 10)]
            inverse = adaptor.analytic_adaption(number, cfg, batches, inverse)
            weight = adaptor.analytic_adaptor.weight.detach()
            with torch.no_grad():
                stored[f"scores.{number}"] = adaptor(double(test)).numpy()
            stored[f"head.{number}"] = weight.numpy()
        else:
            unit = shared["encode_images"](Encoder(), double(rows))
            memory = unit if memory is None else torch.cat([memory, unit])
            known = np.concatenate([its for _, its in train[:number + 1]])
            alpha = krr.train(memory, np.eye(classes)[known])
            stored[f"alpha.{number}"] = np.asarray(alpha)
            images = shared["encode_images"](Encoder(), double(test))
            stored[f"scores.{number}"] = np.asarray(krr.predict(images, memory))
            shared["feature_memory"] = memory
        cfg.trained_class_num = classes
        shared.update(inputs=double(test), targets=torch.zeros(len(test), dtype=torch.int64), tested_cls_num=0,
                      test_num=0, clip_weights=torch.from_numpy(texts.T.copy()), test_id=len(train), task_id=number,
                      top1=0.0, top5=0.0, fusion_top1=0.0, fusion_top5=0.0, adapt_top1=0.0,
                      cls_acc=lambda *_, **__: (0.0, 0.0))
        exec(evaluate, shared)
        stored[f"fused.{number}"] = shared["outputs"].detach().numpy().astype(np.float64)
    return stored


def slda(folder):
    sys.path.insert(0, str(folder))
    from SLDA_Model import StreamingLDA

    stored, train, test = stream(np.random.default_rng(SEED + 2), back=True)
    model = StreamingLDA(WIDTH, CLASSES)
    for number, (rows, labels) in enumerate(train):
        for row, label in zip(double(rows), torch.from_numpy(labels)):
            model.fit(row, label)
        stored[f"covariance.{number}"] = model.Sigma.numpy().copy()
        stored[f"scores.{number}"] = model.predict(double(test)).numpy().astype(np.float64)
    return stored


def fecam(folder):
    code = definitions(folder / "FeCAM_vit_cifar100.py", ["shrink_cov", "normalize_cov", "_mahalanobis"], np=np)
    stored, train, test = stream(np.random.default_rng(SEED + 3), back=False)

    def unit(rows):
        return F.normalize(double(rows)).numpy()

    rows = np.concatenate([unit(rows) for rows, _ in train])
    labels = np.concatenate([labels for _, labels in train])
    distances = []
    for label in range(CLASSES):
        own = rows[labels == label]
        (correlation,) = code["normalize_cov"]([code["shrink_cov"](np.cov(own.T))])
        stored[f"correlation.{label}"] = correlation
        distances.append(code["_mahalanobis"](unit(test) - own.mean(axis=0), correlation))
    stored["distances"] = np.array(distances).T.copy()
    return stored


def klda():
    """Written from the paper: random Fourier features, one scatter, and the mean of softmaxes."""
    stored, train, test = stream(np.random.default_rng(SEED + 4), back=False)
    random = np.random.default_rng(SEED)
    rows = np.concatenate([rows for rows, _ in train]).astype(np.float64)
    labels = np.concatenate([labels for _, labels in train])
    sigma, expanded, members = 0.02, 20, 2
    mean = 0
    for member in range(members):
        frequencies = random.normal(scale=np.sqrt(2 * sigma), size=(WIDTH, expanded))
        phases = random.uniform(0, 2 * np.pi, size=expanded)

        def map_of(x):
            return np.sqrt(2 / expanded) * np.cos(x @ frequencies + phases)

        mapped = map_of(rows)
        means = np.stack([mapped[labels == label].mean(axis=0) for label in range(CLASSES)])
        centred = mapped - means[labels]
        precision = np.linalg.pinv(centred.T @ centred)
        deviations = map_of(test.astype(np.float64))[:, None] - means
        scores = -np.einsum("icd,de,ice->ic", deviations, precision, deviations)
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        mean = mean + shares / shares.sum(axis=1, keepdims=True) / members
        stored[f"frequencies.{member}"], stored[f"phases.{member}"] = frequencies, phases
        stored[f"scores.{member}"] = scores
    stored["mean"] = mean
    return stored


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder of the four clones")
    folder = parser.parse_args().folder.resolve()
    OUT.mkdir(parents=True, exist_ok=True)
    with Double():
        made = {
            "ranpac": ranpac(folder / "RanPAC", 40),
            "ranpac_without_projection": ranpac(folder / "RanPAC", 0),
            "rail_primal": rail(folder / "RAIL", "primal"),
            "rail_dual": rail(folder / "RAIL", "dual"),
            "slda": slda(folder / "Deep_SLDA"),
            "fecam": fecam(folder / "FeCAM"),
            "klda": klda(),
        }
    for name, tensors in made.items():
        save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, OUT / f"{name}.safetensors")
        print(name, {key: value.shape for key, value in tensors.items()})


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes a folder of PNGs and a file list of the prepared files that published figures were made from.

    python3 prepared.py cub  FOLDER OUT    # train_data.npz, test_data.npz
    python3 prepared.py cars FOLDER OUT    # train_images.pt, train_labels.pt, test_images.pt, test_labels.pt
    python3 prepared.py isic FOLDER OUT    # train_images.pkl, train_labels.pkl, test_images.pkl, test_labels.pkl

OUT gets `train/00000.png` and so on, numbered as the prepared files have them, and `split.csv` with the columns file, class and split;
a class is its label number, which is its place in `classes/*.yaml`. A scenario reads it as

    source: file-list
    path: OUT
    split: OUT/split.csv
    classes: classes/cub-200.yaml

The files are those of aimagelab/mammoth: the data sets `aimagelab-ta/cub200`, `aimagelab-ta/cars196` and `aimagelab-ta/isic` on the Hugging Face
hub. Pixels are written as they are: an image of `cub` has its own size, one of `cars` is 224x224 (it was scaled and cropped when the
files were made), one of `isic` is what `(image * 255)` gives in whole numbers, as mammoth has it.

`.npz` and `.pkl` files run code when they are opened: only open those that you trust. Needs numpy and Pillow, and torch for `cars`.
"""

import argparse
import csv
import pickle
from pathlib import Path

import numpy as np
from PIL import Image


def cub(folder, split):
    data = np.load(folder / f"{split}_data.npz", allow_pickle=True)
    return data["data"], data["targets"]


def cars(folder, split):
    import torch

    images = torch.load(folder / f"{split}_images.pt", weights_only=True)
    labels = torch.load(folder / f"{split}_labels.pt", weights_only=True)
    return (image.permute(1, 2, 0).numpy() for image in images), labels.numpy()


def isic(folder, split):
    with open(folder / f"{split}_images.pkl", "rb") as file:
        images = pickle.load(file)
    with open(folder / f"{split}_labels.pkl", "rb") as file:
        labels = pickle.load(file)
    # By way of a wider type: what a cast to bytes makes of more than 127 is the platform's affair.
    return ((np.asarray(image) * 255).astype(np.int32).astype(np.uint8) for image in images), labels


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cub", "cars", "isic"])
    parser.add_argument("folder", type=Path, help="the folder of the prepared files")
    parser.add_argument("out", type=Path, help="a folder that is made")
    args = parser.parse_args()
    read = {"cub": cub, "cars": cars, "isic": isic}[args.what]

    args.out.mkdir(parents=True, exist_ok=False)
    with open(args.out / "split.csv.part", "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["file", "class", "split"])
        for split in ["train", "test"]:
            (args.out / split).mkdir()
            images, labels = read(args.folder, split)
            for number, (image, label) in enumerate(zip(images, labels, strict=True)):
                name = f"{split}/{number:05}.png"
                if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
                    raise SystemExit(f"{split} image {number}: {image.dtype} {image.shape}, expected bytes [height, width, 3]")
                Image.fromarray(image).save(args.out / name)
                rows.writerow([name, int(label), split])
            print(f"{split}: {number + 1} images")
    # The list has its name once all that it lists is there.
    (args.out / "split.csv.part").rename(args.out / "split.csv")


if __name__ == "__main__":
    main()

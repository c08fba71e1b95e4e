#!/usr/bin/env python3
"""Convert the prepared files behind published figures to a folder of PNGs and a file list.

    python3 prepared.py cub  FOLDER OUT    # train_data.npz, test_data.npz
    python3 prepared.py cars FOLDER OUT    # train_images.pt, train_labels.pt, test_images.pt, test_labels.pt
    python3 prepared.py isic FOLDER OUT    # train_images.pkl, train_labels.pkl, test_images.pkl, test_labels.pkl

Writes `train/00000.png` and so on to OUT, numbered as in the prepared files, and `split.csv` with the columns
file, class and split. A class is its label number, the position in `classes/*.yaml`. In a scenario:

    source: file-list
    path: OUT
    split: OUT/split.csv
    classes: classes/cub-200.yaml

The files are from aimagelab/mammoth: the data sets `aimagelab-ta/cub200`, `aimagelab-ta/cars196` and
`aimagelab-ta/isic` on the Hugging Face hub. Pixels are not changed: `cub` images keep their size, `cars` images
are 224x224 (resized and cropped when the files were made), and `isic` images are `(image * 255)` as integers,
as in mammoth.

`.npz` and `.pkl` files can run code when opened, so only open files that you trust. Needs numpy and Pillow, and
torch for `cars`.
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
    # Through int32, because the result of casting floats above 127 to bytes depends on the platform.
    return ((np.asarray(image) * 255).astype(np.int32).astype(np.uint8) for image in images), labels


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cub", "cars", "isic"])
    parser.add_argument("folder", type=Path, help="folder of the prepared files")
    parser.add_argument("out", type=Path, help="output folder, must not exist")
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
    # Renamed last, so that the list only exists if all its images do.
    (args.out / "split.csv.part").rename(args.out / "split.csv")


if __name__ == "__main__":
    main()

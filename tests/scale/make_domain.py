"""Write a domain of many small images, as parquet files and as tar shards.

Every image is a PNG of 16 x 16 pixels: the colour of its class, with noise that differs in every
image. One image in ten is in the test split. Both layouts hold the same images in the same order,
so they have the same content digest.

    pip install numpy pyarrow
    python3 tests/scale/make_domain.py --images 1000000 /tmp/million
    clbench run /tmp/million/scenario.yaml --domain webdataset

`--rows-per-group 100` writes row groups as small as those of many data sets of the Hugging Face
hub, and `--per-shard 1000000` one file for each split.
"""

import argparse
import io
import json
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SIDE, CLASSES = 16, 100
NAMES = [f"class {label:02}" for label in range(CLASSES)]

SCENARIO = """\
format: 1
name: scale
seeds: [1]
stream: {{ tasks: 10 }}
domains:
  parquet: {{ source: parquet, path: {out}/parquet }}
  webdataset: {{ source: webdataset, path: {out}/webdataset }}
backbones:
  pixels: {{ parameters: {{ size: 16 }} }}
strategies:
  nearest-class-mean: {{}}
"""


def chunk(kind, content):
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


HEADER = chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0))
END = chunk(b"IEND", b"")


def png(pixels):
    """A PNG of pixels [SIDE, SIDE, 3]. Every row begins with the number of its filter."""
    rows = np.zeros((SIDE, 1 + SIDE * 3), np.uint8)
    rows[:, 1:] = pixels.reshape(SIDE, -1)
    packed = chunk(b"IDAT", zlib.compress(rows.tobytes(), 1))
    return b"\x89PNG\r\n\x1a\n" + HEADER + packed + END


def shard(number, images):
    """The labels and PNGs of a shard, which depend on its number alone."""
    draw = np.random.default_rng([1, number])
    labels = draw.permutation(np.arange(images) % CLASSES)
    colours = np.random.default_rng(0).integers(0, 192, (CLASSES, 3), np.uint8)
    noise = draw.integers(0, 64, (images, SIDE, SIDE, 3), np.uint8)
    pixels = colours[labels][:, None, None] + noise
    return labels, [png(image) for image in pixels]


def write_parquet(path, rows_per_group, keys, labels, images):
    struct_of = [{"bytes": image, "path": f"{key}.png"} for key, image in zip(keys, images)]
    image_type = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table(
        {"image": pa.array(struct_of, image_type), "label": pa.array(labels, pa.int64())}
    )
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": NAMES}}
    metadata = json.dumps({"info": {"features": features}})
    table = table.replace_schema_metadata({"huggingface": metadata})
    pq.write_table(table, path, row_group_size=rows_per_group)


def write_tar(path, keys, labels, images):
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for key, label, image in zip(keys, labels, images):
            for ending, content in [("png", image), ("cls", str(label).encode())]:
                member = tarfile.TarInfo(f"{key}.{ending}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--rows-per-group", type=int, default=1_000)
    parser.add_argument("--per-shard", type=int, default=10_000, help="images per file")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    if arguments.images < 10 * CLASSES:
        parser.error(f"fewer than {10 * CLASSES} images leave a class without test images")
    out = arguments.out.resolve()
    for layout in ["parquet", "webdataset"]:
        (out / layout).mkdir(parents=True, exist_ok=True)
    per_shard, rows_per_group = arguments.per_shard, arguments.rows_per_group
    test = arguments.images // 10
    number = 0
    for split, images in [("train", arguments.images - test), ("test", test)]:
        for nth, first in enumerate(range(0, images, per_shard)):
            labels, pngs = shard(number, min(per_shard, images - first))
            keys = [f"{split}-{first + at:07}" for at in range(len(pngs))]
            name = f"{split}-{nth:05}"
            write_parquet(out / f"parquet/{name}.parquet", rows_per_group, keys, labels, pngs)
            write_tar(out / f"webdataset/{name}.tar", keys, labels, pngs)
            number += 1
    (out / "scenario.yaml").write_text(SCENARIO.format(out=out))


if __name__ == "__main__":
    main()

"""A CLIP with random weights and images for it, as mammoth and clbench read them."""

import json
import math
from pathlib import Path

import numpy as np
import torch
from clip.model import CLIP
from clip.simple_tokenizer import SimpleTokenizer
from PIL import Image
from safetensors.torch import save_file

SEED = 1
SIDE, PATCH, CONTEXT, VOCABULARY, HEAD = 224, 32, 77, 49408, 64
# Width and layers of the image encoder and of the text encoder; embeddings are 512 wide.
EMBEDDING = 512
SIZES = {
    "vit-b-32": dict(vision=(768, 12), text=(512, 12)),
    "small-towers": dict(vision=(256, 4), text=(128, 4)),
}
COLOURS = ("red", "green", "blue", "yellow")
SHAPES = ("circle", "striped star", "square", "dotted ring", "triangle")


def write_clip(size, folder):
    """Writes the same weights as OpenAI does, `clip.pt`, and as OpenCLIP does, `clip/`."""
    (vision, vision_layers), (text, text_layers) = SIZES[size]["vision"], SIZES[size]["text"]
    torch.manual_seed(SEED)
    model = CLIP(
        EMBEDDING,
        SIDE,
        vision_layers,
        vision,
        PATCH,
        CONTEXT,
        VOCABULARY,
        text,
        text // HEAD,
        text_layers,
    )
    # OpenAI's code rounds weights to half precision when it reads them.
    tensors = {
        name: tensor.half().float().contiguous() for name, tensor in model.state_dict().items()
    }
    tensors["logit_scale"] = torch.tensor(math.log(100))
    torch.save(tensors, folder / "clip.pt")
    layout = folder / "clip"
    layout.mkdir()
    save_file(tensors, layout / "open_clip_model.safetensors")
    config = {
        "model_cfg": {
            "embed_dim": EMBEDDING,
            "quick_gelu": True,
            "vision_cfg": {
                "image_size": SIDE,
                "layers": vision_layers,
                "width": vision,
                "patch_size": PATCH,
                "head_width": HEAD,
            },
            "text_cfg": {
                "context_length": CONTEXT,
                "vocab_size": VOCABULARY,
                "width": text,
                "heads": text // HEAD,
                "layers": text_layers,
            },
        }
    }
    (layout / "open_clip_config.json").write_text(json.dumps(config))
    tokenizer = SimpleTokenizer()
    (layout / "vocab.json").write_text(json.dumps(tokenizer.encoder))
    merges = [" ".join(pair) for pair in tokenizer.bpe_ranks]
    (layout / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")


def write_images(folder, classes, train, test, seed=SEED):
    """Writes JPEG files of 256 pixels a side: per class a pattern of its own, plus noise."""
    random = np.random.default_rng(seed)
    names = [f"{colour} {shape}" for shape in SHAPES for colour in COLOURS]
    if not 0 < classes <= len(names):
        raise SystemExit(f"--classes must be between 1 and {len(names)}, got {classes}")
    for name in names[:classes]:
        pattern = random.normal(size=(8, 8, 3))
        for split, count in (("train", train), ("test", test)):
            place = Path(folder) / split / name
            place.mkdir(parents=True)
            for number in range(count):
                noisy = 128 + 45 * (pattern + 0.7 * random.normal(size=pattern.shape))
                image = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
                image.resize((256, 256), Image.Resampling.BICUBIC).save(
                    place / f"{number:04}.jpg", quality=90
                )

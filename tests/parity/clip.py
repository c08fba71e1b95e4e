"""Compare clbench's CLIP with transformers' CLIPModel at full size, with the same random weights.

For each architecture that OpenAI published, transformers draws weights from a fixed seed (with all biases
and gains perturbed, so that a dropped one is noticed) and writes the folder that clbench reads. Both encode
the same images and texts in turn, with the same number of threads. Prints a Markdown table of
max|a-b| / max|b| of the features and the throughput of each. Exits with 1 if a difference exceeds 1e-4.

    pip install torch==2.11.0 transformers==5.23.0 numpy safetensors
    cargo build --release -p clbench-clip --example encode
    python3 tests/parity/clip.py
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from transformers import CLIPConfig, CLIPModel

ROOT = Path(__file__).resolve().parents[2]
TOLERANCE = 1e-4
SEED = 1
# OpenAI's normalisation.
MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]
START, END, CONTEXT = 49406, 49407, 77

# As in the published config.json files; the rest are transformers' defaults.
BASE_TEXT = dict(hidden_size=512, intermediate_size=2048, num_attention_heads=8, num_hidden_layers=12)
LARGE_TEXT = dict(hidden_size=768, intermediate_size=3072, num_attention_heads=12, num_hidden_layers=12)
BASE = dict(hidden_size=768, intermediate_size=3072, num_attention_heads=12, num_hidden_layers=12)
LARGE = dict(hidden_size=1024, intermediate_size=4096, num_attention_heads=16, num_hidden_layers=24)
ARCHITECTURES = {
    "ViT-B/32": (512, BASE_TEXT, dict(BASE, image_size=224, patch_size=32)),
    "ViT-B/16": (512, BASE_TEXT, dict(BASE, image_size=224, patch_size=16)),
    "ViT-L/14": (768, LARGE_TEXT, dict(LARGE, image_size=224, patch_size=14)),
    "ViT-L/14-336": (768, LARGE_TEXT, dict(LARGE, image_size=336, patch_size=14)),
}


def random_model(projection, text, vision):
    """A model with eos_token_id 2, as published: texts are pooled at their largest id."""
    torch.manual_seed(SEED)
    ids = dict(vocab_size=49408, bos_token_id=0, eos_token_id=2, pad_token_id=1)
    config = CLIPConfig(
        text_config=dict(text, **ids, projection_dim=projection),
        vision_config=dict(vision, projection_dim=projection),
        projection_dim=projection,
    )
    model = CLIPModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter), alpha=0.05)
    return model


def write_folder(model, folder):
    model.save_pretrained(folder)
    side = model.config.vision_config.image_size
    preprocessor = dict(
        do_resize=True, size=dict(shortest_edge=side), resample=3, do_center_crop=True,
        crop_size=dict(height=side, width=side), do_rescale=True, rescale_factor=1 / 255,
        do_normalize=True, image_mean=MEAN, image_std=STD, do_convert_rgb=True,
    )
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    # One word per id; tokenizers are compared elsewhere.
    vocab = {f"w{i}": i for i in range(START)} | {"<|startoftext|>": START, "<|endoftext|>": END}
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "w0"},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


def random_inputs(side, n_images, n_texts):
    """Images, and texts as long as templates with class names: 7 to 16 tokens."""
    rng = np.random.default_rng(SEED)
    images = rng.integers(0, 256, (n_images, 3, side, side), dtype=np.uint8)
    texts = [rng.integers(1, START, rng.integers(5, 15)).tolist() for _ in range(n_texts)]
    return images, texts


class Transformers:
    def __init__(self, model, images, texts):
        self.model, self.images, self.outputs = model, torch.from_numpy(images), {}
        rows = [[START, *text, END] for text in texts]
        longest = max(map(len, rows))
        # Padded to the longest text of the batch, as tokenizers do; the mask hides the padding.
        self.ids = torch.tensor([row + [1] * (longest - len(row)) for row in rows])
        self.mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])

    @torch.inference_mode()
    def encode(self, what):
        start = time.perf_counter()
        if what == "images":
            mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in (MEAN, STD))
            output = self.model.get_image_features((self.images / 255 - mean) / std)
        else:
            output = self.model.get_text_features(self.ids, attention_mask=self.mask)
        seconds = time.perf_counter() - start
        self.outputs[what] = getattr(output, "pooler_output", output).numpy()
        return seconds


class Clbench:
    def __init__(self, program, folder, images, texts, threads):
        self.output = folder / "outputs.safetensors"
        inputs = folder / "inputs.safetensors"
        save_file({"images": images}, inputs)
        lines = [" ".join(f"w{i}" for i in text) for text in texts]
        Path(f"{inputs}.txt").write_text("\n".join(lines) + "\n")
        self.process = subprocess.Popen(
            [program, folder, inputs, self.output], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=dict(os.environ, OMP_NUM_THREADS=str(threads)),
        )

    def encode(self, what):
        print(what, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"{self.process.args[0]} exited with {self.process.wait()}")
        return float(answer)

    def outputs(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            sys.exit(f"{self.process.args[0]} exited with {self.process.returncode}")
        return load_file(self.output)


def compare(name, arguments):
    projection, text, vision = ARCHITECTURES[name]
    model = random_model(projection, text, vision)
    n_images = arguments.images if vision["hidden_size"] == 768 else max(arguments.images // 4, 1)
    images, texts = random_inputs(vision["image_size"], n_images, arguments.texts)
    with tempfile.TemporaryDirectory() as folder:
        write_folder(model, Path(folder))
        theirs = Transformers(model, images, texts)
        ours = Clbench(arguments.program, Path(folder), images, texts, arguments.threads)
        cells = [name]
        speeds = {}
        for what, n in [("images", len(images)), ("texts", len(texts))]:
            theirs.encode(what), ours.encode(what)  # warm-up
            # In turn, so that other load on the machine affects both.
            rounds = [(theirs.encode(what), ours.encode(what)) for _ in range(arguments.rounds)]
            ratio = median(a / b for a, b in rounds)
            speeds[what] = [f"{n / median(seconds):.1f}" for seconds in zip(*rounds)] + [f"{ratio:.2f}"]
        outputs = ours.outputs()
    good = True
    for what in ("images", "texts"):
        expected = theirs.outputs[what]
        difference = np.abs(outputs[what] - expected).max() / np.abs(expected).max()
        good &= bool(difference <= TOLERANCE)
        cells.append(f"{difference:.1e}")
    print("| " + " | ".join(cells + speeds["images"] + speeds["texts"]) + " |", flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/examples/encode")
    parser.add_argument("--only", action="append", choices=ARCHITECTURES, help="architecture to run; can be repeated")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=int, default=16, help="images per batch; a quarter for ViT-L")
    parser.add_argument("--texts", type=int, default=64, help="texts per batch")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print("| model | images, difference | texts, difference | images/s, transformers | images/s, clbench | ratio "
          "| texts/s, transformers | texts/s, clbench | ratio |")
    print("|:--|--:|--:|--:|--:|--:|--:|--:|--:|", flush=True)
    good = [compare(name, arguments) for name in arguments.only or ARCHITECTURES]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()

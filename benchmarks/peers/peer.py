"""What the PyTorch programs here share: options, MNIST, timing, output.

Each prints one JSON object a line: {"name": ..., "threads": ..., "microseconds": ...}, and before them one with the
versions. The names are those of Tenon's programs.
"""

import argparse
import gzip
import json
import pathlib
import statistics
import time

import torch

DATA = pathlib.Path(__file__).resolve().parents[2] / "examples" / "data" / "mnist"


def start(description):
    """Reads --threads and --data, sets the threads, prints the versions."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=pathlib.Path, default=DATA, help="folder of MNIST")
    parser.add_argument("--smoke", action="store_true", help="as short as possible: to see that it works")
    parser.add_argument("--only", default="", metavar="REGEX", help="cases whose name begins so (operations.py)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    print(json.dumps({"peer": "PyTorch", "version": torch.__version__,
                      "instruction_set": torch.backends.cpu.get_cpu_capability()}), flush=True)
    return options


def report(name, threads, seconds, **more):
    print(json.dumps({"name": name, "threads": threads, "microseconds": seconds * 1e6, **more}), flush=True)


def median_seconds(body, budget=0.03, runs=5):
    """The median of several runs of about `budget` seconds each, after a warm-up."""
    body()
    begin = time.perf_counter()
    body()
    count = max(1, int(budget / max(1e-9, time.perf_counter() - begin)))
    samples = []
    for _ in range(runs):
        begin = time.perf_counter()
        for _ in range(count):
            body()
        samples.append((time.perf_counter() - begin) / count)
    return statistics.median(samples)


def read_idx(path):
    """An IDX file (gzip) as a tensor of bytes."""
    raw = gzip.decompress(path.read_bytes())
    axes = raw[3]
    shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(axes)]
    return torch.frombuffer(bytearray(raw[4 + 4 * axes :]), dtype=torch.uint8).view(shape)


def mnist(folder, split="train"):
    """Images [N, 1, 28, 28] f32 in [0, 1] and labels i64 [N]."""
    images = read_idx(folder / f"{split}-images-idx3-ubyte.gz")
    labels = read_idx(folder / f"{split}-labels-idx1-ubyte.gz")
    return images.unsqueeze(1).float() / 255, labels.long()


def lenet5():
    """Tenon's models::LeNet5."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(256, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10))


def training_step(model, optimizer, images, labels):
    optimizer.zero_grad(set_to_none=True)
    torch.nn.functional.cross_entropy(model(images), labels).backward()
    optimizer.step()

#!/usr/bin/env python3
"""A run that is killed at random moments and started again must end with the bytes of one that was not.

usage: kill_test.py PROGRAM MNIST_FOLDER [--kills N] [--epochs N] [--samples N] [--every-steps N] [--seed N]

The straight run takes one thread; the killed one starts on one and two in turn. Compared: the last checkpoint (weights, optimizer,
metrics, callbacks, history), the best one, and both logs. Once for shards of 16, once for whole batches.
"""
import argparse
import pathlib
import random
import subprocess
import sys
import tempfile
import time


def arguments(options, folder, threads, shard_size):
    return [options.program, options.data, str(folder), str(threads), str(shard_size), str(options.epochs),
            str(options.samples), str(options.every_steps)]


def results(folder):
    """The bytes of all that a run leaves behind."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if not path.name.startswith(".")}


def start_run(options, folder, threads, shard_size):
    """The process, when it has begun to train."""
    process = subprocess.Popen(arguments(options, folder, threads, shard_size), stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("skipped"):
            sys.exit(f"a checkpoint was damaged: {line}")
        if line.startswith("begin"):
            return process
    sys.exit(f"the program ended with {process.wait()} before it began to train")


def run_straight(options, folder, shard_size):
    """Returns how many seconds it trained."""
    process = start_run(options, folder, 1, shard_size)
    start = time.monotonic()
    if process.wait() != 0:
        sys.exit(f"the program ended with {process.returncode}")
    return time.monotonic() - start


def run_killed(options, folder, shard_size, seconds, draw):
    """Kills it until it has been killed often enough; returns how often, and how often while it was saving."""
    killed = saving = starts = 0
    left = set()  # temporary files of earlier kills
    while True:
        process = start_run(options, folder, 1 + starts % 2, shard_size)
        starts += 1
        try:
            # Together half of the straight run, so that all kills come before the end.
            code = process.wait(None if killed == options.kills else draw.uniform(0, seconds / options.kills))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
            hidden = {path.name for path in folder.iterdir() if path.name.startswith(".")}
            saving += bool(hidden - left)
            left = hidden
            continue
        if code != 0:
            sys.exit(f"the program ended with {code}")
        return killed, saving


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("data")
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--samples", type=int, default=6000)
    parser.add_argument("--every-steps", type=int, default=3)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    draw = random.Random(options.seed)
    for shard_size in (16, 0):
        with tempfile.TemporaryDirectory() as straight, tempfile.TemporaryDirectory() as killed:
            straight, killed = pathlib.Path(straight), pathlib.Path(killed)
            seconds = run_straight(options, straight, shard_size)
            kills, saving = run_killed(options, killed, shard_size, seconds, draw)
            want, got = results(straight), results(killed)
            for name in sorted(want.keys() | got.keys()):
                if want.get(name) != got.get(name):
                    sys.exit(f"shard_size {shard_size}: {name} is different after {kills} kills")
            if kills < options.kills:
                sys.exit(f"shard_size {shard_size}: only {kills} of {options.kills} kills came before the end")
            print(f"shard_size {shard_size}: {kills} kills, {saving} of them while a checkpoint was being written; "
                  f"{len(want)} files are the same")


main()

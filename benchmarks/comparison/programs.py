"""The programs that are compared, and how each is run."""

import dataclasses
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = ROOT / "benchmarks" / "peers"


class Problem(Exception):
    """Something that the user can put right."""


@dataclasses.dataclass(frozen=True)
class Pair:
    """Programs that measure the same; those of a pair run right after each other."""

    title: str
    program: str  # of Tenon
    filter: str = ""  # a regular expression for its benchmarks
    peer: str = ""  # a file in peers/
    only: str = ""  # its cases
    rename: tuple = ("", "")  # a part of the names, where another pair measures the same


def operations(program, only):
    return Pair(program, program, peer="operations.py", only=only)


# A process of its own for each way to train, since it also reports its peak of resident memory.
GROUPS = {
    "lenet5": [Pair("LeNet-5 training in shards", "model_lenet5", "^lenet5/shards_of_16/batch:128/", "lenet5.py"),
               Pair("LeNet-5 training of whole batches", "model_lenet5", "^lenet5/whole/batch:128/")],
    "mlp": [Pair("MLP training", "model_mlp", "", "mlp.py")],
    "inference": [Pair("LeNet-5 inference", "inference", "", "inference.py")],
    "operations": [
        operations("op_conv2d", "conv2d/"),
        operations("op_pool2d", "(avg|max)_pool2d/"),
        operations("op_linear", "linear/"),
        operations("op_norm", "(batch|layer)_norm/"),
        operations("op_softmax", "(softmax|cross_entropy)/"),
        operations("op_elementwise", "(gelu|tanh|relu|add_broadcast|transpose)/"),
        operations("op_reduce", "(sum|sum_axis0|sum_axis1|max_axis1)/"),
        operations("graph_overhead", "(add/|tanh_chain)"),
    ],
    "batch_sizes": [Pair("LeNet-5 batch sizes", "model_lenet5", "^lenet5/shards_of_16/",
                         rename=("lenet5/", "lenet5_batch_sizes/"))],
}


def run(command, environment=None):
    """The standard output of a program; a Problem when it fails."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
                              check=False)
    except OSError as error:
        raise Problem(f"{command[0]} does not start: {error.strerror}") from error
    if done.returncode != 0:
        raise Problem(f"{shlex.join(map(str, command))} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


class Tenon:
    name = "Tenon"

    def __init__(self, options):
        self.options = options
        self.about = {}
        missing = [pair.program for group in options.only or GROUPS for pair in GROUPS[group]
                   if not (options.programs / pair.program).is_file()]
        if missing:
            raise Problem(f"there is no {missing[0]} in {options.programs}. Build it:\n"
                          "  cmake --preset release && cmake --build --preset release")
        cache = options.programs.parent / "CMakeCache.txt"
        if cache.is_file() and not re.search(r"^CMAKE_BUILD_TYPE:\w+=Release$", cache.read_text(), re.MULTILINE):
            raise Problem(f"{options.programs.parent} is not a release build: its times would mean nothing")

    def run(self, pair, threads):
        command = [self.options.programs / pair.program, f"--threads={threads}", f"--data={self.options.data}",
                   "--benchmark_format=json", f"--benchmark_min_time={self.options.seconds}"]
        if pair.filter:
            command.append(f"--benchmark_filter={pair.filter}")
        command += [flag for flag, wanted in (("--avx2", self.options.avx2), ("--smoke", self.options.smoke)) if wanted]
        return self.parse(run(command), pair.rename)

    def parse(self, text, rename):
        """Google Benchmark's JSON as measurements."""
        output = json.loads(text)
        machine = output["context"].get("machine", "")
        self.about = dict(line.split(maxsplit=1) if "  " not in line else re.split(r"\s{2,}", line, maxsplit=1)
                          for line in machine.splitlines() if line)
        self.about.pop("threads", None)
        found = []
        for one in output["benchmarks"]:
            if one.get("error_occurred"):
                raise Problem(f"{one['name']}: {one['error_message']}")
            name = re.sub(r"/(real_time|iterations:\d+)", "", one["name"])
            name, threads = re.fullmatch(r"(.*)/threads:(\d+)", name).groups()
            name = name.replace(*rename)
            scale = {"ns": 1e-3, "us": 1, "ms": 1e3}[one["time_unit"]]
            measurement = {"name": name, "threads": int(threads), "microseconds": one["real_time"] * scale}
            if "peak_resident_MB" in one:
                measurement["peak_resident_MB"] = one["peak_resident_MB"]
            found.append(measurement)
        return found


class PyTorch:
    name = "PyTorch"

    def __init__(self, options):
        self.options = options
        self.about = {}
        # Set for the sake of old builds of OpenBLAS; they make a current numpy or PyTorch slow.
        self.environment = {key: value for key, value in os.environ.items()
                            if key not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
        if options.avx2:
            self.environment |= {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2",
                                 "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
        wanted = [options.torch] if options.torch else [
            sys.executable, str(ROOT / "build" / "peers" / "bin" / "python"), shutil.which("python3") or "python3"]
        self.python = next((python for python in wanted if self.has_torch(python)), None)
        if not self.python:
            raise Problem(
                f"{'it has' if options.torch else 'no Python here has'} no PyTorch. Install it, and name its Python "
                "(or compare --without-torch):\n"
                "  python3 -m venv build/peers\n"
                "  build/peers/bin/pip install torch matplotlib\n"
                "  benchmarks/compare --torch build/peers/bin/python")

    def has_torch(self, python):
        try:
            return subprocess.run([python, "-c", "import torch"], capture_output=True, check=False,
                                  env=self.environment).returncode == 0
        except OSError:
            return False

    def run(self, pair, threads):
        command = [self.python, PEERS / pair.peer, "--threads", str(threads), "--data", self.options.data]
        if pair.only:
            command += ["--only", pair.only]
        if self.options.smoke:
            command.append("--smoke")
        lines = [json.loads(line) for line in run(command, self.environment).splitlines() if line.startswith("{")]
        self.about = {"PyTorch": f"{lines[0]['version']}, {lines[0]['instruction_set']}"}
        return lines[1:]


class Prototype:
    """A program of somebody else's that prints the time of a LeNet-5 training step."""

    about = {}

    def __init__(self, text, options):
        self.name, self.command = text.split("=", 1)
        self.options = options

    def run(self, pair, threads):
        filled = self.command.replace("{threads}", str(threads)).replace("{data}", str(self.options.data))
        return self.parse(run(shlex.split(filled)), threads)

    def parse(self, text, threads):
        steps = re.findall(r"([0-9.]+) ms/step", text)
        if not steps:
            raise Problem(f"--prototype {self.name}: it printed no line with '1.23 ms/step'")
        return [{"name": "lenet5/batch:128", "threads": threads, "microseconds": float(steps[-1]) * 1e3}]

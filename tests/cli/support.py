"""What the tests of the program tenon share.

usage of each test: NAME_test.py PROGRAM MNIST_FOLDER FILE_WRITER [unittest's options]
"""

import gzip
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

PROGRAM, MNIST, FILE_WRITER = (str(pathlib.Path(argument).resolve()) for argument in sys.argv[1:4])
del sys.argv[1:4]

# Debian's, which has h5py: an independent reader of our files.
DEBIAN_PYTHON = "/usr/bin/python3"
READ_HDF5 = """
import h5py, json, sys
with h5py.File(sys.argv[1], "r") as file:
    found = {}
    def visit(name, node):
        if isinstance(node, h5py.Dataset):
            found[name] = [list(node.shape), str(node.dtype), node[()].tobytes().hex()]
    file.visititems(visit)
    json.dump(found, sys.stdout)
"""


def read_hdf5(path):
    """Dataset -> (shape, dtype as h5py names it, bytes in hexadecimal digits)."""
    done = subprocess.run([DEBIAN_PYTHON, "-c", READ_HDF5, str(path)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def read_mnist(split):
    """(images, labels) as bytes, 784 an image."""
    with gzip.open(f"{MNIST}/{split}-images-idx3-ubyte.gz") as file:
        images = file.read()[16:]
    with gzip.open(f"{MNIST}/{split}-labels-idx1-ubyte.gz") as file:
        labels = file.read()[8:]
    return images, labels


def write_subset(folder, train, test):
    """The first images of MNIST, as IDX files that are not compressed."""
    folder.mkdir()
    for split, count in (("train", train), ("t10k", test)):
        images, labels = read_mnist(split)
        (folder / f"{split}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 0x803, count, 28, 28) +
                                                            images[:784 * count])
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, count) + labels[:count])


def write_png(path, rows):
    """A grey image of 8 bits, from rows of bytes."""
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))


def damage(path):
    """Flips a bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


class Case(unittest.TestCase):
    """Each class has a small MNIST, and each test an empty folder to run in."""

    TRAIN, TEST = 640, 100

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.scratch = pathlib.Path(scratch.name).resolve()
        cls.data = cls.scratch / "data"
        write_subset(cls.data, cls.TRAIN, cls.TEST)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name).resolve()

    def tenon(self, *arguments, program=PROGRAM):
        return subprocess.run([program, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True, check=False)

    def passes(self, *arguments):
        """Standard output."""
        done = self.tenon(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def train(self, *arguments):
        return self.passes("train", "lenet5", "--data", self.data, *arguments)

    def json(self, *arguments):
        return json.loads(self.passes(*arguments, "--json"))

    def fails(self, status, text, *arguments, program=PROGRAM):
        """Standard output must stay empty."""
        done = self.tenon(*arguments, program=program)
        self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
        self.assertIn(text, done.stderr)
        self.assertNotIn(".cpp:", done.stderr, "a line of the program's own source")

    def assert_same_run(self, first, second):
        """The last checkpoints are equal but for times and metadata; so are the logs."""
        a, b = (sorted((self.folder / run).glob("step-*.h5"))[-1] for run in (first, second))
        self.assertEqual(a.name, b.name)
        want, got = read_hdf5(a), read_hdf5(b)
        self.assertEqual(want.keys(), got.keys())
        timed = [name for name in want if name.endswith(("seconds", "samples_per_second"))]
        self.assertEqual({name.rsplit("/", 1)[0] for name in timed}, {"state/callbacks/RunRecorder"})
        for name in want.keys() - set(timed):
            self.assertEqual(want[name], got[name], name)
        self.assertEqual((self.folder / first / "log.csv").read_text(), (self.folder / second / "log.csv").read_text())

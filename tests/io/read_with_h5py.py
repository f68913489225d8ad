#!/usr/bin/python3
"""Reads the checkpoint that h5py_test.cpp writes, with h5py alone, and checks all of it.
usage: read_with_h5py.py checkpoint.h5"""
import struct
import sys

import h5py
import numpy


def check(ok, what):
    if not ok:
        sys.exit(f"read_with_h5py.py: {what}")


def check_array(dataset, dtype, want):
    want = numpy.array(want, dtype)
    got = dataset[()]
    check(dataset.dtype == want.dtype, f"{dataset.name} is {dataset.dtype}, expected {want.dtype}")
    check(dataset.shape == want.shape, f"{dataset.name} is {dataset.shape}, expected {want.shape}")
    check(got.tobytes() == want.tobytes(), f"{dataset.name} holds {got}, expected {want}")
    check(dataset.chunks is None and dataset.compression is None, f"{dataset.name} is not contiguous")


path = sys.argv[1]
with open(path, "rb") as file:
    block = file.read(512)
    rest = file.read()
check(block[:8] == b"\x89TENON\r\n", f"the magic is {block[:8]}")
check(struct.unpack("<IIQ", block[8:24]) == (1, 512, len(rest)), "the user block names another version, size or length")
check(rest[:8] == b"\x89HDF\r\n\x1a\n", "HDF5 does not begin at byte 512")

with h5py.File(path, "r") as file:
    check(file.userblock_size == 512, f"the user block has {file.userblock_size} bytes")
    check(sorted(file) == ["metadata", "model", "optimizer", "random"], f"the groups are {sorted(file)}")
    attributes = dict(file.attrs)
    check(attributes.pop("library_version").count(".") == 2, "library_version is not a version")
    check(attributes == {"format": "tenon-checkpoint", "version": 1, "epoch": 3, "step": 1404},
          f"the attributes of the root are {attributes}")

    model = file["model"]
    check(sorted(model["block"]) == ["weight"], f"the block holds {sorted(model['block'])}")
    check_array(model["block/weight"], "<f4", numpy.arange(24).reshape(2, 3, 4) / 8)
    check_array(model["double"], "<f8", [0.1, -1e300, numpy.inf])
    check_array(model["scalar"], "<f4", 2.5)
    check_array(model["empty"], "<f4", numpy.zeros((2, 0)))
    check_array(model["count"], "<i8", -(2**63))
    check_array(model["small"], "<i4", [[1, -2]])
    check_array(model["bytes"], "u1", [0, 127, 255])
    check_array(model["mask"], "?", [True, False, True])

    optimizer = file["optimizer"]
    check_array(optimizer["values/step"], "<i8", 1)
    check_array(optimizer["values/learning_rate"], "<f8", [0.25])
    check_array(optimizer["slots/block/weight/momentum"], "<f4", numpy.ones((2, 3, 4)))
    check_array(optimizer["slots/block/weight/updates"], "<i8", 1)

    stream = dict(file["random/rng"].attrs)
    check(stream == {"key": 2**64 - 1, "position": 7}, f"the random stream is {stream}")
    metadata = dict(file["metadata"].attrs)
    check(metadata == {"model": "größer", "seed": 1, "rate": 0.002}, f"the metadata is {metadata}")

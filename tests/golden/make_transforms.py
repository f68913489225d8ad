#!/usr/bin/env python3
"""Makes tests/data/golden/transforms.golden: images moved by scipy.ndimage, bilinear, with a constant beyond the border, and
Gaussians of it (the file here: scipy 1.17.1, numpy 2.4.6, torch 2.15.0).

Run by hand, where numpy, scipy and torch are installed; the tests read only the file:
    python3 tests/golden/make_transforms.py
The format is that of make.py. Cases:
    affine_*    x [C, H, W]; map: degrees, scale, down, right, fill; y
    displaced_* x [C, H, W]; field [H, 2, W]: down and right of each row; fill; y
    smooth_*    x [rows, columns]; sigma; y: smoothed along axis 0
    elastic_*   x [C, H, W]; u [2, H, W] (down, right); alpha, sigma, fill; field [H, 2, W]; y
The script checks its own signs and borders against numpy.rot90 and torch's grid_sample.
"""
import pathlib

import numpy
import torch
from scipy import ndimage

random = numpy.random.default_rng(20240310)
lines = []


def write(case, **tensors):
    for name, value in tensors.items():
        value = numpy.asarray(value, dtype=numpy.float64)
        sizes = "x".join(str(n) for n in value.shape) or "-"
        # All are exact in f32, but for the results.
        lines.append(" ".join([case, name, "f64", sizes, *(repr(float(v)) for v in value.ravel())]))


def numbers(*shape):
    return random.uniform(-1, 1, shape).astype(numpy.float32).astype(numpy.float64)


def at(x, rows, columns, fill):
    return numpy.stack([ndimage.map_coordinates(plane, [rows, columns], order=1, mode="grid-constant", cval=fill)
                        for plane in x])


def affine(x, degrees, scale, down, right, fill):
    """The image scaled, turned counter-clockwise as one sees it, then shifted: y(p) = x(M (p - center - shift) + center)."""
    angle = numpy.deg2rad(degrees)
    matrix = numpy.array([[numpy.cos(angle), numpy.sin(angle)], [-numpy.sin(angle), numpy.cos(angle)]]) / scale
    center = (numpy.array(x.shape[1:]) - 1) / 2
    offset = center - matrix @ (center + [down, right])
    return numpy.stack([ndimage.affine_transform(plane, matrix, offset, order=1, mode="grid-constant", cval=fill)
                        for plane in x])


def displaced(x, down, right, fill):
    rows, columns = numpy.meshgrid(*(numpy.arange(n) for n in x.shape[1:]), indexing="ij")
    return at(x, rows + down, columns + right, fill)


def field_of(down, right):
    return numpy.stack([down, right], axis=1)


square = numbers(1, 5, 5)
assert numpy.allclose(affine(square, 90, 1, 0, 0, 0), numpy.rot90(square, axes=(1, 2)))

for name, shape, arguments in [("turned", (2, 9, 7), (30, 1, 0, 0, 0)), ("back", (1, 6, 8), (-100, 1, 0, 0, 0.5)),
                               ("larger", (1, 8, 8), (0, 1.5, 0, 0, 0)), ("smaller", (2, 7, 6), (0, 0.625, 0, 0, -2)),
                               ("shifted", (1, 5, 9), (0, 1, 1.25, -2.75, 1)), ("all", (3, 10, 9), (-20, 1.125, 0.5, 1.75, 0.25)),
                               ("single", (1, 1, 1), (45, 2, 0.25, 0, 3)), ("away", (1, 4, 4), (10, 1, 100, 0, 7))]:
    x = numbers(*shape)
    write("affine_" + name, x=x, map=arguments, y=affine(x, *arguments))

for name, shape, size, fill in [("small", (2, 7, 9), 0.75, 0), ("large", (1, 8, 6), 4, 0.5), ("row", (1, 1, 12), 1.5, -1)]:
    x = numbers(*shape)
    down, right = (size * numbers(*shape[1:]).astype(numpy.float32) for _ in range(2))
    y = displaced(x, down, right, fill)
    if fill == 0:
        rows, columns = numpy.meshgrid(*(numpy.arange(n) for n in shape[1:]), indexing="ij")
        grid = numpy.stack([2 * (columns + right) / (shape[2] - 1) - 1, 2 * (rows + down) / (shape[1] - 1) - 1], axis=-1)
        other = torch.nn.functional.grid_sample(torch.tensor(x)[None], torch.tensor(grid)[None], align_corners=True)
        assert numpy.allclose(y, other[0].numpy())
    write("displaced_" + name, x=x, field=field_of(down, right), fill=fill, y=y)

for name, shape, sigma in [("narrow", (9, 5), 0.5), ("wide", (28, 3), 4), ("wider_than_the_image", (5, 2), 3.3), ("point", (4, 3), 0.1)]:
    x = numbers(*shape)
    write("smooth_" + name, x=x, sigma=sigma, y=ndimage.gaussian_filter1d(x, sigma, axis=0, mode="constant"))

for name, shape, alpha, sigma, fill in [("simard", (1, 28, 28), 34, 4, 0), ("rough", (2, 8, 11), 2, 1, 0.5)]:
    x, u = numbers(*shape), numbers(2, *shape[1:])
    down, right = (alpha * ndimage.gaussian_filter(plane, sigma, mode="constant") for plane in u)
    write("elastic_" + name, x=x, u=u, alpha=alpha, sigma=sigma, fill=fill, field=field_of(down, right),
          y=displaced(x, down, right, fill))

folder = pathlib.Path(__file__).resolve().parent.parent / "data" / "golden"
(folder / "transforms.golden").write_text("\n".join(lines) + "\n")

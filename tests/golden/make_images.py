#!/usr/bin/env python3
"""Makes tests/data/images: small PNG and JPEG files of every kind, and expected.txt with their pixels.

Run by hand, where numpy, Pillow and torch are installed (the files here: Pillow 13.0.0, torch 2.15.0); the tests read only
the files:
    python3 tests/golden/make_images.py
PNG files are written by this script itself, so their pixels are known and not decoded; Pillow must agree. Those of JPEG are what
Pillow decodes. A line of expected.txt is a case (a file or a resize), what the numbers are, their shape and the numbers:
    rgb8.png file 3x7x5 ...      the pixels as in the file; also grey and rgb, converted
    shrink x 2x9x8 ...           a case of resizing: the image x and the resized y
"""
import io
import pathlib
import struct
import zlib

import numpy
import torch
from PIL import Image

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "data" / "images"
GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
SAMPLES = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}
ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
random = numpy.random.default_rng(20240505)
lines = []


def write(case, what, array):
    values = " ".join(repr(v) for v in array.flatten().tolist())
    lines.append(f"{case} {what} {'x'.join(map(str, array.shape))} {values}")


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def packed_rows(samples, depth):
    """Rows of samples [H, W, C], each behind the filter type 0."""
    rows = b""
    for row in samples:
        flat = row.flatten()
        if depth == 16:
            data = flat.astype(">u2").tobytes()
        else:
            bits = "".join(format(v, f"0{depth}b") for v in flat)
            bits += "0" * (-len(bits) % 8)
            data = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        rows += b"\0" + data
    return rows


def png(samples, color, depth, interlaced=False, extra=b""):
    height, width = samples.shape[:2]
    if interlaced:
        data = b""
        for y, x, step_y, step_x in ADAM7:
            part = samples[y::step_y, x::step_x]
            if part.size:
                data += packed_rows(part, depth)
    else:
        data = packed_rows(samples, depth)
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b""))


def grey_of(rgb):
    red, green, blue = rgb.astype(int)
    return ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).astype(numpy.uint8)[None]


def add_png(name, color, depth, size=(7, 5), interlaced=False, extra=b"", palette=None, pillow_agrees=True):
    samples = random.integers(0, 2**depth if palette is None else len(palette), (*size, SAMPLES[color]))
    samples[0, 0] = 0
    samples[-1, -1] = (2**depth if palette is None else len(palette)) - 1
    if palette is not None:
        extra = chunk(b"PLTE", palette.astype(numpy.uint8).tobytes()) + extra
    data = png(samples, color, depth, interlaced, extra)
    (FOLDER / f"{name}.png").write_bytes(data)

    if palette is not None:
        pixels = palette[samples[:, :, 0]]
    else:
        pixels = samples[:, :, :3 if color in (RGB, RGB_ALPHA) else 1]
        pixels = pixels >> 8 if depth == 16 else pixels * 255 // (2**depth - 1)
    pixels = pixels.transpose(2, 0, 1).astype(numpy.uint8)
    rgb = pixels if len(pixels) == 3 else numpy.repeat(pixels, 3, 0)
    grey = grey_of(pixels) if len(pixels) == 3 else pixels
    if pillow_agrees:
        image = Image.open(io.BytesIO(data))
        assert (numpy.asarray(image.convert("RGB")).transpose(2, 0, 1) == rgb).all(), name
        assert (numpy.asarray(image.convert("L"))[None] == grey).all(), name
    for what, array in [("file", pixels), ("rgb", rgb), ("grey", grey)]:
        write(f"{name}.png", what, array)


def add_file(name, what_is_file, image, **options):
    """A file that Pillow writes, with the pixels that Pillow reads."""
    image.save(FOLDER / name, **options)
    image = Image.open(FOLDER / name)
    rgb = numpy.asarray(image.convert("RGB")).transpose(2, 0, 1)
    grey = numpy.asarray(image.convert("L"))[None]
    for what, array in [("file", rgb if what_is_file == "rgb" else grey), ("rgb", rgb), ("grey", grey)]:
        write(name, what, array)


def add_resize(name, shape, size):
    """What Pillow makes of the channels one by one, as floating numbers; torch must agree."""
    x = random.integers(0, 256, shape)
    planes = [Image.fromarray(plane.astype(numpy.float32)).resize(size[::-1], Image.BILINEAR) for plane in x]
    y = numpy.stack([numpy.asarray(plane) for plane in planes])
    same = torch.nn.functional.interpolate(torch.tensor(x, dtype=torch.float64)[None], size=size, mode="bilinear",
                                           align_corners=False, antialias=True)[0]
    # torch 2.15 repeats the first row where the width becomes 1.
    assert size[1] == 1 or abs(same.numpy() - y).max() < 1e-4, name
    write(name, "x", x)
    write(name, "y", y)


FOLDER.mkdir(exist_ok=True)
for depth in (1, 2, 4, 8):
    add_png(f"grey{depth}", GREY, depth)
    add_png(f"palette{depth}", PALETTE, depth, palette=random.integers(0, 256, (min(2**depth, 200), 3)))
# Pillow clips 16-bit grey to 255 when it converts it.
add_png("grey16", GREY, 16, pillow_agrees=False)
add_png("rgb8", RGB, 8)
add_png("rgb16", RGB, 16)
add_png("grey_alpha8", GREY_ALPHA, 8)
add_png("grey_alpha16", GREY_ALPHA, 16)
add_png("rgb_alpha8", RGB_ALPHA, 8)
add_png("rgb_alpha16", RGB_ALPHA, 16)
add_png("palette_transparent", PALETTE, 4, palette=random.integers(0, 256, (16, 3)), extra=chunk(b"tRNS", bytes(range(0, 160, 10))))
add_png("grey_transparent", GREY, 8, extra=chunk(b"tRNS", struct.pack(">H", 255)))
add_png("gamma", RGB, 8, extra=chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"tEXt", b"Comment\0none"))
add_png("interlaced_grey1", GREY, 1, size=(11, 13), interlaced=True)
add_png("interlaced_palette4", PALETTE, 4, size=(9, 6), interlaced=True, palette=random.integers(0, 256, (16, 3)))
add_png("interlaced_rgb8", RGB, 8, size=(6, 9), interlaced=True)
add_png("interlaced_rgb_alpha16", RGB_ALPHA, 16, size=(5, 5), interlaced=True)
add_png("interlaced_one_pixel", RGB, 8, size=(1, 1), interlaced=True)

y, x = numpy.mgrid[0:13, 0:19]
smooth = numpy.stack([x * 13, y * 19, 255 - x * 6 - y * 8], 2).clip(0, 255)
photo = Image.fromarray((smooth + random.integers(-9, 10, smooth.shape)).clip(0, 255).astype(numpy.uint8))
add_file("pillow.png", "rgb", photo)
add_file("grey.jpg", "grey", photo.convert("L"), quality=90)
add_file("subsampled.jpg", "rgb", photo, quality=85, subsampling="4:2:0")
add_file("full.jpg", "rgb", photo, quality=92, subsampling="4:4:4")
add_file("progressive.jpg", "rgb", photo, quality=85, progressive=True)
add_file("rgb.jpg", "rgb", photo, quality=90, keep_rgb=True)
cmyk = numpy.concatenate([255 - smooth, (x * 5 + y * 4)[:, :, None]], 2).astype(numpy.uint8)
add_file("cmyk.jpg", "rgb", Image.fromarray(cmyk, mode="CMYK"), quality=92)

add_resize("shrink", (2, 9, 8), (4, 3))
add_resize("shrink_far", (1, 31, 17), (3, 2))
add_resize("to_one_column", (1, 31, 17), (2, 1))
add_resize("enlarge", (1, 3, 4), (8, 11))
add_resize("taller_and_narrower", (1, 5, 12), (9, 5))
add_resize("from_one_pixel", (1, 1, 1), (3, 2))
add_resize("same", (1, 4, 5), (4, 5))
(FOLDER / "expected.txt").write_text("\n".join(lines) + "\n")

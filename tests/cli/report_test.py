"""tenon report: the page holds all that it shows, and its figures are those that NumPy finds in the files."""

import base64
import html.parser
import json
import re
import struct
import subprocess
import unittest
import zlib

from support import DEBIAN_PYTHON, FILE_WRITER, Case, read_mnist

# Debian's, with NumPy and h5py: history, histograms of the last parameters, and LeNet-5 written out.
ORACLE = """
import h5py, json, numpy, sys
file = h5py.File(sys.argv[1], "r")
model, state = file["model"], file["state"]
history = {name: state["history"][number][name][:].tolist() for number in state["history"] for name in state["history"][number]}
recorder = state["callbacks/RunRecorder"]
histograms = {}
for layer in model:
    for kind in model[layer]:
        values = model[layer][kind][:].astype("f8")
        counts, edges = numpy.histogram(values, bins=32)
        gradient = recorder[f"gradients/{layer}.{kind}"]
        histograms[f"{layer}.{kind}"] = dict(size=values.size, counts=counts.tolist(), range=[edges[0], edges[-1]],
            gradient_counts=gradient["counts"][:].tolist(), gradient_range=gradient["range"][:].tolist())

def parameter(name):
    return model[name + "/weight"][:].astype("f8"), model[name + "/bias"][:].astype("f8")
def conv(x, name):
    w, b = parameter(name)
    windows = numpy.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
    return numpy.tanh(numpy.einsum("nchwij,ocij->nohw", windows, w, optimize=True) + b[:, None, None])
def pool(x):
    return x.reshape(*x.shape[:2], x.shape[2] // 2, 2, x.shape[3] // 2, 2).mean((3, 5))
def linear(x, name):
    w, b = parameter(name)
    return x @ w.T + b
count = int(sys.argv[3])
x = numpy.fromfile(sys.argv[2], "u1", offset=16)[:784 * count].reshape(count, 1, 28, 28) / 255
maps = [conv(x[:1], "conv1")]
x = pool(conv(pool(conv(x, "conv1")), "conv2")).reshape(count, -1)
logits = linear(numpy.tanh(linear(numpy.tanh(linear(x, "fc1")), "fc2")), "fc3")
shares = numpy.exp(logits - logits.max(1, keepdims=True))
shares /= shares.sum(1, keepdims=True)
json.dump(dict(history=history, histograms=histograms, shares=shares.tolist(), seconds=recorder["seconds"][:].tolist(),
               speed=recorder["samples_per_second"][:].tolist(), filters=float(abs(model["conv1/weight"][:]).max()),
               maps=[float(maps[0].min()), float(maps[0].max())]), sys.stdout)
"""


class Links(html.parser.HTMLParser):
    """What a page refers to, and its data."""

    def __init__(self, text):
        super().__init__()
        self.links, self.tags, self.data, self.is_data = [], [], "", False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.is_data = tag == "script" and ("type", "application/json") in attrs
        self.links += [value for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]

    def handle_data(self, data):
        self.data += data if self.is_data else ""


def decode_png(uri):
    """Width, bytes a pixel, and the bytes of each row."""
    content = base64.b64decode(uri.removeprefix("data:image/png;base64,"), validate=True)
    chunks, at = {}, 8
    while at < len(content):
        length, name = struct.unpack(">I4s", content[at:at + 8])
        chunks[name] = chunks.get(name, b"") + content[at + 8:at + 8 + length]
        at += length + 12
    width, height, _, kind = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    size = {0: 1, 2: 3}[kind]
    packed, rows, above = zlib.decompress(chunks[b"IDAT"]), [], bytes(width * size)
    for y in range(height):
        code, *line = packed[y * (width * size + 1):(y + 1) * (width * size + 1)]
        for i in range(width * size):
            a, b, c = line[i - size] if i >= size else 0, above[i], above[i - size] if i >= size else 0
            nearest = min((a, b, c), key=lambda value, p=a + b - c: abs(p - value))
            line[i] = (line[i] + (0, a, b, (a + b) // 2, nearest)[code]) % 256
        above = bytes(line)
        rows.append(above)
    return width, size, rows


def picture(sprite, index):
    """The bytes of one picture."""
    _, size, rows = decode_png(sprite["png"])
    left, top = index % sprite["columns"] * sprite["width"], index // sprite["columns"] * sprite["height"]
    return b"".join(row[left * size:(left + sprite["width"]) * size] for row in rows[top:top + sprite["height"]])


class Report(Case):
    TRAIN, TEST = 3000, 500

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        subprocess.run([FILE_WRITER, cls.scratch], check=True)

    def setUp(self):
        super().setUp()
        self.file = self.scratch / "run" / "step-00000180.h5"
        if not self.file.exists():
            self.train("--epochs", "3", "--batch-size", "50", "--quiet", "--run", self.file.parent)

    def report(self, file, *options):
        """The page, its data, and what was said on standard error."""
        done = self.tenon("report", file, "-o", "page.html", *options)
        self.assertEqual((done.returncode, done.stdout), (0, "page.html\n"), done.stderr)
        text = (self.folder / "page.html").read_text(encoding="utf-8")
        return text, json.loads(Links(text).data), done.stderr

    def test_one_file_that_needs_no_other(self):
        text, data, said = self.report(self.file)
        page = Links(text)
        self.assertLess(len(text), 1_500_000)
        self.assertEqual([link for link in page.links if not link.startswith("data:")], [])
        self.assertEqual({"iframe", "object", "embed", "video", "audio"} & set(page.tags), set())
        self.assertNotRegex(re.sub(r"(?s)<script.*?</script>", "", text), r"@import|url\(")
        self.assertNotRegex(text, r"XMLHttpRequest|fetch\(|importScripts|WebSocket\(|sendBeacon")
        self.assertIn("Chart.js v3", text)
        self.assertIn("Permission is hereby granted, free of charge", text)
        self.assertIn("prefers-color-scheme: dark", text)
        self.assertEqual((data["notes"], said), ([], ""))

    def test_figures_are_those_that_numpy_finds(self):
        _, data, _ = self.report(self.file)
        done = subprocess.run([DEBIAN_PYTHON, "-c", ORACLE, str(self.file), str(self.data / "t10k-images-idx3-ubyte"),
                               str(self.TEST)], capture_output=True, text=True, check=True)
        want = json.loads(done.stdout)
        self.assertEqual(data["history"], want["history"])
        self.assertEqual(list(data["history"])[0], "loss")
        self.assertEqual(data["speed"], {"seconds": want["seconds"], "samples_per_second": want["speed"]})
        self.assertAlmostEqual(want["seconds"][1] * want["speed"][1], self.TRAIN)

        self.assertEqual(data["histograms"]["epochs"], [1, 2, 3])
        self.assertEqual([histogram["name"] for histogram in data["histograms"]["parameters"]], sorted(want["histograms"]))
        for histogram in data["histograms"]["parameters"]:
            expected = want["histograms"][histogram["name"]]
            self.assertEqual(histogram["values"]["counts"][2], expected["counts"], histogram["name"])
            self.assertEqual(histogram["values"]["range"][2], expected["range"])
            self.assertEqual(histogram["gradient"], {"range": expected["gradient_range"], "counts": expected["gradient_counts"]})
            self.assertEqual([sum(counts) for counts in histogram["gradient"]["counts"]], [expected["size"]] * 3)

        _, labels = read_mnist("t10k")
        shares = want["shares"]
        predicted = [max(range(10), key=row.__getitem__) for row in shares]
        test = data["test"]
        confusion = [[0] * 10 for _ in range(10)]
        for label, digit in zip(labels, predicted):
            confusion[label][digit] += 1
        self.assertEqual(test["confusion"], confusion)
        self.assertEqual(test["wrong"], sum(a != b for a, b in zip(labels, predicted)))
        self.assertAlmostEqual(test["accuracy"], data["history"]["validation_accuracy"][2])
        self.assertAlmostEqual(test["loss"], data["history"]["validation_loss"][2], places=6)
        self.assertEqual([(item["index"], item["predicted"], item["truth"]) for item in test["first"]["items"]],
                         list(zip(range(40), predicted, labels)))
        mistakes = sorted((i for i in range(self.TEST) if predicted[i] != labels[i]), key=lambda i: -max(shares[i]))[:36]
        self.assertGreater(len(mistakes), 10)
        for item, index in zip(test["mistakes"]["items"], mistakes, strict=True):
            self.assertEqual((item["index"], item["predicted"], item["truth"]), (index, predicted[index], labels[index]))
            self.assertAlmostEqual(item["confidence"], max(shares[index]), places=4)

        self.assertAlmostEqual(data["filters"]["limit"], want["filters"], places=6)
        self.assertEqual([layer["name"] for layer in data["maps"]["layers"]], ["conv1", "pool1", "conv2", "pool2"])
        for value, expected in zip(data["maps"]["layers"][0]["range"], want["maps"], strict=True):
            self.assertAlmostEqual(value, expected, places=4)

    def test_pictures(self):
        _, data, _ = self.report(self.file)
        images, _ = read_mnist("t10k")
        for name in ("first", "mistakes"):
            sprite, items = data["test"][name]["sprite"], data["test"][name]["items"]
            self.assertEqual(sprite["count"], len(items))
            for i, item in enumerate(items):
                self.assertEqual(picture(sprite, i), images[784 * item["index"]:784 * item["index"] + 784], f"{name} {i}")
        # The greatest weight is the fullest orange or blue, somewhere among the six filters.
        sprite = data["filters"]["sprite"]
        colours = {picture(sprite, i)[k:k + 3] for i in range(6) for k in range(0, 75, 3)}
        self.assertTrue({bytes([33, 102, 171]), bytes([179, 89, 5])} & colours, sorted(colours))
        conv1 = data["maps"]["layers"][0]["sprite"]
        grey = b"".join(picture(conv1, i) for i in range(6))
        self.assertEqual((conv1["count"], conv1["width"], min(grey), max(grey)), (6, 24, 0, 255))

    def test_times_and_configuration(self):
        _, data, _ = self.report(self.file)
        layers = data["layers"]
        self.assertEqual([(row["name"], row["output"]) for row in layers["layers"]],
                         [("conv1", "[128, 6, 24, 24]"), ("pool1", "[128, 6, 12, 12]"), ("conv2", "[128, 16, 8, 8]"),
                          ("pool2", "[128, 16, 4, 4]"), ("fc1", "[128, 120]"), ("fc2", "[128, 84]"), ("fc3", "[128, 10]")])
        self.assertEqual(sum(row["parameters"] for row in layers["layers"]), 44426)
        for row in layers["layers"]:
            self.assertTrue(row["forward"] > 0 and row["backward"] > 0, row)
            self.assertTrue(row["forward_kernels"] and row["backward_kernels"], row)
        used = {f"{row['operation']}: {row['kernel']} {row['implementation']}".strip() for row in layers["kernels"]}
        named = {name for row in layers["layers"] for name in row["forward_kernels"] + row["backward_kernels"]}
        self.assertTrue(named <= used, named - used)
        self.assertEqual({row["calls"] for row in layers["kernels"] if row["operation"] == "conv2d"}, {2})
        self.assertEqual((data["run"]["epoch"], data["run"]["step"], data["file"]), (3, 180, self.file.name))
        self.assertEqual(data["run"]["metadata"]["tenon.model"], "lenet5")
        self.assertEqual(data["run"]["metadata"]["trainer.epochs"], 3)
        self.assertRegex(data["run"]["machine"], r"CPU .*\n.*AVX|SSE|EMU|NEON")

    def test_what_is_missing_is_left_out_and_said(self):
        _, data, said = self.report(self.scratch / "trained.h5")
        self.assertEqual(data["notes"], [
            "no speed and no histograms: the run had no RunRecorder",
            "no predictions, filters and times: the file does not say which model it holds; name it with --model"])
        self.assertEqual(said, "".join(f"tenon report: {note}\n" for note in data["notes"]))
        self.assertEqual((data["speed"], data["histograms"], "layers" in data), (None, None, False))
        self.assertEqual(len(data["history"]["loss"]), 2)

        _, data, said = self.report(self.scratch / "trained.h5", "--model", "lenet5")
        self.assertIn("no predictions: the file does not say where its data are; name the folder with --data", said)
        self.assertEqual(("test" in data, len(data["layers"]["layers"])), (False, 7))
        _, data, _ = self.report(self.scratch / "trained.h5", "--model", "lenet5", "--data", self.data)
        self.assertEqual(data["test"]["samples"], self.TEST)

        elsewhere = self.data.rename(self.scratch / "elsewhere")
        try:
            _, data, said = self.report(self.file)
        finally:
            elsewhere.rename(self.data)
        self.assertRegex(said, r"^tenon report: no predictions: .*data is not a folder")
        self.assertNotIn("test", data)

    def test_errors(self):
        self.fails(1, "own.h5 holds no run of a Trainer, so there is nothing to report", "report", self.scratch / "own.h5")
        self.fails(1, "weights.h5 holds weights alone and is no checkpoint", "report", self.scratch / "weights.h5")
        self.fails(1, "none.h5 cannot be read: No such file or directory", "report", "none.h5")
        self.fails(1, "/none is not a folder", "report", self.file, "--data", "none")
        self.fails(1, "cannot write none/page.html: there is no folder none", "report", self.file, "-o", "none/page.html")
        self.fails(2, "file is required", "report")
        self.assertEqual(self.passes("report", self.file), f"{self.file.parent}/report.html\n")
        self.assertTrue((self.file.parent / "report.html").exists())


if __name__ == "__main__":
    unittest.main()

"""tenon predict: digits of MNIST as the images that people have."""

import unittest

from support import Case, read_mnist, write_png


def rows_of(pixels):
    return [pixels[28 * y:28 * y + 28] for y in range(28)]


def enlarged(rows, factor):
    return [bytes(value for value in row for _ in range(factor)) for row in rows for _ in range(factor)]


def on_paper(rows, height, width, top, left):
    """Dark on a sheet that is not quite white, somewhere on it."""
    sheet = [bytearray([250]) * width for _ in range(height)]
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            sheet[top + y][left + x] = 250 - value * 220 // 255
    return sheet


class Predict(Case):
    TRAIN, TEST = 6000, 200
    DIGITS = 30

    def setUp(self):
        super().setUp()
        run = self.scratch / "run"
        if not run.exists():
            self.train("--epochs", "4", "--batch-size", "50", "--quiet", "--run", run)
        self.file = run / "step-00000480.h5"
        images, labels = read_mnist("t10k")
        self.digits = [rows_of(images[784 * i:784 * i + 784]) for i in range(self.DIGITS)]
        self.labels = list(labels[:self.DIGITS])

    def predict(self, pictures, *options):
        for i, rows in enumerate(pictures):
            write_png(self.folder / f"{i:02}.png", rows)
        paths = sorted(path.name for path in self.folder.glob("*.png"))
        result = self.json("predict", self.file, *paths, *options)
        self.assertEqual([prediction["image"] for prediction in result["predictions"]], paths)
        return result["predictions"]

    def right(self, predictions):
        return sum(prediction["class"] == label for prediction, label in zip(predictions, self.labels, strict=True))

    def test_images_of_mnist(self):
        predictions = self.predict(self.digits)
        self.assertGreaterEqual(self.right(predictions), self.DIGITS - 4)
        for prediction in predictions:
            probabilities = prediction["probabilities"]
            self.assertAlmostEqual(sum(probabilities), 1, places=5)
            self.assertEqual(probabilities[prediction["class"]], max(probabilities))
            self.assertEqual(prediction["probability"], max(probabilities))
            self.assertFalse(prediction["inverted"] or prediction["fitted"])

    def test_dark_on_white(self):
        want = self.predict(self.digits)
        got = self.predict([[bytes(255 - value for value in row) for row in rows] for rows in self.digits])
        for a, b in zip(want, got, strict=True):
            self.assertEqual((b["inverted"], b["fitted"]), (True, False))
            self.assertEqual(a["class"], b["class"])
            for p, q in zip(a["probabilities"], b["probabilities"], strict=True):
                self.assertAlmostEqual(p, q, places=4)

    def test_any_size_and_place(self):
        want = self.predict(self.digits)
        for factor, height, width, top, left in ((1, 40, 33, 12, 0), (7, 400, 310, 10, 100), (20, 700, 900, 100, 320)):
            got = self.predict([on_paper(enlarged(rows, factor), height, width, top, left) for rows in self.digits])
            self.assertTrue(all(p["inverted"] and p["fitted"] and (p["height"], p["width"]) == (height, width) for p in got))
            same = sum(a["class"] == b["class"] for a, b in zip(want, got, strict=True))
            # Of so small a training set, the model is unsure of some.
            self.assertGreaterEqual(same, self.DIGITS - 4, f"enlarged {factor} times")

    def test_invert_as_told(self):
        bright = self.predict(self.digits, "--invert", "always")
        self.assertTrue(all(prediction["inverted"] for prediction in bright))
        dark = [[bytes(255 - value for value in row) for row in rows] for rows in self.digits]
        as_is = self.predict(dark, "--invert", "never")
        self.assertFalse(any(prediction["inverted"] for prediction in as_is))
        self.assertLess(self.right(as_is), self.DIGITS // 2)
        self.fails(2, "--invert: sometimes not in {auto,always,never}", "predict", self.file, "00.png", "--invert", "sometimes")

    def test_text(self):
        write_png(self.folder / "a.png", self.digits[0])
        write_png(self.folder / "b.png", on_paper(enlarged(self.digits[0], 3), 100, 90, 5, 5))
        first, second = self.passes("predict", self.file, "a.png", "b.png").splitlines()
        self.assertRegex(first, r"^a\.png   7 +\d+\.\d\d %   \d +\d+\.\d\d %   \d +\d+\.\d\d %$")
        self.assertRegex(second, r"^b\.png   7 .* %   \(inverted: dark on bright made bright on dark; "
                                 r"fitted from 100x90 into 28x28\)$")

    def test_errors(self):
        write_png(self.folder / "grey.png", [bytes([127]) * 40 for _ in range(40)])
        (self.folder / "text.png").write_text("hello")
        write_png(self.folder / "good.png", self.digits[0])
        self.fails(1, "grey.png shows nothing: its brightness is 0.50 to 0.50, of 0 to 1", "predict", self.file, "good.png",
                   "grey.png")
        self.fails(1, "text.png", "predict", self.file, "text.png")
        self.fails(1, "none.png", "predict", self.file, "none.png")


if __name__ == "__main__":
    unittest.main()

"""tenon evaluate, inspect, and files that cannot be read."""

import subprocess
import unittest

from support import FILE_WRITER, MNIST, Case, damage, read_hdf5, read_mnist, write_subset


class Files(Case):
    TRAIN, TEST = 3000, 500

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.run_folder = cls.scratch / "run"
        subprocess.run([FILE_WRITER, cls.scratch], check=True)

    def setUp(self):
        super().setUp()
        if not self.run_folder.exists():
            self.last_line = self.train("--epochs", "2", "--batch-size", "50", "--quiet", "--run", self.run_folder)
            type(self).last_line = self.last_line
        self.file = self.run_folder / "step-00000120.h5"


class Evaluate(Files):
    def test_the_figures_are_those_of_the_confusion_matrix(self):
        result = self.json("evaluate", self.file)
        _, labels = read_mnist("t10k")
        labels = labels[:self.TEST]
        self.assertEqual((result["model"], result["data"], result["images"]), ("lenet5", str(self.data), self.TEST))
        matrix = result["confusion_matrix"]
        self.assertEqual([sum(row) for row in matrix], [labels.count(digit) for digit in range(10)])
        self.assertAlmostEqual(result["accuracy"], sum(matrix[i][i] for i in range(10)) / self.TEST)
        self.assertGreater(result["accuracy"], 0.7)
        self.assertEqual(self.last_line, f"test loss {result['loss']:.4f}, test accuracy {100 * result['accuracy']:.2f} %\n")
        for i, row in enumerate(result["classes"]):
            predicted = sum(matrix[j][i] for j in range(10))
            recall, precision = matrix[i][i] / labels.count(i), matrix[i][i] / predicted if predicted else 0
            self.assertEqual((row["class"], row["images"]), (i, labels.count(i)))
            self.assertAlmostEqual(row["precision"], precision)
            self.assertAlmostEqual(row["recall"], recall)
            self.assertAlmostEqual(row["f1"], 2 * matrix[i][i] / (predicted + labels.count(i)))

    def test_text(self):
        text = self.passes("evaluate", self.file)
        result = self.json("evaluate", self.file)
        three = result["classes"][3]
        self.assertIn(f"\n    3  {three['precision']:9.4f}  {three['recall']:6.4f}  {three['f1']:6.4f}  {three['images']:6}\n",
                      text)
        self.assertIn("\n    3" + "".join(f"  {count:5}" for count in result["confusion_matrix"][3]) + "\n", text)
        self.assertTrue(text.endswith("\n" + self.last_line), text)

    def test_other_data(self):
        self.assertEqual(self.json("evaluate", self.file, "--data", MNIST)["images"], 10000)
        self.fails(1, "/none is not a folder", "evaluate", self.file, "--data", "none")
        write_subset(self.folder / "empty", 0, 0)
        self.fails(1, f"the test set in {self.folder}/empty has no images", "evaluate", self.file, "--data", "empty")

    def test_the_model_of_a_file(self):
        weights = self.scratch / "weights.h5"
        result = self.json("evaluate", weights, "--model", "lenet5", "--data", self.data)
        self.assertLess(result["accuracy"], 0.4)  # untrained
        self.fails(1, "weights.h5 does not say which model it holds. Name it with --model, one of: lenet5, mlp",
                   "evaluate", weights)
        self.fails(1, "own.h5 does not say which model it holds", "evaluate", self.scratch / "own.h5")
        self.fails(1, "unknown.h5 holds the model vgg, which this version of tenon does not know",
                   "evaluate", self.scratch / "unknown.h5")
        self.fails(1, "other.h5 does not fit: ", "evaluate", self.scratch / "other.h5")
        self.fails(2, "--model: vgg not in {lenet5,mlp}", "evaluate", weights, "--model", "vgg")
        self.assertRegex(self.passes("summary", self.file), r"(?m)^total +LeNet5 +\[1, 10\] +44,426 ")

    def test_the_average_of_the_weights_is_what_counts(self):
        averaging = self.json("evaluate", self.scratch / "averaging.h5", "--data", self.data)
        average = self.json("evaluate", self.scratch / "average.h5", "--model", "lenet5", "--data", self.data)
        self.assertEqual(averaging["loss"], average["loss"])
        self.assertNotEqual(averaging["loss"], self.json("evaluate", self.scratch / "trained.h5", "--model", "lenet5",
                                                         "--data", self.data)["loss"])

    def test_a_picture_of_the_model(self):
        self.passes("summary", "lenet5", "--plot", self.folder / "lenet5.dot")
        self.assertIn("conv1", (self.folder / "lenet5.dot").read_text())
        self.fails(1, "lenet5.txt", "summary", "lenet5", "--plot", self.folder / "lenet5.txt")


class Inspect(Files):
    NAMES = {"float32": "f32", "float64": "f64", "int64": "i64", "bool": "boolean"}

    def test_tensors_are_those_that_h5py_finds(self):
        result = self.json("inspect", self.file)
        want = {name: (self.NAMES[dtype], shape) for name, (shape, dtype, _) in read_hdf5(self.file).items()}
        got = {tensor["name"]: (tensor["dtype"], tensor["shape"]) for tensor in result["tensors"]}
        self.assertEqual(want, got)
        self.assertEqual(got["model/conv2/weight"], ("f32", [16, 6, 5, 5]))

    def test_a_checkpoint(self):
        result = self.json("inspect", self.file)
        self.assertEqual((result["kind"], result["intact"], result["format_version"], result["epoch"], result["step"]),
                         ("checkpoint", True, 1, 2, 120))
        self.assertEqual(result["bytes"], self.file.stat().st_size)
        log = [line.split(",") for line in (self.run_folder / "log.csv").read_text().splitlines()]
        names = [name for name in log[0] if name != "step"]
        self.assertEqual(list(result["history"][1]), names)
        self.assertEqual([float(log[2][log[0].index(name)]) for name in names], list(result["history"][1].values()))

        text = self.passes("inspect", self.file)
        self.assertIn(": checkpoint, intact\nformat 1, written by Tenon ", text)
        self.assertIn("\nepoch 2, step 120\n", text)
        self.assertRegex(text, r"(?m)^  tenon\.model +lenet5$")
        self.assertRegex(text, r"(?m)^ +epoch +loss +accuracy +learning_rate +validation_loss +validation_accuracy$")
        self.assertRegex(text, r"(?m)^ +2 +0\.\d+ ")
        self.assertRegex(text, r"(?m)^  model/conv2/weight +f32 \[16, 6, 5, 5\]$")

    def test_files_of_a_program(self):
        own = self.json("inspect", self.scratch / "own.h5")
        self.assertEqual((own["metadata"], own["history"]), ({"note": "a run of my own", "rate": 0.5}, []))
        self.assertEqual(own["random"]["rng"]["key"], 3)
        self.assertRegex(self.passes("inspect", self.scratch / "own.h5"), r"(?m)^  note  a run of my own$")
        weights = self.json("inspect", self.scratch / "weights.h5")
        self.assertEqual((weights["kind"], len(weights["tensors"])), ("weights", 10))
        self.assertNotIn("epoch", weights)
        self.assertIn(": weights, intact\n", self.passes("inspect", self.scratch / "weights.h5"))

    def test_damaged_and_foreign_files(self):
        damaged = self.folder / "damaged.h5"
        damaged.write_bytes(self.file.read_bytes())
        damage(damaged)
        content = self.file.read_bytes()
        (self.folder / "cut.h5").write_bytes(content[:-1])
        (self.folder / "hdf5.h5").write_bytes(content[512:])
        (self.folder / "text.h5").write_text("hello")
        for name, reason in (("damaged.h5", "is damaged, or was changed by another program"),
                             ("cut.h5", f"is damaged: it has {len(content) - 1} bytes, expected {len(content)}"),
                             ("hdf5.h5", "is an HDF5 file that was not written by Tenon"),
                             ("text.h5", "is not an HDF5 file"),
                             ("none.h5", "cannot be read: No such file or directory"),
                             (".", "is a folder, not a file")):
            self.fails(1, f"{name} {reason}", "inspect", name)
            self.fails(1, f"{name} {reason}", "evaluate", name)
            done = self.tenon("inspect", name, "--json")
            self.assertEqual(done.returncode, 1)
            self.assertIn('"intact": false', done.stdout)
            self.assertIn(reason, done.stdout)


if __name__ == "__main__":
    unittest.main()

"""tenon train: output, the run's folder, errors."""

import csv
import json
import unittest

from support import MNIST, Case


class Output(Case):
    def test_text(self):
        text = self.train("--epochs", "2", "--threads", "1")
        machine, summary, rest = text.split("\n\n", 2)
        self.assertRegex(machine, r"^CPU .*\ninstruction set .*\nthreads +1\noneDNN .*$")
        self.assertIn("\nconv1  Conv2d ", summary)
        self.assertRegex(rest, r"^run runs/lenet5-1\nshards of 16 samples, since .*\n"
                               r"epoch 1/2  loss .*\nepoch 2/2  loss .*\n"
                               r"test loss \d\.\d{4}, test accuracy \d+\.\d\d %\n$")

    def test_quiet(self):
        self.assertRegex(self.train("--epochs", "1", "--quiet"), r"^test loss \d\.\d{4}, test accuracy \d+\.\d\d %\n$")

    def test_the_run(self):
        text = self.train("--epochs", "5", "--batch-size", "64", "--run", "all/mine")
        run = self.folder / "all" / "mine"
        self.assertEqual(sorted(path.name for path in run.iterdir()),
                         ["best.h5", "log.csv", "step-00000030.h5", "step-00000040.h5", "step-00000050.h5"])
        with open(run / "log.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([(row["epoch"], row["step"]) for row in rows], [(str(i), str(10 * i)) for i in range(1, 6)])
        last = rows[-1]
        self.assertTrue(text.endswith(f"test loss {float(last['validation_loss']):.4f}, "
                                      f"test accuracy {100 * float(last['validation_accuracy']):.2f} %\n"), text)
        best = min(rows, key=lambda row: float(row["validation_loss"]))
        self.assertEqual(self.json("inspect", run / "best.h5")["epoch"], int(best["epoch"]))

    def test_json(self):
        done = self.tenon("train", "lenet5", "--data", self.data, "--epochs", "2", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("\nepoch 2/2 ", done.stderr)
        begin, first, second, end = map(json.loads, done.stdout.splitlines())
        self.assertEqual(begin, {"event": "begin", "model": "lenet5", "run": "runs/lenet5-1", "resumed": None,
                                 "epoch": 0, "step": 0, "epochs": 2})
        with open(self.folder / "runs/lenet5-1/log.csv", newline="") as file:
            for event, row in zip((first, second), csv.DictReader(file), strict=True):
                self.assertEqual(event.pop("event"), "epoch")
                self.assertEqual(event, {name: float(value) for name, value in row.items()})
        self.assertEqual(end, {"event": "end", "run": "runs/lenet5-1", "epoch": 2, "step": 10,
                               "test_loss": second["validation_loss"], "test_accuracy": second["validation_accuracy"]})

    def test_options_reach_the_run(self):
        self.train("--epochs", "1", "--optimizer", "sgd", "--schedule", "constant", "--learning-rate", "0.05",
                   "--batch-size", "100", "--seed", "7", "--threads", "1", "--run", "x")
        found = self.json("inspect", "x/best.h5")
        metadata = found["metadata"]
        for name, value in {"tenon.model": "lenet5", "tenon.data": str(self.data), "tenon.optimizer": "sgd",
                            "tenon.schedule": "constant", "tenon.learning_rate": 0.05, "tenon.seed": 7,
                            "trainer.epochs": 1, "trainer.loader.batch_size": 100, "trainer.loader.seed": 7,
                            "trainer.optimizer": "SGD", "machine.threads": "1"}.items():
            self.assertEqual(metadata[name], value, name)
        self.assertIn("machine.cpu", metadata)
        self.assertEqual(found["history"][0]["learning_rate"], 0.05)
        slots = {tensor["name"].split("/")[-1] for tensor in found["tensors"]
                 if tensor["name"].startswith("optimizer/slots/")}
        self.assertEqual(slots, {"momentum", "updates"})

    def test_cosine_falls_to_nothing(self):
        self.train("--epochs", "3", "--run", "x")
        with open(self.folder / "x/log.csv", newline="") as file:
            rates = [float(row["learning_rate"]) for row in csv.DictReader(file)]
        self.assertGreater(rates[0], rates[1])
        self.assertLess(rates[2], 2e-3 * 0.02)  # (1 + cos(pi 14 / 15)) / 2 = 0.011

    def test_seeds_decide_and_threads_do_not(self):
        for run, seed, threads in (("a", 1, 1), ("b", 1, 2), ("c", 2, 1)):
            self.train("--epochs", "1", "--run", run, "--seed", seed, "--threads", threads)
        self.assert_same_run("a", "b")
        self.assertNotEqual((self.folder / "a/log.csv").read_text(), (self.folder / "c/log.csv").read_text())

    def test_no_epochs(self):
        self.assertRegex(self.train("--epochs", "0", "--quiet"), r"^test loss 2\.\d+, test accuracy ")

    def test_another_model(self):
        text = self.passes("train", "mlp", "--data", self.data, "--epochs", "1")
        self.assertIn("\nrun runs/mlp-1\n", text)


class Runs(Case):
    def test_the_first_free_folder(self):
        for name in ("lenet5-1", "lenet5-3", "mlp-2"):
            (self.folder / "runs" / name).mkdir(parents=True)
        for name in ("lenet5-2", "lenet5-4"):
            self.train("--epochs", "1", "--quiet")
            self.assertTrue((self.folder / "runs" / name / "best.h5").exists())
        self.assertEqual(len(list((self.folder / "runs").iterdir())), 5)
        self.assertEqual(list((self.folder / "runs/lenet5-1").iterdir()), [])

    def test_a_run_is_not_mixed_with_another(self):
        self.train("--epochs", "1", "--quiet", "--run", "x")
        before = {path.name: path.read_bytes() for path in (self.folder / "x").iterdir()}
        self.fails(1, "--run: the folder x is not empty. Go on with the run it holds with --resume, or name another",
                   "train", "lenet5", "--data", self.data, "--run", "x")
        self.assertEqual(before, {path.name: path.read_bytes() for path in (self.folder / "x").iterdir()})

    def test_folders_that_cannot_be_made(self):
        (self.folder / "runs").write_text("a file")
        self.fails(1, "cannot make the folder runs: ", "train", "lenet5", "--data", self.data)
        self.fails(1, "cannot make the folder runs/x: Not a directory",
                   "train", "lenet5", "--data", self.data, "--run", "runs/x")

    def test_data_that_is_not_there(self):
        self.fails(1, f"{self.folder}/none is not a folder", "train", "lenet5", "--data", "none")
        (self.folder / "empty").mkdir()
        self.fails(1, "has neither train-images-idx3-ubyte nor", "train", "lenet5", "--data", "empty")
        self.assertFalse((self.folder / "runs").exists())

    def test_gzip_data(self):
        self.assertEqual(self.json("evaluate", self.trained(), "--data", MNIST)["images"], 10000)

    def trained(self):
        self.train("--epochs", "1", "--quiet", "--run", "x")
        return "x/best.h5"

    def test_a_loss_that_is_not_finite(self):
        done = self.tenon("train", "lenet5", "--data", self.data, "--optimizer", "sgd", "--learning-rate", "1e38")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"(?m)^tenon: training stopped in epoch 1 of 10: the (loss is|gradient of \S+ is not) ")
        self.assertNotIn("test loss", done.stdout)


if __name__ == "__main__":
    unittest.main()

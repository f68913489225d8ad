"""tenon train --resume: what it goes on with, and what it refuses."""

import os
import shutil
import signal
import subprocess
import unittest

from support import FILE_WRITER, MNIST, PROGRAM, Case, damage


class GoOn(Case):
    def test_a_resumed_run_is_the_straight_one(self):
        options = ["--optimizer", "adamw", "--schedule", "constant", "--batch-size", "64", "--learning-rate", "0.01",
                   "--seed", "5", "--quiet"]
        straight = self.train("--epochs", "3", *options, "--threads", "1", "--run", "straight")
        self.train("--epochs", "1", *options, "--threads", "2", "--run", "resumed")
        # All else comes from the run.
        resumed = self.passes("train", "lenet5", "--resume", "--run", "resumed", "--epochs", "3", "--quiet")
        self.assertEqual(straight, resumed)
        self.assert_same_run("straight", "resumed")

    def test_the_newest_run(self):
        for run in (1, 2):
            self.train("--epochs", "1", "--quiet")
        newest = self.folder / "runs/lenet5-1/step-00000005.h5"
        os.utime(newest, ns=(newest.stat().st_atime_ns, newest.stat().st_mtime_ns + 10**12))
        (self.folder / "runs/lenet5-3").mkdir()  # never got to a checkpoint
        text = self.passes("train", "lenet5", "--resume", "--epochs", "2")
        self.assertIn("\nrun runs/lenet5-1\nresumed runs/lenet5-1/step-00000005.h5 after epoch 1\n", text)
        self.assertIn("\nthe learning rate now falls to 0 over 2 epochs, not 1\n", text)
        self.assertNotIn("epoch 1/2", text)
        self.assertIn("\nepoch 2/2 ", text)

    def test_a_finished_run(self):
        want = self.train("--epochs", "2", "--quiet")
        got = self.passes("train", "lenet5", "--resume", "auto")
        self.assertIn("after epoch 2\nit has all of its 2 epochs: --epochs gives it more\n", got)
        self.assertEqual(got.splitlines()[-1] + "\n", want)

    def test_a_file(self):
        self.train("--epochs", "3", "--quiet", "--run", "x")
        text = self.passes("train", "lenet5", "--resume", "x/step-00000005.h5")
        self.assertIn("\nrun x\nresumed x/step-00000005.h5 after epoch 1\nepoch 2/3 ", text)
        self.train("--epochs", "3", "--quiet", "--run", "straight")
        self.assert_same_run("straight", "x")

    def test_a_run_that_has_not_begun(self):
        text = self.train("--resume", "--run", "new/x", "--epochs", "1")
        self.assertIn("\nrun new/x\nit holds no checkpoint yet, so it begins\n", text)
        self.assertTrue((self.folder / "new/x/best.h5").exists())

    def test_data_that_moved(self):
        shutil.copytree(self.data, self.folder / "before")
        self.passes("train", "lenet5", "--data", "before", "--epochs", "1", "--quiet")
        (self.folder / "before").rename(self.folder / "after")
        self.fails(1, f"{self.folder}/before is not a folder", "train", "lenet5", "--resume", "--epochs", "2")
        self.passes("train", "lenet5", "--resume", "--epochs", "2", "--data", "after")


class Damaged(Case):
    def test_an_older_checkpoint_is_taken(self):
        self.train("--epochs", "3", "--quiet", "--run", "straight")
        shutil.copytree(self.folder / "straight", self.folder / "x")
        damage(self.folder / "x/step-00000015.h5")
        (self.folder / "x/step-00000020.h5").write_bytes(b"")
        done = self.tenon("train", "lenet5", "--resume", "--run", "x", "--quiet")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"^skipped\n  .*x/step-00000020\.h5 is not an HDF5 file: it is empty\.\n"
                                      r"  .*x/step-00000015\.h5 is damaged, or was changed by another program: .*\n$")
        self.assert_same_run("straight", "x")

    def test_none_is_intact(self):
        self.train("--epochs", "2", "--quiet", "--run", "x")
        for path in (self.folder / "x").glob("step-*.h5"):
            damage(path)
        self.fails(1, "none of the checkpoints in x can be used\n  load_checkpoint: x/step-00000010.h5 is damaged",
                   "train", "lenet5", "--resume", "--run", "x")

    def test_a_file_that_is_named(self):
        self.train("--epochs", "1", "--quiet", "--run", "x")
        damage(self.folder / "x/best.h5")
        self.fails(1, "x/best.h5 is damaged", "train", "lenet5", "--resume", "x/best.h5")


class Refused(Case):
    def test_options_that_contradict(self):
        self.train("--epochs", "1", "--quiet", "--run", "x")
        self.fails(1, "x/step-00000005.h5 is of a run with other options\n"
                      "  --batch-size was 128 and is 64 now\n"
                      "  --learning-rate was 0.002 and is 0.1 now\n"
                      "  --schedule was cosine and is constant now\n"
                      "  --optimizer was adam and is adamw now\n"
                      "  --seed was 1 and is 2 now\n"
                      "  Leave them out to go on with it, or begin another run without --resume\n",
                   "train", "lenet5", "--resume", "--run", "x", "--batch-size", "64", "--learning-rate", "0.1",
                   "--schedule", "constant", "--optimizer", "adamw", "--seed", "2")
        # Those that are the same do not.
        self.passes("train", "lenet5", "--resume", "--run", "x", "--batch-size", "128", "--optimizer", "adam")

    def test_another_dataset(self):
        self.passes("train", "lenet5", "--data", self.data, "--epochs", "1", "--quiet", "--run", "x")
        done = self.tenon("train", "lenet5", "--resume", "--run", "x", "--epochs", "2", "--data", MNIST, "--quiet")
        self.assertEqual(done.returncode, 1)
        self.assertIn("dataset.size() was 640 and is 60000 now", done.stderr)

    def test_another_model(self):
        self.train("--epochs", "1", "--quiet", "--run", "x")
        self.fails(1, "x/step-00000005.h5 is of a run of lenet5, not of mlp", "train", "mlp", "--resume", "--run", "x")

    def test_a_file_of_somebody_else(self):
        subprocess.run([FILE_WRITER, self.folder], check=True)
        self.fails(1, "own.h5 was not saved by tenon train: it lacks the metadata tenon.model",
                   "train", "lenet5", "--resume", "own.h5")
        self.fails(1, "weights.h5 holds weights alone and is no checkpoint", "train", "lenet5", "--resume", "weights.h5")
        self.fails(1, "none.h5 cannot be read: No such file or directory", "train", "lenet5", "--resume", "none.h5")

    def test_no_run(self):
        self.fails(1, f"--resume: there is no run of lenet5 in {self.folder}/runs. Name its folder with --run",
                   "train", "lenet5", "--resume")

    def test_a_file_and_a_folder(self):
        self.train("--epochs", "1", "--quiet", "--run", "x")
        self.fails(2, "--resume: FILE goes on in its own folder: leave out --run, or copy the folder",
                   "train", "lenet5", "--resume", "x/best.h5", "--run", "y")

    def test_two_processes_in_one_run(self):
        first = subprocess.Popen([PROGRAM, "train", "lenet5", "--data", MNIST, "--run", "x", "--json"], cwd=self.folder,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            self.assertIn('"begin"', first.stdout.readline())
            self.fails(1, "another process trains in x", "train", "lenet5", "--data", self.data, "--resume", "--run", "x")
        finally:
            first.send_signal(signal.SIGKILL)
            first.communicate()


if __name__ == "__main__":
    unittest.main()

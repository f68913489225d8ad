"""The program itself: version, help, wrong usage, summary."""

import shutil
import subprocess
import unittest

from support import FILE_WRITER, PROGRAM, Case


class Program(Case):
    def test_version(self):
        self.assertRegex(self.passes("--version"), r"^tenon \d+\.\d+\.\d+\n$")

    def test_help_has_examples(self):
        self.assertIn("tenon predict runs/lenet5-1/best.h5 digit.png", self.passes("--help"))
        for command, example in (("train", "tenon train lenet5 --resume "), ("evaluate", "tenon evaluate "),
                                 ("predict", "tenon predict "), ("summary", "tenon summary lenet5"),
                                 ("inspect", "tenon inspect "), ("report", "tenon report ")):
            text = self.passes(command, "--help")
            self.assertIn("examples:\n", text)
            self.assertIn(example, text)

    def test_wrong_usage(self):
        self.fails(2, "A subcommand is required")
        self.fails(2, "lenet6 not in {lenet5,mlp}", "train", "lenet6")
        self.fails(2, "model is required", "train")
        self.fails(2, "--epochs: Value -1 not in range", "train", "lenet5", "--epochs", "-1")
        self.fails(2, "--batch-size: Value 0 not in range", "train", "lenet5", "--batch-size", "0")
        self.fails(2, "--optimizer: lion not in {sgd,adam,adamw}", "train", "lenet5", "--optimizer", "lion")
        self.fails(2, "--bogus", "train", "lenet5", "--bogus")
        self.fails(2, "images is required", "predict", "x.h5")
        self.fails(2, "file is required", "inspect")

    def test_summary_of_a_model(self):
        text = self.passes("summary", "lenet5")
        self.assertRegex(text, r"^lenet5 \(LeCun.* 1998\)\n")
        self.assertRegex(text, r"(?m)^total +LeNet5 +\[1, 10\] +44,426 +281,640$")
        # 784 512 + 512 + 512 512 + 512 + 512 10 + 10
        self.assertRegex(self.passes("summary", "mlp"), r"(?m)^total +Mlp +\[1, 10\] +669,706 ")
        self.fails(1, "lenet6 cannot be read: No such file or directory", "summary", "lenet6")

    def test_output_that_cannot_be_written(self):
        subprocess.run([FILE_WRITER, self.folder], check=True)
        for command, text in (("summary lenet5 > /dev/full", "tenon: standard output cannot be written to\n"),
                              ("inspect own.h5 --json > /dev/full", "tenon: standard output cannot be written to\n"),
                              ("inspect own.h5 --json >&-", "--json: standard output and standard error must be open")):
            done = subprocess.run(f"'{PROGRAM}' {command}", shell=True, cwd=self.folder, capture_output=True, text=True,
                                  check=False)
            self.assertEqual(done.returncode, 1, command)
            self.assertIn(text, done.stderr)

    def test_an_installed_program_needs_data(self):
        copy = self.folder / "bin" / "tenon"
        copy.parent.mkdir()
        shutil.copy(PROGRAM, copy)
        self.fails(2, "--data: is required: name the folder of the four IDX files", "train", "lenet5", program=str(copy))
        self.assertFalse((self.folder / "runs").exists())


if __name__ == "__main__":
    unittest.main()

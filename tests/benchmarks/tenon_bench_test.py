"""The command line of tenon-bench: output, errors, exit status.

usage: tenon_bench_test.py PROGRAM
"""

import json
import subprocess
import sys
import unittest

PROGRAM = sys.argv.pop() if len(sys.argv) > 1 else ""
QUICK = ["--batch", "2", "--size", "8", "--threads", "1", "--seconds", "0"]
CONV = ["conv2d", "--in-channels", "4", "--out-channels", "6", *QUICK]
POOL = ["pool2d", "--channels", "4", *QUICK]


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)


class Output(unittest.TestCase):
    def json(self, *arguments):
        done = run(*arguments, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_every_layout_and_direction_of_a_convolution(self):
        result = self.json(*CONV)
        self.assertEqual([(m["layout"], m["direction"]) for m in result["measurements"]],
                         [(layout, direction) for layout in ("rows", "channels-last", "batch-inner")
                          for direction in ("forward", "backward-data", "backward-weights")])
        for m in result["measurements"]:
            self.assertGreater(m["seconds"], 0)
            flop = 2 * 2 * 6 * 6 * 6 * 4 * 3 * 3
            self.assertAlmostEqual(m["GFLOP/s"] * m["seconds"] * 1e9, flop, delta=1)
            self.assertAlmostEqual(m["share_of_peak"], m["GFLOP/s"] / result["peak GFLOP/s"])
        kernels = {m["direction"]: m["kernels"] for m in result["measurements"]}
        self.assertRegex(kernels["forward"], r"\bconv2d: (simd|onednn|reference)")
        self.assertRegex(kernels["backward-data"], r"\bconv2d_input_gradient: (simd|onednn|reference)")
        self.assertRegex(kernels["backward-weights"], r"\bconv2d_weight_gradient: (simd|onednn|reference)")
        self.assertNotIn("conv2d: ", kernels["backward-data"])

    def test_options_of_a_convolution_reach_it(self):
        result = self.json(*CONV, "--kernel", "3x5", "--stride", "2x1", "--padding", "1x2", "--dilation", "1x2",
                           "--groups", "2", "--layout", "batch-inner", "--direction", "forward")
        self.assertEqual(result["shapes"], {"x": [2, 4, 8, 8], "y": [2, 6, 4, 4], "kernel": [3, 5], "stride": [2, 1],
                                            "padding": [1, 2], "dilation": [1, 2], "groups": 2})
        (m,) = result["measurements"]
        self.assertAlmostEqual(m["GFLOP/s"] * m["seconds"] * 1e9, 2 * 2 * 6 * 4 * 4 * 2 * 3 * 5, delta=1)

    def test_padding_same(self):
        self.assertEqual(self.json(*CONV, "--padding", "same", "--direction", "forward")["shapes"]["y"], [2, 6, 8, 8])

    def test_pooling(self):
        for kind, operation in (("average", "avg_pool2d"), ("maximum", "max_pool2d")):
            result = self.json(*POOL, "--kind", kind, "--kernel", "3", "--stride", "2", "--padding", "1")
            self.assertEqual(result["operation"], operation)
            self.assertEqual(len(result["measurements"]), 6)
            for m in result["measurements"]:
                self.assertIn(operation, m["kernels"])
                self.assertAlmostEqual(m["GB/s"] * m["seconds"] * 1e9, 4 * 2 * 4 * (8 * 8 + 4 * 4), delta=1)

    def test_table(self):
        done = run(*CONV, "--layout", "rows")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"(?m)^conv2d  x \[2,4,8,8\]  y \[2,6,6,6\]")
        self.assertRegex(done.stdout, r"measured with 1 thread; peak [\d.]+ GFLOP/s")
        self.assertRegex(done.stdout, r"(?m)^rows +backward-weights +[\d.]+ (us|ms) +[\d.]+ +\d+ %  .*gradient: ")

    def test_help_has_examples(self):
        for arguments in (["--help"], ["conv2d", "--help"], ["pool2d", "--help"]):
            done = run(*arguments)
            self.assertEqual(done.returncode, 0)
            self.assertIn("tenon-bench pool2d --kind maximum", done.stdout)


class Errors(unittest.TestCase):
    def fails(self, status, text, *arguments):
        done = run(*arguments)
        self.assertEqual((done.returncode, done.stdout), (status, ""))
        self.assertRegex(done.stderr, text)

    def test_wrong_commands(self):
        self.fails(2, "subcommand", *[])
        self.fails(2, "--kernel: takes a number from 1 on", *CONV, "--kernel", "0")
        self.fails(2, "3x5", *CONV, "--stride", "3x")
        self.fails(2, "--padding", *CONV, "--padding", "-1")
        self.fails(2, "--layout", *CONV, "--layout", "nchw")
        self.fails(2, "--direction", *POOL, "--direction", "backward-data")
        self.fails(2, "--batch", *CONV, "--batch", "many")
        self.fails(2, "--threads", *CONV, "--threads", "0")

    def test_shapes_that_do_not_fit(self):
        self.fails(1, "tenon-bench: conv2d: the kernel covers 9 but the padded height", *CONV, "--kernel", "9")
        self.fails(1, "3 groups", *CONV, "--groups", "3")
        self.fails(1, "padding", *POOL, "--padding", "2")
        self.fails(1, r"need about [\d.]+ GB", "conv2d", "--batch", "1000000", "--size", "1000000")


if __name__ == "__main__":
    unittest.main()

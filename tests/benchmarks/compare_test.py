"""benchmarks/compare with small programs in the place of Tenon's, and saved measurements."""

import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from unittest import mock

COMPARE = pathlib.Path(__file__).resolve().parents[2] / "benchmarks" / "compare"

# Prints what Google Benchmark would; each call is a little slower than the one before.
FAKE = """\
    #!{python}
    import json, pathlib, sys
    log = pathlib.Path(__file__).with_suffix(".log")
    calls = len(log.read_text().splitlines()) if log.exists() else 0
    log.open("a").write(" ".join(sys.argv[1:]) + "\\n")
    threads = next(a.split("=")[1] for a in sys.argv if a.startswith("--threads="))
    variant = "whole" if any("whole" in a for a in sys.argv) else "shards_of_16"
    print(json.dumps({{
        "context": {{"machine": "CPU              Made Up 9\\ninstruction set  SSE4\\nthreads          2\\n"}},
        "benchmarks": [{{"name": f"lenet5/{{variant}}/batch:128/threads:{{threads}}/iterations:468/real_time",
                        "real_time": 2.0 + calls, "time_unit": "ms", "peak_resident_MB": 70.0}}]}}))
"""


def measured(contestant, name, threads, *microseconds):
    return [{"round": number, "contestant": contestant, "name": name, "threads": threads, "microseconds": value}
            for number, value in enumerate(microseconds)]


class Compare(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def compare(self, *arguments):
        return subprocess.run([sys.executable, COMPARE, *map(str, arguments)], capture_output=True, text=True,
                              check=False, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})

    def show(self, rows, *arguments):
        path = self.folder / "in.json"
        path.write_text(json.dumps({"about": {"CPU": "Made Up 9"}, "measurements": rows}))
        done = self.compare("--from", path, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def program(self, name, text):
        path = self.folder / name
        path.write_text(textwrap.dedent(text).format(python=sys.executable))
        path.chmod(0o755)
        return path

    def test_ratios_are_medians_of_rounds_of_a_pair(self):
        out = self.show(measured("Tenon", "lenet5/whole/batch:128", 2, 1000, 2000, 9000)
                        + measured("PyTorch", "lenet5/batch:128", 2, 4000, 6000, 18000))
        # 4, 3 and 2 in the rounds; the ratio of the medians would be 3 too, so the spread tells them apart.
        self.assertIn("| LeNet-5 training step, batch 128, whole batch | 2 | 2.00 ms | 6.00 ms | 3.00 x | 2.00 to 4.00 |",
                      out)

    def test_the_fastest_layout_of_each_side_counts(self):
        name = "conv2d/64x3x8_4_k3_s2_p1_g1"
        out = self.show(measured("Tenon", f"{name}/rows/forward_backward", 1, 90.0)
                        + measured("Tenon", f"{name}/batch-inner/forward_backward", 1, 10.0)
                        + measured("PyTorch", f"{name}/rows/forward_backward", 1, 25.0)
                        + measured("PyTorch", f"{name}/channels-last/forward_backward", 1, 30.0))
        self.assertIn("| conv2d 64x3x8x8 to 4, 3x3, stride 2, padding 1 |  |  |  | 10.0 µs | 25.0 µs | 2.50 x "
                      "| batch-inner / rows |", out)
        self.assertIn("geometric mean 2.50 x", out)

    def test_scaling_and_batch_sizes(self):
        out = self.show(measured("Tenon", "lenet5/shards_of_16/batch:128", 1, 1280)
                        + measured("Tenon", "lenet5/shards_of_16/batch:128", 2, 800)
                        + measured("Tenon", "lenet5_batch_sizes/shards_of_16/batch:256", 1, 5120)
                        + measured("Tenon", "lenet5_batch_sizes/shards_of_16/batch:128", 1, 1280))
        self.assertIn("| Tenon shards of 16 | 1 to 2 | 1.60 x |", out)
        self.assertIn("| 128 | 10.0 µs | 1.00 |\n| 256 | 20.0 µs | 2.00 |", out)

    def test_a_page_is_updated_between_its_marks(self):
        rows = measured("Tenon", "mlp/whole/batch:128", 1, 1000) + measured("PyTorch", "mlp/batch:128", 1, 2000)
        page = self.folder / "page.md"
        begin, end = "<!-- benchmarks/compare: begin -->", "<!-- benchmarks/compare: end -->"
        page.write_text(f"# Title\n{begin}\nold\n{end}\nlast\n")
        for _ in range(2):
            out = self.show(rows, "--update", page)
            self.assertEqual(page.read_text(), f"# Title\n{begin}\n{out.rstrip()}\n{end}\nlast\n")
        page.write_text("# Title\n")
        done = self.compare("--from", self.folder / "in.json", "--update", page)
        self.assertEqual((done.returncode, page.read_text()), (1, "# Title\n"))
        self.assertIn("has no lines", done.stderr)

    def test_a_disturbed_run_is_repeated(self):
        sys.path.insert(0, str(COMPARE.parent))
        sys.dont_write_bytecode = True
        from comparison import quiet
        shares = iter([("first", 0.9), ("second", 0.5), ("third", 0.05), ("fourth", 0.0)])
        with mock.patch.object(quiet, "watched", lambda run: next(shares)), contextlib.redirect_stderr(io.StringIO()):
            self.assertEqual(quiet.quietest(None, 2), ("second", 0.5))
            self.assertEqual(quiet.quietest(None, 2), ("third", 0.05))
        # A child that nobody has waited for yet counts as another program.
        child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            _, others = quiet.watched(lambda: time.sleep(1))
        finally:
            child.kill()
            child.wait()
        self.assertGreater(others, 0.1)

    def test_programs_run_in_rounds(self):
        program = self.program("model_lenet5", FAKE)
        prototype = self.program("other", "#!{python}\nprint('9.0 ms/step then 1.5 ms/step')\n")
        out = self.folder / "out.json"
        done = self.compare("--programs", self.folder, "--without-torch", "--only", "lenet5", "--rounds", 2,
                            "--threads", "1", "--prototype", f"other={prototype} {{threads}}", "--json", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("CPU Made Up 9, instruction set SSE4; medians of 2 interleaved rounds", done.stdout)
        self.assertIn("| model | threads | Tenon | other |", done.stdout)
        # In shards 2 and 4 ms (calls 0 and 2), whole 3 and 5 ms.
        self.assertIn("shards of 16 | 1 | 3.00 ms | 1.50 ms | 0.56 x | 0.38 to 0.75 |", done.stdout)
        self.assertIn("| Tenon whole batch | 1 | 70 MB |", done.stdout)
        order = [row["contestant"] for row in json.loads(out.read_text())["measurements"]]
        self.assertEqual(order, ["Tenon", "other", "Tenon", "other", "other", "Tenon", "other", "Tenon"])
        self.assertIn("--threads=1", program.with_suffix(".log").read_text())

    def test_problems_are_told(self):
        def problem(text, *arguments):
            done = self.compare(*arguments)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(text, done.stderr)
            self.assertNotIn("Traceback", done.stderr)

        problem("cmake --preset release", "--programs", self.folder, "--without-torch")
        self.program("model_lenet5", FAKE)
        problem("pip install torch", "--programs", self.folder, "--only", "lenet5", "--torch", "false")
        problem("printed no line", "--programs", self.folder, "--without-torch", "--only", "lenet5", "--prototype",
                "silent=true")
        problem("ended with 1", "--programs", self.folder, "--without-torch", "--only", "lenet5", "--prototype",
                "broken=false")
        problem("NAME=COMMAND", "--prototype", "x")
        problem("no file of --json", "--from", self.folder / "none.json")


if __name__ == "__main__":
    unittest.main()

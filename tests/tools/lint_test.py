"""Each rule of tools/lint must fire on a small tree that breaks it, and be silent on one that does not."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

LINT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "lint"

HEADER = "#pragma once\n"
GOOD = {
    "framework/tenon/tenon.h": HEADER + '#include <vector>\n#include "tenon/core/tensor.h"\n#include "tenon/nn/linear.h"\n',
    "framework/tenon/core/tensor.h": HEADER + "#include <cstdint>\n",
    "framework/tenon/core/tensor_internal.h": HEADER + "#include <atomic>\n#define SHORT 1\n",
    "framework/tenon/core/tensor.cpp": '#include "tenon/core/tensor_internal.h"\n#include <fmt/format.h>\n#include <algorithm>\n',
    "framework/tenon/core/parallel.cpp": "#include <tbb/task_arena.h>\n",
    "framework/tenon/core/random.cpp": "#include <Random123/philox.h>\n",
    "framework/tenon/core/print.h": HEADER + "#include <ostream>\n",
    "framework/tenon/kernels/simd/add.cpp": "#define HWY_TARGET_INCLUDE 1\n#include <hwy/highway.h>\n",
    "framework/tenon/kernels/simd/add-inl.h": "#include <hwy/highway.h>\n",
    "framework/tenon/kernels/onednn/plan.h": HEADER + "#include <oneapi/dnnl/dnnl.h>\n",
    "framework/tenon/nn/linear.h": HEADER + '#include "tenon/core/tensor.h"\n#include "tenon/ops/linear.h"\n',
    "framework/tenon/ops/linear.h": HEADER,
    "framework/tenon/io/hdf5.cpp": '#include <hdf5.h>\n#include <xxhash.h>\n#include "tenon/nn/linear.h"\n',
    "framework/tenon/data/gzip.cpp": "#include <zlib.h>\n",
    "framework/tenon/data/images.cpp": "#include <jpeglib.h>\n#include <png.h>\n",
    "models/lenet5.h": HEADER + "#include <tenon/tenon.h>\n",
    "examples/01_tensors.cpp": "#include <fmt/format.h>\n#include <models/lenet5.h>\n",
    "tools/tenon/train.cpp": '#include <CLI/CLI.hpp>\n#include <fmt/format.h>\n#include <models/lenet5.h>\n'
                             '#include <nlohmann/json.hpp>\n#include "tools/tenon/commands.h"\n',
    "tests/core/tensor_test.cpp": '#include <dnnl.h>\n#include "support/close.h"\nconst char* path = "/tmp/x";\n',
    "docs/design.md": "A path like ../home/x or $scratch/tmp is not a machine's.\n",
}

# Rule, file, its text, part of the message.
BAD = [
    ("upward include", "framework/tenon/core/bad.cpp", '#include "tenon/ops/linear.h"\n', "bad.cpp:1: core must not include"),
    ("sideways against the order", "framework/tenon/optim/bad.cpp", '#include "tenon/io/x.h"\n', "optim must not include"),
    ("the umbrella from below", "framework/tenon/train/bad.cpp", "#include <tenon/tenon.h>\n", "train must not include"),
    ("a model from the framework", "framework/tenon/train/bad.cpp", "#include <models/lenet5.h>\n", "train must not include"),
    ("the program from a model", "models/bad.cpp", '#include "tools/tenon/commands.h"\n', "models must not include"),
    ("no layer", "framework/tenon/core/bad.cpp", '#include "tenon/misc/x.h"\n', "lies in no layer"),
    ("relative include", "framework/tenon/core/bad.cpp", '#include "tensor.h"\n', "included from the root"),
    ("dnnl elsewhere", "framework/tenon/ops/bad.cpp", "#include <oneapi/dnnl/dnnl.hpp>\n", "is only for framework/tenon/kernels/onednn/"),
    ("dnnl elsewhere, short", "framework/tenon/ops/bad.cpp", "#include <dnnl.h>\n", "is only for framework/tenon/kernels/onednn/"),
    ("tbb elsewhere", "framework/tenon/ops/bad.cpp", "#include <tbb/parallel_for.h>\n", "is only for framework/tenon/core/"),
    ("tbb elsewhere, long", "framework/tenon/ops/bad.cpp", "#include <oneapi/tbb.h>\n", "is only for framework/tenon/core/"),
    ("hwy elsewhere", "framework/tenon/ops/bad.cpp", "#include <hwy/highway.h>\n", "is only for framework/tenon/kernels/simd/, benchmarks/"),
    ("hdf5 elsewhere", "framework/tenon/nn/bad.cpp", "#include <hdf5.h>\n", "is only for framework/tenon/io/"),
    ("xxhash elsewhere", "framework/tenon/nn/bad.cpp", "#include <xxhash.h>\n", "is only for framework/tenon/io/"),
    ("zlib elsewhere", "framework/tenon/io/bad.cpp", "#include <zlib.h>\n", "is only for framework/tenon/data/"),
    ("png elsewhere", "framework/tenon/io/bad.cpp", "#include <png.h>\n", "is only for framework/tenon/data/"),
    ("jpeg elsewhere", "framework/tenon/io/bad.cpp", "#include <jpeglib.h>\n", "is only for framework/tenon/data/"),
    ("png in a public header", "framework/tenon/data/bad.h", HEADER + "#include <png.h>\n", "a public header must not include <png.h>"),
    ("Random123 elsewhere", "framework/tenon/nn/bad.cpp", "#include <Random123/philox.h>\n", "is only for framework/tenon/core/"),
    ("CLI11 elsewhere", "framework/tenon/train/bad.cpp", "#include <CLI/CLI.hpp>\n", "is only for tools/tenon/, benchmarks/"),
    ("CLI11 in an example", "examples/02_bad.cpp", "#include <CLI/CLI.hpp>\n", "is only for tools/tenon/, benchmarks/"),
    ("json elsewhere", "framework/tenon/nn/bad.cpp", "#include <nlohmann/json.hpp>\n", "is only for framework/tenon/io/"),
    ("json in an example", "examples/02_bad.cpp", "#include <nlohmann/json.hpp>\n", "is only for framework/tenon/io/"),
    ("fmt elsewhere", "tools/other/bad.cpp", "#include <fmt/format.h>\n", "is only for framework/tenon/, models/"),
    ("a dependency in a public header", "framework/tenon/core/bad.h", HEADER + "#include <tbb/info.h>\n", "a public header must not include <tbb/info.h>"),
    ("a dependency in a model's header", "models/bad.h", HEADER + "#include <fmt/format.h>\n", "a public header must not include <fmt/format.h>"),
    ("fmt in an internal header", "framework/tenon/core/bad_internal.h", HEADER + "#include <fmt/format.h>\n", "belongs into .cpp files"),
    ("an internal header in a public one", "framework/tenon/core/bad.h", HEADER + '#include "tenon/core/tensor_internal.h"\n', "must not include the internal"),
    ("a kernel's header in a public one", "framework/tenon/ops/bad.h", HEADER + '#include "tenon/kernels/onednn/plan.h"\n', "must not include the internal"),
    ("a slow header under tenon.h", "framework/tenon/core/tensor.h", HEADER + "#include <functional>\n", "tensor.h:2: <functional> is slow"),
    ("a slow header further below", "framework/tenon/ops/linear.h", HEADER + "#include <mutex>\n", "linear.h:2: <mutex> is slow"),
    ("a macro", "framework/tenon/core/bad.h", HEADER + "#define SQUARE(x) ((x) * (x))\n", "bad.h:2: a public header must not define"),
    ("no pragma once", "framework/tenon/core/bad_internal.h", "int x();\n", "needs #pragma once"),
    ("a long file", "framework/tenon/core/bad.cpp", "\n" * 401, "401 lines"),
    ("a long example", "examples/02_bad.cpp", "\n" * 100, "100 lines"),
    ("a long script", "tools/bad", "\n" * 401, "401 lines"),
    ("a name", "framework/tenon/core/BadName.cpp", "", "snake_case"),
    ("a name with a dash", "tests/core/bad-test.cpp", "", "snake_case"),
    ("put off", "framework/tenon/core/bad.cpp", "// TODO: later\n", "no TODO"),
    ("put off in a page", "docs/bad.md", "FIXME\n", "no FIXME"),
    ("a machine's path", "tools/bad", "cd /home/somebody/project\n", "/home: no absolute path"),
    ("a machine's path in a page", "docs/bad.md", "See `/tmp/project`.\n", "/tmp: no absolute path"),
]


def run_lint(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return subprocess.run([sys.executable, LINT, folder], capture_output=True, text=True)


class LintTest(unittest.TestCase):
    def test_a_good_tree_passes(self):
        result = run_lint(GOOD)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(result.stdout, "lint: 0 findings\n")

    def test_each_rule_fires(self):
        for rule, name, text, message in BAD:
            with self.subTest(rule):
                result = run_lint({**GOOD, name: text})
                self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
                self.assertIn(message, result.stdout)
                self.assertEqual(len(result.stdout.splitlines()), 2, "one finding and the count:\n" + result.stdout)


if __name__ == "__main__":
    unittest.main()

"""docs/ops.md has a row for each operation that a header of ops/ declares, and for nothing else."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DECLARATION = re.compile(r"^(?:Tensor|SortResult|BatchNormResult|std::vector<Tensor>) (\w+)\(", re.MULTILINE)
COLUMNS = ["operation", "y", "gradient", "dtypes", "layout", "kernels"]


def declared():
    headers = (ROOT / "framework" / "tenon" / "ops").glob("*.h")
    return {
        name
        for header in headers
        if not header.name.endswith("_internal.h")
        for name in DECLARATION.findall(header.read_text(encoding="utf-8"))
    }


def rows():
    """Each row's operations and cells."""
    for line in (ROOT / "docs" / "ops.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            yield re.findall(r"`(\w+)`", cells[0]), cells


class OpsTable(unittest.TestCase):
    def test_every_operation_has_one_row(self):
        listed = [name for names, _ in rows() for name in names]
        self.assertGreater(len(declared()), 80)
        self.assertEqual(sorted(listed), sorted(declared()))

    def test_rows_are_complete(self):
        for names, cells in rows():
            self.assertEqual(len(cells), len(COLUMNS), names)
            self.assertTrue(all(cells), names)


if __name__ == "__main__":
    unittest.main()

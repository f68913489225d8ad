"""The code in README.md and docs/ must be that of compiled files.

A fence after `<!-- snippet: FILE NAME -->` must equal what stands in FILE between two lines `// [NAME]`;
after `<!-- snippet: FILE -->`, without a name, it must stand in FILE as it is. Indentation of the whole may differ.
"""

import pathlib
import re
import tempfile
import textwrap
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MARK = re.compile(r"^\s*<!--\s*snippet:\s*(?P<file>\S+)(?:\s+(?P<name>\S+))?\s*-->\s*$")


def normal(lines):
    """The lines without common indentation, spaces at their ends and empty lines around them."""
    return textwrap.dedent("\n".join(line.rstrip() for line in lines)).strip("\n")


def region(lines, name):
    """What stands between the two marker lines of `name`."""
    marker = re.compile(r"^\s*(//|#)\s*\[" + re.escape(name) + r"\]\s*$")
    places = [i for i, line in enumerate(lines) if marker.match(line)]
    if len(places) != 2:
        raise ValueError(f"has {len(places)} lines // [{name}], not two")
    return normal(lines[places[0] + 1 : places[1]])


def is_part(code, lines):
    """Whether the code stands in the lines as a whole."""
    count = code.count("\n") + 1
    return bool(code) and any(normal(lines[i : i + count]) == code for i in range(len(lines)))


def snippets(page):
    """Yields (line number, file, name, code); code is None where no fence follows."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        mark = MARK.match(line)
        if not mark:
            continue
        code = None
        start = number + 1
        if start < len(lines) and lines[start].lstrip().startswith("```"):
            end = next((i for i in range(start + 1, len(lines)) if lines[i].strip() == "```"), None)
            if end is not None:
                code = normal(lines[start + 1 : end])
        yield number + 1, mark["file"], mark["name"], code


def faults(root):
    """What is wrong with the snippets of a tree, one line each; and how many snippets there are."""
    found, count = [], 0
    for page in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
        if not page.exists():
            continue
        for number, file, name, code in snippets(page):
            count += 1
            place = f"{page.relative_to(root)}:{number}: {file} {name or ''}".rstrip()
            source = root / file
            if code is None:
                found.append(f"{place}: no code fence follows")
            elif not source.is_file():
                found.append(f"{place}: there is no such file")
            else:
                lines = source.read_text(encoding="utf-8").splitlines()
                try:
                    if name and region(lines, name) != code:
                        found.append(f"{place}: differs from its source")
                    elif not name and not is_part(code, lines):
                        found.append(f"{place}: does not stand in its source")
                except ValueError as error:
                    found.append(f"{place}: {error}")
    return found, count


class Snippets(unittest.TestCase):
    def test_all_equal_their_sources(self):
        found, count = faults(ROOT)
        self.assertGreater(count, 5, "hardly any snippet was found: is the mark still written in this way?")
        self.assertEqual(found, [], "\n" + "\n".join(found))


class TheCheckItself(unittest.TestCase):
    SOURCE = "int a;\n  // [part]\n  int b;\n    int c;\n  // [part]\nint d;\n"

    def check(self, page):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "docs").mkdir()
            (root / "a.cpp").write_text(self.SOURCE)
            (root / "docs" / "page.md").write_text(page)
            return faults(root)

    def test_accepts_equal_code(self):
        self.assertEqual(self.check("<!-- snippet: a.cpp part -->\n```cpp\nint b;\n  int c;\n```\n"), ([], 1))
        self.assertEqual(self.check("<!-- snippet: a.cpp -->\n```cpp\nint b;\n  int c;\n```\n"), ([], 1))

    def test_finds_faults(self):
        for page, message in [
            ("<!-- snippet: a.cpp part -->\n```cpp\nint b;\n  int x;\n```\n", "differs from its source"),
            ("<!-- snippet: a.cpp part -->\n```cpp\nint b;\n```\n", "differs from its source"),
            ("<!-- snippet: a.cpp -->\n```cpp\nint a;\nint d;\n```\n", "does not stand in its source"),
            ("<!-- snippet: a.cpp -->\n```cpp\n```\n", "does not stand in its source"),
            ("<!-- snippet: a.cpp other -->\n```cpp\nint a;\n```\n", "has 0 lines // [other]"),
            ("<!-- snippet: b.cpp part -->\n```cpp\nint a;\n```\n", "there is no such file"),
            ("<!-- snippet: a.cpp part -->\n\nint b;\n", "no code fence follows"),
            ("<!-- snippet: a.cpp part -->\n```cpp\nint b;\n  int c;\n", "no code fence follows"),
        ]:
            found, count = self.check(page)
            self.assertEqual(count, 1)
            self.assertEqual(len(found), 1, page)
            self.assertIn(message, found[0])
            self.assertTrue(found[0].startswith("docs/page.md:1: "), found[0])


if __name__ == "__main__":
    unittest.main()

"""All measurements of a comparison: kept, saved, loaded."""

import datetime
import json


class BadFile(Exception):
    """A file that --json did not write."""


class Measurements:
    def __init__(self):
        self.about = {"date": datetime.date.today().isoformat()}
        self.rows = []  # {"round", "contestant", "name", "threads", "microseconds", ...}

    def add(self, number, contestant, found, others=None):
        """`others`: how much of a core other programs used meanwhile."""
        self.about.update(contestant.about)
        for measurement in found:
            self.rows.append({"round": number, "contestant": contestant.name, "others": others, **measurement})

    def save(self, path):
        path.write_text(json.dumps({"about": self.about, "measurements": self.rows}, indent=1) + "\n")

    def contestants(self):
        """Tenon, PyTorch, then the others as they came."""
        order = {"Tenon": 0, "PyTorch": 1}
        names = dict.fromkeys(row["contestant"] for row in self.rows)
        return sorted(names, key=lambda name: order.get(name, 2))

    def names(self, contestant):
        """(name, threads) of all that was measured, in the order of the first round."""
        return list(dict.fromkeys((row["name"], row["threads"]) for row in self.rows
                                  if row["contestant"] == contestant))

    def rounds(self, contestant, name, threads, what="microseconds"):
        """Round -> value."""
        return {row["round"]: row[what] for row in self.rows
                if (row["contestant"], row["name"], row["threads"]) == (contestant, name, threads) and what in row}


def load(paths):
    """The files of several runs as one. Rounds are told apart by file."""
    result = Measurements()
    for number, path in enumerate(paths):
        try:
            read = json.loads(path.read_text())
            result.about.update(read["about"])
            result.rows += [{**row, "round": f"{number}.{row['round']}"} for row in read["measurements"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadFile(f"{path} is no file of --json: {error}") from error
    return result

"""Medians and ratios, as Markdown.

A ratio is the median over the rounds of (the other's time / Tenon's time in the same round): above 1, Tenon is faster.
"""

import dataclasses
import math
import re
import statistics

from . import quiet

BEGIN = "<!-- benchmarks/compare: begin -->"
END = "<!-- benchmarks/compare: end -->"

VARIANTS = {"whole": "whole batch", "shards_of_16": "shards of 16", "shards_of_64": "shards of 64"}
MODELS = {"lenet5": "LeNet-5 training step", "mlp": "MLP 784-512-512-10 training step",
          "lenet5_inference": "LeNet-5 inference"}
DIRECTIONS = {"forward": "forward", "forward_backward": "forward + backward"}


class NoMarks(Exception):
    """A page without a place for the tables."""


@dataclasses.dataclass(frozen=True)
class Ratio:
    """One row: Tenon against one other contestant."""

    title: str
    kind: str  # "model", "forward" or "forward_backward"
    threads: int
    other: str
    tenon_us: float
    other_us: float
    ratio: float
    least: float
    most: float
    layouts: str = ""  # of Tenon and of the other, where there was a choice


def time_text(us):
    for limit, factor, unit in ((1e3, 1, "µs"), (1e6, 1e-3, "ms"), (math.inf, 1e-6, "s")):
        if us < limit:
            value = us * factor
            digits = 2 if value < 10 else 1 if value < 100 else 0
            return f"{value:.{digits}f} {unit}"


def ratio_text(ratio):
    return f"{ratio:.2f} x" if ratio < 10 else f"{ratio:.1f} x"


def operation_title(name):
    """'conv2d/128x1x28_6_k5_s1_p0_g1' as a reader says it."""
    operation, shape = name.split("/", 1)
    match = re.fullmatch(r"(\d+)x(\d+)x(\d+)_(\d+)_k(\d+)_s(\d+)_p(\d+)_g(\d+)", shape)
    if match:
        batch, inputs, size, outputs, kernel, stride, padding, groups = match.groups()
        text = f"conv2d {batch}x{inputs}x{size}x{size} to {outputs}, {kernel}x{kernel}"
        text += f", stride {stride}" if stride != "1" else ""
        text += f", padding {padding}" if padding != "0" else ""
        return text + (f", groups {groups}" if groups != "1" else "")
    match = re.fullmatch(r"(\d+)x(\d+)x(\d+)_k(\d+)_s(\d+)", shape)
    if match:
        batch, channels, size, kernel, stride = match.groups()
        return f"{operation} {batch}x{channels}x{size}x{size}, {kernel}x{kernel}, stride {stride}"
    return f"{operation.replace('_chain_100', ', 100 in a chain,')} {shape.replace('_', ' to ')}"


def fastest(results, contestant, names, threads):
    """The name with the least median, and its rounds."""
    measured = [(name, results.rounds(contestant, name, threads)) for name in names]
    return min(measured, key=lambda pair: statistics.median(pair[1].values()))


def compared(results, title, kind, threads, tenon_names, other, other_names):
    mine, tenon = fastest(results, "Tenon", tenon_names, threads)
    theirs, rounds = fastest(results, other, other_names, threads)
    common = [rounds[number] / tenon[number] for number in tenon if number in rounds]
    if not common:
        return []
    layouts = f"{mine.split('/')[-2]} / {theirs.split('/')[-2]}" if len(tenon_names) > 1 else ""
    return [Ratio(title, kind, threads, other, statistics.median(tenon.values()), statistics.median(rounds.values()),
                  statistics.median(common), min(common), max(common), layouts)]


def ratios(results):
    """Every case that Tenon and another contestant have in common."""
    found = []
    groups = {}
    for name, threads in results.names("Tenon"):
        parts = name.split("/")
        if parts[-1] in DIRECTIONS:  # operation/shape/layout/direction: the fastest layout counts
            groups.setdefault((f"{parts[0]}/{parts[1]}", parts[-1], threads), []).append(name)
            continue
        model, variant, batch = parts
        for other in results.contestants()[1:]:
            their = f"{model}/{batch}"
            if (their, threads) in results.names(other):
                title = f"{MODELS[model]}, {batch.replace(':', ' ')}, {VARIANTS[variant]}"
                found += compared(results, title, "model", threads, [name], other, [their])
    for (base, direction, threads), names in groups.items():
        for other in results.contestants()[1:]:
            theirs = [name for name, count in results.names(other)
                      if count == threads and name.startswith(base + "/") and name.endswith("/" + direction)]
            if theirs:
                found += compared(results, operation_title(base), direction, threads, names, other, theirs)
    return found


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows] + [""]


def model_tables(found, others):
    lines = []
    for other in others:
        rows = [(row.title, str(row.threads), time_text(row.tenon_us), time_text(row.other_us), ratio_text(row.ratio),
                 f"{row.least:.2f} to {row.most:.2f}")
                for row in found if row.kind == "model" and row.other == other]
        if rows:
            lines += table(("model", "threads", "Tenon", other, f"{other} / Tenon", "in the rounds"), rows)
    return lines


def operation_tables(found, others):
    lines = []
    for other in others:
        for threads in sorted({row.threads for row in found}):
            chosen = [row for row in found if row.kind != "model" and (row.other, row.threads) == (other, threads)]
            by_title = {}
            for row in chosen:
                by_title.setdefault(row.title, {})[row.kind] = row
            rows = []
            for title, kinds in by_title.items():
                cells = [title]
                for kind in ("forward", "forward_backward"):
                    row = kinds.get(kind)
                    cells += [time_text(row.tenon_us), time_text(row.other_us), ratio_text(row.ratio)] if row else [""] * 3
                rows.append(cells + [next((row.layouts for row in reversed(kinds.values()) if row.layouts), "")])
            if not rows:
                continue
            both = [row.ratio for row in chosen if row.kind == "forward_backward"]
            lines += [f"Operations, {threads} thread{'s' if threads > 1 else ''}, each side in its fastest layout:", ""]
            lines += table(("operation", "forward: Tenon", other, "ratio", "forward + backward: Tenon", other, "ratio",
                            "layouts"), rows)
            if both:
                lines += [f"Forward + backward: geometric mean {ratio_text(statistics.geometric_mean(both))}, least "
                          f"{ratio_text(min(both))}, over {len(both)} operations.", ""]
    return lines


def training_names(results):
    return [(contestant, name, threads) for contestant in results.contestants()
            for name, threads in results.names(contestant)
            if name.startswith("lenet5/") and name.endswith("batch:128")]


def scaling_table(results):
    rows = []
    for contestant, name, threads in training_names(results):
        one, more = results.rounds(contestant, name, 1), results.rounds(contestant, name, threads)
        both = [one[number] / more[number] for number in one if number in more]
        if threads > 1 and both:
            variant = VARIANTS.get(name.split("/")[1], "")
            rows.append((f"{contestant} {variant}".strip(), f"1 to {threads}", ratio_text(statistics.median(both))))
    return table(("LeNet-5 training", "threads", "times as fast"), rows) if rows else []


def memory_table(results):
    rows = []
    for contestant, name, threads in training_names(results):
        peaks = results.rounds(contestant, name, threads, "peak_resident_MB").values()
        if peaks:
            variant = VARIANTS.get(name.split("/")[1], "")
            rows.append((f"{contestant} {variant}".strip(), str(threads), f"{statistics.median(peaks):.0f} MB"))
    return table(("LeNet-5 training with MNIST", "threads", "peak resident memory"), rows) if rows else []


def batch_size_table(results):
    names = [(name, threads) for name, threads in results.names("Tenon") if name.startswith("lenet5_batch_sizes/")]
    sizes = {name: int(name.split(":")[1]) for name, _ in names}
    counts = sorted({threads for _, threads in names})
    base = next((name for name, size in sizes.items() if size == 128), None)
    rows = []
    for name, size in sorted(sizes.items(), key=lambda item: item[1]):
        cells = [str(size)]
        for threads in counts:
            rounds, reference = results.rounds("Tenon", name, threads), results.rounds("Tenon", base, threads)
            relative = [rounds[n] / size / (reference[n] / 128) for n in rounds if n in reference]
            cells += [time_text(statistics.median(rounds.values()) / size) if rounds else "",
                      f"{statistics.median(relative):.2f}" if relative else ""]
        rows.append(cells)
    header = ["batch"]
    for threads in counts:
        header += [f"time an image, {threads} thread{'s' if threads > 1 else ''}", "to batch 128"]
    return ["LeNet-5 training in shards of 16:", ""] + table(header, rows) if rows else []


def disturbance(results):
    others = [row.get("others") or 0 for row in results.rows]
    disturbed = sum(share >= quiet.DISTURBED for share in others) / max(1, len(others))
    return f"; other programs ran during {disturbed:.0%} of the measurements" if disturbed > 0 else ""


def markdown(results):
    found = ratios(results)
    others = results.contestants()[1:]
    counts = {len(results.rounds(contestant, name, threads)) for contestant in results.contestants()
              for name, threads in results.names(contestant)} or {0}
    rounds = str(max(counts)) if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
    lines = [", ".join(f"{key} {value}" for key, value in results.about.items())
             + f"; medians of {rounds} interleaved round{'s' if rounds != '1' else ''}{disturbance(results)}.", ""]
    lines += model_tables(found, others) + scaling_table(results) + memory_table(results)
    lines += batch_size_table(results) + operation_tables(found, others)
    return "\n".join(lines).rstrip()


def update(page, text):
    """Replaces what stands between the marks of a page."""
    try:
        before, rest = page.read_text(encoding="utf-8").split(BEGIN)
        _, after = rest.split(END)
    except (OSError, ValueError) as error:
        raise NoMarks(f"{page} has no lines {BEGIN} and {END}") from error
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")

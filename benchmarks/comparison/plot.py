"""A bar chart of ratios to PyTorch."""

import re

from .programs import Problem


def require_matplotlib():
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise Problem("--plot needs matplotlib in the Python that runs compare:\n"
                      "  python3 -m venv build/peers\n"
                      "  build/peers/bin/pip install torch matplotlib\n"
                      "  build/peers/bin/python benchmarks/compare --plot FILE.svg") from error


def draw(ratios, path, pattern=""):
    """The models, then the operations forward + backward, at the greatest number of threads that was measured."""
    import matplotlib
    matplotlib.use("svg" if path.suffix == ".svg" else "agg")
    import matplotlib.pyplot as plt

    rows = [row for row in ratios
            if row.other == "PyTorch" and row.kind != "forward" and re.search(pattern, row.title)]
    threads = max((row.threads for row in rows), default=0)
    rows = [row for row in rows if row.threads == threads]
    if not rows:
        raise Problem("--plot: nothing was compared with PyTorch")
    rows.sort(key=lambda row: row.kind != "model")

    # Text stays text, and the same figures give the same file.
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "tenon", "font.size": 9,
                         "font.family": "sans-serif"})
    figure, axes = plt.subplots(figsize=(8.5, 0.9 + 0.25 * len(rows)), layout="constrained")
    places = range(len(rows), 0, -1)
    colours = ["#1f6f8b" if row.kind == "model" else "#7fb3c8" for row in rows]
    axes.barh(places, [row.ratio - 1 for row in rows], left=1, height=0.72, color=colours)
    axes.set_yticks(places, [row.title for row in rows])
    axes.set_ylim(0.4, len(rows) + 0.6)
    axes.axvline(1, color="#444444", linewidth=1)
    axes.set_xscale("log")
    greatest = max(row.ratio for row in rows)
    ticks = [tick for tick in (0.25, 0.5, 1, 2, 5, 10, 20, 50, 100)
             if min(row.ratio for row in rows) / 2 < tick < greatest * 2]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlim(min(0.9, 0.75 * min(row.ratio for row in rows)), greatest * 1.4)
    for place, row in zip(places, rows):
        slower = row.ratio < 1
        axes.text(row.ratio / 1.04 if slower else row.ratio * 1.04, place, f"{row.ratio:.{1 if row.ratio >= 2 else 2}f}",
                  va="center", ha="right" if slower else "left", fontsize=8, color="#333333")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"times as fast as PyTorch, {threads} thread{'s' if threads > 1 else ''} (logarithmic)")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None,
                   facecolor="white", dpi=150)
    plt.close(figure)

"""Whether a measurement had the machine for itself."""

import os
import pathlib
import resource
import sys
import time

DISTURBED = 0.1  # of a core
SHORT_SECONDS = 0.5  # the system counts in hundredths of a second: below this, it says nothing

STAT = pathlib.Path("/proc/stat")


def busy_seconds():
    """The time that all cores together have worked, or were taken from this machine by its host."""
    user, nice, system, _, _, irq, softirq, steal = map(int, STAT.read_text().split(maxsplit=9)[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def child_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def watched(run):
    """What `run` returns, and how much of a core others used meanwhile; None where nothing tells."""
    if not STAT.is_file():
        return run(), None
    start, busy, own = time.monotonic(), busy_seconds(), child_seconds()
    result = run()
    wall = time.monotonic() - start
    others = busy_seconds() - busy - (child_seconds() - own)
    return result, (max(0.0, others / wall) if wall >= SHORT_SECONDS else None)


def quietest(run, tries):
    """Runs again, at most `tries` times in all, while others use the machine; the quietest run counts."""
    best = None
    for attempt in range(tries):
        result, others = watched(run)
        if best is None or (others or 0) < (best[1] or 0):
            best = result, others
        if (others or 0) < DISTURBED:
            break
        again = "again" if attempt + 1 < tries else "the quietest run counts"
        print(f"  other programs used {others:.0%} of a core meanwhile: {again}", file=sys.stderr, flush=True)
    return best

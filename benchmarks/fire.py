"""Fire one by one, and in bulk, against bare inserts with a commit each, and of a thousand.

The same durability, batches and processes on both sides. Ours also makes calls, checks their arguments, and returns a handle
for each; the bare rows have integers for ids, which nobody gets, and no name of a job. Bare has SQLite's default
checkpoint each 1,000 pages, where ours is each 4,000: its CPU time is the same with either.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

from benchmarks.support import folder, interleaved, run

SINGLE = 10_000
MANY = 100_000
ROUNDS = 5


def fire(what: str, count: int) -> float:
    """Fire in this process; return firings a second."""
    from benchmarks.jobs import noop, queue  # noqa: PLC0415 - the URL comes from the environment

    noop.fire(0)
    began = time.perf_counter()
    if what == "single":
        for number in range(count):
            noop.fire(number)
    else:
        queue.fire_many(noop(number) for number in range(count))
    return count / (time.perf_counter() - began)


def ours(what: str, count: int, durability: str) -> float:
    """Fire in a process of its own."""
    with folder() as path:
        return float(
            run(f"sqlite:///{path}/q.db?durability={durability}", "benchmarks.fire", what, str(count))
        )


def bare(what: str, count: int, durability: str) -> float:
    """Insert as many rows by hand."""
    with folder() as path:
        return float(run("", "benchmarks.bare", f"{path}/bare.db", durability, what, str(count)))


def main() -> None:
    """Print rates and ratios."""
    for durability in ("process", "power"):
        for what, whole in (("single", SINGLE), ("many", MANY)):
            count = whole if durability == "process" or what == "many" else whole // 10
            parts: dict[str, Callable[[], float]] = {
                "bare": partial(bare, what, count, durability),
                "ours": partial(ours, what, count, durability),
            }
            rates = interleaved(ROUNDS, parts)
            print(
                f"fire {what}, durability={durability}: bare {rates['bare']:,.0f}/s, ours {rates['ours']:,.0f}/s;"
                f" ours/bare {rates['ours'] / rates['bare']:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    print(fire(sys.argv[1], int(sys.argv[2])))

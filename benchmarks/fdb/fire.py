"""``fire`` one by one, from one thread and from 16, and in bulk, beside a bare set and commit; in one process, by turns.

Blocks of both alternate, and what is held against a bar is the median of the ratios of neighbours. ``python -m benchmarks.fdb.fire
CLUSTER_FILE SHARE`` is what the runner starts, with the store in the environment.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from benchmarks.children import ask
from benchmarks.fdb import bare
from benchmarks.fdb.options import Figures, Options
from benchmarks.fdb.server import Server
from benchmarks.support import environment

BLOCKS = 30
SINGLE, THREADED, MANY = 60, 320, 5_000
"""Firings in a block."""
THREADS = 16
PATIENCE = 300.0


def measure(server: Server, options: Options) -> Figures:
    """Tell rates and ratios."""
    server.clear()
    command = [sys.executable, "-m", "benchmarks.fdb.fire", str(server.cluster_file), str(options.share)]
    found: Figures = ask(command, environment(server.url()), PATIENCE)
    return found


def main(cluster_file: str, share: str) -> None:
    """Print medians of rates, and of ratios of blocks that followed one another."""
    from benchmarks.jobs import noop, queue  # noqa: PLC0415 - only here is the store in the environment

    db = bare.connect(cluster_file)
    numbers = itertools.count()

    def ours(count: int) -> None:
        for number in range(count):
            noop.fire(number)

    def bare_single(count: int) -> None:
        for _ in range(count):
            bare.put(db, "packed", [next(numbers)])

    def ours_many(count: int) -> None:
        for start in range(0, count, bare.CHUNK):
            queue.fire_many(noop(number) for number in range(start, start + bare.CHUNK))

    def bare_many(layout: str, count: int) -> None:
        bare.fill(db, layout, count, next(numbers) * count)

    blocks = max(BLOCKS // int(share), 5)
    with ThreadPoolExecutor(THREADS) as threads:

        def at_once(fire: Callable[[int], None]) -> Callable[[int], None]:
            return lambda count: [*threads.map(fire, [count // THREADS] * THREADS)].clear()

        found = {
            **_turns("one by one", ours, bare_single, SINGLE, blocks),
            **_turns(f"{THREADS} threads", at_once(ours), at_once(bare_single), THREADED, blocks),
            **_turns("fire_many", ours_many, partial(bare_many, "plain"), MANY, blocks),
            **_turns("fire_many beside packed", ours_many, partial(bare_many, "packed"), MANY, blocks),
        }
    queue.close()
    print(json.dumps(found), flush=True)


def _turns(
    name: str, ours: Callable[[int], None], other: Callable[[int], None], count: int, blocks: int
) -> Figures:
    rates: list[tuple[float, float]] = []
    spent: list[tuple[float, float]] = []
    for number in range(blocks + 1):
        took, cpu = [], []
        for fire in (ours, other):
            began, before = time.perf_counter(), time.process_time()
            fire(count)
            took.append(count / (time.perf_counter() - began))
            cpu.append((time.process_time() - before) / count * 1e6)
        if number:
            # The first has opened connections.
            rates.append((took[0], took[1]))
            spent.append((cpu[0], cpu[1]))
    return {
        f"{name}: ours, firings/s": statistics.median(mine for mine, _ in rates),
        f"{name}: bare, firings/s": statistics.median(theirs for _, theirs in rates),
        f"{name}: ours / bare": statistics.median(mine / theirs for mine, theirs in rates),
        f"{name}: ours, CPU µs a firing": statistics.median(mine for mine, _ in spent),
        f"{name}: bare, CPU µs a firing": statistics.median(theirs for _, theirs in spent),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])

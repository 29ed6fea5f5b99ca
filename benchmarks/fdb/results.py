"""10,000 fired in bulk and all of their results awaited, beside a bare loop that is handed the same in the same way.

Both keep one worker process, idle when it begins, and take turns. ``python -m benchmarks.fdb.results CLUSTER_FILE COUNT ROUNDS`` is
what the runner starts, with the store in the environment.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from typing import Any

import msgspec
import psutil

from benchmarks.children import ask
from benchmarks.fdb import bare
from benchmarks.fdb.options import Figures, Options
from benchmarks.fdb.server import Server
from benchmarks.support import ROOT, environment, pool, stop

COUNT = 10_000
PATIENCE = 300.0

_decode = msgspec.msgpack.Decoder().decode


def measure(server: Server, options: Options) -> Figures:
    """Tell rates and their ratio."""
    server.clear()
    arguments = [str(server.cluster_file), str(COUNT // options.share), str(options.rounds)]
    command = [sys.executable, "-m", "benchmarks.fdb.results", *arguments]
    found: Figures = ask(command, environment(server.url()), PATIENCE)
    return found


def main(cluster_file: str, size: str, rounds: str) -> None:
    """Print medians of rates, and of ratios of rounds that followed one another."""
    from benchmarks.jobs import noop, queue  # noqa: PLC0415 - only here is the store in the environment

    count = int(size)
    db = bare.connect(cluster_file)
    ours = pool(os.environ["SKUNKQUEUE_URL"])
    command = [sys.executable, "-m", "benchmarks.fdb.bare", cluster_file, "plain", "work"]
    theirs = psutil.Popen(command, cwd=ROOT)
    rates: list[tuple[float, float]] = []
    try:
        for number in range(int(rounds) + 1):
            # It would ask the server for work the whole time.
            theirs.suspend()
            began = time.perf_counter()
            values = queue.results(queue.fire_many(noop(one) for one in range(count)))
            between = time.perf_counter()
            theirs.resume()
            others = fired_and_awaited(db, number * count, count)
            end = time.perf_counter()
            if values != [*range(count)] or [one - number * count for one in others] != values:
                msg = "the results are not the same"
                raise RuntimeError(msg)
            if number:
                rates.append((count / (between - began), count / (end - between)))
    finally:
        theirs.kill()
        theirs.wait()
        stop(ours)
        queue.close()
    found = {
        "ours, firings/s": statistics.median(mine for mine, _ in rates),
        "bare, firings/s": statistics.median(other for _, other in rates),
        "ours / bare": statistics.median(mine / other for mine, other in rates),
    }
    print(json.dumps(found), flush=True)


def fired_and_awaited(db: Any, start: int, count: int) -> list[Any]:
    """Put in and wait for the results, as the plain loop stores them."""
    bare.fill(db, "plain", count, start)
    values: list[Any] = []
    while len(values) < count:
        tr = db.create_transaction()
        names = [bare.key(start + len(values) + number) for number in range(bare.CHUNK)]
        first, after = bare.RESULT + names[0], bare.RESULT + names[-1] + b"\0"
        # They finish in the order in which they were put in.
        rows = tr.get_range(first, after).to_list()
        values += [_decode(row.value) for row in rows]
        if not rows:
            time.sleep(bare.IDLE)
    return values


if __name__ == "__main__":
    main(*sys.argv[1:])

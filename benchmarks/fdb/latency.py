"""From ``fire`` in one process to the job's first line in an idle worker of another, one firing at a time.

``python -m benchmarks.fdb.latency COUNT`` is what the runner starts, with the store in the environment.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

from benchmarks.children import ask
from benchmarks.fdb.options import Figures, Options
from benchmarks.fdb.server import Server
from benchmarks.support import environment, percentile, pool, stop

COUNT = 300
WARM = 10
PAUSE = 0.05
PATIENCE = 180.0


def measure(server: Server, options: Options) -> Figures:
    """Tell milliseconds."""
    server.clear()
    command = [sys.executable, "-m", "benchmarks.fdb.latency", str(COUNT // options.share)]
    found: Figures = ask(command, environment(server.url()), PATIENCE)
    return found


def main(count: str) -> None:
    """Print the median, the 99th percentile and the largest."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    from benchmarks.jobs import queue, started  # noqa: PLC0415 - only here is the store in the environment

    taken = []
    worker = pool(os.environ["SKUNKQUEUE_URL"])
    try:
        for number in range(WARM + int(count)):
            handle = started.fire(time.monotonic())
            took = handle.wait(30)
            if number >= WARM:
                taken.append(took * 1_000)
            time.sleep(PAUSE)
    finally:
        stop(worker)
        queue.close()
    found = {"p50 ms": percentile(taken, 0.5), "p99 ms": percentile(taken, 0.99), "worst ms": max(taken)}
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

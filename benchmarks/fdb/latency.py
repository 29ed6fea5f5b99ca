"""From ``fire`` in one process to the job's first line in an idle worker of another, one firing at a time.

A bare loop that waits on a watch takes turns with it: on a busy machine the ratio of both says more than the milliseconds.
``python -m benchmarks.fdb.latency CLUSTER_FILE COUNT`` is what the runner starts, with the store in the environment.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

from benchmarks.children import ask
from benchmarks.fdb import bare
from benchmarks.fdb.options import Figures, Options
from benchmarks.fdb.server import Server
from benchmarks.support import ROOT, environment, percentile, pool, stop

COUNT = 300
WARM = 10
PAUSE = 0.05
PATIENCE = 180.0


def measure(server: Server, options: Options) -> Figures:
    """Tell milliseconds."""
    server.clear()
    command = [
        sys.executable,
        "-m",
        "benchmarks.fdb.latency",
        str(server.cluster_file),
        str(COUNT // options.share),
    ]
    found: Figures = ask(command, environment(server.url()), PATIENCE)
    return found


def main(cluster_file: str, count: str) -> None:
    """Print the median, the 99th percentile and the largest."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    from benchmarks.jobs import queue, started  # noqa: PLC0415 - only here is the store in the environment

    db = bare.connect(cluster_file)
    taken: list[float] = []
    others: list[float] = []
    worker = pool(os.environ["SKUNKQUEUE_URL"])
    command = [sys.executable, "-m", "benchmarks.fdb.bare", cluster_file, "packed", "watch"]
    other = subprocess.Popen(command, cwd=ROOT)
    try:
        for number in range(WARM + int(count)):
            handle = started.fire(time.monotonic())
            took = handle.wait(30)
            time.sleep(PAUSE)
            bare.wake(db, number)
            bare_took = bare.took(db, number)
            time.sleep(PAUSE)
            if number >= WARM:
                taken.append(took * 1_000)
                others.append(bare_took * 1_000)
    finally:
        other.kill()
        other.wait()
        stop(worker)
        queue.close()
    found = {
        "p50 ms": percentile(taken, 0.5),
        "p99 ms": percentile(taken, 0.99),
        "worst ms": max(taken),
        "bare, p50 ms": percentile(others, 0.5),
        "bare, p99 ms": percentile(others, 0.99),
        "ours / bare, p50": percentile(taken, 0.5) / percentile(others, 0.5),
    }
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

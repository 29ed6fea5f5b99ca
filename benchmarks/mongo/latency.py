"""From ``fire`` in one process to the job's first line in an idle worker of another, one firing at a time.

The next is fired when the result of the one before is there, and after a pause in which the worker has gone back to
waiting. ``python -m benchmarks.mongo.latency COUNT`` is what the runner starts, with the store in the environment.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

from benchmarks.children import ask, say
from benchmarks.mongo.options import Options
from benchmarks.mongo.server import Server, clear
from benchmarks.support import environment, percentile, pool, stop

COUNT = 300
WARM = 10
PAUSE = 0.05
PATIENCE = 180.0


def measure(servers: list[Server], options: Options) -> dict[str, Any]:
    """Tell milliseconds for each kind of server."""
    found = {}
    for server in servers:
        clear(server.url)
        command = [sys.executable, "-m", "benchmarks.mongo.latency", str(COUNT // options.share)]
        found[server.kind] = ask(command, environment(server.url), PATIENCE)
        say(f"latency, {server.kind}: {found[server.kind]}")
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
    print(
        json.dumps({"p50": percentile(taken, 0.5), "p99": percentile(taken, 0.99), "worst": max(taken)}),
        flush=True,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

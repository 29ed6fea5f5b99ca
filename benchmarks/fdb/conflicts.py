"""16 workers, each a process, on one route: all is settled, and few claims have to be tried again.

Workers here call the store's verbs as real ones do, so that each can count the conflicts of its claims. ``python -m
benchmarks.fdb.conflicts NUMBER`` is what the runner starts, with the store in the environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import IO

from benchmarks.fdb.options import Figures, Options
from benchmarks.fdb.scale import outcomes
from benchmarks.fdb.server import Server
from benchmarks.scale import fill
from benchmarks.support import ROOT, environment
from skunkqueue.config import open_backend, resolve
from skunkqueue.persistence.fdb import FdbBackend
from skunkqueue.records import State

WORKERS = 16
COUNT = 40_000
BATCH = 100
PATIENCE = 300.0


def measure(server: Server, options: Options) -> Figures:
    """Tell the share of claims and of settlings that were tried again."""
    server.clear()
    count = COUNT // options.share
    backend = open_backend(resolve(conn_url=server.url()))
    workers: list[subprocess.Popen[str]] = []
    try:
        for number in range(WORKERS):
            workers.append(_started(server, number))  # noqa: PERF401 - ended one by one
        for worker in workers:
            _pipe(worker.stdout).readline()
        fill(backend, count)
        for worker in workers:
            _pipe(worker.stdin).write("go\n")
            _pipe(worker.stdin).flush()
        seen = [json.loads(worker.communicate(timeout=PATIENCE)[0]) for worker in workers]
        counts = [route.counts for route in backend.routes("bench")]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait(10)
        backend.close()
    claims = sum(one["claims"] for one in seen)
    return {
        "claims": claims,
        "claims tried again / claims": sum(one["again"] for one in seen) / claims,
        "conflicts of claims / claims": sum(one["conflicts"] for one in seen) / claims,
        "settlings tried again / claims": sum(one["settled again"] for one in seen) / claims,
        "settled / fired": sum(each[State.COMPLETE] for each in counts) / count,
        "recorded twice": sum(one["stale"] for one in seen),
    }


def _started(server: Server, number: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.fdb.conflicts", str(number)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=ROOT, env=environment(server.url()), stdin=pipe, stdout=pipe, text=True
    )


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise TypeError(pipe)
    return pipe


def main(number: str) -> None:
    """Claim and settle until nothing is left; count what was tried again."""
    backend = open_backend(resolve(conn_url=os.environ["SKUNKQUEUE_URL"]))
    if not isinstance(backend, FdbBackend):
        raise TypeError(backend)
    link = backend._link  # noqa: SLF001 - nobody else counts conflicts
    backend.routes("bench")
    print("ready", flush=True)
    sys.stdin.readline()
    found = {"claims": 0, "again": 0, "conflicts": 0, "settled again": 0, "stale": 0}
    while True:
        before = link.conflicts
        claims = backend.claim("bench", "bench", f"w{number}", BATCH, 600)
        if not claims:
            break
        conflicts = link.conflicts - before
        found["claims"] += 1
        found["again"] += conflicts > 0
        found["conflicts"] += conflicts
        before = link.conflicts
        stale = backend.settle(outcomes(claims))
        found["settled again"] += link.conflicts > before
        found["stale"] += len(stale)
    backend.close()
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

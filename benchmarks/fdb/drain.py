"""Drain 20,000 pending no-op firings with results: two bare loops, ours with one worker, ours with four on one route.

``python -m benchmarks.fdb.drain WORKERS COUNT`` is what the runner starts for ours, with the store in the environment.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import sys
from collections.abc import Callable
from functools import partial

from benchmarks.children import ask, say
from benchmarks.fdb import bare
from benchmarks.fdb.options import Figures, Options, in_turn, ratio
from benchmarks.fdb.server import Server
from benchmarks.support import ROOT, environment
from benchmarks.tree import Tree
from skunkqueue.records import State

COUNT = 20_000
WARM = 10_000
"""Firings that all workers do before: a worker claims one at first, and a third more each time until its batches are full."""
LIMIT = 120.0
PATIENCE = 240.0
MANY = 4


def measure(server: Server, options: Options) -> Figures:
    """Let all take turns; tell rates, ratios, and the microseconds of processor time that a firing costs the client."""
    count = COUNT // options.share
    parts: dict[str, Callable[[], Figures]] = {
        layout: partial(_one, server, "bare", str(server.cluster_file), layout, str(count))
        for layout in bare.LAYOUTS
    }
    for workers in (1, MANY):
        parts[f"ours, {workers}"] = partial(_one, server, "drain", str(workers), str(count))
    seen = in_turn(options.rounds, parts)
    found: Figures = {}
    for name, figures in seen.items():
        found[f"{name}: firings/s"] = statistics.median(figures["rate"])
        found[f"{name}: client's CPU µs a firing"] = statistics.median(figures["cpu"])
    one = seen["ours, 1"]["rate"]
    for layout in bare.LAYOUTS:
        found[f"ours / {layout}"] = ratio(one, seen[layout]["rate"])
        found[f"ours / {layout}, by CPU time"] = ratio(seen[layout]["cpu"], seen["ours, 1"]["cpu"])
    found[f"{MANY} workers / 1"] = ratio(seen[f"ours, {MANY}"]["rate"], one)
    return found


def _one(server: Server, module: str, *arguments: str) -> Figures:
    server.clear()
    command = [sys.executable, "-m", f"benchmarks.fdb.{module}", *arguments]
    found: Figures = ask(command, environment(server.url()), PATIENCE)
    say(f"{server.engine}: {module} {' '.join(arguments[-2:])}: {found['rate']:,.0f}/s")
    return found


def main(workers: str, count: str) -> None:
    """Warm workers, and let them drain; end them even where the runner has lost patience."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    from benchmarks.jobs import noop, queue  # noqa: PLC0415 - only here is the store in the environment

    def fill(number: int) -> None:
        for start in range(0, number, bare.CHUNK):
            queue.fire_many(noop(one) for one in range(start, min(start + bare.CHUNK, number)))

    def stored() -> int:
        return sum(route.counts[State.COMPLETE] for route in queue.backend.routes("bench"))

    where = ["-q", "bench", "-r", "bench", "--path", str(ROOT), "-c", workers]
    with Tree(
        "ours", [["-m", "skunkqueue.cli", "work", *where, "--url", os.environ["SKUNKQUEUE_URL"]]]
    ) as tree:
        fill(WARM)
        tree.until(lambda: stored() >= WARM, f"{WARM} firings to warm it", 60, 0.1)
        # All are there, and wait.
        tree.until(lambda: len(queue.backend.workers("bench")) == int(workers), "all workers", 60, 0.1)
        spent = _cpu(tree)
        rate = tree.drain(int(count), fill, lambda _: stored() - WARM, LIMIT, 0.05)
        spent = _cpu(tree) - spent
    queue.close()
    print(json.dumps({"rate": rate, "cpu": spent / int(count) * 1e6}), flush=True)


def _cpu(tree: Tree) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in tree.members())


if __name__ == "__main__":
    main(*sys.argv[1:])

"""What an idle worker costs: processor time, memory, and transactions of the server, over a minute.

The server is watched for as long without a worker too, since it is never quite idle by itself.
"""

from __future__ import annotations

import time

import psutil

from benchmarks.fdb.options import Figures, Options
from benchmarks.fdb.server import Server
from benchmarks.support import pool, stop, until

SECONDS = 60.0
SETTLED = 10.0


def measure(server: Server, options: Options) -> Figures:
    """Tell what it costs beyond what there is without it."""
    server.clear()
    time.sleep(SETTLED)
    seconds = max(SECONDS / options.share, 10.0)
    fdbserver = psutil.Process(server.pid)
    alone, cpu_alone = _watch(server, fdbserver, seconds)
    parent = pool(server.url())
    try:
        process = psutil.Process(parent.pid)
        until(lambda: len(process.children()) == 1 or parent.poll() is not None, 30)
        if parent.poll() is not None:
            msg = f"the worker ended with {parent.returncode}"
            raise RuntimeError(msg)
        (worker,) = process.children()
        time.sleep(SETTLED)
        spent, spent_pool = _cpu(worker), _cpu(process)
        began = time.monotonic()
        beside, cpu_beside = _watch(server, fdbserver, seconds)
        took = time.monotonic() - began
        return {
            "worker, % of a core": 100 * (_cpu(worker) - spent) / took,
            "pool, % of a core": 100 * (_cpu(process) - spent_pool) / took,
            "worker, MiB": worker.memory_info().rss / 2**20,
            "transactions/s beyond those without a worker": beside - alone,
            "transactions/s without a worker": alone,
            "fdbserver, % of a core": cpu_beside,
            "fdbserver without a worker, % of a core": cpu_alone,
        }
    finally:
        stop(parent)


def _watch(server: Server, process: psutil.Process, seconds: float) -> tuple[float, float]:
    """Return transactions a second, and the percents of a core of a process."""
    before, spent = server.transactions(), _cpu(process)
    began = time.monotonic()
    time.sleep(seconds)
    after, more = server.transactions(), _cpu(process)
    took = time.monotonic() - began
    return (after - before) / took, 100 * (more - spent) / took


def _cpu(process: psutil.Process) -> float:
    return sum(process.cpu_times()[:2])

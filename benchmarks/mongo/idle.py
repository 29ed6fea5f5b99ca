"""What an idle worker costs: its processor time, its server's, and the commands it sends, over a minute.

The server is watched for as long without a worker too, since it is never quite idle by itself.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psutil

from benchmarks.children import say
from benchmarks.mongo.options import Options
from benchmarks.mongo.server import Server, clear, client
from benchmarks.support import pool, stop, until

SECONDS = 60.0
SETTLED = 10.0


def measure(servers: list[Server], options: Options) -> dict[str, Any]:
    """Watch all kinds of server at the same time; it is mostly waiting."""
    for server in servers:
        clear(server.url)
    with ThreadPoolExecutor(len(servers)) as threads:
        seconds = max(SECONDS / options.share, 5.0)
        found = threads.map(lambda server: _on(server, seconds), servers)
        return {server.kind: one for server, one in zip(servers, found, strict=True)}


def _on(server: Server, seconds: float) -> dict[str, Any]:
    mongod = psutil.Process(server.pid)
    alone = _watch(server, {"mongod": mongod}, seconds)
    parent = pool(server.url)
    try:
        process = psutil.Process(parent.pid)
        until(lambda: len(process.children()) == 1 or parent.poll() is not None, 30)
        if parent.poll() is not None:
            msg = f"the worker ended with {parent.returncode}"
            raise RuntimeError(msg)
        (worker,) = process.children()
        time.sleep(SETTLED)
        found = _watch(server, {"worker": worker, "pool": process, "mongod": mongod}, seconds)
        found["rss"] = worker.memory_info().rss / 2**20
    finally:
        stop(parent)
    found["mongod alone"] = alone
    say(f"idle, {server.kind}: {found}")
    return found


def _watch(server: Server, processes: dict[str, psutil.Process], seconds: float) -> dict[str, Any]:
    with client(server.url) as db:
        before, spent = _sample(db.admin.command("serverStatus")), _cpu(processes)
        began = time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - began
        after, more = _sample(db.admin.command("serverStatus")), _cpu(processes)
    minutes = took / 60
    return {
        "cpu": {name: 100 * (more[name] - spent[name]) / took for name in processes},
        "opcounters": {
            name: (number - before.opcounters[name]) / minutes for name, number in after.opcounters.items()
        },
        "requests": (after.requests - before.requests) / minutes,
        "connections": after.connections - before.connections,
    }


@dataclass(frozen=True)
class _Sample:
    opcounters: dict[str, int]
    requests: int
    connections: int


def _sample(status: dict[str, Any]) -> _Sample:
    counters = {name: int(number) for name, number in status["opcounters"].items() if isinstance(number, int)}
    return _Sample(counters, int(status["network"]["numRequests"]), int(status["connections"]["current"]))


def _cpu(processes: dict[str, psutil.Process]) -> dict[str, float]:
    return {name: sum(one.cpu_times()[:2]) for name, one in processes.items()}

"""What the monitor costs beside a large store: each page and API read over HTTP, memory, and what it does while nobody looks.

``python -m benchmarks.web [--url URL] [--finished N] [--pending N] [--rounds N] [--idle S]``. The store at the URL must be
empty; without a URL it is a new SQLite file. ``--keep`` measures a store that is full already. CPU time is that of the server's process.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlencode

import psutil
import redis

from benchmarks.asking import JOBS, QUEUE, fill
from benchmarks.support import ROOT, environment, folder, free_port, percentile, until
from skunkqueue.config import open_backend, resolve
from skunkqueue.ids import new_id
from skunkqueue.listings import Query
from skunkqueue.payload import Body, Step, encode
from skunkqueue.persistence import Backend
from skunkqueue.pools import PoolRecord, Process, Sample
from skunkqueue.records import Firing, Schedule, State, WorkerRecord
from skunkqueue.serializers import get_serializer

SCHEDULES = 200
RULE = b'{"every":60.0}'
POOLS = 10
WORKERS = 8
VIEWERS = 16
_LONG = 1e6
LARGE = ("/metrics", "/api/v1/totals")
"""What has a line or more for each job of each route; read apart, since it holds up all others."""
_REFRESH = 0.2
"""The shortest; each address is asked for less often, so that each answer is read from the store and not remembered."""
_PACE = 0.02


class Cost(NamedTuple):
    """What one answer cost, in milliseconds."""

    first: float
    """Until its first byte."""
    wall: float
    cpu: float
    """Of the server's process, all its threads."""


def furnish(backend: Backend) -> None:
    """Put in schedules, pools and workers."""
    arguments = get_serializer("typed").dumps_call((), {}, None)
    body = encode(Body((Step("shop.jobs:job_7", arguments),)))
    now = backend.now()
    for number in range(SCHEDULES):
        schedule = Schedule(
            queue=QUEUE,
            name=f"s{number:03}",
            route=f"r{number % 20:02}",
            strategy="time",
            params=RULE,
            state=b"",
            body=body,
        )
        armed = Firing(
            id=new_id(),
            queue=QUEUE,
            route=schedule.route,
            body=body,
            due=now + 86_400,
            schedule=schedule.name,
        )
        backend.declare(schedule, armed)
    for pool in range(POOLS):
        processes = tuple(
            Process(
                worker=new_id(),
                pid=100 + number,
                route=f"r{(pool * WORKERS + number) % 20:02}",
                state="running",
                started=now - 60,
                samples=tuple(Sample(now - 300 + 5 * at, 50 << 20, 0.5 * at) for at in range(60)),
            )
            for number in range(WORKERS)
        )
        record = PoolRecord(
            id=f"box{pool}:17:{new_id()[-6:]}",
            host=f"box{pool}",
            pid=17,
            queue=QUEUE,
            routes=tuple(sorted({one.route for one in processes})),
            workers=WORKERS,
            started=now - 60,
            version="0.1.0",
            processes=processes,
        )
        backend.register_pool(record, _LONG)
        for one in processes:
            worker = WorkerRecord(
                id=one.worker,
                queue=QUEUE,
                route=one.route,
                pool=record.id,
                host=record.host,
                pid=one.pid,
                started=one.started,
                state="idle",
                version="0.1.0",
            )
            backend.register(worker, _LONG)


def addresses(backend: Backend) -> list[str]:
    """List the pages and API reads, each with what is in this store."""
    failed = backend.rows(Query(states=(State.ERROR,)), 1).rows[0].id
    pending = backend.rows(Query(states=(State.PENDING,)), 1).rows[0].id
    pool = next(one for one in backend.pools() if one.queue == QUEUE)
    worker = pool.processes[0].worker
    place = {"queue": QUEUE, "route": "r07"}
    filters: list[dict[str, Any]] = [
        {},
        {"state": "complete"},
        {"state": "error"},
        {"state": "pending"},
        {"route": "r07"},
        {"job": "shop.jobs:job_7"},
        {"tag": "t50"},
        {"key": "k3000"},
        {"error": "Error3"},
        {"finished_from": "1h"},
        # What looks to its bound and finds nothing.
        {"tag": "nobody"},
        {"route": "r07", "key": "nobody"},
        {"state": "complete", "worker": "nobody"},
    ]
    pages = [
        "/",
        "/?over=day",
        "/?over=month",
        "/queues",
        _at("/queue", place),
        *(_at("/jobs", each) for each in filters),
        _at("/jobs", {"text": "nothing has this"}),
        f"/jobs/{failed}",
        f"/jobs/{pending}",
        "/errors",
        "/errors?since=all",
        "/workers",
        f"/workers/{worker}",
        f"/pools/{pool.id}",
        "/schedules",
        _at("/schedule", {"queue": QUEUE, "name": "s007"}),
        "/audit",
        "/operations",
        "/plugins",
        "/metrics",
    ]
    reads = [
        "/routes",
        "/counts",
        "/counters",
        "/totals",
        *(_at("/jobs", each) for each in filters if "finished_from" not in each),
        f"/jobs/{failed}",
        _at("/results", {"id": failed}),
        "/errors",
        "/workers",
        f"/workers/{worker}",
        "/pools",
        f"/pools/{pool.id}",
        "/schedules",
        _at("/schedule", {"queue": QUEUE, "name": "s007"}),
        _at("/history", {"queue": QUEUE, "name": "s007"}),
        "/plugins",
        "/audit",
        "/operations",
        "/openapi.json",
    ]
    return [*pages, *(f"/api/v1{path}" for path in reads)]


def _at(path: str, values: dict[str, Any]) -> str:
    return f"{path}?{urlencode(values)}" if values else path


class Monitor:
    """A ``skunq web`` that runs."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = psutil.Process(process.pid)
        self.port = port
        self._clock = (~process.pid << 3) | 2

    def cpu(self) -> float:
        """Return the seconds of CPU time that all its threads have used."""
        return time.clock_gettime(self._clock)

    def rss(self) -> float:
        """Return its resident memory, in MiB."""
        return float(self.process.memory_info().rss) / 2**20

    def connect(self) -> http.client.HTTPConnection:
        """Return a connection to it."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, connection: http.client.HTTPConnection, path: str) -> Cost:
        """Ask for one address."""
        before, began = self.cpu(), time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        first = time.perf_counter() - began
        text = answer.read()
        wall = time.perf_counter() - began
        if answer.status != 200:
            msg = f"{path}: {answer.status} {text[:300]!r}"
            raise RuntimeError(msg)
        return Cost(first * 1e3, wall * 1e3, (self.cpu() - before) * 1e3)

    def answers(self) -> bool:
        """Tell whether it serves."""
        try:
            self.ask(self.connect(), "/healthz")
        except OSError:
            return False
        return True


@contextmanager
def serving(url: str, refresh: float) -> Iterator[Monitor]:
    """Run ``skunq web`` on a store."""
    port = free_port()
    command = [sys.executable, "-m", "skunkqueue.cli", "web", "--url", url, "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--refresh", str(refresh)], env=environment(url), cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        monitor = Monitor(process, port)
        until(monitor.answers, 60)
        yield monitor
    finally:
        process.kill()
        process.wait()


class Commands:
    """Counts the commands that a Redis is sent."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url) if url.startswith("redis") else None
        self._before = self._read()

    def _read(self) -> int | None:
        if self._client is None:
            return None
        found: dict[str, Any] = self._client.execute_command("INFO", "stats")  # type: ignore[no-untyped-call]
        return int(found["total_commands_processed"])

    def told(self, seconds: float) -> str:
        """Tell how many there were since it was made; nothing where the store is no server."""
        after = self._read()
        if after is None or self._before is None:
            return ""
        # One of them was our own.
        return f", {(after - self._before - 1) / seconds:.2f} commands/s to the store"


@contextmanager
def draining(url: str) -> Iterator[None]:
    """Have a process fire, claim and settle meanwhile."""
    command = [sys.executable, "-m", "benchmarks.asking", "--work", "3600", "--url", url]
    child = subprocess.Popen(command, env=environment(url), cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        child.kill()
        child.wait()


def read_all(monitor: Monitor, paths: list[str], rounds: int) -> None:
    """Print what each address costs, in turn, at the pace of people."""
    seen: dict[str, list[Cost]] = {path: [] for path in paths}
    connection = monitor.connect()
    for _ in range(rounds):
        for path in paths:
            seen[path].append(monitor.ask(connection, path))
            # Metrics are remembered for a second.
            time.sleep(1.1 if path in LARGE else _PACE)
    for path, costs in seen.items():
        # The first has templates to be compiled.
        wall, cpu = [one.wall for one in costs[1:]], [one.cpu for one in costs[1:]]
        print(
            f"{path}: wall p50 {statistics.median(wall):.0f} p95 {percentile(wall, 0.95):.0f} ms;"
            f" CPU p50 {statistics.median(cpu):.0f} p95 {percentile(cpu, 0.95):.0f} ms",
            flush=True,
        )
    first = [one.first for one in seen["/"][1:]]
    print(f"overview, first byte: p50 {statistics.median(first):.0f} p95 {percentile(first, 0.95):.0f} ms")


def rest(monitor: Monitor, url: str, seconds: float) -> None:
    """Print what it does while nobody looks."""
    switches = monitor.process.num_ctx_switches().voluntary
    sent, cpu = Commands(url), monitor.cpu()
    time.sleep(seconds)
    spent, told = monitor.cpu() - cpu, sent.told(seconds)
    print(
        f"idle for {seconds:.0f} s: {100 * spent / seconds:.3f} % of a core, {monitor.rss():.1f} MiB,"
        f" {monitor.process.num_ctx_switches().voluntary - switches} wake-ups of its main thread{told}",
        flush=True,
    )


def listen(monitor: Monitor, url: str, viewers: int, seconds: float = 10.0) -> None:
    """Print what open pages cost on which nothing changes."""
    connections = [monitor.connect() for _ in range(viewers)]
    answers = []
    for one in connections:
        one.request("GET", "/live/events")
        answers.append(one.getresponse())
        answers[-1].readline()
    time.sleep(1.0)
    sent, cpu = Commands(url), monitor.cpu()
    time.sleep(seconds)
    spent, told = monitor.cpu() - cpu, sent.told(seconds)
    print(f"{viewers} listening: {100 * spent / seconds:.2f} % of a core{told}", flush=True)
    # An answer that nobody holds ends its connection.
    for answer in answers:
        answer.close()
    for one in connections:
        one.close()


def measure(url: str, rounds: int, idle: float) -> None:
    """Print everything of one store."""
    backend = open_backend(resolve(conn_url=url))
    paths = addresses(backend)
    backend.close()
    print(f"{len(paths)} addresses, {rounds} rounds, {JOBS} jobs", flush=True)
    with serving(url, _REFRESH) as monitor, draining(url):
        print(f"memory at the start: {monitor.rss():.1f} MiB", flush=True)
        read_all(monitor, [path for path in paths if path not in LARGE], rounds)
        print(f"memory after use: {monitor.rss():.1f} MiB", flush=True)
        read_all(monitor, ["/", *LARGE], max(rounds // 4, 3))
        print(f"memory after these, too: {monitor.rss():.1f} MiB", flush=True)
    with serving(url, 2.0) as monitor:
        rest(monitor, url, idle)
        monitor.ask(monitor.connect(), "/")
        # What is read in the background for whoever looked comes to its end.
        time.sleep(3.0)
        rest(monitor, url, idle)
        for viewers in (1, VIEWERS):
            listen(monitor, url, viewers)


def main(arguments: Sequence[str] = ()) -> None:
    """Fill a store and measure the monitor of it; without arguments, a small one."""
    parser = argparse.ArgumentParser(prog="benchmarks.web")
    parser.add_argument("--url")
    parser.add_argument("--finished", type=int, default=20_000)
    parser.add_argument("--pending", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--idle", type=float, default=60.0)
    parser.add_argument("--keep", action="store_true", help="measure what is there, and put nothing in")
    asked = parser.parse_args(list(arguments))
    with folder() as path:
        url = asked.url or f"sqlite:///{path}/q.db"
        if not asked.keep:
            backend = open_backend(resolve(conn_url=url))
            fill(backend, asked.finished, asked.pending)
            furnish(backend)
            backend.close()
        measure(url, asked.rounds, asked.idle)


if __name__ == "__main__":
    main(sys.argv[1:])

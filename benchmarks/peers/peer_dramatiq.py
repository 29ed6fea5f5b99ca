"""Dramatiq, with its Redis broker and results."""

from __future__ import annotations

import time
from collections.abc import Sequence

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from benchmarks.peers import work
from benchmarks.peers.peer import Peer

broker = RedisBroker(url=work.url())
broker.add_middleware(Results(backend=RedisBackend(url=work.url())))
dramatiq.set_broker(broker)


@dramatiq.actor(store_results=True)
def noop(number: float) -> float:
    """Return the argument."""
    return number


@dramatiq.actor
def started(fired: float) -> None:
    """Record the latency."""
    work.latency(fired)


@dramatiq.actor
def slow(seconds: float) -> None:
    """Record the start, and sleep."""
    work.begin()
    time.sleep(seconds)


JOBS = {"noop": noop, "started": started, "slow": slow}


class Adapter(Peer):
    """Dramatiq."""

    title = "Dramatiq"
    distributions = ("dramatiq", "redis", "hiredis")
    settings = "8 threads a process (the default)"
    source = "Bogdanp/dramatiq docs/source/guide.rst (workers), docs/source/advanced.rst"
    guarantee = "redelivered after 60 s without a heartbeat, when maintenance happens to run"
    recovers = True
    drain_jobs = 5_000
    single_jobs = 5_000
    result_jobs = 5_000

    def worker(self, processes: int) -> list[list[str]]:
        """Start the command line with so many processes."""
        options = ["-p", str(processes), "-t", "8", "--skip-logging"]
        return [["-m", "dramatiq", "benchmarks.peers.peer_dramatiq", *options]]

    def fire(self, job: str, arguments: Sequence[float]) -> None:
        """Send one by one."""
        for argument in arguments:
            JOBS[job].send(argument)

    def results(self, count: int) -> int:
        """Send a group, and get its results in blocking mode."""
        group = dramatiq.group(noop.message(n) for n in range(count)).run()
        return int(sum(group.get_results(block=True, timeout=120_000)))

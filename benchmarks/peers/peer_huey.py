"""Huey, with its Redis storage."""

from __future__ import annotations

import time
from collections.abc import Sequence

from huey import RedisHuey

from benchmarks.peers import work
from benchmarks.peers.peer import Peer

huey = RedisHuey("bench", url=work.url())


@huey.task()
def noop(number: float) -> float:
    """Return the argument."""
    return number


@huey.task()
def started(fired: float) -> None:
    """Record the latency."""
    work.latency(fired)


@huey.task()
def slow(seconds: float) -> None:
    """Record the start, and sleep."""
    work.begin()
    time.sleep(seconds)


JOBS = {"noop": noop, "started": started, "slow": slow}
RESULTS = "huey.results.bench"


class Adapter(Peer):
    """Huey."""

    title = "Huey"
    distributions = ("huey", "redis", "hiredis")
    settings = (
        "blocking pops (the default); four worker threads (a little faster here than one), or two worker"
        " processes; no periodic jobs"
    )
    source = "coleifer/huey docs/consumer.rst"
    guarantee = "at most once, as its guide says"

    def worker(self, processes: int) -> list[list[str]]:
        """Start the consumer."""
        kind = ["-w", "4", "-k", "thread"] if processes == 1 else ["-w", str(processes), "-k", "process"]
        options = [*kind, "-n", "-q"]
        return [["-m", "huey.bin.huey_consumer", "benchmarks.peers.peer_huey.huey", *options]]

    def fire(self, job: str, arguments: Sequence[float]) -> None:
        """Enqueue one by one."""
        for argument in arguments:
            JOBS[job](argument)

    def results(self, count: int) -> int:
        """Map, and get the group's results in blocking mode."""
        return int(sum(noop.map([(n,) for n in range(count)]).get(blocking=True)))

    def mark(self) -> None:
        """Count the results' hash."""
        self.base = int(work.client().hlen(RESULTS))

    def stored(self, fired: int) -> int:  # noqa: ARG002 - the hash counts
        """Tell how many results the hash has."""
        return int(work.client().hlen(RESULTS)) - self.base

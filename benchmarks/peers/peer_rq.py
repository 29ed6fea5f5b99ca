"""RQ, in its worker that runs jobs in-process."""

from __future__ import annotations

import time
from collections.abc import Sequence

from redis import Redis
from rq import Queue

from benchmarks.peers import work
from benchmarks.peers.peer import Peer

queue = Queue("bench", connection=Redis.from_url(work.url()))


def noop(number: float) -> float:
    """Return the argument."""
    return number


def started(fired: float) -> None:
    """Record the latency."""
    work.latency(fired)


def slow(seconds: float) -> None:
    """Record the start, and sleep."""
    work.begin()
    time.sleep(seconds)


JOBS = {"noop": noop, "started": started, "slow": slow}
WORKER_CLASS = "rq.worker.SimpleWorker"


class Adapter(Peer):
    """RQ."""

    title = "RQ"
    distributions = ("rq", "redis", "hiredis")
    settings = (
        "SimpleWorker, which runs jobs in-process instead of forking for each; two processes by"
        " rq worker-pool; no job descriptions in the log"
    )
    source = "rq/rq docs/docs/workers.md (performance notes), docs/benchmark.md"
    guarantee = "a killed worker's job goes to the failed registry, and runs again only if retries were asked"
    bulk = "Queue.enqueue_many, 1,000 a call"
    drain_jobs = 2_500
    single_jobs = 2_000
    result_jobs = 1_500

    def worker(self, processes: int) -> list[list[str]]:
        """Start ``rq worker``, or a pool of two."""
        if processes == 1:
            options = ["worker", "-w", WORKER_CLASS, "--quiet", "--disable-job-desc-logging"]
        else:
            options = ["worker-pool", "-w", WORKER_CLASS, "--quiet", "-n", str(processes)]
        return [["-m", "rq.cli", *options, "-u", work.url(), "bench"]]

    def fire(self, job: str, arguments: Sequence[float]) -> None:
        """Enqueue one by one."""
        for argument in arguments:
            queue.enqueue(JOBS[job], argument)

    def fire_bulk(self, arguments: Sequence[float]) -> None:
        """Enqueue a thousand a call."""
        self._many(arguments)

    def _many(self, arguments: Sequence[float]) -> list[object]:
        jobs: list[object] = []
        for start in range(0, len(arguments), 1_000):
            batch = [Queue.prepare_data(noop, (n,)) for n in arguments[start : start + 1_000]]
            jobs += queue.enqueue_many(batch)
        return jobs

    def results(self, count: int) -> int:
        """Fire in bulk, and block for each job's latest result."""
        total = 0
        for job in self._many(range(count)):
            total += job.latest_result(timeout=60).return_value  # type: ignore[attr-defined]
        return total

    def mark(self) -> None:
        """Count the finished registry."""
        self.base = int(work.client().zcard("rq:finished:bench"))

    def stored(self, fired: int) -> int:  # noqa: ARG002 - the registry counts
        """Tell how many jobs are in the finished registry."""
        return int(work.client().zcard("rq:finished:bench")) - self.base

"""Celery, with its prefork pool."""

from __future__ import annotations

import time
from collections.abc import Sequence

from celery import Celery, group

from benchmarks.peers import work
from benchmarks.peers.peer import Peer

app = Celery("bench", broker=work.url(), backend=work.url())
app.conf.worker_prefetch_multiplier = 128
app.conf.worker_hijack_root_logger = False
app.conf.broker_connection_retry_on_startup = True


@app.task(name="noop")
def noop(number: float) -> float:
    """Return the argument."""
    return number


@app.task(name="started")
def started(fired: float) -> None:
    """Record the latency."""
    work.latency(fired)


@app.task(name="slow")
def slow(seconds: float) -> None:
    """Record the start, and sleep."""
    work.begin()
    time.sleep(seconds)


JOBS = {"noop": noop, "started": started, "slow": slow}


class Adapter(Peer):
    """Celery."""

    title = "Celery"
    distributions = ("celery", "kombu", "redis", "hiredis")
    settings = (
        "prefork pool, a prefetch multiplier of 128 for short jobs, early acknowledgement (the default);"
        " no gossip, mingle or heartbeat"
    )
    source = "celery/celery docs/userguide/optimizing.rst, docs/userguide/workers.rst"
    guarantee = "at most once as measured: acknowledged before the job runs"
    drain_jobs = 2_500
    single_jobs = 2_000
    result_jobs = 1_500

    def worker(self, processes: int) -> list[list[str]]:
        """Start one worker with so many pool processes."""
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "ERROR"]
        application = ["-m", "celery", "-A", "benchmarks.peers.peer_celery:app", "worker"]
        return [[*application, "--pool", "prefork", "-c", str(processes), *quiet]]

    def fire(self, job: str, arguments: Sequence[float]) -> None:
        """Send one by one."""
        for argument in arguments:
            JOBS[job].delay(argument)

    def results(self, count: int) -> int:
        """Send a group, and join it."""
        return int(sum(group(noop.s(n) for n in range(count)).apply_async().join_native(timeout=120)))

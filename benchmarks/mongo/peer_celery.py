"""Celery, with kombu's MongoDB transport and Celery's MongoDB results."""

from __future__ import annotations

from celery import Celery  # type: ignore[import-not-found, unused-ignore]  # has an environment of its own

from benchmarks.mongo.peer import Peer, many, url
from benchmarks.mongo.server import client

RESULTS = "celery_results"

app = Celery("bench", broker=f"{url()}/celery", backend=f"{url()}/{RESULTS}")
app.conf.worker_prefetch_multiplier = 128
app.conf.worker_hijack_root_logger = False
app.conf.broker_connection_retry_on_startup = True


def _noop(number: int) -> int:
    return number


noop = app.task(name="noop")(_noop)


class Adapter(Peer):
    """Celery."""

    title = "Celery"
    distributions = ("celery", "kombu", "pymongo")
    settings = "one prefork process, a prefetch multiplier of 128; no gossip, mingle or heartbeat"
    jobs = 2_500

    def __init__(self) -> None:
        self.db = client(url())

    def worker(self) -> list[str]:
        """Start a worker with one pool process."""
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "ERROR"]
        application = ["-m", "celery", "-A", "benchmarks.mongo.peer_celery:app", "worker"]
        return [*application, "--pool", "prefork", "-c", "1", *quiet]

    def fill(self, count: int) -> None:
        """Send from threads."""
        many(noop.delay, count)

    def stored(self) -> int:
        """Count the results, each of which is a document."""
        return self.db[RESULTS]["celery_taskmeta"].estimated_document_count()

    def close(self) -> None:
        """Disconnect."""
        self.db.close()

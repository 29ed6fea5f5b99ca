"""What the measured jobs do, in every queue alike; each adapter wraps these in its own kind of job."""

from __future__ import annotations

import os
import time
from functools import lru_cache
from typing import Any

LATENCIES = "peers:latencies"
STARTS = "peers:starts"


def url() -> str:
    """Tell which server is measured."""
    return os.environ["PEERS_URL"]


@lru_cache
def _client(_pid: int) -> Any:
    from redis import Redis  # noqa: PLC0415 - a worker that only runs no-ops is not charged for it

    return Redis.from_url(url())


def client() -> Any:
    """Give this process' connection to the side lists; a forked child gets one of its own."""
    return _client(os.getpid())


def latency(fired: float) -> None:
    """Record how long it took from firing to here, by the clock that all processes share."""
    taken = time.monotonic() - fired
    client().rpush(LATENCIES, repr(taken))


def begin() -> None:
    """Record that a job has begun, and in which process."""
    client().rpush(STARTS, f"{os.getpid()} {time.monotonic()!r}")

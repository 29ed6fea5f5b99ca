"""The store's time, which is the server's."""

from __future__ import annotations

from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.wire import as_number

_NOW = load("now")


def now(link: Link) -> float:
    """Ask the server for its time."""
    return as_number(link.call(_NOW))

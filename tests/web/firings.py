"""Firings to be shown, as a producer would have put them in."""

from __future__ import annotations

import itertools
from typing import Any

from skunkqueue.ids import new_id
from skunkqueue.persistence import Backend
from skunkqueue.records import Claim, Firing

QUEUE = "shop"
LEASE = 600.0
_numbers = itertools.count()


def firing(**fields: Any) -> Firing:
    """Make a firing on the queue of these tests; ``fields`` are those of Firing."""
    return Firing(**{"id": new_id(), "queue": QUEUE, "route": "default", "body": b"not a body", **fields})


def claim(store: Backend, route: str = "default", limit: int = 1, worker: str | None = None) -> list[Claim]:
    """Claim firings, as a worker does."""
    return store.claim(QUEUE, route, worker or f"worker-{next(_numbers)}", limit, LEASE)

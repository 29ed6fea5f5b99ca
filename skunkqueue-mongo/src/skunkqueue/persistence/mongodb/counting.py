"""Adding to the counters of this minute. Counts are gathered (``deferred``) and written together (``count_writer``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from skunkqueue.errors import BackendError
from skunkqueue.persistence.mongodb.count_writer import Span, Values
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import Firing


def count_enqueued(store: Store, firings: Iterable[Firing]) -> None:
    """Count firings that came in."""
    numbers: dict[tuple[str, str, str], Values] = {}
    for firing in firings:
        values = numbers.setdefault((firing.queue, firing.route, firing.job), {"enqueued": 0})
        values["enqueued"] += 1
    count(store, numbers)


def count(store: Store, numbers: Mapping[tuple[str, str, str], Values]) -> None:
    """Add to the counters of this minute, once: counts that are missing are better than counts that are there twice."""
    try:
        minute = int(store.time.about_now() // 60)
    except BackendError:
        # What is counted has happened, so the caller must not get an error.
        return
    store.deferred.count((Span(*place, minute), values) for place, values in numbers.items() if values)

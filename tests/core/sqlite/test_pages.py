"""Pages of finished firings, which are kept in chunks, while some of a chunk are removed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.persistence.sqlite import SQLiteBackend
from skunkqueue.records import State
from tests.core.sqlite.makers import claim, done, many


def prune(backend: SQLiteBackend, shown: list[str], others: list[str]) -> None:
    del shown, others
    backend.prune(limit=3)


def delete(backend: SQLiteBackend, shown: list[str], others: list[str]) -> None:
    backend.delete([shown[0], *others[:3]])


def requeue(backend: SQLiteBackend, shown: list[str], others: list[str]) -> None:
    backend.requeue([shown[0], *others[-3:]])


@pytest.mark.parametrize("remove", [prune, delete, requeue])
def test_page_repeats_and_misses_no_row_while_others_of_its_chunk_are_removed(
    virtual: SQLiteBackend, clock: VirtualClock, remove: Callable[[SQLiteBackend, list[str], list[str]], None]
) -> None:
    made = virtual.enqueue(many(12))
    virtual.settle([done(one, ttl=5.0) for one in reversed(claim(virtual, 12))])
    page = virtual.page("q", "r", State.COMPLETE, 4)
    shown = [record.id for record in page.records]
    clock.advance(6.0)

    remove(virtual, shown, sorted(set(made) - set(shown)))

    while page.next is not None:
        page = virtual.page("q", "r", State.COMPLETE, 4, page.next)
        shown += [record.id for record in page.records]
    assert len(set(shown)) == len(shown)
    assert {record.id for record in virtual.page("q", "r", State.COMPLETE).records} <= set(shown)

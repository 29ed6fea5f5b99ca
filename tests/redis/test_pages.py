"""Pages of finished firings, which are kept in chunks, while some of a chunk are removed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import QUEUE, ROUTE, claim, firings, ids, outcome
from skunkqueue.persistence.redis import RedisBackend
from skunkqueue.records import State


def prune(backend: RedisBackend, shown: list[str], others: list[str]) -> None:
    del shown, others
    backend.prune(limit=3)


def delete(backend: RedisBackend, shown: list[str], others: list[str]) -> None:
    backend.delete([shown[0], *others[:3]])


def requeue(backend: RedisBackend, shown: list[str], others: list[str]) -> None:
    backend.requeue([shown[0], *others[-3:]])


@pytest.mark.parametrize("remove", [prune, delete, requeue])
def test_page_repeats_and_misses_no_row_while_others_of_its_chunk_are_removed(
    backend: RedisBackend, clock: VirtualClock, remove: Callable[[RedisBackend, list[str], list[str]], None]
) -> None:
    made = firings(12)
    backend.enqueue(made)
    backend.settle([outcome(one, ttl=5.0) for one in reversed(claim(backend, 12))])
    page = backend.page(QUEUE, ROUTE, State.COMPLETE, 4)
    shown = ids(page.records)
    clock.advance(6.0)

    remove(backend, shown, sorted(set(ids(made)) - set(shown)))

    while page.next is not None:
        page = backend.page(QUEUE, ROUTE, State.COMPLETE, 4, page.next)
        shown += ids(page.records)
    assert len(set(shown)) == len(shown)
    assert {record.id for record in backend.page(QUEUE, ROUTE, State.COMPLETE).records} <= set(shown)

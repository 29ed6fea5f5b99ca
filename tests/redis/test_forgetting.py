"""Ids of firings that were removed just now: they stay known for a while, and then are forgotten."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import firing
from skunkqueue.persistence.redis import RedisBackend
from tests.support.redis_server import RedisServer
from tests.support.store_fixtures import ConfigOf


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def backend(valkey: RedisServer, config_of: ConfigOf, clock: VirtualClock) -> Iterator[RedisBackend]:
    opened = RedisBackend.open(config_of(valkey.url()), clock=clock)
    yield opened
    opened.close()


@pytest.mark.parametrize("limit", [1, 2])
def test_firings_that_were_removed_hide_no_others_from_find(backend: RedisBackend, limit: int) -> None:
    # Each has a bucket of its own.
    made = [firing(id=f"0{number:08x}{number:015x}") for number in range(5)]
    backend.enqueue(made)
    backend.delete([one.id for one in made[:4]])

    assert backend.find("0", limit) == [made[4].id]

"""Counters of minutes that are over: sweeps pack them on all routes, as fast as new ones come."""

from __future__ import annotations

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import QUEUE, firing
from skunkqueue.persistence.redis import RedisBackend
from tests.support.redis_server import RedisServer


def unpacked(valkey: RedisServer, backend: RedisBackend) -> int:
    """Count the minutes that are kept one by one."""
    keys: list[bytes] = valkey.ask("KEYS", f"{backend._link.prefix}s:*")
    return len(keys)


@pytest.mark.parametrize("routes", [10, 700])
def test_one_sweep_a_minute_packs_the_minutes_of_every_route(
    backend: RedisBackend, clock: VirtualClock, valkey: RedisServer, routes: int
) -> None:
    backend.enqueue([firing(route=f"r{number}") for number in range(routes)])
    for _ in range(3):
        backend.sweep()
        clock.advance(60.0)

    backend.sweep()

    assert unpacked(valkey, backend) == routes
    found = backend.counters([(QUEUE, "r0")], 0.0, 1e12)
    assert [one.values["pending"] for one in found] == [1.0] * 4


def test_minutes_of_a_day_without_sweeps_are_packed_by_few(
    backend: RedisBackend, clock: VirtualClock, valkey: RedisServer
) -> None:
    for _ in range(24):
        for number in range(20):
            backend.enqueue([firing(route=f"r{number}", job=f"a:{number}")])
        clock.advance(3_600.0)

    backend.sweep()

    assert unpacked(valkey, backend) == 20
    assert {one.values["enqueued"] for one in backend.totals()} == {24.0}

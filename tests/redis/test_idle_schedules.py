"""Looking for schedules that have no next run: every worker does so with each sweep, so it reads little of the others."""

from __future__ import annotations

from typing import Any

from skunkqueue.contract.makers import QUEUE, ROUTE, declared, firing, schedule
from skunkqueue.persistence.redis import RedisBackend
from tests.support.redis_server import RedisServer


def calls(valkey: RedisServer, *commands: str) -> int:
    """Return how often these commands were run."""
    stats: Any = valkey.client().info("commandstats")
    return sum(int(stats.get(f"cmdstat_{name}", {}).get("calls", 0)) for name in commands)


def test_schedules_that_are_planned_and_those_of_other_queues_are_not_read(
    backend: RedisBackend, valkey: RedisServer
) -> None:
    for number in range(20):
        declared(backend, f"s{number}")
        backend.declare(schedule(f"s{number}", queue="other"), firing(queue="other"))
    _, lost = declared(backend, "idle")
    backend.delete([lost.id])
    whole, looked = calls(valkey, "hgetall"), calls(valkey, "hmget")

    assert [one.name for one in backend.idle_schedules(QUEUE, ROUTE)] == ["idle"]

    assert calls(valkey, "hgetall") - whole == 1
    assert calls(valkey, "hmget") - looked == 21

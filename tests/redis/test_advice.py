"""What ``skunq doctor`` says of a Redis server."""

from __future__ import annotations

import pytest

from skunkqueue.persistence.redis.advice import remarks
from tests.redis.opening import OpenStore
from tests.support.redis_server import RedisServer
from tests.support.store_fixtures import ConfigOf

WELL = {
    "used_memory": str(50 << 20),
    "maxmemory": str(1 << 30),
    "total_system_memory": str(8 << 30),
    "maxmemory_policy": "noeviction",
    "aof_enabled": "1",
    "aof_last_write_status": "ok",
    "rdb_last_bgsave_status": "ok",
}


def told(**changes: str) -> list[tuple[str, str]]:
    return [(each.level, each.text) for each in remarks({**WELL, **changes})]


def test_a_server_with_room_that_writes_to_its_disk_is_well() -> None:
    assert told() == [("ok", "50 of 1,024 MiB of its maxmemory are used")]


@pytest.mark.parametrize(("share", "level"), [(0.79, "ok"), (0.81, "notice"), (0.96, "problem")])
@pytest.mark.parametrize(("limit", "whose"), [(1 << 30, "its maxmemory"), (0, "its machine's memory")])
def test_memory_that_is_nearly_full_is_found(share: float, level: str, limit: int, whose: str) -> None:
    used = int(share * (limit or 8 << 30))

    (found,) = told(used_memory=str(used), maxmemory=str(limit))

    assert found[0] == level
    assert f"MiB of {whose} are used" in found[1]


def test_a_server_that_may_throw_firings_away_is_found() -> None:
    assert (
        "problem",
        "the server's maxmemory-policy is allkeys-lru, so it may throw firings away when its memory is full",
    ) in told(maxmemory_policy="allkeys-lru")


@pytest.mark.parametrize(
    ("changes", "level", "text"),
    [
        ({"aof_enabled": "0"}, "notice", "no append-only file"),
        ({"aof_last_write_status": "err"}, "problem", "could not write its append-only file"),
        ({"rdb_last_bgsave_status": "err"}, "problem", "could not write its snapshot"),
    ],
)
def test_a_server_that_does_not_write_to_its_disk_is_found(
    changes: dict[str, str], level: str, text: str
) -> None:
    (found,) = [each for each in told(**changes) if "memory" not in each[1]]

    assert found[0] == level
    assert text in found[1]


def test_a_real_server_tells_of_its_memory(
    valkey: RedisServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    store = open_store(config_of(valkey.url()))

    assert any("MiB of its m" in each.text for each in store.remarks())


def test_where_nothing_may_be_asked_nothing_is_said() -> None:
    assert list(remarks({})) == []

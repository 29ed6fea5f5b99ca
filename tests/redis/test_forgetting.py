"""Ids of firings that were removed just now: they stay known for a while, and then are forgotten."""

from __future__ import annotations

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import claim, counts, firing, firings, ids, outcome, rows_of
from skunkqueue.persistence.redis import RedisBackend
from tests.support.redis_server import RedisServer


@pytest.mark.parametrize("limit", [1, 2])
def test_firings_that_were_removed_hide_no_others_from_find(backend: RedisBackend, limit: int) -> None:
    # Each has a bucket of its own.
    made = [firing(id=f"0{number:08x}{number:015x}") for number in range(5)]
    backend.enqueue(made)
    backend.delete([one.id for one in made[:4]])

    assert backend.find("0", limit) == [made[4].id]


def known(valkey: RedisServer, backend: RedisBackend) -> int:
    """Count the keys in which ids are kept."""
    keys: list[bytes] = valkey.ask("KEYS", f"{backend._link.prefix}*")
    return sum(key.split(b"}:", 1)[1].startswith((b"f:", b"hollow")) for key in keys)


def indexes(valkey: RedisServer, backend: RedisBackend) -> list[bytes]:
    """Return the names of the indexes of finished firings by what few firings have."""
    keys: list[bytes] = valkey.ask("KEYS", f"{backend._link.prefix}i:*")
    return sorted(key.split(b"}:", 1)[1] for key in keys)


def test_only_what_a_firing_fired_is_indexed_by_it_and_until_it_is_removed(
    backend: RedisBackend, valkey: RedisServer
) -> None:
    parents = ["a" * 24, "b" * 24, "c" * 24, "d" * 24, None]
    made = [firing(parent=parent) for parent in parents]
    backend.enqueue(made)
    backend.kill(ids(made[3:4]))
    assert backend.settle([outcome(one) for one in claim(backend, 5)]) == []
    assert indexes(valkey, backend) == [f"i:p:{parent}".encode() for parent in parents if parent]

    backend.delete(ids(made[:1]))
    backend.requeue(ids(made[1:2]))
    assert indexes(valkey, backend) == [b"i:p:" + b"c" * 24, b"i:p:" + b"d" * 24]

    backend.prune(older=0.0)
    assert indexes(valkey, backend) == []


def test_what_an_older_worker_finished_is_listed_and_removed_though_not_found_by_its_parent(
    backend: RedisBackend, valkey: RedisServer
) -> None:
    made = [firing(parent="f" * 24, key="k"), firing(parent="f" * 24)]
    backend.enqueue(made)
    lent = claim(backend, 2)
    backend.settle([outcome(lent[0], parent=None), outcome(lent[1])])
    assert ids(rows_of(backend, parent="f" * 24)) == [made[1].id]
    assert {row.parent for row in rows_of(backend)} == {"f" * 24}
    assert ids(rows_of(backend, parent="f" * 24, key="k")) == [made[0].id]

    backend.delete(ids(made))

    assert rows_of(backend, parent="f" * 24) == []
    assert indexes(valkey, backend) == []


def test_what_one_call_deleted_is_forgotten_by_one_sweep(
    backend: RedisBackend, clock: VirtualClock, valkey: RedisServer
) -> None:
    made = firings(400)
    backend.enqueue(made)
    backend.delete(ids(made))
    assert known(valkey, backend) > 0
    clock.advance(151.0)

    assert backend.sweep() == 400

    assert known(valkey, backend) == 0


def test_sweeps_forget_a_thousand_ids_each_and_tell_when_more_are_left(
    backend: RedisBackend, clock: VirtualClock, valkey: RedisServer
) -> None:
    for _ in range(30):
        made = firings(100)
        backend.enqueue(made)
        backend.delete(ids(made))
    clock.advance(151.0)

    assert [backend.sweep() for _ in range(4)] == [1_000, 1_000, 1_000, 0]

    assert known(valkey, backend) == 0


def test_ids_that_were_removed_just_now_are_not_put_in_again(
    backend: RedisBackend, clock: VirtualClock
) -> None:
    made = firings(3)
    backend.enqueue(made)
    backend.settle([outcome(one, ttl=0.0) for one in claim(backend)])
    backend.prune()
    backend.delete(ids(made))
    clock.advance(149.0)
    backend.sweep()

    backend.enqueue(made)

    assert counts(backend) == {}

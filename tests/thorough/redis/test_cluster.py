"""A cluster whose slots move while they are in use: callers do not notice."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from skunkqueue.contract.makers import claim, counts, firing, firings, ids, outcome
from skunkqueue.errors import BackendUnavailableError
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Claim, State
from tests.redis.opening import OpenStore
from tests.redis.patience import persistently
from tests.support.redis_cluster import RedisCluster
from tests.support.server_process import HOST, free_port
from tests.support.store_fixtures import ConfigOf
from tests.thorough.redis.load import Load


@pytest.fixture
def own_cluster(new_cluster: Callable[..., RedisCluster]) -> RedisCluster:
    """Give a cluster on which nobody else stores anything."""
    return new_cluster()


@pytest.fixture
def store(own_cluster: RedisCluster, open_store: OpenStore, config_of: ConfigOf) -> Backend:
    return open_store(config_of(own_cluster.url()))


def used(cluster: RedisCluster) -> set[int]:
    """Find the slots that have keys."""
    found = set()
    for node in cluster.live:
        cursor = b"0"
        while True:
            cursor, keys = node.ask("SCAN", cursor, "COUNT", 1_000)
            found |= {cluster.slot(key) for key in keys}
            if cursor in {b"0", 0, "0"}:
                break
    return found


def slot_of(cluster: RedisCluster) -> int:
    """Tell the slot that most keys of the store are in."""
    return max(used(cluster), key=lambda slot: cluster.owner(slot).ask("CLUSTER", "COUNTKEYSINSLOT", slot))


def test_any_one_node_will_do_to_find_the_others(
    cluster: RedisCluster, open_store: OpenStore, config_of: ConfigOf
) -> None:
    url = f"redis+cluster://{HOST}:{free_port()},{HOST}:{cluster.masters[1].port}"
    store = open_store(config_of(url))

    made = firings(3)
    store.enqueue(made)

    assert ids(claim(store, 3)) == ids(made)


def test_where_no_node_answers_they_are_named(open_store: OpenStore, config_of: ConfigOf) -> None:
    port = free_port()

    with pytest.raises(BackendUnavailableError, match=str(port)):
        open_store(config_of(f"redis+cluster://{HOST}:{port}")).enqueue([firing()])


def test_a_batch_for_many_queues_is_put_in(store: Backend) -> None:
    made = [firing(queue=f"queue-{number}") for number in range(30)]

    assert store.enqueue(made) == ids(made)
    assert [counts(store, one.queue) for one in made] == [{State.PENDING: 1}] * 30


def test_slots_that_have_moved_are_followed(store: Backend, own_cluster: RedisCluster) -> None:
    made = firings(10)
    store.enqueue(made)
    for slot in used(own_cluster):
        own_cluster.move(slot)

    lent = claim(store, 10)

    assert ids(lent) == ids(made)
    for slot in used(own_cluster):
        own_cluster.move(slot)
    assert store.settle([outcome(one) for one in lent]) == []
    assert counts(store) == {State.COMPLETE: 10}


def test_a_slot_on_its_way_shows_no_store_by_half(store: Backend, own_cluster: RedisCluster) -> None:
    made = firings(10)
    store.enqueue(made)
    slot = slot_of(own_cluster)
    owner = own_cluster.owner(slot)
    target = next(node for node in own_cluster.masters if node is not owner)
    own_cluster.begin_move(slot, target)
    own_cluster.move_keys(slot, owner, target, 3)

    lent: list[Claim] = []
    with contextlib.suppress(BackendUnavailableError):
        lent = claim(store, 10)
    own_cluster.end_move(slot, owner, target)
    lent = lent or claim(store, 10)

    assert ids(lent) == ids(made)
    assert store.settle([outcome(one) for one in lent]) == []
    assert counts(store) == {State.COMPLETE: 10}


def test_a_slot_that_moves_in_one_step_is_followed(
    own_cluster: RedisCluster, open_store: OpenStore, config_of: ConfigOf
) -> None:
    with Load(lambda: open_store(config_of(own_cluster.url())), lease=5.0) as load:
        for _ in range(3):
            load.goes_on()
            own_cluster.move_at_once(slot_of(own_cluster))
        load.goes_on()
        load.finish()


def test_a_load_goes_on_while_its_slots_move(
    own_cluster: RedisCluster, open_store: OpenStore, config_of: ConfigOf
) -> None:
    with Load(lambda: open_store(config_of(own_cluster.url())), lease=5.0) as load:
        for _ in range(3):
            load.goes_on()
            for slot in used(own_cluster):
                own_cluster.move(slot)
        load.goes_on()
        load.finish()


def test_a_node_that_was_restarted_is_found_again(
    new_cluster: Callable[..., RedisCluster], open_store: OpenStore, config_of: ConfigOf
) -> None:
    cluster = new_cluster(persistence="aof")
    with Load(lambda: open_store(config_of(cluster.url())), lease=5.0) as load:
        load.goes_on()
        node = cluster.owner(slot_of(cluster))
        node.kill()
        node.start()
        load.goes_on()
        load.finish()


def test_a_replica_takes_the_place_of_its_killed_master(
    new_cluster: Callable[..., RedisCluster], open_store: OpenStore, config_of: ConfigOf
) -> None:
    cluster = new_cluster(replicas=1)
    store = open_store(config_of(cluster.url(replicas="1")))
    made = firings(10)
    store.enqueue(made)

    cluster.owner(slot_of(cluster)).kill()

    # Its only replica is the master now, so nothing can be confirmed by one.
    alone = persistently(lambda: open_store(config_of(cluster.url())))
    assert ids(persistently(lambda: claim(alone, 10))) == ids(made)


def test_a_store_that_was_open_follows_the_replica_that_takes_over(
    new_cluster: Callable[..., RedisCluster], open_store: OpenStore, config_of: ConfigOf
) -> None:
    cluster = new_cluster(replicas=1)
    store = open_store(config_of(cluster.url()))
    store.enqueue(firings(10))
    master = cluster.owner(slot_of(cluster))
    master.ask("WAIT", 1, 5_000)

    master.kill()

    fresh = firing()
    assert persistently(lambda: store.enqueue([fresh])) == [fresh.id]
    assert counts(store) == {State.PENDING: 11}

"""A connection that breaks when a write was done and its reply is on the way: the verb does it once all the same.

The caller hears nothing of it, for the store tries again by itself.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.contract.makers import (
    LEASE,
    ROUTE,
    claimed,
    counters,
    firings,
    ids,
    outcome,
    read,
    state,
    worker,
)
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Command, Verdict
from tests.mongo.opening import OpenStore
from tests.support.mongo_fixtures import MongoConfigOf, NewMongoProxy
from tests.support.mongo_proxy import MongoProxy
from tests.support.mongo_replica_set import MongoReplicaSet
from tests.support.mongo_server import MongoServer
from tests.support.waiting import eventually, pause
from tests.thorough.mongo.breaking import PROMISES, Line
from tests.thorough.mongo.load import Load
from tests.thorough.mongo.operations import Prepare

Stores = tuple[Backend, Backend]


@pytest.mark.drawn_by("line")
@pytest.mark.parametrize("promise", PROMISES, ids=lambda one: one.__name__)
def test_a_verb_whose_replies_are_lost_is_done_once_and_says_so(line: Line, promise: Prepare) -> None:
    number, writes = 0, 1
    with ExitStack() as broken:
        while number <= writes:
            near, far = line.fresh(broken, SYSTEM_CLOCK)
            operation = promise(near, pause)
            before = line.proxy.writes
            line.proxy.lose_reply(number)
            answer = operation.verb(far)
            if not number:
                writes = line.proxy.writes - before
                assert writes, "nothing was written"
            line.proxy.lose_reply(0)
            print(f"reply {number} of {writes} lost")
            assert answer == operation.answer
            operation.holds(near, done=True)
            assert set(line.left_over().values()) == {0}, line.left_over()
            number += 1
    assert line.proxy.lost, "no reply was lost"


@pytest.fixture
def stores(line: Line) -> Iterator[Stores]:
    """Give a store, directly and over the line."""
    with ExitStack() as stack:
        yield line.fresh(stack, SYSTEM_CLOCK)
    assert line.proxy.lost == 1


@pytest.mark.parametrize("verdict", Verdict)
def test_a_settle_is_done_once_and_not_called_stale(line: Line, stores: Stores, verdict: Verdict) -> None:
    near, far = stores
    lent = claimed(near)

    line.proxy.lose_reply()

    assert far.settle([outcome(lent, verdict, began=lent.claimed)]) == []
    assert state(near, lent.id) is verdict.state


def test_a_settle_tells_the_stale_from_the_others(line: Line, stores: Stores) -> None:
    near, far = stores
    old = claimed(near)
    near.settle([outcome(old)])
    fresh = claimed(near)

    line.proxy.lose_reply()

    assert far.settle([outcome(old), outcome(fresh)]) == [old.id]


@pytest.mark.parametrize("count", [1, 3])
def test_who_waits_hears_of_firings_whose_replies_were_lost(line: Line, stores: Stores, count: int) -> None:
    near, far = stores
    made = firings(count)
    # The first lists the route, and the second has the firings accepted.
    line.proxy.lose_reply(2)

    assert far.enqueue(made) == ids(made)
    assert near.wait(made[0].queue, ROUTE, "worker", 10.0)


def test_a_count_is_one_short_rather_than_one_too_many(line: Line, stores: Stores) -> None:
    near, far = stores
    line.proxy.lose_reply(2)

    far.enqueue(firings(1))

    assert counters(near).get("enqueued", 0) in {0, 1}


def test_a_worker_is_listed_once(line: Line, stores: Stores) -> None:
    near, far = stores
    line.proxy.lose_reply()

    far.register(worker(), LEASE)

    assert [one.id for one in near.workers()] == [worker().id]
    assert far.beat(worker(), LEASE)


def test_a_pause_is_a_pause(line: Line, stores: Stores) -> None:
    near, far = stores
    lent = claimed(near)
    line.proxy.lose_reply()

    far.pause(lent.queue)

    assert near.claim(lent.queue, lent.route, "worker", 1, LEASE) == []
    assert read(near, lent.id).token == lent.token


def test_a_command_is_heard_once(line: Line, stores: Stores) -> None:
    near, far = stores
    near.register(worker(), LEASE)
    line.proxy.lose_reply()

    assert far.send(worker().id, Command(verb="stop"))

    assert near.listen(worker().id, 1.0) == [Command(verb="stop")]
    assert near.listen(worker().id, 0.01) == []


@pytest.mark.parametrize("kind", ["mongod", "replica_set"])
def test_a_load_over_a_line_that_breaks_all_the_time_is_done_once_and_all_of_it(
    request: pytest.FixtureRequest,
    kind: str,
    new_mongo_proxy: NewMongoProxy,
    mongo_config_of: MongoConfigOf,
    open_store: OpenStore,
) -> None:
    found: MongoServer | MongoReplicaSet = request.getfixturevalue(kind)
    server = found if isinstance(found, MongoServer) else found.primary()
    proxy = new_mongo_proxy(server)
    config = mongo_config_of(server, server.url(port=proxy.port))
    chance = random.Random(4711)  # noqa: S311 - the same faults every time
    lost = 0
    with Load(lambda: open_store(config), producers=2) as load:
        for _ in range(6):
            load.goes_on(10)
            if chance.random() < 0.3:
                proxy.sever()
            else:
                lost += 1
                lose(proxy, lost, chance)
        load.goes_on(10)
        load.finish()
    assert proxy.lost >= lost > 1


def lose(proxy: MongoProxy, number: int, chance: random.Random) -> None:
    """Have one of the next writes lose its reply, until so many are lost in all: some writes ask for none."""

    def is_lost() -> bool:
        if proxy.lost < number and not proxy._until_lost:
            proxy.lose_reply(chance.randint(1, 10))
        return proxy.lost >= number

    eventually(is_lost, 60.0, what=f"{number} replies are lost")

"""Firing in a transaction of the application that is tried again: once each, whatever the tries do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from skunkqueue.contract.makers import (
    LEASE,
    QUEUE,
    ROUTE,
    WORKER,
    firing,
    firings,
    ids,
    outcome,
)
from skunkqueue.persistence.fdb import application_transactions, enqueue
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import Firing
from tests.fdb.application_shop import Shop
from tests.support.fdb_standin.backend import StandInBackend
from tests.support.fdb_standin.faults import Fault
from tests.support.fdb_standin.process import StandInServer
from tests.support.store_fixtures import ConfigOf


def test_retried_transaction_enqueues_once(shop: Shop) -> None:
    tries: list[list[str]] = []

    def order(tr: Any) -> None:
        assert tr.get(shop.bound.key("stock")).value == (b"5" if not tries else b"4")
        if not tries:
            shop.bound.put(stock=b"4")
        tr.set(shop.bound.key("order"), b"1")
        tries.append(shop.store.enqueue_in(tr, [firing()]) + shop.store.enqueue_in(tr, firings(2)))

    shop.bound.put(stock=b"5")
    shop.retried(order)
    assert len(tries) == 2
    assert tries[0] == tries[1]
    assert shop.lent() == tries[0]


def test_try_that_fires_more_than_the_one_before_enqueues_all_of_it(shop: Shop) -> None:
    tries: list[list[str]] = []

    def order(tr: Any) -> None:
        tr.get(shop.bound.key("stock")).wait()
        if not tries:
            shop.bound.put(stock=b"4")
        tr.set(shop.bound.key("order"), b"1")
        tries.append(shop.store.enqueue_in(tr, firings(1 + 2 * len(tries))))

    shop.retried(order)
    assert len(tries) == 2
    assert tries[1][:1] == tries[0]
    assert shop.lent() == tries[1]


@pytest.mark.parametrize("landing", ["before", "never"])
def test_commit_of_which_nobody_knows_enqueues_once(
    on_stand_in: Shop, stand_in: StandInServer, landing: Any
) -> None:
    shop, seen = on_stand_in, list[str]()

    def order(tr: Any) -> None:
        if seen and landing == "before":
            # It was worked on, and forgotten, before the application tried again.
            (lent,) = shop.store.claim(QUEUE, ROUTE, WORKER, 10, LEASE)
            shop.store.settle([outcome(lent, ttl=0.0)])
            assert shop.store.prune() == 1
        tr.set(shop.bound.key("order"), b"1")
        seen.extend(shop.store.enqueue_in(tr, [firing()]))

    stand_in.fail(Fault(call="commit", code=1021, landing=landing, prefix=shop.bound.key("order")))
    shop.retried(order)
    assert stand_in.clear_faults() == 1
    assert len(seen) == 2
    assert len(set(seen)) == 1
    assert shop.lent() == ([] if landing == "before" else seen[:1])


def test_what_a_try_fires_beyond_one_that_was_committed_is_in(
    on_stand_in: Shop, stand_in: StandInServer
) -> None:
    shop, tries = on_stand_in, list[list[str]]()

    def order(tr: Any) -> None:
        tr.set(shop.bound.key("order"), b"1")
        tries.append(shop.store.enqueue_in(tr, firings(1 + len(tries))))

    stand_in.fail(Fault(call="commit", code=1021, landing="before", prefix=shop.bound.key("order"), times=2))
    shop.retried(order)
    assert [len(one) for one in tries] == [1, 2, 3]
    assert shop.lent() == tries[2]


def test_try_that_does_other_work_than_one_that_was_committed_loses_nothing(
    on_stand_in: Shop, stand_in: StandInServer
) -> None:
    shop, waiting, stored = on_stand_in, ["a", "b"], list[str]()

    def take(tr: Any) -> None:
        name = next(one for one in waiting if tr.get(shop.bound.key(one)).value is not None)
        tr.clear(shop.bound.key(name))
        stored.extend(shop.store.enqueue_in(tr, [firing(body=name.encode())]))

    shop.bound.put(a=b"1", b=b"1")
    stand_in.fail(Fault(call="commit", code=1021, landing="before", prefix=shop.bound.key("a")))
    shop.retried(take)
    assert stand_in.clear_faults() == 1
    assert shop.bound.all() == []
    assert len(set(stored)) == 2
    assert shop.lent() == stored


def test_alike_firings_are_told_apart_by_their_order(on_stand_in: Shop, stand_in: StandInServer) -> None:
    shop, tries = on_stand_in, list[list[str]]()

    def order(tr: Any) -> None:
        tr.set(shop.bound.key("order"), b"1")
        wanted = [firing(body=b"a"), firing(body=b"b"), firing(body=b"a")]
        tries.append(shop.store.enqueue_in(tr, wanted if not tries else wanted[::-1]))

    stand_in.fail(Fault(call="commit", code=1021, landing="before", prefix=shop.bound.key("order")))
    shop.retried(order)
    assert len(set(tries[0])) == 3
    assert tries[1] == [tries[0][0], tries[0][1], tries[0][2]]
    assert sorted(shop.lent()) == sorted(tries[0])


@pytest.mark.parametrize("landing", ["before", "never"])
def test_holder_of_a_key_is_the_answer_of_each_try(
    on_stand_in: Shop, stand_in: StandInServer, landing: Any
) -> None:
    shop, found = on_stand_in, list[str]()
    (holder,) = shop.store.enqueue([firing(key="k")])

    def order(tr: Any) -> None:
        tr.set(shop.bound.key("order"), b"1")
        found.extend(shop.store.enqueue_in(tr, [firing(key="k")]))

    stand_in.fail(Fault(call="commit", code=1021, landing=landing, prefix=shop.bound.key("order")))
    shop.retried(order)
    assert found == [holder, holder]


def test_alike_firings_with_one_key_are_one_in_each_try(on_stand_in: Shop, stand_in: StandInServer) -> None:
    shop, tries = on_stand_in, list[list[str]]()

    def order(tr: Any) -> None:
        tr.set(shop.bound.key("order"), b"1")
        tries.append(shop.store.enqueue_in(tr, firings(2, key="k")))

    stand_in.fail(Fault(call="commit", code=1021, landing="before", prefix=shop.bound.key("order")))
    shop.retried(order)
    assert len(set(tries[0])) == 1
    assert tries[1] == tries[0]
    assert shop.lent() == tries[0][:1]


def test_store_that_is_opened_again_between_two_tries_enqueues_once(
    on_stand_in: Shop, stand_in: StandInServer, config_of: ConfigOf
) -> None:
    shop, stores, seen = on_stand_in, [on_stand_in.store], list[str]()

    def order(tr: Any) -> None:
        if seen:
            stores[-1].close()
            stores.append(StandInBackend.open(config_of(stand_in.url())))
        tr.set(shop.bound.key("order"), b"1")
        seen.extend(stores[-1].enqueue_in(tr, [firing()]))

    stand_in.fail(Fault(call="commit", code=1021, landing="before", prefix=shop.bound.key("order")))
    shop.retried(order)
    lent = ids(stores[-1].claim(QUEUE, ROUTE, WORKER, 10, LEASE))
    stores[-1].close()
    assert lent == seen[:1] == seen[1:]


@pytest.mark.parametrize("end", ["reset", "on_error"])
def test_versionstamp_of_a_try_that_has_ended_is_an_error(shop: Shop, end: str) -> None:
    tr = shop.bound.begin()
    tr.set(shop.bound.key("a"), b"1")
    stamp = tr.get_versionstamp()
    tr.get(shop.bound.key("a")).wait()
    assert not stamp.is_ready()
    if end == "reset":
        tr.reset()
    else:
        tr.on_error(shop.bound.binding.FDBError(1021)).wait()
    tr.get(shop.bound.key("a")).wait()
    assert stamp.is_ready()
    assert shop.bound.refusal(stamp.wait) != 0


@pytest.mark.parametrize("when", ["before", "after"])
def test_transaction_in_which_a_firing_was_interrupted_cannot_be_committed(
    on_stand_in: Shop, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    shop, put = on_stand_in, enqueue.put

    def interrupted(tr: Transaction, given: Sequence[Firing]) -> list[str]:
        if when == "after":
            put(tr, given)
        raise KeyboardInterrupt

    tr = shop.bound.begin()
    tr.set(shop.bound.key("order"), b"1")
    with monkeypatch.context() as patched:
        patched.setattr(enqueue, "put", interrupted)
        with pytest.raises(KeyboardInterrupt):
            shop.store.enqueue_in(tr, [firing()])
    assert shop.bound.refusal(lambda: tr.commit().wait()) == 1025
    assert shop.bound.all() == []
    assert shop.lent() == []


def test_what_failed_before_it_was_written_is_the_same_when_it_is_fired_again(
    on_stand_in: Shop, stand_in: StandInServer
) -> None:
    shop = on_stand_in
    tr = shop.bound.begin()
    shop.store.enqueue_in(tr, [firing(body=b"first")])
    stand_in.fail(Fault(call="read", code=1009))
    assert shop.bound.refusal(lambda: shop.store.enqueue_in(tr, [firing(body=b"x")])) == 1009
    stand_in.clear_faults()
    again = shop.store.enqueue_in(tr, [firing(body=b"x")])
    tr.commit().wait()
    lent = shop.lent()
    assert len(lent) == 2
    assert lent[1:] == again


def test_object_that_is_given_up_again_and_again_remembers_its_last_tries(shop: Shop) -> None:
    tr = shop.bound.begin()
    for number in range(250):
        shop.store.enqueue_in(tr, [firing(body=b"%d" % number)])
        tr.reset()
    tries = application_transactions._objects.tries_of(tr, shop.store._link)
    assert len(tries._open) <= 100
    assert len(tries._ids) <= 100

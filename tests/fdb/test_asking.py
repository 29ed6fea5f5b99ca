"""Asking and taking a hand in FoundationDB: what the contract's kit cannot see from outside."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from msgspec.structs import replace

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import LEASE, OTHER, QUEUE, ROUTE, WORKER, firing, firings, ids, outcome
from skunkqueue.counters import Counters
from skunkqueue.listings import Query
from skunkqueue.persistence.asking import HOURS_KEPT, MINUTES_KEPT
from skunkqueue.persistence.fdb import control, keys, rollup, tallies
from skunkqueue.persistence.fdb.backend import FdbBackend
from skunkqueue.persistence.fdb.opening import open_link
from skunkqueue.persistence.fdb.settings import settings_of
from skunkqueue.persistence.fdb.transactions import Link, Transaction
from skunkqueue.records import FINAL_STATES, Claim, ClaimRef, State, Verdict
from tests.fdb.bindings import Either
from tests.support.store_fixtures import ConfigOf

PARENT = "f" * 24


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def link(either: Either, config_of: ConfigOf, clock: VirtualClock) -> Iterator[Link]:
    """Give the test's store; on the stand-in and on a real server."""
    settings = settings_of(config_of(either.url))
    with closing(open_link(settings, clock, either.kind.binding, create=True)) as made:
        yield made


@pytest.fixture
def store(link: Link) -> FdbBackend:
    return FdbBackend(link)


def lend(store: FdbBackend, limit: int = 1, worker: str = WORKER) -> list[Claim]:
    return store.claim(QUEUE, ROUTE, worker, limit, LEASE)


def everything_counted(store: FdbBackend) -> list[list[Counters]]:
    places = [(QUEUE, ROUTE), (QUEUE, "bar")]
    asked = [
        store.counters(places, 0.0, 1e12, hours=hours, jobs=jobs)
        for hours in (False, True)
        for jobs in (False, True)
    ]
    return [*asked, store.totals()]


def count_for_hours(store: FdbBackend, clock: VirtualClock) -> None:
    """Count on two routes and in two jobs, over some hours with pauses."""
    for number in range(14):
        store.enqueue([firing(job=f"a:{number % 2}"), firing(route="bar", job="b")])
        clock.advance(0.25 * number)
        lent = lend(store)
        if number % 3:
            store.sample()
        store.settle([outcome(one, began=clock.now(), took=0.1 * (number + 1)) for one in lent])
        clock.advance(700.0 if number % 4 else 60.0)


def tables_left(link: Link) -> set[str]:
    """Name the tables that hold anything."""
    prefix = link.keys.prefix
    pairs = link.read(lambda tr: tr.get_range(prefix, prefix + keys.END)())
    # How far samples have come is no sample.
    letters = {pair.key[len(prefix) : len(prefix) + 1] for pair in pairs if pair.key != link.keys.sample}
    named = {getattr(link.keys, name)[-1:]: name for name in keys.Keys.__annotations__}
    return {named.get(letter, letter.decode()) for letter in letters}


# --- counters -------------------------------------------------------------------------------------------


def test_counters_are_the_same_after_they_were_rolled_up(
    store: FdbBackend, link: Link, clock: VirtualClock
) -> None:
    count_for_hours(store, clock)
    before = everything_counted(store)
    assert all(before)
    minutes = store.minutes(QUEUE, ROUTE, 0, 1 << 31)
    rollup.roll_up(link)
    assert "total" in tables_left(link)
    for old, new in zip(before, everything_counted(store), strict=True):
        assert [(one.route, one.job, one.begin) for one in new] == [
            (one.route, one.job, one.begin) for one in old
        ]
        assert [one.values for one in new] == [pytest.approx(one.values) for one in old]
    after = store.minutes(QUEUE, ROUTE, 0, 1 << 31)
    assert [one.minute for one in after] == [one.minute for one in minutes]
    assert [one.values for one in after] == [pytest.approx(one.values) for one in minutes]


def test_minutes_are_rolled_up_once_by_many(store: FdbBackend, link: Link, clock: VirtualClock) -> None:
    count_for_hours(store, clock)
    before = {(one.route, one.job): one.values for one in store.totals()}
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(rollup.roll_up, link) for _ in range(4)]:
            done.result(60)
    after = {(one.route, one.job): one.values for one in store.totals()}
    assert after.keys() == before.keys()
    for job, values in after.items():
        assert values == pytest.approx(before[job])


def test_nothing_is_counted_in_a_minute_that_was_rolled_up(
    store: FdbBackend, link: Link, clock: VirtualClock
) -> None:
    store.enqueue([firing()])
    clock.advance(7_200.0)
    rollup.roll_up(link)

    def late(tr: Transaction) -> None:
        tr.now -= 7_200.0
        tallies.count(tr, QUEUE, ROUTE, "", {"enqueued": 1})

    link.run(late)
    (total,) = store.totals()
    assert total.values == {"enqueued": 2}


def test_old_counters_of_a_route_where_nothing_happens_go_too(
    store: FdbBackend, link: Link, clock: VirtualClock
) -> None:
    store.enqueue([firing()])
    store.sample()
    rollup.roll_up(link)
    clock.advance(MINUTES_KEPT + 1_200.0)
    rollup.roll_up(link)
    assert not tables_left(link) & {"minute", "minutes", "sample"}
    assert tables_left(link) >= {"hour", "hour_sample"}
    clock.advance(HOURS_KEPT + 7_200.0)
    rollup.roll_up(link)
    assert not tables_left(link) & {"hour", "hour_sample"}
    (total,) = store.totals()
    assert total.values == {"enqueued": 1}


# --- control --------------------------------------------------------------------------------------------


def test_what_lies_too_far_apart_for_one_transaction_is_deleted_in_several(store: FdbBackend) -> None:
    groups = [firings(30, body=b"b" * 3_700) for _ in range(110)]
    for group in groups:
        store.enqueue(group)
        store.settle([outcome(one, result=b"r" * 1_800) for one in lend(store, 30)])
    doomed = [group[7].id for group in groups]
    # Of each, the other firings that lie with it are written anew.
    assert store.delete(doomed) == dict.fromkeys(doomed, State.COMPLETE)
    assert store.count(Query()).number == 110 * 29
    assert store.results(ids(groups[3]))[7] is None
    assert None not in store.results([*ids(groups[3][:7]), *ids(groups[3][8:])])


def test_what_is_removed_leaves_nothing_behind(store: FdbBackend, link: Link, clock: VirtualClock) -> None:
    store.pause(QUEUE)
    store.resume(QUEUE)
    made = [
        firing(job="a", key="k", tags=("t", "u"), parent=PARENT),
        firing(body=b"large" * 50_000),
        firing(target=OTHER, delay=50.0),
        *firings(40, tags=("t",), parent=PARENT),
    ]
    store.enqueue(made)
    lent = lend(store, 20)
    store.progress(ClaimRef(lent[0].id, lent[0].token), b"half")
    store.settle(
        [outcome(one, result=b"r" * 100_000 if not number else b"") for number, one in enumerate(lent)]
    )
    store.requeue([lent[0].id, lent[3].id])
    store.kill([lent[3].id, made[40].id])
    store.run_now([made[2].id])
    store.delete([lent[4].id, made[41].id])
    for one in lend(store, 4):
        store.settle([outcome(one, Verdict.ERROR, error="E: why")])
    store.purge(QUEUE)
    clock.advance(10.0)
    while store.prune(older=1.0, limit=7):
        pass
    assert store.find("") == []
    assert {one.state for one in store.rows(Query()).rows} == set()
    assert tables_left(link) <= {
        "V", "C", "route", "jobs", "counts", "minute", "wakeup", "settled", "marker", "rolled",
    }  # fmt: skip
    assert [state for state in FINAL_STATES if store.count(Query(states=(state,))).number] == []


def test_what_an_older_worker_finished_is_listed_and_removed_though_not_by_its_parent(
    store: FdbBackend, link: Link
) -> None:
    made = [firing(parent=PARENT, key="k"), firing(parent=PARENT)]
    store.enqueue(made)
    lent = lend(store, 2)
    store.settle([outcome(lent[0], parent=None), outcome(lent[1])])
    assert ids(store.rows(Query(parent=PARENT)).rows) == [made[1].id]
    assert {row.parent for row in store.rows(Query()).rows} == {PARENT}
    assert ids(store.rows(Query(parent=PARENT, key="k")).rows) == [made[0].id]
    store.delete(ids(made))
    assert store.rows(Query(parent=PARENT)).rows == ()
    assert "word" not in tables_left(link)


def test_what_lies_too_far_apart_is_purged_and_pruned_in_several(
    store: FdbBackend, clock: VirtualClock
) -> None:
    groups = [firings(15, body=b"b" * 3_700) for _ in range(190)]
    for group in groups:
        # One of each comes first in line, and one is on another route.
        store.enqueue([*group[2:], replace(group[0], priority=9), replace(group[1], route="bar")])
    for _ in range(10):
        lent = lend(store, 19)
        store.settle([outcome(one) for one in lent])
    clock.advance(10.0)
    assert store.prune(older=1.0) == 190
    assert store.count(Query()).number == 190 * 14
    assert store.purge(QUEUE, "bar") == 190
    assert store.count(Query()).number == 190 * 13


@pytest.mark.parametrize("same", [False, True])
def test_only_what_happens_to_the_firing_itself_conflicts_with_a_kill(
    store: FdbBackend, link: Link, *, same: bool
) -> None:
    store.enqueue(firings(2))
    lent = [*lend(store), *lend(store)]
    tries: list[dict[str, State | None]] = []

    def kill(tr: Transaction) -> dict[str, State | None]:
        before = control.kill(tr, [lent[0].id])
        if not tries:
            store.settle([outcome(lent[0 if same else 1])])
        tries.append(before)
        return before

    expected = State.COMPLETE if same else State.RUNNING
    assert link.run(kill) == {lent[0].id: expected}
    assert len(tries) == (2 if same else 1)

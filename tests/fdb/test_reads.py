"""How much is read for an answer: by what people ask for, and not by how large what lies beside it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import LEASE, QUEUE, ROUTE, WORKER, firing, firings, ids, outcome
from skunkqueue.listings import Query
from skunkqueue.persistence.fdb import binding as bindings
from skunkqueue.persistence.fdb import blobs, claim, keys, packed, rollup, samples
from skunkqueue.persistence.fdb.backend import FdbBackend
from skunkqueue.persistence.fdb.opening import open_link
from skunkqueue.persistence.fdb.records import Batch, encode, entry_of
from skunkqueue.persistence.fdb.settings import settings_of
from skunkqueue.persistence.fdb.transactions import Link, Transaction
from skunkqueue.records import Claim, Firing, State, Verdict
from tests.fdb.bindings import Either
from tests.fdb.counted_reads import CountingDatabase, Reads
from tests.support.store_fixtures import ConfigOf

SIZES = {"more than a value takes": 150_000, "one value": 20_000, "packed with others": 2_000}
"""Bytes of bodies that are not copied into the line, by where they lie."""


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


class Counted(NamedTuple):
    """A store, and the database that counts what is read of it."""

    link: Link
    database: CountingDatabase


@pytest.fixture
def counted(either: Either, config_of: ConfigOf, clock: VirtualClock) -> Iterator[Counted]:
    """Give the test's store, on the stand-in and on a real server."""
    settings = settings_of(config_of(either.url))
    binding = either.kind.binding or bindings.load()
    with closing(open_link(settings, clock, binding, create=True)) as made:
        database = CountingDatabase(made._database, made.keys.prefix)
        with closing(Link(settings, binding, database, clock)) as link:
            yield Counted(link, database)


@pytest.fixture
def link(counted: Counted) -> Link:
    return counted.link


@pytest.fixture
def store(link: Link) -> FdbBackend:
    return FdbBackend(link)


@pytest.fixture
def reads_of(counted: Counted) -> Callable[[Callable[[], object]], Reads]:
    """Give a function that counts what a call reads."""

    def count(call: Callable[[], object]) -> Reads:
        counted.database.reads = Reads()
        call()
        return counted.database.reads

    return count


ReadsOf = Callable[[Callable[[], object]], Reads]


def lend(store: FdbBackend, limit: int) -> list[Claim]:
    return store.claim(QUEUE, ROUTE, WORKER, limit, LEASE)


def large(size: int, number: int) -> list[Firing]:
    return firings(number, body=b"x" * size, job="a:x", tags=("eu",), key=None)


# --- bodies ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_no_listing_reads_a_large_body(store: FdbBackend, reads_of: ReadsOf, size: int) -> None:
    given = large(size, 24)
    store.enqueue(given)
    done = lend(store, 8)
    store.settle([outcome(one, result=b"\x01") for one in done])
    held = lend(store, 8)
    store.settle([outcome(one, Verdict.RETRY, error="E: no", delay=0.0) for one in held[:4]])
    wanted = ids(given)

    listed: dict[str, Callable[[], object]] = {
        "all": lambda: store.rows(Query(), 100),
        "job": lambda: store.rows(Query(job="a:x"), 100),
        "tag": lambda: store.rows(Query(tag="eu"), 100),
        "error": lambda: store.rows(Query(error="E"), 100),
        "worker": lambda: store.rows(Query(worker=WORKER), 100),
        "running": lambda: store.rows(Query(states=(State.RUNNING,)), 100),
        "count": lambda: store.count(Query(tag="eu")),
        "counts": store.routes,
        "results": lambda: store.results(wanted),
        "settled": lambda: store.wait_settled(wanted[-1:], 0.0),
    }
    for name, ask in listed.items():
        reads = reads_of(ask)
        assert not {"E", "I"} & (reads.gets | reads.ranges).keys(), name
        assert reads.bytes < 24 * 1_000, name
    rows = {row.id: row for row in store.rows(Query(), 100).rows}
    assert rows.keys() == set(wanted)
    assert {row.body_size for row in rows.values()} == {size}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_what_changes_firings_reads_no_large_body(store: FdbBackend, reads_of: ReadsOf, size: int) -> None:
    given = large(size, 20)
    store.enqueue([*given[:16], *(replace(one, delay=600.0) for one in given[16:])])
    first, *rest = held = lend(store, 12)
    changes: dict[str, Callable[[], object]] = {
        "retried": lambda: store.settle([outcome(first, Verdict.RETRY, delay=0.0)]),
        "completed": lambda: store.settle([outcome(one) for one in rest]),
        "requeued": lambda: store.requeue(ids(rest[:4])),
        "made due": lambda: store.run_now(ids(given[16:])),
        "killed": lambda: store.kill(ids(given[12:14])),
        "deleted": lambda: store.delete(ids(given[14:16])),
    }
    for name, change in changes.items():
        assert not {"E", "I"} & (reads_of(change).gets).keys(), name

    again = {one.id: one.body for one in lend(store, 100)}
    assert again.keys() == {first.id, *ids(rest[:4]), *ids(given[16:])}
    assert set(again.values()) == {b"x" * size}
    assert held[0].body == b"x" * size


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_large_bodies_go_with_their_firings(store: FdbBackend, link: Link, size: int) -> None:
    given = large(size, 12)
    store.enqueue(given)
    kept, *gone = ids(given)
    store.delete(gone[:5])
    assert [one and len(one.body) for one in store.get([kept, *gone[5:]])] == [size] * 7
    store.delete([kept, *gone])

    prefix = link.keys.prefix
    left = link.read(lambda tr: tr.get_range(prefix + b"E", prefix + b"J")())
    assert [pair.key for pair in left if pair.key[len(prefix) :][:1] in {b"E", b"F", b"I"}] == []


def test_bodies_of_each_firing_of_a_batch_are_its_own(store: FdbBackend) -> None:
    given = [firing(body=b"%04d" % number * (500 if number % 3 else 1)) for number in range(40)]
    store.enqueue(given)

    assert [one and one.body for one in store.get(ids(given))] == [one.body for one in given]
    assert {one.id: one.body for one in lend(store, 100)} == {one.id: one.body for one in given}


def test_firings_that_were_stored_with_their_bodies_are_read(store: FdbBackend, link: Link) -> None:
    alone, *batch = given = [firing(body=b"y" * size) for size in (150_000, 2_000, 2_000, 2_000, 2_000)]
    store.enqueue(given)

    def as_before(tr: Transaction) -> None:
        """Store them as version 0.1 did."""
        stored = {one.id: encode(entry_of(one, link.time.now())) for one in given}
        tables = link.keys
        found = [
            (tables.batch + name, ids_)
            for name, ids_ in packed.candidates(tr, packed.FIRINGS, [*stored])().items()
        ]
        for one in given:
            tr.clear(tables.firing + one.id.encode())
        tr.clear_range(tables.body, tables.body + b"\xff")
        tr.clear_range(tables.bodies, tables.bodies + b"\xff")
        blobs.put(tr, tables.firing + alone.id.encode(), stored[alone.id])
        if not found:
            for one in batch:
                blobs.put(tr, tables.firing + one.id.encode(), stored[one.id])
        for key, own in found:
            entries = Batch(entries=(), firings=tuple((id_, stored[id_]) for id_ in own))
            tr.set(key, encode(entries))

    link.run(as_before)

    assert [one and one.body for one in store.get(ids(given))] == [one.body for one in given]
    rows = {row.id: row.body_size for row in store.rows(Query(), 100).rows}
    assert rows == {one.id: len(one.body) for one in given}
    assert {one.id: one.body for one in lend(store, 100)} == {one.id: one.body for one in given}


def test_a_page_reads_no_more_than_it_shows(store: FdbBackend, reads_of: ReadsOf) -> None:
    for _ in range(30):
        store.enqueue(firings(10, tags=("eu",)))
        store.settle([outcome(one) for one in lend(store, 10)])

    small = reads_of(lambda: store.rows(Query(tag="eu", states=(State.COMPLETE,)), 10))
    assert small.gets["F"] <= 3


def test_pages_take_few_round_trips(store: FdbBackend, reads_of: ReadsOf) -> None:
    for number in range(12):
        store.enqueue(
            [firing(route=f"r{route}", job=f"a:{route}", priority=number % 5) for route in range(4)]
        )
        store.enqueue(firings(60, tags=("eu",)))
        lent = lend(store, 50)
        failed = [outcome(one, Verdict.ERROR, error="E: no") for one in lent[:5]]
        store.settle([*failed, *(outcome(one) for one in lent[5:])])
    asked = {
        "all": (Query(), 2),
        "oldest": (Query(newest=False), 7),
        "route": (Query(queue=QUEUE, route=ROUTE, states=(State.PENDING,)), 2),
        "pending": (Query(states=(State.PENDING,)), 2),
        "failed": (Query(states=(State.ERROR,)), 6),
        "tag": (Query(tag="eu", states=(State.COMPLETE,)), 5),
    }

    def trips_of(query: Query) -> int:
        return reads_of(lambda: store.rows(query, 50)).trips

    trips = {name: trips_of(query) for name, (query, _) in asked.items()}

    assert {name: number for name, number in trips.items() if number > asked[name][1]} == {}
    assert reads_of(store.routes).trips <= 2


# --- samples --------------------------------------------------------------------------------------------


def test_sampling_many_routes_takes_few_reads(
    store: FdbBackend, clock: VirtualClock, reads_of: ReadsOf
) -> None:
    store.enqueue([firing(route=f"r{number:03}") for number in range(samples.AT_ONCE - 1)])
    for claim_of in range(samples.AT_ONCE - 3):
        store.settle([outcome(one) for one in store.claim(QUEUE, f"r{claim_of:03}", WORKER, 1, LEASE)])
    clock.advance(60.0)

    first, again = reads_of(store.sample), reads_of(store.sample)

    # What a call notes of itself, how far samples have come, routes, counts, and the lines of two.
    assert first.requests <= 6
    assert again.requests <= 2
    assert store.sample() == 0


def test_each_route_has_a_sample_of_each_minute(store: FdbBackend, clock: VirtualClock) -> None:
    number = samples.AT_ONCE + 7
    store.enqueue([firing(route=f"r{number:03}") for number in range(number)])
    places = [(QUEUE, f"r{one:03}") for one in range(number)]

    assert store.sample() == number
    store.enqueue([firing(route="a"), firing(route="z")])
    assert store.sample() == 2
    assert store.sample() == 0
    clock.advance(60.0)
    assert store.sample() == number + 2

    found = store.counters(places, 0.0, 1e12)
    assert [one.values["pending"] for one in found] == [1] * (2 * number)


def test_an_hour_keeps_the_largest_sample_once_it_is_rolled_up(
    store: FdbBackend, link: Link, clock: VirtualClock
) -> None:
    clock.advance(3600 - clock.now() % 3600)
    for _ in range(4):
        store.enqueue(firings(3))
        store.sample()
        clock.advance(180.0)
    before = store.counters([(QUEUE, ROUTE)], 0.0, 1e12, hours=True)
    store.delete(ids(lend(store, 100)))
    rollup.roll_up(link)

    assert [one.values["pending"] for one in before] == [12]
    assert store.counters([(QUEUE, ROUTE)], 0.0, 1e12, hours=True) == before


def test_minutes_that_are_over_are_rolled_up_one_by_one(
    store: FdbBackend, link: Link, clock: VirtualClock, reads_of: ReadsOf
) -> None:
    for _ in range(25):
        store.enqueue([firing(job=f"a:{number}") for number in range(20)])
        clock.advance(60.0)
        rollup.roll_up(link)

    found: list[object] = []
    reads = reads_of(lambda: found.extend(store.counters([(QUEUE, ROUTE)], 0.0, 1e12)))

    assert len(found) == 25
    # Of single jobs: a minute that is not over for long, with what happened and without histograms.
    assert reads.keys["m"] <= 2 * 20


# --- claims ---------------------------------------------------------------------------------------------


def test_claims_that_are_spread_follow_each_other_and_leave_nothing_behind(
    store: FdbBackend, link: Link, reads_of: ReadsOf
) -> None:
    given = firings(600)
    store.enqueue(given)
    link.slots[QUEUE, ROUTE] = claim.MAX_SLOTS
    lent: list[Claim] = []
    passed = [reads_of(lambda: lent.extend(lend(store, 5))).passed for _ in range(2 * (claim.STRIP + 1))]
    link.slots[QUEUE, ROUTE] = 1.0
    while more := lend(store, 50):
        lent += more

    # Each strip begins at a place that is counted, and goes on from there.
    assert {number for number, some in enumerate(passed) if some} <= {0, claim.STRIP + 1}
    assert sorted(one.id for one in lent) == sorted(ids(given))


def test_strip_reaches_the_end_of_the_line_and_begins_at_its_head(store: FdbBackend, link: Link) -> None:
    given = firings(40)
    store.enqueue(given)
    link.slots[QUEUE, ROUTE] = claim.MAX_SLOTS
    line = link.read(lambda tr: tr.get_range(link.keys.line, link.keys.line + b"\xff")())
    start = len(link.keys.line + keys.place(QUEUE, ROUTE))
    link.strips[QUEUE, ROUTE] = (line[-3].key[start:], 3)

    assert [one.id for one in lend(store, 10)] == sorted(ids(given))[:10]


def test_strip_passes_over_nothing_of_a_higher_priority(store: FdbBackend, link: Link) -> None:
    store.enqueue(firings(40))
    link.slots[QUEUE, ROUTE] = claim.MAX_SLOTS
    lend(store, 5)
    assert (QUEUE, ROUTE) in link.strips
    urgent = firing(priority=9)
    store.enqueue([urgent])

    assert lend(store, 5)[0].id == urgent.id

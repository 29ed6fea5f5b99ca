"""Putting in, lending and settling in FoundationDB: what the contract's kit cannot see from outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from skunkqueue.clock import SYSTEM_CLOCK, Clock, VirtualClock
from skunkqueue.contract.makers import LEASE, OTHER, QUEUE, ROUTE, WORKER, firing, firings, ids, outcome
from skunkqueue.ids import new_id
from skunkqueue.persistence.fdb import (
    blobs,
    claim,
    ended,
    enqueue,
    keys,
    leases,
    packed,
    reading,
    settle,
    staged_batch,
)
from skunkqueue.persistence.fdb import firings as stored
from skunkqueue.persistence.fdb.opening import open_link
from skunkqueue.persistence.fdb.records import Lease
from skunkqueue.persistence.fdb.settings import settings_of
from skunkqueue.persistence.fdb.transactions import Link, Transaction
from skunkqueue.records import Claim, ClaimRef, Firing, State, Verdict
from tests.fdb.bindings import Either
from tests.support.store_fixtures import ConfigOf

Open = Callable[..., Link]


@pytest.fixture
def open_store(either: Either, config_of: ConfigOf) -> Iterator[Open]:
    """Open the test's store, as often as it likes; on the stand-in and on a real server."""
    with ExitStack() as stack:

        def make(clock: Clock = SYSTEM_CLOCK) -> Link:
            settings = settings_of(config_of(either.url))
            made = open_link(settings, clock, either.kind.binding, create=True)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def link(open_store: Open) -> Link:
    """Give the store under the machine's clock."""
    return open_store()


def put(link: Link, given: Sequence[Firing], at: int | None = None) -> list[str]:
    return link.run(lambda tr: enqueue.put(tr, given, fresh=tr.at is not None), repeatable=True, at=at)


def lend(link: Link, limit: int, worker: str = WORKER) -> list[Claim]:
    return link.run(claim.Claiming(QUEUE, ROUTE, worker, limit, LEASE), repeatable=True)


def settle_all(link: Link, lent: Sequence[Claim], **fields: Any) -> list[str]:
    return link.run(lambda tr: settle.settle(tr, [outcome(one, **fields) for one in lent]))


def states(link: Link, wanted: Sequence[str]) -> Counter[State | None]:
    found: Counter[State | None] = Counter()
    for start in range(0, len(wanted), 1_000):
        some = wanted[start : start + 1_000]
        known = link.read(lambda tr, some=some: reading.records(tr, some))  # type: ignore[misc]
        found.update(known[id_].state if id_ in known else None for id_ in some)
    return found


# --- putting in -----------------------------------------------------------------------------------------


def test_firing_that_was_put_in_since_is_noticed_without_a_look(link: Link) -> None:
    put(link, [firing()])
    put(link, [firing()])
    made = firing()
    at = enqueue.version_for(link, [made])
    assert at is not None
    assert put(link, [made], at) == [made.id]
    before = link.conflicts
    assert put(link, [made], at) == [made.id]
    assert link.conflicts == before + 1
    assert len(lend(link, 10)) == 3


def test_batch_that_was_put_in_since_is_noticed_without_a_look(link: Link) -> None:
    put(link, [firing()])
    put(link, [firing()])
    batch = firings(50)
    at = enqueue.version_for(link, batch)
    assert at is not None
    put(link, batch, at)
    # Also where only some of it is there, and what is there came as one.
    assert put(link, batch[20:30], at) == ids(batch[20:30])
    assert len(lend(link, 100)) == 52


def test_firings_that_need_a_look_get_one(link: Link) -> None:
    put(link, [firing()])
    put(link, [firing()])
    old = firing(id="018" + new_id()[3:])
    for made in (old, firing(key="k"), firing(target=OTHER), firing(route="new"), firing(priority=1)):
        assert enqueue.version_for(link, [made]) is None


def test_ids_that_follow_each_other_are_one_range() -> None:
    batch = ids(firings(20))
    runs = list(stored._runs([*batch[:10], *batch[11:]]))
    assert sum(int(last, 16) - int(first, 16) + 1 for first, last in runs) == 19
    assert not any(first <= batch[10] <= last for first, last in runs)
    assert list(stored._runs(["odd", "0a", "0b"])) == [("0a", "0b"), ("odd", "odd")]


def test_batch_too_large_for_a_transaction_is_put_in_whole(link: Link) -> None:
    batch = firings(staged_batch.MOST + 10)
    assert staged_batch.is_large(batch)
    assert staged_batch.put(link, batch) == ids(batch)
    lent = lend(link, 2_000)
    assert ids(lent) == ids(batch[:2_000])
    assert states(link, ids(batch)) == {State.RUNNING: 2_000, State.PENDING: 3_010}


def test_large_bodies_make_a_large_batch() -> None:
    assert staged_batch.is_large([firing(body=b"x" * 1_000_000) for _ in range(3)])
    assert not staged_batch.is_large(firings(1_000))


def test_batch_that_was_laid_down_comes_in_once_it_is_accepted(link: Link) -> None:
    batch, name = firings(5), link.unique()
    staged_batch._lay_down(link, name, 0, batch[:3])
    staged_batch._lay_down(link, name, 1, batch[3:])
    assert lend(link, 10) == []
    accepted = link.run(lambda tr: staged_batch._accept(tr, name, 2))
    assert staged_batch._unpack(link, name, 0, batch[:3], accepted) == ids(batch[:3])
    # A second process comes between.
    assert staged_batch._unpack(link, name, 1, None, accepted) == ids(batch[3:])
    assert staged_batch._unpack(link, name, 1, batch[3:], accepted) == ids(batch[3:])
    assert ids(lend(link, 10)) == ids(batch)


def test_batch_of_a_process_that_died_is_finished_by_others(open_store: Open) -> None:
    clock = VirtualClock()
    link = open_store(clock)
    batch, name = firings(5, delay=1.0), link.unique()
    staged_batch._lay_down(link, name, 0, batch)
    accepted = link.run(lambda tr: staged_batch._accept(tr, name, 1))
    assert staged_batch.finish(link) == 0
    clock.advance(5.0)
    assert staged_batch.finish(link) == 1
    assert staged_batch.finish(link) == 0
    lent = lend(link, 10)
    assert ids(lent) == ids(batch)
    assert {one.due for one in lent} == {accepted + 1.0}


def test_batch_that_was_never_accepted_is_thrown_away(open_store: Open) -> None:
    clock = VirtualClock()
    link = open_store(clock)
    kept, lost = link.unique(), link.unique()
    for name in (kept, lost):
        staged_batch._lay_down(link, name, 0, firings(2))
    assert link.run(staged_batch.throw_away) == 0
    clock.advance(staged_batch.FORGOTTEN + 1.0)
    assert [link.run(staged_batch.throw_away) for _ in range(3)] == [1, 1, 0]
    assert left(link) == {"V", "C", "v"}


# --- lending --------------------------------------------------------------------------------------------


def test_token_of_another_worker_is_not_taken_for_ones_own(link: Link) -> None:
    batch = firings(2)
    put(link, batch)
    (lent,) = lend(link, 1, OTHER)
    claiming = claim.Claiming(QUEUE, ROUTE, WORKER, 1, LEASE)
    # A try that conflicted with the other's: both read the same version and drew the same bits.
    claiming._tries.append((link.keys.lease + keys.number(lent.token), [lent]))
    assert ids(link.run(claiming, repeatable=True)) == [batch[1].id]


def test_threads_that_conflict_lend_each_firing_once(link: Link) -> None:
    batch = firings(300)
    put(link, batch)

    def work(number: int) -> list[str]:
        found: list[str] = []
        while lent := lend(link, 10, f"worker-{number}"):
            found += ids(lent)
        return found

    with ThreadPoolExecutor(6) as threads:
        found = [id_ for own in threads.map(work, range(6)) for id_ in own]
    assert sorted(found) == ids(batch)


def test_claims_are_spread_after_a_conflict_and_narrow_again(open_store: Open) -> None:
    link, other = open_store(), open_store()
    batch = firings(20)
    put(link, batch)
    claiming = claim.Claiming(QUEUE, ROUTE, WORKER, 1, LEASE)
    taken: list[str] = []

    def work(tr: Transaction) -> list[Claim]:
        found = claiming(tr)
        if not taken:
            taken.extend(ids(lend(other, 1, OTHER)))
        return found

    (lent,) = link.run(work, repeatable=True)
    assert taken == [batch[0].id]
    assert lent.id in ids(batch[1:])
    assert link.slots[QUEUE, ROUTE] == claim.SPREAD
    for _ in range(60):
        lend(link, 1)
    assert (QUEUE, ROUTE) not in link.slots
    claim.step_aside(link, QUEUE, ROUTE)


@pytest.mark.parametrize("limit", [1, 5])
def test_claims_keep_the_order_after_a_conflict_with_who_fires(open_store: Open, limit: int) -> None:
    """The first firings of a priority, say, change what is known of the route; they may also come first in line."""
    link, other = open_store(), open_store()
    batch = firings(20)
    put(link, batch)
    claiming = claim.Claiming(QUEUE, ROUTE, WORKER, limit, LEASE)
    first, last = firing(due=link.time.now() - 60.0), firing(priority=2)

    def work(tr: Transaction) -> list[Claim]:
        found = claiming(tr)
        if not tr.conflicts:
            put(other, [first, last])
        return found

    before = link.conflicts
    lent = link.run(work, repeatable=True)

    assert link.conflicts == before + 1
    assert (QUEUE, ROUTE) not in link.slots
    assert ids([*lent, *lend(link, 100)]) == ids([first, *batch, last])


def test_claim_of_a_process_whose_clock_was_late_finds_what_is_due(open_store: Open) -> None:
    """A process that saw no new version for a while has a late clock, until its claim sees one."""
    link, other = open_store(), open_store()
    put(link, [firing()])
    assert len(lend(other, 1)) == 1
    put(link, firings(3))
    late = other.time._by
    assert late is not None
    until, before, ahead = late.window
    late.window = until, before - 1.0, ahead - 1.0
    assert len(lend(other, 10)) == 3


def test_higher_priority_is_not_passed_over_after_conflicts(link: Link) -> None:
    put(link, [*firings(3, priority=9), *firings(100)])
    link.slots[QUEUE, ROUTE] = 30.0
    lent = lend(link, 5)
    assert [one.priority for one in lent] == [9, 9, 9, 5, 5]


def test_spread_claims_find_the_last_firing(link: Link) -> None:
    made = firing()
    put(link, [made])
    link.slots[QUEUE, ROUTE] = 30.0
    assert ids(lend(link, 5)) == [made.id]


# --- what is packed -------------------------------------------------------------------------------------


def test_ids_of_a_batch_have_few_entries() -> None:
    assert len(packed.spread(ids(firings(500))).entries) <= 125
    minute = [f"{1_800_000_000_000 + 100 * number:012x}{number:012x}" for number in range(600)]
    assert 1 <= len(packed.spread(minute).entries) <= 20


def test_ids_far_apart_have_an_entry_each() -> None:
    hours = [f"{1_800_000_000_000 + 3_600_000 * number:012x}{number:012x}" for number in range(30)]
    assert packed.spread(hours) == packed.Spread((), alone=True)


@pytest.mark.parametrize("apart", [1, 5_000, 10_000_000])
def test_firings_are_found_however_far_apart_their_ids_are(link: Link, apart: int) -> None:
    batch = [
        firing(id=f"{1_800_000_000_000 + apart * number:012x}{number:012x}", body=b"%d" % number)
        for number in range(40)
    ]
    put(link, batch)
    settle_all(link, lend(link, 30), result=b"r")
    found = link.read(lambda tr: reading.records(tr, ids(batch)))
    assert [found[one.id].body for one in batch] == [one.body for one in batch]
    assert Counter(one.state for one in found.values()) == {State.COMPLETE: 30, State.PENDING: 10}
    for number in (0, 29, 39):
        (alone,) = link.read(lambda tr, number=number: reading.records(tr, [batch[number].id])).values()  # type: ignore[misc]
        assert alone == found[alone.id]


def test_finished_firings_leave_nothing_behind(link: Link) -> None:
    batch = firings(30, tags=("a", "b"), job="m:one") + firings(30, job="m:two", key=None)
    put(link, batch)
    lent = lend(link, 60)
    settle_all(link, lent[:20], result=b"x" * 5_000)
    settle_all(link, lent[20:], verdict=Verdict.ERROR, error="ValueError: no")
    for start in range(0, 60, 25):
        some = ids(batch[start : start + 25])

        def remove(tr: Transaction, some: list[str] = some) -> None:
            ended.remove(tr, ended.find(tr, some).values())
            stored.remove(tr, some)

        link.run(remove)
        known = link.read(lambda tr: ended.find(tr, ids(batch)))
        assert set(known) == set(ids(batch[start + 25 :]))
    # What is left is the store itself, marks, what is known of the route, counts and wake-ups.
    assert left(link) <= set("VCvQjcmgy")


def test_large_attempt_states_are_not_written_again_when_firings_come_back(link: Link) -> None:
    batch = firings(8)
    put(link, batch)
    large, small = b"c" * 1_900_000, b"d" * 10
    pairs = [lend(link, 2) for _ in range(4)]
    for number, pair in enumerate(pairs):
        settle_all(link, pair, verdict=Verdict.SNOOZE, attempt_state=large, due=float(number))
    lent = [one for _ in range(4) for one in lend(link, 8)]
    assert [one.attempt_state for one in lent] == [large] * 8
    # 15 MB of attempt states, more than a transaction takes.
    assert settle_all(link, lent, verdict=Verdict.RELEASE) == []
    assert {one.attempt_state for one in link.read(lambda tr: reading.records(tr, ids(batch))).values()} == {
        large
    }
    while lent := lend(link, 8):
        settle_all(link, lent, verdict=Verdict.SNOOZE, attempt_state=small, due=1e12)
    assert "K" not in left(link)
    assert {one.attempt_state for one in link.read(lambda tr: reading.records(tr, ids(batch))).values()} == {
        small
    }


def test_leases_of_many_firings_that_ended_come_back_in_parts(open_store: Open) -> None:
    clock = VirtualClock()
    link = open_store(clock)
    batch = firings(2_300)
    put(link, batch)
    assert len(lend(link, 2_500)) == 2_300
    clock.advance(LEASE + 1.0)
    back = [link.run(lambda tr: leases.reclaim(tr, QUEUE, ROUTE)) for _ in range(4)]
    assert back == [1_000, 1_000, 300, 0]
    assert ids(lend(link, 1, OTHER)) == [batch[0].id]


def test_lease_of_many_firings_that_began_shrinks(link: Link) -> None:
    put(link, firings(2_300))
    lent = lend(link, 2_500)
    begun = [ClaimRef(one.id, one.token, begun=True) for one in lent[:2_000]]
    link.run(lambda tr: leases.extend(tr, begun, LEASE))
    for start in range(0, 2_300, 500):
        assert settle_all(link, lent[start : start + 500]) == []
        ((_, lease),) = link.read(lambda tr: leases.of_worker(tr, WORKER)) or ((0, None),)
        assert (() if lease is None else lease.ids) == tuple(ids(lent[start + 500 :]))
    assert not left(link) & set("leh")


def test_lease_leaves_nothing_behind(link: Link) -> None:
    put(link, firings(3))
    lent = lend(link, 3)
    settle_all(link, lent[:1])
    held = link.read(lambda tr: leases.of_worker(tr, WORKER))
    assert [(token, len(lease.ids)) for token, lease in held] == [(lent[0].token, 2)]
    settle_all(link, lent[1:])
    assert not left(link) & set("lehra")


def test_lease_with_more_ids_than_fit_into_a_value_is_kept(link: Link) -> None:
    many = tuple(ids(firings(5_000)))
    lease = Lease(worker=WORKER, queue=QUEUE, route=ROUTE, claimed=1.0, ends=2.0, ids=many)
    link.run(lambda tr: leases.make(tr, 7, lease))
    assert link.read(lambda tr: leases.by_tokens(tr, [7])) == {7: lease}
    link.run(lambda tr: leases.save(tr, 7, lease, many[:1]))
    assert link.read(lambda tr: leases.by_tokens(tr, [7]))[7].ids == many[:1]
    link.run(lambda tr: leases.save(tr, 7, lease, ()))
    assert left(link) <= set("VCv")


def left(link: Link) -> set[str]:
    """Return the letters of the tables in which a store has anything."""
    prefix = link.keys.prefix
    pairs = link.read(lambda tr: tr.get_range(prefix, prefix + keys.END)())
    return {chr(pair.key[len(prefix)]) for pair in pairs}


@pytest.mark.parametrize("between", [0, 1, 5])
def test_many_keys_are_read_whatever_lies_between_them(link: Link, between: int) -> None:
    table = link.keys.result
    number = 40 * (between + 1)

    def fill(tr: Transaction) -> None:
        for one in range(number):
            blobs.put(tr, table + b"%04d" % one, b"%d" % one * (40_000 if one == 0 else 1))

    link.run(fill)
    wanted = [f"{one:04}" for one in range(0, number, between + 1)]
    for snapshot in (False, True):
        found = link.read(
            lambda tr, snapshot=snapshot: blobs.read_each(tr, table, [*wanted, "9999"], snapshot=snapshot)  # type: ignore[misc]
        )
        assert found == {id_: b"%d" % int(id_) * (40_000 if id_ == "0000" else 1) for id_ in wanted}


def test_many_keys_that_are_read_conflict_with_writes(open_store: Open) -> None:
    link, other = open_store(), open_store()
    table = link.keys.result
    wanted = [f"{one:04}" for one in range(50)]
    tries = []

    def work(tr: Transaction) -> None:
        blobs.read_each(tr, table, wanted)
        tries.append(1)
        tr.set(table + b"mine", b"\0")
        if len(tries) == 1:
            other.run(lambda tr: tr.set(table + b"0042", b"\0"))
        elif len(tries) == 2:
            # What lies between them is another's.
            other.run(lambda tr: tr.set(table + b"0042a", b"\0"))

    link.run(work)
    assert len(tries) == 2

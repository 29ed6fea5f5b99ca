"""Workers, pools, the audit log and schedules in FoundationDB: what the contract's kit cannot see from outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import LEASE, QUEUE, WORKER, firing, schedule, worker
from skunkqueue.ids import new_id
from skunkqueue.persistence.fdb import audit, blobs, keys, listed, mailboxes, marks
from skunkqueue.persistence.fdb.backend import FdbBackend
from skunkqueue.persistence.fdb.marks import Unique
from skunkqueue.persistence.fdb.transactions import Link
from skunkqueue.pools import Entry, PoolRecord, Process, Sample
from skunkqueue.records import Command
from tests.fdb.bindings import Either
from tests.support.store_fixtures import ConfigOf
from tests.support.waiting import eventually

LARGE = 3 * blobs.LARGEST


@pytest.fixture
def store(either: Either, config_of: ConfigOf) -> Iterator[FdbBackend]:
    """Give the test's store, on the stand-in and on a real server."""
    with closing(either.kind.open(config_of(either.url))) as made:
        yield made


def keys_in(link: Link, table: bytes) -> int:
    return link.read(lambda tr: len(tr.get_range(table, table + keys.END)()))


def large_pool(id_: str) -> PoolRecord:
    samples = tuple(Sample(at=float(number), rss=number << 30, cpu=0.5) for number in range(60))
    processes = tuple(
        Process(
            worker=f"worker-{number}",
            pid=number,
            route="default",
            state="running",
            started=1.0,
            samples=samples,
        )
        for number in range(150)
    )
    return PoolRecord(
        id=id_,
        host="here",
        pid=1,
        queue=QUEUE,
        routes=("default",),
        workers=150,
        started=1.0,
        processes=processes,
    )


def test_pool_of_many_processes_is_listed_whole_between_others(store: FdbBackend) -> None:
    small = PoolRecord(id="b", host="here", pid=2, queue=QUEUE, routes=("default",), workers=1, started=2.0)
    store.register_pool(large_pool("a"), LEASE)
    store.register_pool(small, LEASE)
    store.register_pool(large_pool("c"), LEASE)
    assert [(pool.id, len(pool.processes)) for pool in store.pools()] == [("a", 150), ("c", 150), ("b", 0)]


def test_pool_that_shrinks_leaves_no_part_of_what_it_was(store: FdbBackend) -> None:
    store.register_pool(large_pool("a"), LEASE)
    small = PoolRecord(id="a", host="here", pid=1, queue=QUEUE, routes=("default",), workers=0, started=1.0)
    assert store.beat_pool(small, LEASE)
    assert keys_in(store._link, store._link.keys.pool) == 1


def test_large_entry_of_the_audit_log_is_listed_whole_in_its_place(store: FdbBackend) -> None:
    texts = ["first", "x" * LARGE, "last"]
    entries = [Entry(id=new_id(), who="jed", verb="kill", on="a", why=text) for text in texts]
    for entry in entries:
        store.log_entry(entry)
    assert store.note_entry(entries[1].id, did="y" * LARGE)
    found = store.audit().entries
    assert [entry.why for entry in found] == texts[::-1]
    assert found[1].did == "y" * LARGE


def test_audit_log_is_cut_to_what_is_kept_and_keeps_the_newest(
    store: FdbBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "MAX_ENTRIES", 5)
    made = [Entry(id=new_id(), who="jed", verb="kill", on="a") for _ in range(8)]
    for entry in made:
        store.log_entry(entry)
    while store.sweep():
        pass
    assert [entry.id for entry in store.audit().entries] == [entry.id for entry in made[:2:-1]]
    assert keys_in(store._link, store._link.keys.audit_id) == 5


def test_mailbox_of_a_worker_that_is_gone_leaves_nothing(store: FdbBackend) -> None:
    store.register(worker(WORKER), LEASE)
    assert store.send(WORKER, Command(verb="stop"))
    store.unregister(WORKER)
    link = store._link
    assert [keys_in(link, table) for table in (link.keys.mail, link.keys.mailbox, link.keys.worker)] == [
        0,
        0,
        0,
    ]


def test_large_schedules_are_paged_through_and_leave_nothing(store: FdbBackend) -> None:
    names = [f"s{number}" for number in range(5)]
    for number, name in enumerate(names):
        body = b"x" * (LARGE if number % 2 else 10)
        assert store.declare(schedule(name, body=body), firing())
    page = store.schedule_page(QUEUE, 2)
    seen = [(one.name, len(one.body)) for one in page]
    while page:
        page = store.schedule_page(QUEUE, 2, (QUEUE, page[-1].name))
        seen += [(one.name, len(one.body)) for one in page]
    assert seen == [(name, LARGE if number % 2 else 10) for number, name in enumerate(names)]
    for name in names:
        assert store.remove_schedule(QUEUE, name)
    link = store._link
    assert [keys_in(link, table) for table in (link.keys.schedule, link.keys.firing, link.keys.line)] == [
        0,
        0,
        0,
    ]


@pytest.mark.parametrize("id_", ["worker", "pool"])
def test_sweep_removes_commands_to_nobody(store: FdbBackend, id_: str) -> None:
    link = store._link
    store.register(worker("worker"), LEASE)
    store.register(worker("other"), LEASE)
    store.register_pool(
        PoolRecord(id="pool", host="here", pid=1, queue=QUEUE, routes=(), workers=0, started=1.0), LEASE
    )
    store.unregister(id_) if id_ == "worker" else store.unregister_pool(id_)
    # As by a kill of what it still holds.
    link.run(lambda tr: mailboxes.post(tr, id_, Command(verb="stop")))
    for to in {"worker", "pool", "other"} - {id_}:
        assert store.send(to, Command(verb="restart"))

    assert store.sweep() > 0
    assert store.sweep() == 0
    assert keys_in(link, link.keys.mail) == keys_in(link, link.keys.mailbox) == 2
    assert store.listen(id_, 0.0) == []
    assert store.listen("other", 0.0) == [Command(verb="restart")]


def test_mailbox_of_one_who_is_listed_again_stays(store: FdbBackend) -> None:
    link = store._link
    link.run(lambda tr: mailboxes.post(tr, WORKER, Command(verb="stop")))
    assert link.read(listed.lost_mailboxes) == [WORKER]
    store.register(worker(WORKER), LEASE)
    assert link.run(lambda tr: listed.remove_mailbox(tr, WORKER)) == 0
    assert store.listen(WORKER, 0.0) == [Command(verb="stop")]


def test_sweeps_remove_old_marks(either: Either, config_of: ConfigOf) -> None:
    clock = VirtualClock()
    with closing(either.kind.open(config_of(either.url), clock=clock)) as old:
        for _ in range(200):
            # As of many processes, each of which has made one call.
            old._link._mark = old._link.keys.marker + Unique().process
            old.unregister(WORKER)
        assert keys_in(old._link, old._link.keys.marker) > 150
    with closing(either.kind.open(config_of(either.url), clock=clock)) as made:
        link = made._link
        clock.advance(marks.KEPT - 60.0)
        before = keys_in(link, link.keys.marker)
        made.sweep()
        assert keys_in(link, link.keys.marker) >= before
        clock.advance(120.0)
        eventually(
            lambda: made.sweep() == 0 and keys_in(link, link.keys.marker) < 10,
            every=0.0,
            what="marks that are used no more are gone",
        )

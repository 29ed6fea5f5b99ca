"""Batches of more than one transaction takes, whose process dies or stands still at any commit: all of it comes in once, or nothing.

On the stand-in.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import QUEUE, ROUTE, WORKER, claim, counts, firing, firings, ids
from skunkqueue.errors import BackendError
from skunkqueue.persistence.backend import HALF_DONE
from skunkqueue.persistence.fdb import keys, staged_batch
from skunkqueue.persistence.fdb.backend import FdbBackend
from skunkqueue.records import State
from tests.support.fdb_standin.backend import StandInBackend
from tests.support.fdb_standin.faults import SILENCE, Fault, Landing
from tests.support.fdb_standin.process import StandInServer
from tests.support.store_fixtures import ConfigOf
from tests.support.waiting import eventually

PARTS = 3
DEATH = 4100
"""An error after which nothing is tried again."""


@pytest.fixture(autouse=True)
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have five firings be three parts."""
    monkeypatch.setattr(staged_batch, "MOST", 2)
    monkeypatch.setattr(staged_batch, "PART", 2)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def store(server: StandInServer, config_of: ConfigOf, clock: VirtualClock) -> Iterator[FdbBackend]:
    """Give the store of who puts a batch in, and does not wait for long."""
    with closing(StandInBackend.open(config_of(server.url(), timeout="0.5"), clock=clock)) as made:
        yield made


@pytest.fixture
def other(server: StandInServer, config_of: ConfigOf, clock: VirtualClock) -> Iterator[FdbBackend]:
    """Give the store as another process has it open."""
    with closing(StandInBackend.open(config_of(server.url()), clock=clock)) as made:
        yield made


def nothing_is_left(store: FdbBackend) -> bool:
    """Say whether no part of any batch is there."""
    all_keys = store._link.keys
    tables = (all_keys.staged, all_keys.laid, all_keys.laid_part)
    return store._link.read(lambda tr: not any(tr.get_range(one, one + keys.END, 1)() for one in tables))


def dies_at(store: FdbBackend, server: StandInServer, commit: int, landing: Landing) -> list[str]:
    """Have who puts a batch in die at one of its commits; return the ids of the batch."""
    made = [firing(key="k"), *firings(4)]
    server.fail(Fault(call="commit", code=DEATH, skip=commit, landing=landing))
    with pytest.raises(BackendError):
        store.enqueue(made)
    assert server.clear_faults() == 1
    return ids(made)


@pytest.mark.parametrize(
    ("commit", "landing"),
    [(PARTS, "before"), *[(number, "never") for number in range(PARTS + 1, 2 * PARTS + 2)]],
)
def test_batch_that_was_accepted_comes_in_though_its_process_died(
    server: StandInServer,
    store: FdbBackend,
    other: FdbBackend,
    clock: VirtualClock,
    *,
    commit: int,
    landing: Landing,
) -> None:
    made = dies_at(store, server, commit, landing)
    clock.advance(HALF_DONE + 0.1)
    assert other.wait(QUEUE, ROUTE, WORKER, 0.0)
    lent: list[str] = []
    while len(lent) < len(made):
        some = ids(claim(other, 10))
        assert some
        lent += some
    assert lent == made
    while other.sweep():
        pass
    assert nothing_is_left(other)


@pytest.mark.parametrize(
    ("commit", "landing"), [*[(number, "before") for number in range(PARTS)], (PARTS, "never")]
)
def test_batch_that_was_not_accepted_never_comes_in_and_is_thrown_away(
    server: StandInServer,
    store: FdbBackend,
    other: FdbBackend,
    clock: VirtualClock,
    *,
    commit: int,
    landing: Landing,
) -> None:
    dies_at(store, server, commit, landing)
    clock.advance(HALF_DONE + 0.1)
    assert other.sweep() == 0
    assert claim(other, 10) == []
    assert not nothing_is_left(other)
    clock.advance(staged_batch.FORGOTTEN)
    assert other.sweep() == 1
    assert counts(other) == {}
    assert nothing_is_left(other)


def test_sweep_brings_a_batch_in_before_what_came_after_it_was_accepted(
    server: StandInServer, store: FdbBackend, other: FdbBackend, clock: VirtualClock
) -> None:
    made = dies_at(store, server, PARTS, "before")
    clock.advance(HALF_DONE / 2)
    later = firing()
    other.enqueue([later])
    assert other.sweep() == 0
    clock.advance(HALF_DONE)
    assert other.sweep() == 1
    assert nothing_is_left(other)
    assert ids(claim(other, 10)) == [*made, later.id]


def test_accepted_batches_come_in_however_many_and_however_old_they_are(
    server: StandInServer, store: FdbBackend, other: FdbBackend, clock: VirtualClock
) -> None:
    for _ in range(6):
        server.fail(Fault(call="commit", code=DEATH, skip=PARTS + 1))
        with pytest.raises(BackendError):
            store.enqueue(firings(5))
    clock.advance(2 * staged_batch.FORGOTTEN)
    while other.sweep():
        pass
    assert counts(other) == {State.PENDING: 30}
    assert nothing_is_left(other)


def test_who_stands_still_gets_the_ids_though_others_brought_the_batch_in(
    server: StandInServer, store: FdbBackend, other: FdbBackend, clock: VirtualClock
) -> None:
    holder = firing(key="k")
    other.enqueue([holder])
    made = [firing(key="k"), *firings(4)]
    server.fail(Fault(call="commit", code=SILENCE, skip=PARTS + 1))
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(store.enqueue, made)
        eventually(lambda: server.statistics()["met"], what="it stands still")
        clock.advance(HALF_DONE + 0.1)
        # On a busy machine it may have gone on by itself.
        other.sweep()
        assert asked.result() == [holder.id, *ids(made[1:])]
    assert ids(claim(other, 10)) == [holder.id, *ids(made[1:])]

"""Firing in a transaction of the application: in with its data or not at all, and once however often it is tried."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from skunkqueue import SkunkQueue
from skunkqueue.contract.makers import (
    firing,
    firings,
    ids,
    state,
)
from skunkqueue.errors import BackendError, BackendUnavailableError
from skunkqueue.persistence.fdb import application_transactions, keys
from skunkqueue.records import Firing, State
from tests.fdb.application_shop import Shop
from tests.fdb.bindings import of_fdb, of_stand_in
from tests.support.fdb_fixtures import NewStandIn
from tests.support.fdb_server import FdbServer
from tests.support.fdb_standin.backend import StandInBackend
from tests.support.fdb_standin.faults import ENDLESS, SILENCE, Fault
from tests.support.fdb_standin.process import StandInServer
from tests.support.store_fixtures import ConfigOf

demo = SkunkQueue("demo")


@demo.job
def add(a: int, b: int) -> int:
    return a + b


@demo.job
def book(transaction: str) -> str:
    return transaction


def test_firing_is_in_together_with_the_data(shop: Shop) -> None:
    def order(tr: Any) -> None:
        tr.set(shop.bound.key("order"), b"1")
        assert shop.store.enqueue_in(tr, [one]) == [one.id]
        assert state(shop.store, one.id) is None

    one = firing()
    shop.retried(order)
    assert shop.bound.all() == [("order", b"1")]
    assert shop.lent() == [one.id]


def test_firing_of_a_transaction_that_is_never_committed_is_not_in(shop: Shop) -> None:
    tr = shop.bound.begin()
    tr.set(shop.bound.key("order"), b"1")
    shop.store.enqueue_in(tr, firings(2, key="k"))
    shop.store.enqueue_in(tr, firings(2, priority=7))
    shop.store.enqueue_in(tr, firings(2, priority=7))
    tr.cancel()
    # Nor is anything relied on that it would have written of its route.
    after = firings(2, priority=7)
    shop.store.enqueue(after)
    assert shop.lent() == ids(after)
    assert shop.bound.all() == []


def test_object_that_is_used_again_begins_another_transaction(shop: Shop) -> None:
    first, second = firing(), firing()
    tr = shop.bound.begin()
    shop.store.enqueue_in(tr, [first])
    tr.commit().wait()
    tr.reset()
    assert shop.store.enqueue_in(tr, [second]) == [second.id]
    tr.commit().wait()
    assert shop.lent() == [first.id, second.id]


def test_transactions_that_come_one_after_the_other_leave_one_mark(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Objects of other tests are let go of at any moment.
    monkeypatch.setattr(application_transactions, "_objects", application_transactions._Objects())
    link = shop.store._link
    made = firings(20)

    def enqueue(one: Firing) -> None:
        shop.retried(lambda tr: shop.store.enqueue_in(tr, [one]))

    for one in made:
        enqueue(one)
        gc.collect()
    own = shop.store._link.keys.marker + application_transactions._objects._process[1]
    assert link.read(lambda tr: len(tr.get_range(own, own + keys.END)())) == 1
    assert shop.lent() == ids(made)


def test_key_that_is_held_answers_with_its_holder(shop: Shop) -> None:
    (holder,) = shop.store.enqueue([firing(key="k")])
    found: list[str] = []
    shop.retried(lambda tr: found.extend(shop.store.enqueue_in(tr, [firing(key="k")])))
    assert found == [holder]
    assert shop.lent() == [holder]


def test_transaction_that_does_not_read_its_own_writes_is_refused(shop: Shop) -> None:
    tr = shop.bound.begin()
    tr.options.set_read_your_writes_disable()
    with pytest.raises(BackendError, match="reads its own writes"):
        shop.store.enqueue_in(tr, [firing()])


def test_cluster_that_is_away_is_waited_for_within_the_time_limit(
    on_stand_in: Shop, stand_in: StandInServer, config_of: ConfigOf
) -> None:
    store = StandInBackend.open(config_of(stand_in.url(), timeout="0.2"))
    tr = on_stand_in.bound.database.create_transaction()
    stand_in.fail(Fault(call="read", code=SILENCE, times=ENDLESS))
    with ThreadPoolExecutor(1) as threads:
        fired = threads.submit(store.enqueue_in, tr, [firing()])
        try:
            with pytest.raises(
                BackendUnavailableError, match="does not answer the application's transaction"
            ):
                fired.result(30.0)
        finally:
            stand_in.clear_faults()
            tr.cancel()
    store.close()


def test_cluster_that_goes_away_after_the_first_firing_is_waited_for_within_the_time_limit(
    on_stand_in: Shop, stand_in: StandInServer, config_of: ConfigOf
) -> None:
    store = StandInBackend.open(config_of(stand_in.url(), timeout="0.5"))
    tr = on_stand_in.bound.database.create_transaction()
    store.enqueue_in(tr, [firing()])
    stand_in.fail(Fault(call="read", code=SILENCE, times=ENDLESS))
    with ThreadPoolExecutor(1) as threads:
        fired = threads.submit(store.enqueue_in, tr, [firing(key="once")])
        try:
            with pytest.raises(
                BackendUnavailableError, match="does not answer the application's transaction"
            ):
                fired.result(30.0)
        finally:
            stand_in.clear_faults()
            tr.cancel()
    store.close()


def test_what_is_no_transaction_is_refused(shop: Shop) -> None:
    with pytest.raises(BackendError, match="give the FoundationDB transaction itself"):
        shop.store.enqueue_in(shop.bound.database, [firing()])


def test_transaction_of_another_cluster_is_refused(on_stand_in: Shop, new_stand_in: NewStandIn) -> None:
    tr = of_stand_in(new_stand_in(), "other").begin()
    with pytest.raises(BackendError, match="of the same cluster"):
        on_stand_in.store.enqueue_in(tr, [firing()])


def test_batch_that_no_transaction_takes_is_refused(shop: Shop) -> None:
    tr = shop.bound.begin()
    with pytest.raises(BackendError, match=r"20 firings with 20000000 bytes .* fire less in it"):
        shop.store.enqueue_in(tr, firings(20, body=b"x" * 1_000_000))


def test_largest_firing_fits_a_transaction(shop: Shop) -> None:
    one = firing(body=b"x" * 2_000_000)
    shop.retried(lambda tr: shop.store.enqueue_in(tr, [one]))
    assert shop.lent() == [one.id]


# --- as users write it ----------------------------------------------------------------------------------


@pytest.fixture
def queue(fdb_server: FdbServer, config_of: ConfigOf) -> Iterator[SkunkQueue]:
    """Give a queue whose store is on the real server."""
    config = config_of(fdb_server.url())
    with SkunkQueue("demo", backend="fdb", conn_url=config.url, dbname=config.dbname) as made:
        yield made


def test_every_way_to_fire_takes_a_transaction(
    queue: SkunkQueue, fdb_server: FdbServer, dbname: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(add.memory, "queue", queue)
    tr = of_fdb(fdb_server, dbname).begin()
    fire: Any = add.fire  # its types are those of the job's own arguments
    fire_at: Any = add.fire_at
    handles = [
        fire(4, 5, transaction=tr),
        fire_at(60, 4, 5, transaction=tr),
        add(4, 5).fire(transaction=tr),
        add(4, 5).fire_at(60, transaction=tr),
        queue.fire_call(add(4, 5), transaction=tr),
        *queue.fire_many([add(n, n) for n in range(3)], transaction=tr),
    ]
    assert [handle.state for handle in handles if queue.backend.get([handle.id]) != [None]] == []
    tr.commit().wait()
    assert [handle.state for handle in handles] == [State.PENDING] * 8


def test_argument_of_the_job_that_is_called_transaction_is_the_jobs(
    queue: SkunkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book.memory, "queue", queue)
    assert book.fire(transaction="t1").state is State.PENDING


def test_store_that_cannot_says_the_way_out(tmp_path: Path) -> None:
    with SkunkQueue("demo", conn_url=f"sqlite:///{tmp_path / 'jobs.db'}") as made:
        with pytest.raises(BackendError, match="fire after it has committed"):
            made.fire_call(add(4, 5), transaction=object())
        assert made.fire_call(add(4, 5)).state is State.PENDING

"""A schedule that is changed just after its firing has settled: the run counts all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from skunkqueue.contract.makers import (
    QUEUE,
    ROUTE,
    claim,
    declared,
    firing,
    outcome,
    planned,
    refire,
    schedule,
)
from skunkqueue.persistence.mongodb import outbox
from skunkqueue.persistence.mongodb.backend import MongoBackend
from skunkqueue.records import Outcome, Schedule, State
from tests.mongo.opening import OpenStore
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_server import MongoServer

Change = Callable[[MongoBackend, Schedule], bool | None]


@pytest.fixture
def handles(
    mongod: MongoServer, mongo_config_of: MongoConfigOf, open_store: OpenStore
) -> tuple[MongoBackend, MongoBackend]:
    one, other = (open_store(mongo_config_of(mongod)) for _ in range(2))
    assert isinstance(one, MongoBackend)
    assert isinstance(other, MongoBackend)
    return one, other


def ended(store: MongoBackend) -> Outcome:
    """Run the schedule's firing up to where it is to be settled."""
    now, _ = declared(store)
    (lent,) = claim(store)
    return outcome(lent, refire=refire(lent, now, firing()))


def arm(store: MongoBackend, now: Schedule) -> bool:
    return store.arm(QUEUE, now.name, now.generation, firing())


def resume(store: MongoBackend, now: Schedule) -> bool:
    return store.resume_schedule(QUEUE, now.name, firing())


def replace(store: MongoBackend, now: Schedule) -> bool | None:
    return store.declare(schedule(now.name, params=b"new"), firing())


@pytest.mark.parametrize("change", [arm, resume, replace])
def test_a_run_counts_though_its_schedule_changes_before_it_has_moved_on(
    handles: tuple[MongoBackend, MongoBackend], monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    store, other = handles
    given = ended(store)
    if change is resume:
        other.pause_schedule(QUEUE, "hourly")
    deliver = outbox.deliver

    def late(*entries: Any) -> None:
        monkeypatch.setattr(outbox, "deliver", deliver)
        assert change(other, planned(other)) is True
        deliver(*entries)

    monkeypatch.setattr(outbox, "deliver", late)
    assert store.settle([given]) == []

    assert planned(other).runs == 1
    assert [run.id for run in other.history(QUEUE, "hourly")] == [given.id]
    assert [one.id for one in other.page(QUEUE, ROUTE, State.PENDING).records] == [planned(other).firing]


def test_a_schedule_whose_firing_settles_during_the_reading_is_not_idle(
    handles: tuple[MongoBackend, MongoBackend], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = handles
    given = ended(store)
    monkeypatch.setattr(outbox, "deliver", lambda *_: None)
    find = other._store.find
    looks = 0

    def settling(collection: Any, wanted: Any, *others: Any, **more: Any) -> Any:
        nonlocal looks
        looks += collection is other._store.firings
        if looks == 2:
            store.settle([given])
        return find(collection, wanted, *others, **more)

    monkeypatch.setattr(other._store, "find", settling)

    assert other.idle_schedules(QUEUE, ROUTE) == []

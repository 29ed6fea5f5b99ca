"""A firing that its schedule names, and that is inserted only after the schedule has been changed.

Taking back a firing that is not there yet leaves a tombstone under its id, which no other verb may see.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from skunkqueue.contract.makers import (
    QUEUE,
    ROUTE,
    claim,
    counts,
    declared,
    firing,
    ids,
    listed,
    outcome,
    planned,
    read,
    refire,
    schedule,
    state,
)
from skunkqueue.persistence.mongodb import armed, inserts
from skunkqueue.persistence.mongodb.backend import MongoBackend
from skunkqueue.records import Claim, Firing, Schedule, State
from tests.mongo.opening import OpenStore
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_server import MongoServer

Change = Callable[[MongoBackend, Schedule], object]


@pytest.fixture
def store(mongod: MongoServer, mongo_config_of: MongoConfigOf, open_store: OpenStore) -> MongoBackend:
    opened = open_store(mongo_config_of(mongod))
    assert isinstance(opened, MongoBackend)
    return opened


@pytest.fixture
def other(mongod: MongoServer, mongo_config_of: MongoConfigOf, open_store: OpenStore) -> MongoBackend:
    opened = open_store(mongo_config_of(mongod))
    assert isinstance(opened, MongoBackend)
    return opened


def run_now(store: MongoBackend, now: Schedule) -> None:
    assert store.arm(QUEUE, now.name, now.generation, firing())


def pause(store: MongoBackend, now: Schedule) -> None:
    assert store.pause_schedule(QUEUE, now.name)


def pause_and_resume(store: MongoBackend, now: Schedule) -> None:
    pause(store, now)
    assert store.resume_schedule(QUEUE, now.name, firing())


def pause_by_halves_and_resume(store: MongoBackend, now: Schedule) -> None:
    """Resume after a process paused, and died before it took the firing back."""
    store._store.schedules.update_one({"_id.name": now.name}, {"$set": {"paused": True}})
    assert store.resume_schedule(QUEUE, now.name, firing())


def replace(store: MongoBackend, now: Schedule) -> None:
    assert store.declare(schedule(now.name, params=b"new"), firing())


def remove(store: MongoBackend, now: Schedule) -> None:
    assert store.remove_schedule(QUEUE, now.name)


def moved_on(
    store: MongoBackend, other: MongoBackend, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]
) -> tuple[Firing, list[Claim]]:
    """Settle a run while something happens before the next is inserted; return that, and what can be claimed then."""
    now, _ = declared(store)
    (lent,) = claim(store)
    following = firing()
    put_in, lent_then = inserts.put_in, list[Claim]()

    def late(of: Any, firings: Any, at: float) -> Any:
        if of is not store._store:
            return put_in(of, firings, at)
        assert planned(other).firing == following.id
        meanwhile()
        answers = put_in(of, firings, at)
        # Before the check whether the schedule still names it.
        lent_then.extend(claim(other, 9))
        return answers

    monkeypatch.setattr(inserts, "put_in", late)
    assert store.settle([outcome(lent, refire=refire(lent, now, following))]) == []
    return following, lent_then


@pytest.mark.parametrize("change", [run_now, pause_and_resume, pause_by_halves_and_resume, replace])
def test_a_schedule_that_is_armed_anew_is_not_doubled_by_what_comes_late(
    store: MongoBackend, other: MongoBackend, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    late, lent = moved_on(store, other, monkeypatch, lambda: change(other, planned(other)))

    now = planned(other)
    assert ids(lent) == [now.firing]
    assert now.firing != late.id
    assert state(other, late.id) is None
    other.settle([outcome(lent[0], refire=refire(lent[0], now, firing(delay=60.0)))])
    assert planned(other).runs == 2
    assert ids(listed(other, State.PENDING)) == [planned(other).firing]


@pytest.mark.parametrize("change", [pause, remove])
def test_a_schedule_that_was_stopped_runs_no_more_though_its_firing_comes_late(
    store: MongoBackend, other: MongoBackend, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    late, lent = moved_on(store, other, monkeypatch, lambda: change(other, planned(other)))

    assert lent == []
    assert state(other, late.id) is None
    assert counts(other) == {State.COMPLETE: 1}


def test_a_firing_that_ran_and_was_pruned_does_not_come_in_again(
    store: MongoBackend, other: MongoBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def runs_and_goes() -> None:
        inserts.put_in(other._store, [firing(id=planned(other).firing)], other.now())
        (lent,) = claim(other)
        assert other.settle([outcome(lent)]) == []
        assert other.prune(older=-1.0) == 2 - len(
            other._store.find(other._store.firings, {"owed": {"$gt": 0}})
        )

    late, lent = moved_on(store, other, monkeypatch, runs_and_goes)

    assert lent == []
    assert state(other, late.id) is None


# --- tombstones ------------------------------------------------------------------------


@pytest.fixture
def tombstone(store: MongoBackend) -> str:
    """Take back a firing that was never inserted."""
    id_ = firing().id
    armed.take_back(store._store, id_)
    assert store._store.firings.count_documents({"_id": id_, "void": {"$type": "date"}}) == 1
    return id_


def test_no_reading_verb_sees_a_tombstone(store: MongoBackend, tombstone: str) -> None:
    store.enqueue([firing(route="other")])

    assert store.get([tombstone]) == [None]
    assert store.find(tombstone) == []
    assert store.wait_settled([tombstone], 0.0) == [tombstone]
    assert {one: listed(store, one) for one in State if listed(store, one)} == {}
    assert [sum(one.counts.values()) for one in store.routes()] == [1]


def test_no_verb_changes_a_tombstone(store: MongoBackend, tombstone: str) -> None:
    late = firing(id=tombstone)
    before = store._store.firings.find_one({"_id": tombstone})

    assert store.kill([tombstone]) == {tombstone: None}
    assert store.requeue([tombstone]) == []
    assert store.purge(QUEUE) == 0
    assert store.prune(older=-1.0) == 0
    assert store.enqueue([late]) == [tombstone]
    inserts.put_in(store._store, [late], store.now())
    armed.take_back(store._store, tombstone)
    store.sweep()

    assert store._store.firings.find_one({"_id": tombstone}) == before
    assert claim(store) == []


@pytest.mark.parametrize("verdict", ["running", "killed"])
def test_what_has_begun_gets_no_tombstone(store: MongoBackend, verdict: str) -> None:
    _, named = declared(store)
    if verdict == "running":
        claim(store)
    else:
        store.kill([named.id])
    before = read(store, named.id)

    armed.take_back(store._store, named.id)

    after = read(store, named.id)
    assert (after.state, after.token, after.body) == (before.state, before.token, before.body)
    assert after.state.value == verdict


def test_a_schedule_that_names_a_tombstone_is_idle_and_can_be_armed(store: MongoBackend) -> None:
    now, named = declared(store)
    armed.take_back(store._store, named.id)

    assert [one.name for one in store.idle_schedules(QUEUE, ROUTE)] == ["hourly"]
    # Declaring the same again does not bring it back either.
    assert store.declare(schedule(), firing(id=named.id)) is False
    healing = firing()
    assert store.arm(QUEUE, "hourly", now.generation, healing)

    assert ids(claim(store, 9)) == [healing.id]
    assert store.idle_schedules(QUEUE, ROUTE) == []

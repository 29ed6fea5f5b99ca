"""A firing that its schedule names, and that is put in only after somebody has changed the schedule.

Whoever takes out a firing that is not there yet leaves a void in its place; nothing else may see that.
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
    """Resume after one who paused, and died before the firing was taken out."""
    store._link.schedules.update_one({"_id.name": now.name}, {"$set": {"paused": True}})
    assert store.resume_schedule(QUEUE, now.name, firing())


def replace(store: MongoBackend, now: Schedule) -> None:
    assert store.declare(schedule(now.name, params=b"new"), firing())


def remove(store: MongoBackend, now: Schedule) -> None:
    assert store.remove_schedule(QUEUE, now.name)


def moved_on(
    store: MongoBackend, other: MongoBackend, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]
) -> tuple[Firing, list[Claim]]:
    """Settle a run while something happens before the next is put in; tell that, and what can be claimed then."""
    now, _ = declared(store)
    (lent,) = claim(store)
    following = firing()
    put_in, lent_then = store._put_in, list[Claim]()

    def late(firings: Any, at: float) -> Any:
        assert planned(other).firing == following.id
        meanwhile()
        answers = put_in(firings, at)
        # Before anybody can look whether it is still the one.
        lent_then.extend(claim(other, 9))
        return answers

    monkeypatch.setattr(store, "_put_in", late)
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
        other._put_in([firing(id=planned(other).firing)], other.now())
        (lent,) = claim(other)
        assert other.settle([outcome(lent)]) == []
        assert other.prune(older=-1.0) == 2 - len(other._link.find(other._link.firings, {"owed": {"$gt": 0}}))

    late, lent = moved_on(store, other, monkeypatch, runs_and_goes)

    assert lent == []
    assert state(other, late.id) is None


# --- what is left in its place ------------------------------------------------------------------------


@pytest.fixture
def void(store: MongoBackend) -> str:
    """Take out a firing that was never put in."""
    id_ = firing().id
    store._remove_pending(id_)
    assert store._link.firings.count_documents({"_id": id_, "void": {"$type": "date"}}) == 1
    return id_


def test_a_void_is_seen_by_nobody_who_reads(store: MongoBackend, void: str) -> None:
    store.enqueue([firing(route="other")])

    assert store.get([void]) == [None]
    assert store.find(void) == []
    assert store.wait_settled([void], 0.0) == [void]
    assert {one: listed(store, one) for one in State if listed(store, one)} == {}
    assert [sum(one.counts.values()) for one in store.routes()] == [1]


def test_a_void_is_changed_by_nobody(store: MongoBackend, void: str) -> None:
    late = firing(id=void)
    before = store._link.firings.find_one({"_id": void})

    assert store.kill([void]) == {void: None}
    assert store.requeue([void]) == []
    assert store.purge(QUEUE) == 0
    assert store.prune(older=-1.0) == 0
    assert store.enqueue([late]) == [void]
    store._put_in([late], store.now())
    store._remove_pending(void)
    store.sweep()

    assert store._link.firings.find_one({"_id": void}) == before
    assert claim(store) == []


@pytest.mark.parametrize("verdict", ["running", "killed"])
def test_what_has_begun_is_no_void(store: MongoBackend, verdict: str) -> None:
    _, armed = declared(store)
    if verdict == "running":
        claim(store)
    else:
        store.kill([armed.id])
    before = read(store, armed.id)

    store._remove_pending(armed.id)

    after = read(store, armed.id)
    assert (after.state, after.token, after.body) == (before.state, before.token, before.body)
    assert after.state.value == verdict


def test_a_schedule_that_names_a_void_is_idle_and_can_be_armed(store: MongoBackend) -> None:
    now, armed = declared(store)
    store._remove_pending(armed.id)

    assert [one.name for one in store.idle_schedules(QUEUE, ROUTE)] == ["hourly"]
    # One who declares it again with the same words does not bring it back either.
    assert store.declare(schedule(), firing(id=armed.id)) is False
    healing = firing()
    assert store.arm(QUEUE, "hourly", now.generation, healing)

    assert ids(claim(store, 9)) == [healing.id]
    assert store.idle_schedules(QUEUE, ROUTE) == []

"""``skunq kill``, ``requeue`` and ``prune``."""

from __future__ import annotations

import pytest

from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Command, State, Verdict
from tests.core.cli.program import WORKER, Skunq, begin, finish, fire, hire


def state(store: Backend, made: str) -> State | None:
    record = store.get([made])[0]
    return None if record is None else record.state


def test_a_pending_firing_is_killed_at_once(store: Backend, skunq: Skunq) -> None:
    made = fire(store)

    assert skunq("kill", made) == f"{made} is killed\n"
    assert state(store, made) is State.KILLED


def test_the_worker_of_a_running_firing_is_told(store: Backend, skunq: Skunq) -> None:
    hire(store)
    made = fire(store)
    begin(store)

    assert "its worker will interrupt it" in skunq("kill", made)
    assert store.listen(WORKER, 0.0) == [Command(verb="kill", firing=made)]


def test_a_finished_firing_stays_as_it_is(store: Backend, skunq: Skunq) -> None:
    made = finish(store)

    assert "is complete already" in skunq.error("kill", made, expect=1)
    assert state(store, made) is State.COMPLETE


def test_several_are_killed_in_one_go_by_the_start_of_their_ids(store: Backend, skunq: Skunq) -> None:
    made = [fire(store, id=digit * 24) for digit in "abc"]

    skunq("kill", "a" * 24, "bb", "c")

    assert {state(store, each) for each in made} == {State.KILLED}


def test_one_unknown_id_kills_none(store: Backend, skunq: Skunq) -> None:
    made = fire(store)

    skunq.error("kill", made, "f" * 24, expect=1)

    assert state(store, made) is State.PENDING


def test_finished_firings_are_requeued_by_id(store: Backend, skunq: Skunq) -> None:
    made = [finish(store), finish(store, Verdict.ERROR)]

    assert skunq("requeue", *made) == "requeued 2 firings\n"
    assert {state(store, each) for each in made} == {State.PENDING}


def test_a_firing_that_is_not_finished_is_not_requeued(store: Backend, skunq: Skunq) -> None:
    done, made = finish(store), fire(store)

    told = skunq.result("requeue", made, done, expect=1)

    assert f"{made} is not finished" in told.stderr
    assert "requeued 1 firing\n" in told.stdout


def test_all_of_one_state_are_requeued(store: Backend, skunq: Skunq, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skunkqueue.bulk.MAX_ROWS", 2)
    failed = [finish(store, Verdict.ERROR) for _ in range(5)]
    done = finish(store)

    assert skunq("requeue", "--state", "error", "-q", "demo") == "requeued 5 firings\n"
    assert {state(store, each) for each in failed} == {State.PENDING}
    assert state(store, done) is State.COMPLETE


def test_requeueing_all_can_be_kept_to_one_route(store: Backend, skunq: Skunq) -> None:
    failed = finish(store, Verdict.ERROR)

    assert "requeued 0" in skunq("requeue", "--state", "error", "-q", "demo", "-r", "bar", expect=1)
    assert state(store, failed) is State.ERROR


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ([], "either IDs, or --state"),
        (["abc", "--state", "error", "-q", "demo"], "either IDs, or filters"),
        (["abc", "-q", "demo"], "either IDs, or filters"),
        (["--state", "pending", "-q", "demo"], "pending"),
    ],
)
def test_requeue_refuses_what_it_cannot_mean(skunq: Skunq, words: list[str], part: str) -> None:
    assert part in skunq.error("requeue", *words, expect=2)


def test_pruning_removes_what_finished_longer_ago(
    store: Backend, skunq: Skunq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skunkqueue.control._PRUNED_AT_ONCE", 2)
    done = [finish(store) for _ in range(5)]
    pending = fire(store)

    assert skunq("prune", "--older-than", "1h") == "pruned 0 finished firings\n"
    assert skunq("prune", "--older-than", "0s") == "pruned 5 finished firings\n"
    assert {state(store, each) for each in done} == {None}
    assert state(store, pending) is State.PENDING


def test_pruning_alone_keeps_what_is_to_be_kept(store: Backend, skunq: Skunq) -> None:
    made = finish(store)

    assert skunq("prune") == "pruned 0 finished firings\n"
    assert state(store, made) is State.COMPLETE


@pytest.mark.parametrize("typed", ["7x", "-1d", "", "d", "1d 2", "1e3", "nan"])
def test_a_length_of_time_that_is_none_is_refused(skunq: Skunq, typed: str) -> None:
    assert "is not a length of time" in skunq.error("prune", f"--older-than={typed}", expect=2)


@pytest.mark.parametrize("typed", ["7d", "12h", "1d12h", "90", "1.5h", "2W", " 3m "])
def test_lengths_of_time_may_be_written_in_many_ways(skunq: Skunq, typed: str) -> None:
    skunq("prune", "--older-than", typed)

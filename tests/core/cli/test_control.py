"""``skunq kill``, ``requeue`` and ``prune``."""

from __future__ import annotations

import sys

import pexpect
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


def test_several_are_killed_in_one_go(store: Backend, skunq: Skunq) -> None:
    made = [fire(store, id=digit * 24) for digit in "abc"]

    skunq("kill", *made, made[0].upper())

    assert {state(store, each) for each in made} == {State.KILLED}


@pytest.mark.parametrize("verb", ["kill", "requeue", "delete", "run"])
def test_the_start_of_an_id_changes_nothing(store: Backend, skunq: Skunq, verb: str) -> None:
    made = [fire(store, id="a" * 24, delay=3_600.0), finish(store, id="b" * 24, route="bar")]
    before = store.get(made)

    for each in made:
        told = skunq.error(verb, each[:23], expect=1)
        assert (
            f"is only the start of an ID: a command that changes firings needs it whole, such as {each}"
            in told
        )
    assert store.get(made) == before


def answers(*told: tuple[str, str | None, bool]) -> dict[str, object]:
    return {"answers": [{"id": id_, "before": before, "done": done} for id_, before, done in told]}


def test_programs_read_an_answer_for_each_id(store: Backend, skunq: Skunq) -> None:
    done, failed = finish(store), finish(store, Verdict.ERROR)
    running = fire(store)
    begin(store)
    due, later = fire(store), fire(store, delay=3_600.0)

    told = skunq.json("run", due, later, done, expect=1)
    assert told == answers((due, "pending", False), (later, "pending", True), (done, "complete", False))
    told = skunq.json("kill", later, running, done, expect=1)
    assert told == answers((later, "pending", True), (running, "running", True), (done, "complete", False))
    told = skunq.json("requeue", failed, running, expect=1)
    assert told == answers((failed, "error", True), (running, "running", False))
    told = skunq.json("delete", done, running, expect=1)
    assert told == answers((done, "complete", True), (running, "running", False))


def test_programs_read_how_many_were_pruned(store: Backend, skunq: Skunq) -> None:
    finish(store)

    assert skunq.json("prune", "--older-than", "0s", "--yes") == {"removed": 1}


def test_the_log_does_not_say_of_a_running_firing_that_it_was_killed(store: Backend, skunq: Skunq) -> None:
    made = [fire(store), fire(store)]
    begin(store)

    skunq("kill", *made)

    assert skunq.json("audit")["entries"][0]["did"] == "killed 1 of 2, told 1 to end"


def test_a_firing_that_was_due_already_is_not_made_due(store: Backend, skunq: Skunq) -> None:
    made = fire(store)

    assert skunq.error("run", made, expect=1) == f"{made} was due already\n"
    assert skunq.json("audit")["entries"][0]["did"] == "made due 0 of 1"


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
    assert skunq("prune", "--older-than", "0s", "--yes") == "pruned 5 finished firings\n"
    assert {state(store, each) for each in done} == {None}
    assert state(store, pending) is State.PENDING


def test_pruning_by_age_refuses_where_nobody_can_be_asked(store: Backend, skunq: Skunq) -> None:
    made = [finish(store) for _ in range(3)]

    told = skunq.error("prune", "--older-than", "0", expect=2)

    assert "this removes all finished firings (3): add --yes if you mean it" in told
    assert {state(store, each) for each in made} == {State.COMPLETE}
    assert not store.audit().entries


@pytest.mark.parametrize(("answer", "left"), [("n", State.COMPLETE), ("y", None)])
def test_pruning_by_age_asks_on_a_terminal(store: Backend, answer: str, left: State | None) -> None:
    made = finish(store)

    skunq = pexpect.spawn(
        sys.executable, ["-m", "skunkqueue.cli", "prune", "--older-than", "0"], encoding="utf-8", timeout=60
    )
    skunq.expect_exact("Remove all finished firings (1)?")
    skunq.sendline(answer)
    skunq.read()

    assert state(store, made) is left


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

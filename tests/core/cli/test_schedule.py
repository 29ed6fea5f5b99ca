"""``skunq schedule``: pause, resume, run, remove, history."""

from __future__ import annotations

import sys
from typing import Any

import pexpect
import pytest

from skunkqueue.cli.text import iso
from skunkqueue.persistence.backend import HISTORY_LENGTH, Backend
from skunkqueue.records import State, Verdict
from tests.core.cli.program import Skunq, begin, fire, hire
from tests.core.cli.schedules import declare, read, run_once, strategies

pytestmark = pytest.mark.usefixtures("strategies")
__all__ = ["strategies"]

# --- one schedule ---------------------------------------------------------------------------------


def test_pausing_disarms_until_resumed(store: Backend, skunq: Skunq) -> None:
    firing = declare(store).firing or ""

    assert skunq("schedule", "pause", "tick", "-q", "demo") == "paused schedule tick of queue demo\n"

    assert read(store).paused
    assert store.get([firing]) == [None]
    assert "is paused already" in skunq.result("schedule", "pause", "tick", expect=0).stderr


def test_resuming_says_when_it_runs_next(store: Backend, skunq: Skunq) -> None:
    declare(store)
    store.pause_schedule("demo", "tick")

    told = skunq("schedule", "resume", "tick")

    following = read(store).next_run
    assert not read(store).paused
    assert following is not None
    assert "resumed schedule tick of queue demo: it runs next in " in told
    assert f", at {iso(following)}\n" in told
    assert "is not paused: it runs next in " in skunq.result("schedule", "resume", "tick", expect=0).stderr


def test_resuming_while_it_runs_says_so(store: Backend, skunq: Skunq) -> None:
    declare(store, after=-1.0)
    begin(store)
    store.pause_schedule("demo", "tick")

    assert "it runs at present" in skunq("schedule", "resume", "tick")


def test_resuming_a_schedule_that_has_ended_says_that_it_is_removed(store: Backend, skunq: Skunq) -> None:
    declare(store, params=b"0")
    store.pause_schedule("demo", "tick")

    assert "no further run, so it is removed" in skunq("schedule", "resume", "tick")
    assert store.schedules() == []


def test_resuming_without_the_strategy_names_it_and_leaves_the_pause(store: Backend, skunq: Skunq) -> None:
    declare(store, strategy="missing")
    store.pause_schedule("demo", "tick")

    assert "no strategy 'missing' is installed" in skunq.error("schedule", "resume", "tick", expect=2)
    assert read(store).paused


def test_running_makes_it_due_now(store: Backend, skunq: Skunq) -> None:
    hire(store)
    declare(store)

    result = skunq.result("schedule", "run", "tick", expect=0)

    assert (result.stdout, result.stderr) == ("schedule tick of queue demo is due now\n", "")
    assert begin(store).id == read(store).firing


def test_running_on_a_paused_route_says_so(store: Backend, skunq: Skunq) -> None:
    declare(store)
    store.pause("demo", "foo")

    told = skunq.result("schedule", "run", "tick", expect=0).stderr
    assert told == "its route is paused: skunq resume -q demo -r foo\n"


def test_running_where_nobody_listens_says_so(store: Backend, skunq: Skunq) -> None:
    declare(store)

    assert "skunq work -q demo -r foo" in skunq.result("schedule", "run", "tick", expect=0).stderr


def test_no_command_is_told_that_would_listen_on_other_routes(store: Backend, skunq: Skunq) -> None:
    declare(store, route="a,b")

    told = skunq.result("schedule", "run", "tick", expect=0).stderr
    assert told == "no worker is there to run it\n"


def test_what_runs_or_is_paused_is_not_run(store: Backend, skunq: Skunq) -> None:
    declare(store, after=-1.0)
    begin(store)

    assert "is running already" in skunq.error("schedule", "run", "tick", expect=1)
    store.pause_schedule("demo", "tick")
    assert "is paused: resume it first" in skunq.error("schedule", "run", "tick", expect=1)


def test_removing_forgets_it_and_leaves_what_else_is_pending(store: Backend, skunq: Skunq) -> None:
    other = fire(store)
    firing = declare(store).firing or ""

    assert skunq("schedule", "remove", "tick", "--yes") == "removed schedule tick of queue demo\n"

    assert store.schedules() == []
    assert [record and record.state for record in store.get([firing, other])] == [None, State.PENDING]


def test_removing_is_refused_where_nobody_can_be_asked(store: Backend, skunq: Skunq) -> None:
    declare(store)

    told = skunq.error("schedule", "remove", "tick", expect=2)

    assert "removes schedule tick of queue demo and its history: add --yes" in told
    assert read(store)


@pytest.mark.parametrize(("answer", "left"), [("n", 1), ("y", 0)])
def test_removing_asks_on_a_terminal(store: Backend, answer: str, left: int) -> None:
    declare(store)

    skunq = pexpect.spawn(
        sys.executable, ["-m", "skunkqueue.cli", "schedule", "remove", "tick"], encoding="utf-8", timeout=20
    )
    skunq.expect_exact("Remove schedule tick of queue demo and its history?")
    skunq.sendline(answer)
    skunq.read()

    assert len(store.schedules()) == left


def test_the_history_shows_how_the_interval_adapts(store: Backend, skunq: Skunq) -> None:
    declare(store, after=-1.0)
    run_once(store, interval=30.0, took=0.25)
    run_once(store, interval=120.0, verdict=Verdict.ERROR)
    run_once(store, interval=1.0)

    header, *lines = skunq("schedule", "history", "tick").splitlines()

    assert header.split() == ["BEGAN", "LATE", "TOOK", "VERDICT", "INTERVAL"]
    assert [line.count("#") for line in lines] == [8, 30, 1]
    assert "250 ms  complete    30.0 s  ########" in lines[0]
    assert "1.5 s  error      2 m 0 s  ###" in lines[1]
    runs = skunq.json("schedule", "history", "tick")["runs"]
    assert [(run["took"], run["verdict"], run["interval"]) for run in runs] == [
        (0.25, "complete", 30.0),
        (1.5, "error", 120.0),
        (1.5, "complete", 1.0),
    ]
    assert all(run["began"].endswith("Z") and len(run["id"]) == 24 for run in runs)


def test_the_history_says_how_late_each_run_began(store: Backend, skunq: Skunq) -> None:
    declare(store, after=-1.0)
    run_once(store, late=2.5)
    run_once(store, took=0.0, verdict=Verdict.EXPIRED)

    late, expired = skunq("schedule", "history", "tick").splitlines()[1:]

    assert " ago  2.5 s " in late
    assert expired.split()[0] == "expired"
    assert [run["late"] for run in skunq.json("schedule", "history", "tick")["runs"]] == [2.5, None]


def test_programs_read_whether_a_schedule_was_changed(store: Backend, skunq: Skunq) -> None:
    declare(store)

    def done(*words: str, expect: int = 0) -> bool:
        told = skunq.json("schedule", *words, expect=expect)
        assert (told["queue"], told["name"]) == ("demo", "tick")
        return bool(told["done"])

    assert [done("pause", "tick"), done("pause", "tick")] == [True, False]
    assert done("run", "tick", expect=1) is False
    assert [done("resume", "tick"), done("resume", "tick")] == [True, False]
    assert done("run", "tick") is True
    assert done("remove", "tick", "--yes") is True


def test_a_run_that_expired_is_not_said_to_have_begun(store: Backend, skunq: Skunq) -> None:
    declare(store, after=-1.0)
    run_once(store, took=0.0, verdict=Verdict.EXPIRED)
    run_once(store, took=0.0)

    expired, begun = skunq("schedule", "history", "tick").splitlines()[1:]

    assert expired.split()[0] == "expired"
    assert " ago " in begun
    first, second = skunq.json("schedule", "history", "tick")["runs"]
    assert (first["began"], first["began_age"]) == (None, None)
    assert first["ended"].endswith("Z")
    assert second["began"].endswith("Z")


def test_the_history_is_bounded(store: Backend, skunq: Skunq) -> None:
    declare(store, after=-1.0)
    for number in range(HISTORY_LENGTH + 3):
        run_once(store, interval=number + 1.0)

    runs = skunq.json("schedule", "history", "tick")["runs"]

    assert [run["interval"] for run in runs] == [number + 1.0 for number in range(3, HISTORY_LENGTH + 3)]


def test_odd_intervals_from_the_store_are_drawn_too(store: Backend, skunq: Skunq) -> None:
    declare(store, after=-1.0)
    for interval in (float("inf"), float("nan"), -5.0, 0.0, 10.0):
        run_once(store, interval=interval)

    lines = skunq("schedule", "history", "tick").splitlines()[1:]

    assert [line.count("#") for line in lines] == [30, 0, 0, 0, 30]
    assert len(skunq.json("schedule", "history", "tick")["runs"]) == 5


def test_no_history_yet_is_exit_code_1(store: Backend, skunq: Skunq) -> None:
    declare(store)

    assert "has not run yet" in skunq.error("schedule", "history", "tick", expect=1)
    assert skunq.json("schedule", "history", "tick", expect=1)["runs"] == []


# --- names ----------------------------------------------------------------------------------------


def test_for_the_history_the_start_of_a_name_is_enough_where_one_begins_so(
    store: Backend, skunq: Skunq
) -> None:
    declare(store, "demo:Foo & demo:Bar")
    declare(store, "demo:Foo & demo:Bar #2")
    declare(store, "demo:Old")

    def history(name: str) -> Any:
        return skunq.json("schedule", "history", name, expect=1)

    assert history("demo:O")["name"] == "demo:Old"
    # A whole name is meant, also where others begin with it.
    assert history("demo:Foo & demo:Bar")["name"] == "demo:Foo & demo:Bar"
    told = skunq.error("schedule", "history", "demo:", expect=1)
    assert "several schedules begin with 'demo:'" in told
    assert "'demo:Foo & demo:Bar #2' (queue demo), 'demo:Old' (queue demo)" in told
    assert "several schedules" not in skunq.error("schedule", "history", "", expect=1)


@pytest.mark.parametrize("verb", [("pause",), ("resume",), ("run",), ("remove", "--yes")])
def test_what_is_done_to_a_schedule_takes_its_whole_name(
    store: Backend, skunq: Skunq, verb: tuple[str, ...]
) -> None:
    there = [declare(store, "demo:Foo & demo:Bar"), declare(store, "demo:Foo & demo:Bar #2")]

    told = skunq.error("schedule", *verb, "demo:Foo", expect=1)

    assert "no schedule 'demo:Foo': did you mean 'demo:Foo & demo:Bar', 'demo:Foo & demo:Bar #2'?" in told
    assert store.schedules() == there


def test_an_order_said_twice_reaches_no_other_schedule(store: Backend, skunq: Skunq) -> None:
    declare(store, "demo:Foo")
    declare(store, "demo:Foo & demo:Bar")

    skunq("schedule", "remove", "demo:Foo", "--yes")
    skunq.error("schedule", "remove", "demo:Foo", "--yes", expect=1)

    assert [each.name for each in store.schedules()] == ["demo:Foo & demo:Bar"]


def test_a_name_that_several_queues_have_needs_the_queue(store: Backend, skunq: Skunq) -> None:
    declare(store)
    declare(store, queue="other")

    told = skunq.error("schedule", "remove", "tick", "--yes", expect=1)
    assert "several queues have a schedule 'tick': demo, other; add -q QUEUE" in told
    assert len(store.schedules()) == 2

    skunq("schedule", "remove", "tick", "--yes", "-q", "other")
    assert [each.queue for each in store.schedules()] == ["demo"]


@pytest.mark.parametrize("verb", ["pause", "resume", "run", "remove", "history"])
def test_an_unknown_name_says_what_may_have_been_meant(store: Backend, skunq: Skunq, verb: str) -> None:
    declare(store)

    assert "no schedule 'tikc': did you mean 'tick'?" in skunq.error("schedule", verb, "tikc", expect=1)
    assert "no schedule 'tick' in queue 'other': see `skunq schedules`" in skunq.error(
        "schedule", verb, "tick", "-q", "other", expect=1
    )
    assert read(store)


def test_the_group_alone_tells_its_verbs(skunq: Skunq) -> None:
    told = skunq("schedule")

    assert all(f"\n  {verb} " in told for verb in ("pause", "resume", "run", "remove", "history"))
    assert "No such command 'paus'" in skunq.error("schedule", "paus", expect=2)

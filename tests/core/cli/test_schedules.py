"""``skunq schedules`` and ``skunq schedule``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest

from skunkqueue.cli.text import iso
from skunkqueue.ids import new_id
from skunkqueue.payload import Body, Step, encode
from skunkqueue.persistence.backend import HISTORY_LENGTH, Backend
from skunkqueue.plugins import STRATEGIES
from skunkqueue.records import Firing, Outcome, Refire, Run, Schedule, State, Verdict
from tests.core.cli.program import Skunq, begin, body, fire, hire, packed
from tests.core.plugins.distributions import install

STRATEGY = """
    from skunkqueue.schedule import Plan

    class Every:
        def first(self, params, now):
            return Plan(due=now, state=b"", interval=float(params))

        def after(self, params, state, seen):
            due = seen.due + float(params) if float(params) else None
            return Plan(due=due, state=state, interval=float(params))

        def describe(self, params):
            return f"every {params.decode()} s"

    class Mute(Every):
        describe = None

    class Stammering(Every):
        def describe(self, params):
            raise RuntimeError("er")

    class Stillborn:
        def __init__(self):
            raise SystemExit(3)
"""


@pytest.fixture(autouse=True)
def strategies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the strategy ``every``, and some that are worse."""
    site = tmp_path / "site"
    names = {
        name: f"cli_strategies:{name.capitalize()}" for name in ("every", "mute", "stammering", "stillborn")
    }
    install(
        site, "cli-strategies", STRATEGIES, {**names, "broken": "no_such_module:x"}, cli_strategies=STRATEGY
    )
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "cli_strategies", raising=False)


def declare(store: Backend, name: str = "tick", *, after: float = 3_600.0, **more: Any) -> Schedule:
    """Declare a schedule whose first run is due after so many seconds; return it as the store has it."""
    given: dict[str, Any] = {
        "queue": "demo",
        "route": "foo",
        "strategy": "every",
        "params": b"60",
        "state": b"",
        "body": body(),
        **more,
    }
    made = Schedule(name=name, **given)
    firing = Firing(id=new_id(), queue=made.queue, route=made.route, body=made.body, due=store.now() + after)
    assert store.declare(made, firing)
    return read(store, name, made.queue)


def read(store: Backend, name: str = "tick", queue: str = "demo") -> Schedule:
    found = store.get_schedule(queue, name)
    assert found is not None
    return found


def run_once(
    store: Backend, *, interval: float = 60.0, took: float = 1.5, verdict: Verdict = Verdict.COMPLETE
) -> None:
    """Run the firing of the schedule that is due, as a worker would, and have it refired."""
    claim = begin(store)
    found = next(each for each in store.schedules() if each.firing == claim.id)
    following = Firing(
        id=new_id(), queue=found.queue, route=found.route, body=found.body, due=store.now() - 1.0
    )
    run = Run(id=claim.id, began=claim.claimed, took=took, verdict=verdict.value, interval=interval)
    refire = Refire(
        queue=found.queue, name=found.name, generation=found.generation, firing=following, state=b"", run=run
    )
    assert store.settle([Outcome(id=claim.id, token=claim.token, verdict=verdict, refire=refire)]) == []


def states(skunq: Skunq) -> dict[str, str]:
    return {each["name"]: each["state"] for each in skunq.json("schedules")["schedules"]}


# --- the listing ----------------------------------------------------------------------------------


def test_a_schedule_is_told_with_rule_jobs_and_times(store: Backend, skunq: Skunq) -> None:
    steps = encode(
        Body((Step("shop:buy", packed([[], {}, None])), Step("shop:sell", packed([[], {}, None]))))
    )
    declare(store, after=-1.0, body=steps, interval=60.0)
    run_once(store, took=2.5, interval=90.0)

    (told,) = skunq.json("schedules")["schedules"]

    assert {key: told[key] for key in ("queue", "name", "route", "strategy", "rule", "jobs", "priority")} == {
        "queue": "demo",
        "name": "tick",
        "route": "foo",
        "strategy": "every",
        "rule": "every 60 s",
        "jobs": ["shop:buy", "shop:sell"],
        "priority": 5,
    }
    assert (told["runs"], told["took"], told["interval"], told["state"]) == (1, 2.5, 90.0, "due")
    assert (told["paused"], told["firing"]) == (False, read(store).firing)
    assert all(told[key].endswith("Z") for key in ("declared", "last_run", "next_run"))
    assert 0 <= told["last_run_age"] < 60
    assert -60 < told["next_run_in"] < 0


def test_long_lists_of_jobs_are_cut_for_people(store: Backend, skunq: Skunq) -> None:
    names = ["shop:buy", *(f"shop:sell_{number}" for number in range(9))]
    declare(store, body=encode(Body(tuple(Step(name, packed([[], {}, None])) for name in names))))

    assert "  shop:buy & shop:sell_0 & shop:sell_1 & …  " in skunq("schedules")
    assert skunq.json("schedules")["schedules"][0]["jobs"] == names


def test_people_get_a_row_for_each(store: Backend, skunq: Skunq) -> None:
    declare(store, after=7_230.0)
    declare(store, "tock", after=-1.0)
    run_once(store)

    header, tick, tock = skunq("schedules").splitlines()

    assert header.split()[:5] == ["QUEUE", "NAME", "STRATEGY", "RULE", "JOBS"]
    assert "every 60 s  shop:sell" in tick
    assert "in 2 h 0 m" in tick
    assert tick.endswith("0  waiting")
    assert "ago" in tock
    assert "1.5 s   1 m 0 s     1  due" in tock


def test_each_state_is_told_apart(store: Backend, skunq: Skunq) -> None:
    declare(store, "running", after=-1.0)
    begin(store)
    declare(store, "waiting")
    declare(store, "due", after=-1.0)
    declare(store, "paused")
    store.pause_schedule("demo", "paused")
    store.kill([declare(store, "idle").firing or ""])

    assert states(skunq) == {name: name for name in ("running", "waiting", "due", "paused", "idle")}


def test_a_paused_schedule_is_paused_also_while_it_runs(store: Backend, skunq: Skunq) -> None:
    declare(store, after=-1.0)
    begin(store)
    store.pause_schedule("demo", "tick")

    assert states(skunq) == {"tick": "paused"}


def test_a_schedule_that_moved_on_while_it_was_read_is_not_idle(
    store: Backend, skunq: Skunq, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(store, after=-1.0)
    backend = type(store)
    original = backend.get
    moved: list[bool] = []

    def settled_meanwhile(self: Backend, ids: list[str]) -> Any:
        if not moved:
            moved.append(True)
            run_once(store)
        return original(self, ids)

    monkeypatch.setattr(backend, "get", settled_meanwhile)

    assert states(skunq) == {"tick": "due"}


def test_states_are_read_a_page_at_a_time(
    store: Backend, skunq: Skunq, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abcde":
        declare(store, name)
    sizes: list[int] = []
    backend = type(store)
    original = backend.get

    def counted(self: Backend, ids: list[str]) -> Any:
        sizes.append(len(ids))
        return original(self, ids)

    monkeypatch.setattr(backend, "get", counted)
    monkeypatch.setattr("skunkqueue.persistence.backend.MAX_PAGE", 2)

    assert set(states(skunq).values()) == {"waiting"}
    assert sizes == [2, 2, 1]


@pytest.mark.parametrize("strategy", ["mute", "stammering", "stillborn", "broken", "missing", "os:getcwd"])
def test_a_strategy_that_cannot_tell_its_rule_stops_no_listing(
    store: Backend, skunq: Skunq, strategy: str
) -> None:
    declare(store, "good")
    declare(store, "poor", strategy=strategy)

    told = {each["name"]: each["rule"] for each in skunq.json("schedules")["schedules"]}

    assert told == {"good": "every 60 s", "poor": None}
    assert strategy in skunq("schedules")


def test_what_comes_from_the_store_cannot_steer_a_terminal(store: Backend, skunq: Skunq) -> None:
    declare(store, body=body("shop:\x1b[2Jsell"), params=b"\x1b]0;x\x07")

    told = skunq("schedules")

    assert "\x1b" not in told
    assert "shop:\\x1b[2Jsell" in told
    assert "every \\x1b]0;x\\x07 s" in told


def test_a_damaged_body_is_shown_as_damaged(store: Backend, skunq: Skunq) -> None:
    declare(store, body=b"garbage")

    assert "(damaged)" in skunq("schedules")
    assert skunq.json("schedules")["schedules"][0]["jobs"] is None


def test_one_queue_or_route_can_be_asked_for(store: Backend, skunq: Skunq) -> None:
    declare(store)
    declare(store, "tock", route="bar")
    declare(store, queue="other")

    def listed(*words: str) -> list[tuple[str, str]]:
        return [(each["queue"], each["name"]) for each in skunq.json("schedules", *words)["schedules"]]

    assert listed("-q", "demo") == [("demo", "tick"), ("demo", "tock")]
    assert listed("-r", "foo") == [("demo", "tick"), ("other", "tick")]
    assert listed("-q", "demo", "-r", "bar") == [("demo", "tock")]


def test_no_schedules_is_exit_code_1_and_says_how_to_declare_one(store: Backend, skunq: Skunq) -> None:
    assert "with TimeScheduler(" in skunq.error("schedules", expect=1)
    assert skunq.json("schedules", expect=1)["schedules"] == []
    declare(store)
    assert "shows all" in skunq.error("schedules", "-q", "other", expect=1)


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


def test_running_where_nobody_listens_says_so(store: Backend, skunq: Skunq) -> None:
    declare(store)

    assert "skunq work -q demo -r foo" in skunq.result("schedule", "run", "tick", expect=0).stderr


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

    assert header.split() == ["BEGAN", "TOOK", "VERDICT", "INTERVAL"]
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


def test_the_start_of_a_name_is_enough_where_one_begins_so(store: Backend, skunq: Skunq) -> None:
    declare(store, "demo:Foo & demo:Bar")
    declare(store, "demo:Foo & demo:Bar #2")
    declare(store, "demo:Old")

    assert "demo:Old" in skunq("schedule", "pause", "demo:O")
    # A whole name is meant, also where others begin with it.
    assert "demo:Bar of" in skunq("schedule", "pause", "demo:Foo & demo:Bar")
    told = skunq.error("schedule", "pause", "demo:", expect=1)
    assert "several schedules begin with 'demo:'" in told
    assert "'demo:Foo & demo:Bar #2' (queue demo), 'demo:Old' (queue demo)" in told
    assert "several schedules" not in skunq.error("schedule", "pause", "", expect=1)


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

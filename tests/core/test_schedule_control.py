"""What people do to schedules, and what declaring one in another's place does. With a strategy of the test's own."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from skunkqueue import JobMixin, SkunkQueue, State, schedule_control
from skunkqueue.clock import VirtualClock
from skunkqueue.errors import BackendUnavailableError, PluginError, PolicyError, UnknownScheduleError
from skunkqueue.ids import new_id
from skunkqueue.payload import decode_body
from skunkqueue.records import Firing, Outcome, Schedule, Verdict
from skunkqueue.schedule import Observation, find_strategy, refire

STRATEGY = """
from skunkqueue.schedule import Plan

meanwhile = []

class Every:
    def first(self, params, now):
        return Plan(due=None if params == b"0" else now, state=b"0", interval=float(params))

    def after(self, params, state, seen):
        due = None if params == b"1" else seen.now + float(params)
        return Plan(due=due, state=b"%d" % (int(state) + 1), interval=float(params))

class Going(Every):
    def again(self, params, before, now):
        due = now + float(params) if before.running else (before.due or now) + float(params)
        return Plan(due=due, state=before.state, interval=float(params))

    def describe(self, params):
        return "going every " + params.decode()

class Slow(Going):
    def after(self, params, state, seen):
        todo, meanwhile[:] = meanwhile[:], []
        meanwhile.extend(do for do in todo if do())
        return super().after(params, state, seen)

    def again(self, params, before, now):
        todo, meanwhile[:] = meanwhile[:], []
        meanwhile.extend(do for do in todo if do())
        return super().again(params, before, now)
"""


class Tick(JobMixin):
    def work(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def strategies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    info = site / "ticking-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "ticking_strategies.py").write_text(STRATEGY)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ticking\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[skunkqueue.strategies]\nevery = ticking_strategies:Every\ngoing = ticking_strategies:Going\n"
        "slow = ticking_strategies:Slow\n"
    )
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "ticking_strategies", raising=False)


@pytest.fixture
def queue(tmp_path: Path, clock: VirtualClock) -> Iterator[SkunkQueue]:
    with SkunkQueue("demo", conn_url=f"sqlite:///{tmp_path}/q.db", clock=clock) as queue:
        yield queue


def declare(queue: SkunkQueue, seconds: int = 60, strategy: str = "every", argument: object = None) -> bool:
    return queue.declare("tick", Tick()(argument), strategy=strategy, params=b"%d" % seconds)


def found(queue: SkunkQueue) -> Schedule:
    return schedule_control.find(queue.backend, "demo", "tick")


def next_in(queue: SkunkQueue) -> float:
    due = found(queue).next_run
    assert due is not None
    return round(due - queue.backend.now(), 3)


def begin(queue: SkunkQueue) -> None:
    assert queue.backend.claim("demo", "default", "w", 1, 600.0)


def live(queue: SkunkQueue) -> int:
    counts = [info.counts for info in queue.backend.routes("demo")]
    return sum(each.get(State.PENDING, 0) + each.get(State.RUNNING, 0) for each in counts)


# --- declaring in another's place -----------------------------------------------------------------


def test_the_very_same_changes_nothing(queue: SkunkQueue, clock: VirtualClock) -> None:
    assert declare(queue) is True
    before = found(queue)
    clock.advance(10)

    assert declare(queue) is False
    assert found(queue) == before


def test_other_arguments_keep_rhythm_and_state(queue: SkunkQueue, clock: VirtualClock) -> None:
    declare(queue)
    schedule_control.pause(queue.backend, "demo", "tick")
    schedule_control.resume(queue.backend, "demo", "tick")
    clock.advance(10)

    assert declare(queue, argument="new") is True
    assert next_in(queue) == 50.0
    assert live(queue) == 1


def test_other_arguments_while_it_runs_plan_the_next_run_not_one_beside_it(queue: SkunkQueue) -> None:
    declare(queue)
    begin(queue)

    assert declare(queue, argument="new") is True
    assert next_in(queue) == 60.0


def test_a_strategy_that_can_goes_on_by_its_new_parameters(queue: SkunkQueue) -> None:
    declare(queue, strategy="going")
    declare(queue, 5, strategy="going")

    assert (next_in(queue), found(queue).interval) == (5.0, 5.0)


def test_a_strategy_that_can_is_told_that_it_runs(queue: SkunkQueue, clock: VirtualClock) -> None:
    declare(queue, strategy="going")
    begin(queue)
    clock.advance(7)
    declare(queue, 5, strategy="going")

    assert next_in(queue) == 5.0


def test_a_strategy_that_cannot_begins_anew(queue: SkunkQueue, clock: VirtualClock) -> None:
    declare(queue)
    clock.advance(10)
    declare(queue, 5)

    assert (next_in(queue), found(queue).state) == (0.0, b"0")


def test_another_strategy_begins_anew(queue: SkunkQueue) -> None:
    declare(queue, strategy="going")
    declare(queue)

    assert (found(queue).strategy, next_in(queue), live(queue)) == ("every", 0.0, 1)


def test_a_rule_that_is_over_removes_the_schedule_and_says_so(
    queue: SkunkQueue, caplog: pytest.LogCaptureFixture
) -> None:
    declare(queue)
    with caplog.at_level(logging.WARNING):
        assert declare(queue, 0) is True

    assert queue.backend.schedules() == []
    assert (live(queue), "no run is left" in caplog.text) == (0, True)


def test_a_rule_that_is_over_from_the_start_declares_nothing(queue: SkunkQueue) -> None:
    assert declare(queue, 0) is False
    assert queue.backend.schedules() == []


# --- what happens while a strategy thinks ---------------------------------------------------------


def meanwhile(do: Callable[[], object], *, always: bool = False) -> None:
    """Have this done when the strategy ``slow`` is asked next (or always), before it answers."""

    def done() -> bool:
        do()
        return always

    importlib.import_module("ticking_strategies").meanwhile.append(done)


def run_and_refire(queue: SkunkQueue) -> None:
    """Run what is due to its end, as a worker does."""
    (claim,) = queue.backend.claim("demo", "default", "w", 1, 600.0)
    schedule = found(queue)
    seen = Observation(
        now=queue.backend.now(),
        due=claim.due,
        began=claim.claimed,
        took=1.0,
        verdict="complete",
        attempts=1,
        interval=None,
    )
    follows = refire(schedule, claim.id, find_strategy(schedule.strategy), seen)
    done = Outcome(id=claim.id, token=claim.token, verdict=Verdict.COMPLETE, refire=follows)
    assert queue.backend.settle([done]) == []


def test_a_run_that_ends_while_a_declaration_is_planned_is_not_run_again(queue: SkunkQueue) -> None:
    declare(queue, strategy="slow")
    meanwhile(lambda: run_and_refire(queue))

    assert declare(queue, 5, strategy="slow") is True

    assert (found(queue).runs, found(queue).state, next_in(queue)) == (1, b"1", 65.0)
    assert live(queue) == 1


def test_a_run_that_begins_while_a_declaration_is_planned_has_none_beside_it(queue: SkunkQueue) -> None:
    declare(queue, strategy="slow")
    meanwhile(lambda: begin(queue))

    assert declare(queue, 5, strategy="slow") is True

    assert next_in(queue) == 5.0


def test_what_is_declared_while_a_resume_is_planned_is_what_is_resumed(queue: SkunkQueue) -> None:
    declare(queue, strategy="slow")
    schedule_control.pause(queue.backend, "demo", "tick")
    elsewhere = Tick()
    elsewhere.routes = ["other"]
    meanwhile(lambda: queue.declare("tick", elsewhere, strategy="slow", params=b"7"))

    assert schedule_control.resume(queue.backend, "demo", "tick") is True

    assert (found(queue).route, next_in(queue)) == ("other", 7.0)
    assert queue.backend.claim("demo", "default", "w", 9, 600.0) == []


def test_what_is_declared_while_an_ended_one_is_removed_stays(queue: SkunkQueue) -> None:
    declare(queue, 1, strategy="slow")
    schedule_control.pause(queue.backend, "demo", "tick")
    meanwhile(lambda: declare(queue, 7, strategy="slow"))

    assert schedule_control.resume(queue.backend, "demo", "tick") is True

    assert (found(queue).params, live(queue)) == (b"7", 1)


def test_a_schedule_that_changes_all_the_time_is_given_up(queue: SkunkQueue) -> None:
    declare(queue, strategy="slow")
    meanwhile(lambda: later(queue), always=True)

    with pytest.raises(BackendUnavailableError, match="was changed by others at every try"):
        declare(queue, 5, strategy="slow")

    assert live(queue) == 1


def later(queue: SkunkQueue) -> None:
    """Arm another firing, as healing would."""
    firing = Firing(id=new_id(), queue="demo", route="default", body=b"", delay=60.0)
    assert queue.backend.arm("demo", "tick", found(queue).generation, firing)


# --- rules of the job -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ({"routes": ["a", "b"]}, "2 routes"),
        ({"queue_type": "broadcast"}, "broadcast"),
        ({"expires": -1}, "expires"),
    ],
)
def test_rules_that_a_schedule_cannot_keep_are_refused(
    queue: SkunkQueue, rules: dict[str, object], says: str
) -> None:
    job = Tick()
    for name, value in rules.items():
        setattr(job, name, value)

    with pytest.raises(PolicyError, match=says):
        queue.declare("tick", job, strategy="every", params=b"60")
    assert queue.backend.schedules() == []


def test_expiry_counts_from_when_each_run_is_due(queue: SkunkQueue, clock: VirtualClock) -> None:
    job = Tick()
    job.expires = 30
    queue.declare("tick", job, strategy="every", params=b"60")
    clock.advance(5)
    schedule_control.pause(queue.backend, "demo", "tick")
    schedule_control.resume(queue.backend, "demo", "tick")
    clock.advance(60)

    (claim,) = queue.backend.claim("demo", "default", "w", 1, 600.0)
    assert claim.expires == pytest.approx(claim.due + 30, abs=0.002)


# --- pause, resume, run, remove -------------------------------------------------------------------


def test_a_paused_schedule_has_nothing_armed_until_it_is_resumed(queue: SkunkQueue) -> None:
    declare(queue)

    assert schedule_control.pause(queue.backend, "demo", "tick") is True
    assert live(queue) == 0
    assert schedule_control.pause(queue.backend, "demo", "tick") is False
    assert schedule_control.resume(queue.backend, "demo", "tick") is True
    assert (live(queue), next_in(queue)) == (1, 60.0)
    assert schedule_control.resume(queue.backend, "demo", "tick") is False


def test_one_that_would_have_ended_in_its_pause_is_removed_when_resumed(queue: SkunkQueue) -> None:
    declare(queue, 1)
    schedule_control.pause(queue.backend, "demo", "tick")

    assert schedule_control.resume(queue.backend, "demo", "tick") is True
    assert queue.backend.schedules() == []


def test_running_now_moves_what_is_armed(queue: SkunkQueue) -> None:
    declare(queue)
    schedule_control.pause(queue.backend, "demo", "tick")
    schedule_control.resume(queue.backend, "demo", "tick")

    assert schedule_control.run_now(queue.backend, "demo", "tick") is True
    assert (live(queue), next_in(queue)) == (1, 0.0)


def test_what_is_due_already_keeps_its_place(queue: SkunkQueue, clock: VirtualClock) -> None:
    declare(queue)
    before = found(queue)
    clock.advance(5)

    assert schedule_control.run_now(queue.backend, "demo", "tick") is True
    assert found(queue) == before


def test_what_runs_or_is_paused_is_not_run_now(queue: SkunkQueue) -> None:
    declare(queue)
    begin(queue)
    assert schedule_control.run_now(queue.backend, "demo", "tick") is False
    schedule_control.pause(queue.backend, "demo", "tick")
    assert schedule_control.run_now(queue.backend, "demo", "tick") is False
    assert live(queue) == 1


def test_a_removed_schedule_is_gone(queue: SkunkQueue) -> None:
    declare(queue)
    schedule_control.remove(queue.backend, "demo", "tick")

    assert (queue.backend.schedules(), live(queue)) == ([], 0)


@pytest.mark.parametrize("verb", ["find", "pause", "resume", "run_now", "remove"])
def test_an_unknown_schedule_is_named(queue: SkunkQueue, verb: str) -> None:
    with pytest.raises(UnknownScheduleError, match="'tock'"):
        getattr(schedule_control, verb)(queue.backend, "demo", "tock")


def test_resuming_needs_the_strategy_and_says_so(queue: SkunkQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    declare(queue)
    schedule_control.pause(queue.backend, "demo", "tick")
    monkeypatch.undo()

    with pytest.raises(PluginError, match="every"):
        schedule_control.resume(queue.backend, "demo", "tick")
    assert found(queue).paused is True


def test_a_schedule_survives_its_encoding(queue: SkunkQueue) -> None:
    declare(queue)
    schedule = found(queue)

    assert msgspec.json.decode(msgspec.json.encode(schedule), type=Schedule) == schedule


def test_a_schedule_keeps_the_tags_that_its_job_had_when_it_was_declared(queue: SkunkQueue) -> None:
    tick = Tick()
    tick.tags = lambda what: f"for-{what}"
    queue.declare("tick", tick("x"), strategy="every", params=b"60")

    assert decode_body(found(queue).body).tags == ("for-x",)

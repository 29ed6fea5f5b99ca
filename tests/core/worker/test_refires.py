"""Schedules run by a worker, with a strategy that is installed as a plugin is."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from skunkqueue import SkunkQueue, current_job
from skunkqueue.errors import BackendError
from skunkqueue.ids import new_id
from skunkqueue.policy import change_policy
from skunkqueue.records import Firing, Outcome, Schedule, State, Verdict
from skunkqueue.schedule import Observation, Plan, find_strategy
from skunkqueue.worker.attempt import Attempt
from skunkqueue.worker.complete.refires import Refires
from tests.core.worker import jobs_of_tests as jobs
from tests.core.worker.bench import QUEUE, ROUTE, Bench, with_rules

EVERY = """
from skunkqueue.schedule import Plan

class Every:
    def first(self, params, now):
        return Plan(due=now, state=b"", interval=float(params))

    def after(self, params, state, seen):
        if params == b"0":
            raise ZeroDivisionError("no such interval")
        return Plan(due=seen.due + float(params), state=state, interval=float(params))
"""


@pytest.fixture
def every(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the strategy ``every``."""
    site = tmp_path / "site"
    info = site / "every-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "every_strategy.py").write_text(EVERY)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: every\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[skunkqueue.strategies]\nevery = every_strategy:Every\n")
    monkeypatch.syspath_prepend(str(site))
    return info


def declare(bench: Bench, seconds: int) -> None:
    assert bench.config.url is not None
    with SkunkQueue(QUEUE, conn_url=bench.config.url, clock=bench.clock) as queue:
        queue.declare("tick", jobs.call_hook("tick"), strategy="every", params=b"%d" % seconds)


def armed(bench: Bench) -> str:
    schedule = bench.backend.get_schedule(QUEUE, "tick")
    assert schedule is not None
    assert schedule.firing is not None
    return schedule.firing


@pytest.mark.usefixtures("every")
def test_a_month_of_hours_runs_each_hour(bench: Bench) -> None:
    declare(bench, 3600)
    worker = bench.worker(burst=False, lease=3600.0)
    runs: list[float] = []

    def tick() -> None:
        runs.append(bench.backend.now())
        if len(runs) == 720:
            worker.stop()

    jobs.HOOKS["tick"] = tick
    worker.run()

    gaps = {round(later - earlier, -1) for earlier, later in itertools.pairwise(runs)}
    assert (len(runs), gaps) == (720, {3600.0})
    history = bench.backend.history(QUEUE, "tick")
    assert {run.verdict for run in history} == {"complete"}


@pytest.mark.usefixtures("every")
def test_the_history_says_how_late_each_run_began(bench: Bench) -> None:
    declare(bench, 3600)
    jobs.HOOKS["tick"] = lambda: None

    for late in (0.0, 7.0, 90.0):
        schedule = bench.backend.get_schedule(QUEUE, "tick")
        assert schedule is not None
        assert schedule.next_run is not None
        bench.pass_time(schedule.next_run + late - bench.backend.now())
        bench.work()

    assert [run.late for run in bench.backend.history(QUEUE, "tick")] == pytest.approx(
        [0.0, 7.0, 90.0], abs=0.1
    )


@pytest.mark.usefixtures("every")
def test_a_run_that_came_back_is_late_by_its_own_due_time(bench: Bench) -> None:
    assert bench.config.url is not None
    with SkunkQueue(QUEUE, conn_url=bench.config.url, clock=bench.clock) as queue:
        call = with_rules(jobs.call_hook("tick"), retries=1, backoff=600.0)
        queue.declare("tick", call, strategy="every", params=b"3600")
    jobs.HOOKS["tick"] = lambda: 1 / 0
    bench.work()
    bench.pass_time(bench.record(armed(bench)).due + 5.0 - bench.backend.now())
    jobs.HOOKS["tick"] = lambda: None
    bench.work()

    (run,) = bench.backend.history(QUEUE, "tick")
    assert run.late == pytest.approx(5.0, abs=0.1)


@pytest.fixture
def asked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the names of the schedules that are read together."""
    names: list[str] = []
    read = bench.backend.get_schedules

    def noted(queue: str, wanted: Sequence[str]) -> list[Schedule | None]:
        names.extend(wanted)
        return read(queue, wanted)

    monkeypatch.setattr(bench.backend, "get_schedules", noted)
    return names


def run_times(bench: Bench, times: int, during: Callable[[int], object] = lambda _: None) -> None:
    """Let one worker run the schedule so many times; ``during`` is called in each run, with its number."""
    worker = bench.worker(burst=False, lease=3600.0)
    runs: list[float] = []

    def tick() -> None:
        runs.append(bench.backend.now())
        during(len(runs))
        if len(runs) == times:
            worker.stop()

    jobs.HOOKS["tick"] = tick
    worker.run()


@pytest.mark.usefixtures("every")
def test_what_a_worker_has_planned_it_does_not_read_again(bench: Bench, asked: list[str]) -> None:
    declare(bench, 60)

    run_times(bench, 20)

    schedule = bench.backend.get_schedule(QUEUE, "tick")
    assert schedule is not None
    assert (schedule.runs, asked) == (20, ["tick"])


@pytest.mark.usefixtures("every")
def test_a_declaration_counts_that_comes_while_a_planned_run_runs(bench: Bench) -> None:
    declare(bench, 60)

    run_times(bench, 5, lambda number: declare(bench, 7) if number == 3 else None)

    assert [run.interval for run in bench.backend.history(QUEUE, "tick")] == [60.0, 60.0, 7.0, 7.0]


@pytest.mark.usefixtures("every")
def test_a_state_counts_that_comes_with_a_run_in_the_place_of_the_planned_one(bench: Bench) -> None:
    declare(bench, 60)
    refires = bench.worker()._refires

    def settle_one() -> None:
        (claim,) = bench.backend.claim(QUEUE, ROUTE, "w", 1, 15.0)
        outcome = Outcome(id=claim.id, token=claim.token, verdict=Verdict.COMPLETE, began=bench.backend.now())
        attempt = Attempt(claim, outcome=outcome, schedule="tick")
        refires.attach_each([attempt], bench.backend.now())
        assert bench.backend.settle([attempt.outcome]) == []

    settle_one()
    planned = bench.backend.get_schedule(QUEUE, "tick")
    assert planned is not None
    another = Firing(id=new_id(), queue=QUEUE, route=ROUTE, body=planned.body)
    assert bench.backend.arm(QUEUE, "tick", planned.generation, another, b"given")
    settle_one()

    schedule = bench.backend.get_schedule(QUEUE, "tick")
    assert schedule is not None
    assert (schedule.runs, schedule.state) == (2, b"given")


def test_a_firing_whose_strategy_is_missing_is_left_to_others(
    bench: Bench, every: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(bench, 10)
    firing = armed(bench)
    attempts: list[int] = []
    jobs.HOOKS["tick"] = lambda: attempts.append(current_job().attempt)
    monkeypatch.undo()

    bench.work()
    bench.pass_time(1.0)
    bench.work()
    bench.pass_time(1.0)

    assert (bench.state(firing), attempts) == (State.PENDING, [])
    assert "'tick' are left to other workers" in caplog.text
    assert "no strategy 'every' is installed" in caplog.text
    monkeypatch.syspath_prepend(str(every.parent))
    bench.work()
    assert (bench.state(firing), attempts) == (State.COMPLETE, [1])
    assert not bench.record(firing).deaths


@pytest.fixture
def without(bench: Bench, every: Path, monkeypatch: pytest.MonkeyPatch) -> Refires:
    """Where schedule ``tick`` is declared, but the strategy is not installed."""
    declare(bench, 10)
    assert every.exists()
    monkeypatch.undo()
    return bench.worker()._refires


def test_a_firing_nobody_takes_is_put_off_for_longer_and_longer(without: Refires) -> None:
    delays = [without.delay_for_others("tick", "a") for _ in range(14)]

    assert delays == [0.0, 0.2, 0.0, 0.4, 0.0, 0.8, 0.0, 1.6, 0.0, 3.2, 0.0, 5.0, 0.0, 5.0]


def test_a_firing_that_somebody_took_says_that_the_next_will_be_taken(without: Refires) -> None:
    for _ in range(6):
        without.delay_for_others("tick", "a")

    assert [without.delay_for_others("tick", "b") for _ in range(2)] == [0.0, 0.2]


def test_others_come_first_whenever_a_firing_is_given_back_at_once(without: Refires) -> None:
    offers = []
    for _ in range(4):
        without.delay_for_others("tick", "a")
        offers.append((without.pop_offered(), without.pop_offered()))

    assert offers == [(True, False), (False, False)] * 2


@pytest.mark.usefixtures("every")
def test_a_schedule_whose_firing_was_killed_is_armed_again(bench: Bench) -> None:
    declare(bench, 10)
    firing = armed(bench)
    bench.backend.kill([firing])

    bench.worker()._refires.heal()

    assert armed(bench) != firing
    assert bench.state(armed(bench)) is State.PENDING


@pytest.mark.usefixtures("every")
def test_a_strategy_that_fails_costs_the_run_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    declare(bench, 0)
    firing = armed(bench)
    jobs.HOOKS["tick"] = lambda: None

    bench.work()

    assert bench.state(firing) is State.COMPLETE
    assert "no such interval" in caplog.text


@pytest.mark.usefixtures("every")
def test_a_schedule_whose_strategy_failed_goes_on_once_that_is_mended(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(bench, 0)
    firing = armed(bench)
    jobs.HOOKS["tick"] = lambda: None
    bench.work()
    refires = bench.worker()._refires
    refires.heal()
    assert armed(bench) == firing

    def after(_self: object, _params: bytes, state: bytes, seen: Observation) -> Plan:
        return Plan(due=seen.now + 60, state=state)

    monkeypatch.setattr(f"{type(find_strategy('every')).__module__}.Every.after", after)
    refires.heal()

    assert bench.record(armed(bench)).due == bench.backend.now() + 60


def test_a_run_that_expired_is_left_to_those_who_can_plan_the_next(
    bench: Bench, every: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bench.config.url is not None
    with SkunkQueue(QUEUE, conn_url=bench.config.url, clock=bench.clock) as queue:
        job = jobs.call_hook("tick")
        job.policy = change_policy(job.policy, {"expires": 5})
        queue.declare("tick", job, strategy="every", params=b"10")
    firing = armed(bench)
    bench.pass_time(6)
    monkeypatch.undo()

    bench.work()
    assert bench.state(firing) is State.PENDING

    monkeypatch.syspath_prepend(str(every.parent))
    bench.pass_time(1)
    bench.work()
    assert bench.state(firing) is State.EXPIRED
    assert [run.id for run in bench.backend.history(QUEUE, "tick")] == [firing]
    assert armed(bench) != firing


@pytest.mark.usefixtures("every")
def test_a_strategy_that_fails_is_told_of_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    declare(bench, 0)
    jobs.HOOKS["tick"] = lambda: None
    worker = bench.worker()
    worker.run()

    for _ in range(3):
        assert worker._refires.heal() is False

    (told,) = [text for text in caplog.messages if text.startswith("strategy failed: ")]
    assert (
        "schedule='tick' strategy='every' distribution='every 1.0' reason='ZeroDivisionError: no such" in told
    )
    assert "skunq schedule remove tick" in told


NONSENSE = """
from skunkqueue.schedule import Plan

class Every:
    def first(self, params, now):
        return Plan(due=now, state=b"", interval=1.0)

    def after(self, params, state, seen):
        if params == b"2":
            raise SystemExit("no more")
        return Plan(due=float("nan"), state=state)
"""


@pytest.mark.parametrize("seconds", [1, 2])
def test_nonsense_of_a_strategy_harms_neither_the_run_nor_its_neighbours(
    bench: Bench, every: Path, seconds: int
) -> None:
    (every.parent / "nonsense_strategy.py").write_text(NONSENSE)
    (every / "entry_points.txt").write_text("[skunkqueue.strategies]\nevery = nonsense_strategy:Every\n")
    declare(bench, seconds)
    jobs.HOOKS["tick"] = lambda: None
    firing, neighbour = armed(bench), bench.fire(jobs.add(1, 2))

    bench.work()
    assert bench.worker()._refires.heal() is False

    assert (bench.state(firing), bench.result(neighbour)) == (State.COMPLETE, 3)


@pytest.mark.usefixtures("every")
def test_many_schedules_are_healed_a_moment_at_a_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench.config.url is not None
    with SkunkQueue(QUEUE, conn_url=bench.config.url, clock=bench.clock) as queue:
        for number in range(5):
            queue.declare(f"tick{number}", jobs.call_hook("tick"), strategy="every", params=b"10")
    bench.backend.purge(QUEUE)
    refires = bench.worker()._refires
    with monkeypatch.context() as hurried:
        hurried.setattr("skunkqueue.worker.complete.refires.HEAL_FOR", -1.0)
        assert refires.heal() is True
    assert len(bench.backend.idle_schedules(QUEUE, ROUTE)) == 5

    monkeypatch.setattr("skunkqueue.worker.complete.refires.HEAL_FOR", 60.0)
    assert refires.heal() is False
    assert bench.backend.idle_schedules(QUEUE, ROUTE) == []


def test_one_that_was_requeued_by_hand_needs_no_strategy(
    bench: Bench, every: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[int] = []
    jobs.HOOKS["tick"] = lambda: ran.append(1)
    declare(bench, 10)
    firing = armed(bench)
    bench.work()
    bench.backend.requeue([firing])
    assert every.exists()
    monkeypatch.undo()

    bench.work()

    assert len(ran) == 2


@pytest.mark.usefixtures("every")
@pytest.mark.parametrize("also_unplanned", [False, True])
def test_an_outcome_whose_refire_the_store_refuses_is_recorded_all_the_same(
    bench: Bench, *, also_unplanned: bool
) -> None:
    class Refusing(type(bench.backend)):  # type: ignore[misc]
        def settle(self, outcomes: Sequence[Outcome]) -> list[str]:
            if any(one.refire and (one.refire.firing or also_unplanned) for one in outcomes):
                raise BackendError("not that one")
            stale: list[str] = super().settle(outcomes)
            return stale

    declare(bench, 10)
    jobs.HOOKS["tick"] = lambda: None
    firing = armed(bench)
    backend = Refusing.open(bench.config, clock=bench.clock)
    bench.worker(backend).run()
    backend.close()

    assert bench.state(firing) is State.COMPLETE
    assert [one.name for one in bench.backend.idle_schedules(QUEUE, ROUTE)] == ["tick"]
    noted = [run.id for run in bench.backend.history(QUEUE, "tick")]
    assert noted == ([] if also_unplanned else [firing])


@pytest.mark.usefixtures("every")
def test_a_plan_that_the_store_refuses_keeps_no_other_schedule_from_being_healed(
    bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing(type(bench.backend)):  # type: ignore[misc]
        def arm(self, queue: str, name: str, *rest: object, **more: object) -> bool:
            if name != "last":
                raise BackendError("not that one")
            armed: bool = super().arm(queue, name, *rest, **more)
            return armed

    assert bench.config.url is not None
    with SkunkQueue(QUEUE, conn_url=bench.config.url, clock=bench.clock) as queue:
        for name in ("one", "two", "last"):
            queue.declare(name, jobs.call_hook("tick"), strategy="every", params=b"10")
    bench.backend.purge(QUEUE)
    backend = Refusing.open(bench.config, clock=bench.clock)
    monkeypatch.setattr("skunkqueue.worker.complete.refires.HEAL_FOR", 60.0)
    monkeypatch.setattr("random.shuffle", lambda names: names.sort(key=lambda one: one.name != "one"))

    for _ in range(2):
        assert bench.worker(backend)._refires.heal() is False
    backend.close()

    assert sorted(one.name for one in bench.backend.idle_schedules(QUEUE, ROUTE)) == ["one", "two"]
    assert "schedule='one' strategy='every' distribution='every 1.0' reason='BackendError: not" in caplog.text

"""Strategies that hang, end the process or plan what cannot be, in a worker."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from skunkqueue import SkunkQueue, schedule_control
from skunkqueue.errors import PluginTimeoutError
from skunkqueue.plugins import STRATEGIES
from skunkqueue.records import Claim, Death, State
from tests.core.plugins.distributions import install
from tests.core.worker import jobs_of_tests as jobs
from tests.core.worker.bench import QUEUE, ROUTE, Bench
from tests.core.worker.test_settler import Faulty, as_backend
from tests.support.waiting import eventually

SOURCE = """
import threading
from skunkqueue.schedule import Plan

OVER, ASKED, SEEN = threading.Event(), threading.Event(), []

class Well:
    def first(self, params, now):
        return Plan(due=now, state=b"", interval=60.0)

    def after(self, params, state, seen):
        SEEN.append(seen.verdict)
        return Plan(due=seen.now + 60, state=b"", interval=60.0)

class Hanging(Well):
    def after(self, params, state, seen):
        SEEN.append(seen.verdict)
        ASKED.set()
        OVER.wait()

class Shy(Hanging):
    def first(self, params, now):
        OVER.wait()

class Quitting(Well):
    def after(self, params, state, seen):
        raise KeyboardInterrupt

class Ending(Well):
    def after(self, params, state, seen):
        return Plan(due=None, state=b"")

class Late(Well):
    def after(self, params, state, seen):
        return Plan(due=seen.now, expires=seen.now - 1, state=b"")
"""
OVER = "is over, by its own rule"
NAMES = ("well", "hanging", "shy", "quitting", "ending", "late")


@pytest.fixture
def strange(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[dict[str, object]]:
    """Install strange strategies; what they share with the test is in the module's dictionary."""
    caplog.set_level(logging.INFO, "skunkqueue.worker")
    monkeypatch.setattr("skunkqueue.plugins.calls.LIMIT", 60.0)
    site = tmp_path / "site"
    names = {name: f"acme_strange:{name.capitalize()}" for name in NAMES}
    install(site, "acme-strange", STRATEGIES, names, acme_strange=SOURCE)
    monkeypatch.syspath_prepend(str(site))
    module = vars(__import__("acme_strange"))
    yield module
    module["OVER"].set()
    del sys.modules["acme_strange"]


def declare(bench: Bench, strategy: str, name: str = "tick") -> str:
    """Declare a schedule; return the id of its first firing."""
    jobs.HOOKS["tick"] = lambda: None
    assert bench.config.url is not None
    with SkunkQueue(QUEUE, conn_url=bench.config.url, clock=bench.clock) as queue:
        queue.declare(name, jobs.call_hook("tick"), strategy=strategy, params=b"")
    schedule = bench.backend.get_schedule(QUEUE, name)
    assert schedule is not None
    assert schedule.firing is not None
    return schedule.firing


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up strategies of workers made from now on after a second."""
    monkeypatch.setattr("skunkqueue.plugins.calls.LIMIT", 1.0)


@pytest.mark.usefixtures("strange")
def test_a_strategy_that_hangs_costs_neither_the_run_nor_its_neighbours(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    firing, other = declare(bench, "hanging"), declare(bench, "well", "other")
    neighbour = bench.fire(jobs.add(1, 2))
    hurry(monkeypatch)

    bench.work()

    assert [bench.state(each) for each in (firing, other, neighbour)] == [State.COMPLETE] * 3
    (told,) = [text for text in caplog.messages if text.startswith("strategy failed: ")]
    assert "schedule='tick' strategy='hanging' distribution='acme-strange 1.0' reason='PluginTimeout" in told
    assert "again in 60 s" in told
    assert OVER not in caplog.text
    after = bench.backend.get_schedule(QUEUE, "other")
    assert after is not None
    assert after.next_run == bench.backend.now() + 60
    assert [run.id for run in bench.backend.history(QUEUE, "tick")] == [firing]


def test_leases_are_kept_while_one_strategy_after_another_hangs(
    live_bench: Bench, monkeypatch: pytest.MonkeyPatch, strange: dict[str, list[str]]
) -> None:
    bench = live_bench
    runs = [declare(bench, "hanging", name) for name in ("one", "two", "three")]
    long = bench.fire(jobs.call_hook("wait"))
    hurry(monkeypatch)
    asked: list[int] = []
    backend = Faulty(bench.backend, extend=lambda *_: asked.append(len(strange["SEEN"])))
    worker = bench.worker(as_backend(backend), lease=3.0)
    worker.loop.batch._size = 50
    jobs.HOOKS["wait"] = lambda: eventually(
        lambda: {bench.state(run) for run in runs} == {State.COMPLETE}, what="all runs are settled"
    )

    worker.run()

    assert bench.state(long) is State.COMPLETE
    assert set(asked) & {1, 2}


def test_a_strategy_that_hung_is_left_alone_for_a_while(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, strange: dict[str, object]
) -> None:
    declare(bench, "hanging")
    hurry(monkeypatch)
    worker = bench.worker()
    worker.run()

    assert [worker._refires.heal() for _ in range(3)] == [False] * 3

    assert strange["SEEN"] == ["complete"]


def test_a_schedule_that_is_declared_anew_is_asked_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, strange: dict[str, object]
) -> None:
    declare(bench, "hanging")
    hurry(monkeypatch)
    worker = bench.worker()
    worker.run()
    firing = declare(bench, "well")
    bench.backend.kill([firing])
    worker._refires.heal()

    assert strange["SEEN"] == ["complete", "killed"]


@pytest.mark.usefixtures("strange")
@pytest.mark.parametrize(
    ("strategy", "reason"),
    [("quitting", "KeyboardInterrupt"), ("late", "PluginError: a strategy's plan has expires=")],
)
def test_a_strategy_that_quits_or_plans_nonsense_costs_its_schedule_the_next_run_only(
    bench: Bench, strategy: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    firing = declare(bench, strategy)

    bench.work()
    bench.worker()._refires.heal()

    assert bench.state(firing) is State.COMPLETE
    (idle,) = bench.backend.idle_schedules(QUEUE, ROUTE)
    assert (idle.name, idle.runs, idle.verdict) == ("tick", 1, "complete")
    assert [(run.id, run.verdict) for run in bench.backend.history(QUEUE, "tick")] == [(firing, "complete")]
    assert reason in caplog.text
    assert OVER not in caplog.text


@pytest.mark.usefixtures("strange")
def test_a_schedule_that_its_strategy_ends_is_over(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    declare(bench, "ending")

    bench.work()

    assert bench.backend.get_schedule(QUEUE, "tick") is None
    assert f"schedule 'tick' {OVER}" in caplog.messages


def test_a_worker_whose_strategy_is_asked_is_listed_as_busy_and_keeps_the_lease(
    bench: Bench, strange: dict[str, object]
) -> None:
    firing = declare(bench, "hanging")
    worker = bench.worker()
    found: list[tuple[str, str | None, list[str]]] = []

    def look() -> None:
        asked, over = strange["ASKED"], strange["OVER"]
        assert isinstance(asked, threading.Event)
        assert isinstance(over, threading.Event)
        asked.wait()
        eventually(lambda: worker.in_flight.planning)
        listed = worker.heartbeat.describe()
        found.append((listed.state, listed.current, [claim.id for claim in worker.in_flight.held()]))
        over.set()

    watcher = threading.Thread(target=look)
    watcher.start()
    worker.run()
    watcher.join()

    assert found == [("busy", firing, [firing])]
    assert (worker.in_flight.planning, worker.in_flight.settling) == (None, {})


def test_a_strategy_that_ended_a_worker_is_not_asked_about_that_firing_again(
    bench: Bench, strange: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    firing = declare(bench, "well")
    (claim,) = bench.backend.claim(QUEUE, ROUTE, "dead", 1, 60.0)
    assert isinstance(claim, Claim)
    bench.backend.reap("dead", [firing], Death(at=0.0, worker="dead", cause="strategy", exit_code=7))
    caught: list[str] = strange["SEEN"]  # type: ignore[assignment]

    worker = bench.worker()
    worker.run()

    assert (bench.state(firing), caught) == (State.COMPLETE, [])
    assert OVER not in caplog.text
    worker._refires.heal()
    assert caught == ["killed"]


@pytest.mark.usefixtures("strange")
def test_a_firing_whose_strategy_ended_three_workers_says_so(bench: Bench) -> None:
    firing = declare(bench, "well")
    for _ in range(3):
        bench.backend.claim(QUEUE, ROUTE, "dead", 1, 60.0)
        bench.backend.reap("dead", [firing], Death(at=0.0, worker="dead", cause="strategy", exit_code=7))

    bench.work()

    assert bench.state(firing) is State.ERROR
    assert "exit code 7, while the strategy of its schedule was asked" in bench.failure(firing).message


@pytest.mark.usefixtures("strange")
def test_a_declaration_whose_strategy_hangs_is_an_error_that_names_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry(monkeypatch)

    with pytest.raises(
        PluginTimeoutError, match=r"'shy' \(from acme-strange 1\.0\) did not return within 1 s"
    ):
        declare(bench, "shy")

    assert bench.backend.get_schedule(QUEUE, "tick") is None


@pytest.mark.usefixtures("strange")
def test_resuming_a_schedule_whose_strategy_hangs_is_an_error_that_names_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(bench, "hanging")
    schedule_control.pause(bench.backend, QUEUE, "tick")
    hurry(monkeypatch)

    with pytest.raises(PluginTimeoutError, match=r"'hanging' .* did not return within 1 s"):
        schedule_control.resume(bench.backend, QUEUE, "tick")

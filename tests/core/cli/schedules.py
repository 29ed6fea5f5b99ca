"""Schedules for the tests of the command line, with strategies that are installed as plugins are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from skunkqueue.ids import new_id
from skunkqueue.persistence.backend import Backend
from skunkqueue.plugins import STRATEGIES
from skunkqueue.records import Firing, Outcome, Refire, Run, Schedule, Verdict
from tests.core.cli.program import Skunq, begin, body
from tests.core.plugins.distributions import install

STRATEGY = """
    import threading
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

    class Hanging(Every):
        def describe(self, params):
            threading.Event().wait()

    class Stillborn:
        def __init__(self):
            raise SystemExit(3)
"""


@pytest.fixture
def strategies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the strategy ``every``, and some that are worse."""
    site = tmp_path / "site"
    names = {
        name: f"cli_strategies:{name.capitalize()}"
        for name in ("every", "mute", "stammering", "hanging", "stillborn")
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
    store: Backend,
    *,
    interval: float = 60.0,
    took: float = 1.5,
    verdict: Verdict = Verdict.COMPLETE,
    late: float = 0.0,
) -> None:
    """Run the firing of the schedule that is due, as a worker would, and have it refired."""
    claim = begin(store)
    found = next(each for each in store.schedules() if each.firing == claim.id)
    following = Firing(
        id=new_id(), queue=found.queue, route=found.route, body=found.body, due=store.now() - 1.0
    )
    run = Run(
        id=claim.id, began=claim.claimed, took=took, verdict=verdict.value, interval=interval, late=late
    )
    refire = Refire(
        queue=found.queue, name=found.name, generation=found.generation, firing=following, state=b"", run=run
    )
    assert store.settle([Outcome(id=claim.id, token=claim.token, verdict=verdict, refire=refire)]) == []


def states(skunq: Skunq) -> dict[str, str]:
    return {each["name"]: each["state"] for each in skunq.json("schedules")["schedules"]}

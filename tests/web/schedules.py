"""Schedules to be shown, with strategies that are installed as plugins are, good ones and bad ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from skunkqueue.ids import new_id
from skunkqueue.payload import Body, Step, encode
from skunkqueue.persistence import Backend
from skunkqueue.plugins import STRATEGIES
from skunkqueue.records import Firing, Outcome, Refire, Run, Schedule, Verdict
from skunkqueue.serializers import get_serializer
from tests.core.plugins.distributions import install
from tests.web.firings import QUEUE, claim

_MODULE = """
    import threading
    from skunkqueue.schedule import Plan

    class Every:
        def first(self, params, now):
            return Plan(due=now, state=b"", interval=float(params))

        def after(self, params, state, seen):
            return Plan(due=seen.due + float(params), state=state, interval=float(params))

        def describe(self, params):
            return f"every {params.decode()} s"

    class Hanging(Every):
        def describe(self, params):
            threading.Event().wait()

        def after(self, params, state, seen):
            threading.Event().wait()

    class Raising(Every):
        def after(self, params, state, seen):
            raise RuntimeError("<b>it is not to be</b>")
"""


def install_strategies(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install ``every``, ``hanging`` and ``raising``."""
    names = {name: f"web_strategies:{name.capitalize()}" for name in ("every", "hanging", "raising")}
    install(folder, "web-strategies", STRATEGIES, names, web_strategies=_MODULE)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "web_strategies", raising=False)


def body(job: str = "shop.jobs:sell", schedule: str | None = None, strategy: str | None = None) -> bytes:
    """Make the body of a call without arguments; a worker refires it where it names its schedule."""
    step = Step(job, get_serializer("typed").dumps_call((), {}, None), 0, None)
    return encode(Body((step,), schedule=schedule, strategy=strategy))


def declare(store: Backend, name: str = "tick", *, after: float = 3_600.0, **fields: Any) -> Schedule:
    """Declare a schedule whose first run is due after so many seconds; ``fields`` are those of Schedule."""
    schedule = Schedule(
        **{
            "queue": QUEUE,
            "name": name,
            "route": "default",
            "strategy": "every",
            "params": b"60",
            "state": b"",
            "body": body(),
            **fields,
        }
    )
    firing = Firing(
        id=new_id(),
        queue=schedule.queue,
        route=schedule.route,
        body=schedule.body,
        due=store.now() + after,
        schedule=name,
    )
    assert store.declare(schedule, firing)
    return read(store, name, schedule.queue)


def read(store: Backend, name: str = "tick", queue: str = QUEUE) -> Schedule:
    """Read a schedule."""
    found = store.get_schedule(queue, name)
    assert found is not None
    return found


def run_once(
    store: Backend,
    *,
    interval: float = 60.0,
    took: float = 1.5,
    verdict: Verdict = Verdict.COMPLETE,
    error: str | None = None,
    result: bytes | None = None,
) -> str:
    """Run what is due, as a worker would, and have it refired; return the firing's id."""
    (held,) = claim(store)
    found = next(each for each in store.schedules() if each.firing == held.id)
    following = Firing(
        id=new_id(),
        queue=QUEUE,
        route=found.route,
        body=found.body,
        due=store.now() - 1.0,
        schedule=found.name,
    )
    run = Run(id=held.id, began=held.claimed, took=took, verdict=verdict.value, interval=interval, late=0.25)
    refire = Refire(
        queue=QUEUE, name=found.name, generation=found.generation, firing=following, state=b"", run=run
    )
    outcome = Outcome(
        id=held.id,
        token=held.token,
        verdict=verdict,
        refire=refire,
        queue=QUEUE,
        route=found.route,
        began=held.claimed,
        took=took,
        error=error,
        result=result,
    )
    assert store.settle([outcome]) == []
    return held.id

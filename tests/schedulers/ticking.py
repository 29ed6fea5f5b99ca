"""Driving the time strategy by hand: rules, and what it plans after a run that went so or so."""

from __future__ import annotations

import msgspec

from skunkqueue.records import Schedule
from skunkqueue.schedule import Observation, Plan
from skunkqueue.scheduler.fixed import TimeStrategy
from skunkqueue.scheduler.ticks import CatchUp, State

NOON = 1_700_049_600.0
"""2023-11-15 12:00 UTC."""
HOUR = 3_600.0
RULE = TimeStrategy()
CATCH_UPS: list[CatchUp] = ["one", "all", "none"]


def hourly(**others: object) -> bytes:
    return msgspec.json.encode({"every": HOUR, **others})


def minutely(**others: object) -> bytes:
    return msgspec.json.encode({"cron": "* * * * *", **others})


def tick_of(plan: Plan) -> float:
    return msgspec.json.decode(plan.state, type=State).tick


def ran(
    params: bytes, plan: Plan, *, began: float | None = None, took: float = 1.0, due: float | None = None
) -> Plan:
    """Plan what follows a run: by default one that began when it was due."""
    assert plan.due is not None
    due = plan.due if due is None else due
    began = max(due, plan.due) if began is None else began
    return RULE.after(
        params,
        plan.state,
        Observation(
            now=began + took,
            due=due,
            began=began,
            took=took,
            verdict="complete",
            attempts=1,
            interval=plan.interval,
        ),
    )


def never_ran(params: bytes, plan: Plan, now: float, verdict: str, *, due: float | None = None) -> Plan:
    assert plan.due is not None
    return RULE.after(
        params,
        plan.state,
        Observation(
            now=now,
            due=plan.due if due is None else due,
            began=None,
            took=0.0,
            verdict=verdict,
            attempts=0,
            interval=plan.interval,
        ),
    )


def dues(params: bytes, begin: float, count: int) -> list[float]:
    plan = RULE.first(params, begin)
    found = []
    for _ in range(count):
        if plan.due is None:
            break
        found.append(plan.due)
        plan = ran(params, plan)
    return found


def schedule_of(params: bytes, plan: Plan, **others: object) -> Schedule:
    made = Schedule(
        queue="demo",
        name="x",
        route="foo",
        strategy="time",
        params=params,
        state=plan.state,
        body=b"",
        next_run=plan.due,
        interval=plan.interval,
    )
    return msgspec.structs.replace(made, **others)

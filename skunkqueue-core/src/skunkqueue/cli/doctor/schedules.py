"""Checks of schedules: those that no worker can plan or run, and those whose last run failed."""

from __future__ import annotations

import shlex
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from skunkqueue.cli.doctor.finding import NOTICE, OK, PROBLEM, SHOWN, Finding, first
from skunkqueue.cli.doctor.store import StoreCheck
from skunkqueue.cli.schedules import every
from skunkqueue.cli.text import plural
from skunkqueue.cli.views import failure_line
from skunkqueue.errors import JobNotFoundError, PluginError
from skunkqueue.names import work_command
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.plugins.requirements import LOAD_FAILURES, explain
from skunkqueue.records import Schedule, State
from skunkqueue.schedule import ask, find_strategy

IDLE_FOR = 60.0
"""Seconds within which workers should have planned a run."""
CURE = "skunq schedules shows them all"
"""For findings that are not listed one by one."""


def schedules(store: Backend, _: BackendConfig) -> Iterator[Finding]:
    """Look at all schedules."""
    there = every(store)
    found = [
        *_without_strategy(there),
        *first(_without_worker(store, there), CURE),
        *first(_idle(store, there), CURE),
        *_failed(store, there),
    ]
    yield from found
    if not found:
        fine = ", their strategies are here, and no last run was an error" if there else ""
        yield Finding("schedules", OK, plural(len(there), "schedule") + fine)


def _without_strategy(there: Sequence[Schedule]) -> Iterator[Finding]:
    for strategy, count in sorted(Counter(each.strategy for each in there).items()):
        problem = _strategy_problem(strategy)
        if problem is not None:
            text = f"{plural(count, 'schedule')} cannot run here: {problem}"
            yield Finding("schedules", NOTICE, text, "install it where their workers are started")


def _strategy_problem(name: str) -> str | None:
    """Return why a strategy is not available here; ``None``: it is."""
    try:
        ask(name, lambda: find_strategy(name))
    except PluginError as error:
        return str(error)
    except LOAD_FAILURES as error:
        return f"the strategy {name!r} fails: {explain(error)}"
    return None


def _without_worker(store: Backend, there: Sequence[Schedule]) -> list[Finding]:
    """Look for routes with schedules and no worker; where something is pending, the check of routes reports it."""
    known = {place for worker in store.workers() for place in worker.places}
    known |= {(info.queue, info.route) for info in store.routes() if info.counts[State.PENDING]}
    return [
        Finding(
            "schedules",
            PROBLEM,
            f"route {route} of queue {queue} has no worker to go on with {called(names)}",
            work_command(queue, route) or "start a worker there",
            queue,
            route,
        )
        for (queue, route), names in sorted(running_on(there).items())
        if (queue, route) not in known
    ]


def _idle(store: Backend, there: Sequence[Schedule]) -> list[Finding]:
    """Look for schedules with workers that do not plan their next run."""
    known = {place for worker in store.workers() for place in worker.places}
    idle = [
        each for place in sorted(running_on(there)) if place in known for each in store.idle_schedules(*place)
    ]
    now = store.now()
    fails = [each for each in idle if now - _since(each) > IDLE_FOR or _ended_unplanned(store, each)]
    return [
        Finding(
            "schedules",
            PROBLEM,
            f"schedule {each.name} of queue {each.queue} has no run planned: its strategy {each.strategy!r} fails or "
            f"does not return where its workers run",
            "look for `strategy failed` in their log; then update or remove its distribution, declare the schedule "
            f"with another rule, or: skunq schedule remove {shlex.quote(each.name)} -q {shlex.quote(each.queue)}",
            each.queue,
            name=each.name,
        )
        for each in fails
    ]


def _since(schedule: Schedule) -> float:
    """Return since when a schedule may have had no next run."""
    ended = (schedule.last_run or 0.0) + (schedule.took or 0.0)
    return max(schedule.declared, schedule.next_run or 0.0, ended)


def _ended_unplanned(store: Backend, schedule: Schedule) -> bool:
    """Return whether its strategy failed after the last run, which it then goes on to name."""
    runs = store.history(schedule.queue, schedule.name)
    return bool(runs) and runs[-1].id == schedule.firing


def running_on(there: Sequence[Schedule]) -> dict[tuple[str, str], list[str]]:
    """Return the names of the schedules that are not paused, by queue and route."""
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in there:
        if not each.paused:
            names[each.queue, each.route].append(each.name)
    return names


def called(names: Sequence[str]) -> str:
    """Name schedules, the first ones of many: ``schedule 'a'``, ``schedules 'a', 'b' and 3 more``."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"schedule{'s' if len(names) > 1 else ''} {', '.join(map(repr, names[:SHOWN]))}{more}"


def _failed(store: Backend, there: Sequence[Schedule]) -> Iterator[Finding]:
    found = [each for each in there if each.verdict == State.ERROR.value]
    for each in found[:SHOWN]:
        job, reason = _failure(store, each)
        words = f"{shlex.quote(each.name)} -q {shlex.quote(each.queue)}"
        cure = f"skunq schedule history {words}"
        if reason.startswith(JobNotFoundError.__name__):
            cure += f"; if the job is gone for good: skunq schedule remove {words}"
        text = f"the last run of schedule {each.name} of queue {each.queue} ended as error"
        yield Finding("schedules", NOTICE, text, cure, each.queue, name=each.name, job=job, error=reason)
    if len(found) > SHOWN:
        text = f"so did the last runs of {plural(len(found) - SHOWN, 'more schedule')}"
        yield Finding("schedules", NOTICE, text, CURE)


def _failure(store: Backend, schedule: Schedule) -> tuple[str, str]:
    """Return the job and the error of the last run; empty where its firing is no longer there, or was requeued."""
    runs = store.history(schedule.queue, schedule.name)
    record = store.get([runs[-1].id])[0] if runs else None
    return ("", "") if record is None else (record.job, failure_line(record) or "")


CHECKS: list[tuple[str, StoreCheck]] = [("schedules", schedules)]

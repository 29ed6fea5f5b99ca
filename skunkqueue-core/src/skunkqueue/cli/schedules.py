"""``skunq schedules``: every schedule, its rule, its last and its next run."""

from __future__ import annotations

from typing import Any, NamedTuple

import click

from skunkqueue.cli import exits
from skunkqueue.cli.columns import Shape
from skunkqueue.cli.connection import queue_options, with_backend
from skunkqueue.cli.output import document, json_option, note, table
from skunkqueue.cli.text import cut, from_now, iso, span
from skunkqueue.cli.views import DAMAGED
from skunkqueue.errors import PluginTimeoutError, SkunkQueueError
from skunkqueue.payload import decode_body
from skunkqueue.persistence.backend import MAX_PAGE, Backend
from skunkqueue.plugins import STRATEGIES
from skunkqueue.plugins.registry import names
from skunkqueue.plugins.requirements import LOAD_FAILURES
from skunkqueue.records import Record, Schedule
from skunkqueue.schedule import Strategy, ask, describe, find_strategy

WIDTH = 40
"""Characters of a rule, and of the jobs' names, shown to people; ``--json`` gives all."""
DESCRIBE_LIMIT = 2.0
"""Seconds that a strategy has to describe a rule."""
HANGING = "(describe() does not return)"
"""Stands for the rule where a strategy does not return it."""
LOOKS = 2
"""Times that the store is read where a schedule seems idle: its next run may be planned a moment later."""

TITLES = (
    "QUEUE",
    "NAME",
    "STRATEGY",
    "RULE",
    "JOBS",
    "LAST RUN",
    "VERDICT",
    "NEXT RUN",
    ">TOOK",
    ">INTERVAL",
    ">RUNS",
    "STATE",
)
SPARE = ("JOBS", "STRATEGY", "QUEUE", ">RUNS", ">INTERVAL", ">TOOK", "RULE", "LAST RUN")
"""Columns that a narrow terminal leaves out, in this order; QUEUE only where all schedules are of one queue."""
LEAST = {"RULE": 16, "NAME": 30}
"""Columns that may be folded between words, and to what width."""
DECLARING = "declare one with `with TimeScheduler(queue, timedelta(hours=3)) as schedule: schedule << job`"
INSTALLING = "pip install 'skunkqueue[schedulers]' (from a clone: ./skunkqueue-schedulers), and "


class View(NamedTuple):
    """A schedule, and the state of its firing."""

    schedule: Schedule
    state: str
    """waiting, due, running, paused or idle."""
    due: float | None
    """When its pending firing may begin, also a retry of a failed run; ``None``: none is pending."""
    blocked: bool = False
    """Whether its route is paused, alone or with its whole queue: workers begin nothing there."""


class Rules:
    """Returns the rules of schedules whose strategies are installed here; loads each strategy once."""

    def __init__(self) -> None:
        self._strategies: dict[str, Strategy | None] = {}
        self._hanging: set[str] = set()

    def of(self, schedule: Schedule) -> str:
        """Return a rule in a few words; empty where its strategy is not installed or fails."""
        name = schedule.strategy
        if name in self._hanging:
            return HANGING
        try:
            return ask(name, lambda: self._describe(name, schedule.params), DESCRIBE_LIMIT)
        except PluginTimeoutError:
            # Its other schedules would take as long, so it is not called again.
            self._hanging.add(name)
            return HANGING
        except LOAD_FAILURES:
            # `skunq doctor` reports what is wrong with it; a listing goes on.
            self._strategies[name] = None
            return ""

    def _describe(self, name: str, params: bytes) -> str:
        if name not in self._strategies:
            self._strategies[name] = find_strategy(name)
        strategy = self._strategies[name]
        return "" if strategy is None else describe(strategy, params)


@click.command()
@queue_options(required=False)
@json_option
@click.pass_context
@with_backend
def schedules(
    store: Backend, ctx: click.Context, queue: str | None, route: str | None, *, as_json: bool
) -> None:
    """Show schedules: rule, jobs, last and next run.

    Each is waiting, due, running, paused, or idle: it has no next run, and a worker of its route plans one.
    A narrow terminal shows fewer columns than a wide one or a pipe; --json tells all.
    """
    now, found = look(store, queue, route)
    rules = Rules()
    if as_json:
        document({"now": iso(now), "schedules": [_json(view, rules, now) for view in found]})
    elif found:
        single = len({view.schedule.queue for view in found}) == 1
        spare = [title for title in SPARE if single or title != "QUEUE"]
        shape = Shape(TITLES, tuple(spare), LEAST, folds=True)
        table(shape, [_row(view, rules, now) for view in found])
    elif queue is None and route is None:
        note(f"no schedules yet: {'' if names(STRATEGIES) else INSTALLING}{DECLARING}")
    else:
        note("no schedules there: `skunq schedules` without -q and -r shows all")
    if not found:
        ctx.exit(exits.NOTHING)


def every(store: Backend, queue: str | None = None, route: str | None = None) -> list[Schedule]:
    """Read all schedules, a page at a time where the store can do that, so that no other call waits for thousands."""
    if "schedule pages" not in store.capabilities:
        found = store.schedules(queue)
    else:
        found = page = store.schedule_page(queue, MAX_PAGE)
        while len(page) == MAX_PAGE:
            page = store.schedule_page(queue, MAX_PAGE, (page[-1].queue, page[-1].name))
            found = [*found, *page]
    return [each for each in found if route in (None, each.route)]


def look(store: Backend, queue: str | None = None, route: str | None = None) -> tuple[float, list[View]]:
    """Read schedules and the states of their firings; return the store's time of that too."""
    for again in range(LOOKS, 0, -1):
        found = every(store, queue, route)
        firings = _firings(store, [each.firing for each in found if each.firing is not None])
        paused = {(info.queue, info.route) for info in store.routes(queue) if info.paused} if found else set()
        now = store.now()
        views = [
            _view(each, firings.get(each.firing or ""), now, blocked=(each.queue, each.route) in paused)
            for each in found
        ]
        if again == 1 or not any(view.state == "idle" for view in views):
            break
    return now, views


def look_at(store: Backend, schedule: Schedule) -> tuple[float, View]:
    """Read the state of one schedule's firing."""
    firings = _firings(store, [] if schedule.firing is None else [schedule.firing])
    now = store.now()
    return now, _view(schedule, firings.get(schedule.firing or ""), now)


def _firings(store: Backend, ids: list[str]) -> dict[str, Record]:
    pages = (store.get(ids[start : start + MAX_PAGE]) for start in range(0, len(ids), MAX_PAGE))
    return {record.id: record for page in pages for record in page if record is not None}


def _view(schedule: Schedule, firing: Record | None, now: float, *, blocked: bool = False) -> View:
    state, due = "idle", None
    if firing is not None and firing.state.value == "pending":
        state, due = ("waiting" if firing.due > now else "due"), firing.due
    elif firing is not None and firing.state.value == "running":
        state = "running"
    # A run that goes on while it is paused is in `skunq jobs`.
    return View(schedule, "paused" if schedule.paused else state, due, blocked)


def _jobs(schedule: Schedule) -> list[str] | None:
    try:
        return [step.job for step in decode_body(schedule.body).steps]
    except SkunkQueueError:
        return None


def _json(view: View, rules: Rules, now: float) -> dict[str, Any]:
    schedule, state, due, blocked = view
    return {
        "queue": schedule.queue,
        "name": schedule.name,
        "route": schedule.route,
        "strategy": schedule.strategy,
        "rule": rules.of(schedule) or None,
        "jobs": _jobs(schedule),
        "priority": schedule.priority,
        "state": state,
        "paused": schedule.paused,
        "route_paused": blocked,
        "firing": schedule.firing,
        "declared": iso(schedule.declared),
        "runs": schedule.runs,
        "last_run": iso(schedule.last_run),
        "last_run_age": None if schedule.last_run is None else round(now - schedule.last_run, 3),
        "verdict": schedule.verdict,
        "next_run": iso(due),
        "next_run_in": None if due is None else round(due - now, 3),
        "took": schedule.took,
        "interval": schedule.interval,
    }


def _row(view: View, rules: Rules, now: float) -> tuple[str, ...]:
    schedule, state, due, blocked = view
    jobs = _jobs(schedule)
    return (
        schedule.queue,
        schedule.name,
        schedule.strategy,
        cut(rules.of(schedule), WIDTH),
        DAMAGED if jobs is None else cut(" & ".join(jobs), WIDTH),
        "" if schedule.last_run is None else from_now(schedule.last_run, now),
        schedule.verdict or "",
        "" if due is None else from_now(due, now),
        "" if schedule.took is None else span(schedule.took),
        "" if schedule.interval is None else span(schedule.interval),
        str(schedule.runs),
        # A pause of the route does not stop a run, nor matter to a schedule that is paused itself.
        f"{state} (route paused)" if blocked and state not in ("running", "paused") else state,
    )

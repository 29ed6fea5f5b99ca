"""``skunq schedule``: the commands to one schedule, and how its strategy has adapted."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, TypeVar

import click

from skunkqueue import schedule_control
from skunkqueue.cli import exits
from skunkqueue.cli.acting import with_control
from skunkqueue.cli.columns import Shape
from skunkqueue.cli.connection import with_backend
from skunkqueue.cli.options import option
from skunkqueue.cli.output import document, json_option, note, say, table
from skunkqueue.cli.schedules import every, look_at
from skunkqueue.cli.text import clean, from_now, iso, span
from skunkqueue.control import Control
from skunkqueue.errors import UnknownScheduleError
from skunkqueue.names import work_command
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Run, Schedule

SHOWN = 5
"""Candidates named where a name fits several."""
BAR = 30
"""Characters of the longest bar in a history."""

F = TypeVar("F", bound="Callable[..., Any]")


@click.group(invoke_without_command=True)
@click.pass_context
def schedule(ctx: click.Context) -> None:
    """Pause, resume, run or remove one schedule, or show its history.

    NAME is its whole name; history is content with a start that no other has. -q may be left out where only one
    queue has it.
    """
    # Some versions of click answer a lone group with an error that holds the whole help.
    if ctx.invoked_subcommand is None:
        say(ctx.get_help())


def _naming(command: F) -> F:
    """Let a command take a schedule's name, and its queue."""
    command = option("-q", "--queue", metavar="QUEUE", help="Queue of the schedule.")(command)
    return click.argument("name", metavar="NAME")(command)


@schedule.command()
@_naming
@json_option
@with_control
def pause(control: Control, name: str, queue: str | None, *, as_json: bool) -> None:
    """Plan no more runs until it is resumed.

    What runs goes on.
    """
    found = schedule_called(control.backend, name, queue)
    changed = control.pause_schedule(found.queue, found.name)
    if as_json:
        document(_done_json(found, done=changed))
    elif changed:
        say(f"paused {_told(found)}")
    else:
        note(f"{_told(found)} is paused already")


@schedule.command()
@_naming
@json_option
@with_control
def resume(control: Control, name: str, queue: str | None, *, as_json: bool) -> None:
    """End a pause, and say when it runs next."""
    found = schedule_called(control.backend, name, queue)
    changed = control.resume_schedule(found.queue, found.name)
    if as_json:
        document(_done_json(found, done=changed))
    elif changed:
        say(f"resumed {_told(found)}: {_next_run(control.backend, found)}")
    else:
        note(f"{_told(found)} is not paused: {_next_run(control.backend, found)}")


@schedule.command()
@_naming
@json_option
@click.pass_context
@with_control
def run(control: Control, ctx: click.Context, name: str, queue: str | None, *, as_json: bool) -> None:
    """Run it now, not when its rule says.

    The rule then goes on as after any other run.
    """
    store = control.backend
    found = schedule_called(store, name, queue)
    changed = control.run_schedule(found.queue, found.name)
    if as_json:
        document(_done_json(found, done=changed))
    if changed:
        if not as_json:
            say(f"{_told(found)} is due now")
        if any(info.paused for info in store.routes(found.queue) if info.route == found.route):
            note(
                f"its route is paused: skunq resume -q {shlex.quote(found.queue)} -r {shlex.quote(found.route)}"
            )
        elif not store.workers(found.queue, found.route):
            command = work_command(found.queue, found.route)
            note("no worker is there to run it" + ("" if command is None else f": {command}"))
        return
    if schedule_control.find(store, found.queue, found.name).paused:
        note(f"{_told(found)} is paused: resume it first")
    else:
        note(f"{_told(found)} is running already")
    ctx.exit(exits.NOTHING)


@schedule.command()
@_naming
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
@with_control
def remove(
    control: Control, ctx: click.Context, name: str, queue: str | None, *, yes: bool, as_json: bool
) -> None:
    """Forget it and its history.

    What runs goes on. A program that declares it again makes it anew.
    """
    found = schedule_called(control.backend, name, queue)
    if not yes:
        if not sys.stdin.isatty():
            ctx.fail(f"this removes {_told(found)} and its history: add --yes if you mean it")
        click.confirm(f"Remove {_told(found)} and its history?", abort=True, err=as_json)
    control.remove_schedule(found.queue, found.name)
    if as_json:
        document(_done_json(found, done=True))
    else:
        say(f"removed {_told(found)}")


@schedule.command()
@_naming
@json_option
@click.pass_context
@with_backend
def history(store: Backend, ctx: click.Context, name: str, queue: str | None, *, as_json: bool) -> None:
    """Show its last runs and intervals.

    Oldest first, each with the interval that was chosen after it.
    """
    found = schedule_called(store, name, queue, whole=False)
    runs = store.history(found.queue, found.name)
    now = store.now()
    if as_json:
        about = {"queue": found.queue, "name": found.name, "strategy": found.strategy}
        document({"now": iso(now), **about, "runs": [_run_json(each, now) for each in runs]})
    elif runs:
        intervals = [each.interval or 0.0 for each in runs]
        longest = max((interval for interval in intervals if math.isfinite(interval)), default=0.0)
        table(
            Shape(("BEGAN", ">LATE", ">TOOK", "VERDICT", ">INTERVAL", ""), spare=("", ">LATE", ">TOOK")),
            [
                (
                    from_now(each.began, now) if _has_begun(each) else "",
                    span(each.late) if _has_begun(each) else "",
                    span(each.took) if _has_begun(each) else "",
                    each.verdict,
                    "" if each.interval is None else span(each.interval),
                    _bar(interval, longest),
                )
                for each, interval in zip(runs, intervals, strict=True)
            ],
        )
    else:
        note(f"{_told(found)} has not run yet")
    if not runs:
        ctx.exit(exits.NOTHING)


def schedule_called(store: Backend, typed: str, queue: str | None = None, *, whole: bool = True) -> Schedule:
    """Find the one schedule of this name; UnknownScheduleError where none has it, or several queues do.

    Without ``whole``, the start of a name is enough. Only commands that read may allow that: repeated, a command
    that changes something could else reach another schedule.
    """
    there = every(store, queue)
    exact = [each for each in there if each.name == typed]
    longer = [each for each in there if typed and each.name.startswith(typed)]
    found = exact or ([] if whole else longer)
    if len(found) == 1:
        return found[0]
    if not found:
        close = get_close_matches(typed, sorted({each.name for each in there}))
        near = dict.fromkeys([*(each.name for each in longer), *close])
        place = "" if queue is None else f" in queue {queue!r}"
        meant = _some([repr(name) for name in near])
        cure = f"did you mean {meant}?" if near else "see `skunq schedules`"
        msg = f"there is no schedule {typed!r}{place}: {cure}"
    elif len({each.name for each in found}) == 1:
        msg = f"several queues have a schedule {found[0].name!r}: {_some([each.queue for each in found])}; add -q QUEUE"
    else:
        names = [repr(each.name) if queue else f"{each.name!r} (queue {each.queue})" for each in found]
        msg = f"several schedules begin with {typed!r}: {_some(names)}; give more of the name"
    raise UnknownScheduleError(msg)


def _done_json(found: Schedule, *, done: bool) -> dict[str, Any]:
    return {"queue": found.queue, "name": found.name, "done": done}


def _some(candidates: list[str]) -> str:
    return ", ".join(candidates[:SHOWN]) + (", ..." if len(candidates) > SHOWN else "")


def _told(found: Schedule) -> str:
    return clean(f"schedule {found.name} of queue {found.queue}")


def _next_run(store: Backend, of: Schedule) -> str:
    """Return when a schedule runs next."""
    found = store.get_schedule(of.queue, of.name)
    if found is None:
        return "by its rule it has no further run, so it is removed"
    now, view = look_at(store, found)
    if view.state == "running":
        return "it runs at present"
    if view.due is None:
        return "a worker of its route plans its next run"
    return (
        "it is due now" if view.due <= now else f"it runs next {from_now(view.due, now)}, at {iso(view.due)}"
    )


def _has_begun(run: Run) -> bool:
    """Return whether a run began; the time kept of one that expired before is that of its end."""
    return run.verdict != "expired" or run.took > 0


def _run_json(run: Run, now: float) -> dict[str, Any]:
    return {
        "id": run.id,
        "began": iso(run.began) if _has_begun(run) else None,
        "began_age": round(now - run.began, 3) if _has_begun(run) else None,
        "ended": iso(run.began + run.took),
        "late": run.late if _has_begun(run) else None,
        "took": run.took,
        "verdict": run.verdict,
        "interval": run.interval,
    }


def _bar(interval: float, longest: float) -> str:
    """Draw an interval; the longest has BAR characters, and what is not nothing has one."""
    if not longest or not interval > 0:
        return ""
    return "#" * max(round(BAR * min(interval / longest, 1.0)), 1)

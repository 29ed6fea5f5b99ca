"""``skunq queues``, and the commands to whole routes: ``purge``, ``pause``, ``resume``."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from skunkqueue.cli import exits
from skunkqueue.cli.acting import with_control
from skunkqueue.cli.columns import Shape
from skunkqueue.cli.connection import queue_options, with_backend
from skunkqueue.cli.output import document, heading, json_option, note, say, table
from skunkqueue.cli.text import UNKNOWN, clean, from_now, iso, plural
from skunkqueue.listings import JobCount
from skunkqueue.names import check_name
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import RouteInfo, State

if TYPE_CHECKING:
    from skunkqueue.control import Control

ROUTES = Shape(
    (
        "QUEUE",
        "ROUTE",
        "PAUSED",
        ">PENDING",
        ">RUNNING",
        ">COMPLETE",
        ">ERROR",
        ">KILLED",
        ">EXPIRED",
        "OLDEST DUE",
        ">WORKERS",
    ),
    spare=(">EXPIRED", ">KILLED", ">COMPLETE", "OLDEST DUE", ">ERROR", ">WORKERS", "PAUSED", ">RUNNING"),
    least={"ROUTE": 10, "QUEUE": 8},
)


JOBS = Shape(
    ("JOB", "QUEUE", "ROUTE", *ROUTES.titles[3:9]),
    spare=(">EXPIRED", ">KILLED", ">COMPLETE", "QUEUE", ">ERROR", "ROUTE", ">RUNNING"),
    least={"JOB": 12, "ROUTE": 10, "QUEUE": 8},
    ends=frozenset({"JOB"}),
)


def overview(store: Backend, queue: str | None, route: str | None = None) -> list[dict[str, Any]]:
    """Return every known route, also those where workers listen and nothing was ever fired."""
    now = store.now()
    listening = Counter(place for worker in store.workers(queue) for place in worker.places)
    infos: dict[tuple[str, str], RouteInfo | None] = {(i.queue, i.route): i for i in store.routes(queue)}
    for place in listening:
        infos.setdefault(place, None)
    found: list[dict[str, Any]] = []
    for place, info in sorted(infos.items()):
        if route is not None and place[1] != route:
            continue
        oldest = info.oldest_due if info else None
        found.append(
            {
                "queue": place[0],
                "route": place[1],
                "paused": info.paused if info else False,
                "counts": {state.value: info.counts.get(state, 0) if info else 0 for state in State},
                "exact": info.exact if info else True,
                "oldest_due": iso(oldest),
                "oldest_due_age": None if oldest is None else round(now - oldest, 3),
                "workers": listening[place],
            }
        )
    return found


@click.command()
@queue_options(required=False)
@click.option("--jobs", "by_job", is_flag=True, help="Also how many firings of each job there are.")
@json_option
@click.pass_context
@with_backend
def queues(
    store: Backend, ctx: click.Context, queue: str | None, route: str | None, *, by_job: bool, as_json: bool
) -> None:
    """Show queues and routes, and how much waits there."""
    now = store.now()
    found = overview(store, queue, route)
    jobs = store.job_counts(queue, route) if by_job else []
    if as_json:
        document(
            {
                "now": iso(now),
                "routes": found,
                **({"jobs": [_job_json(each) for each in jobs]} if by_job else {}),
            }
        )
    elif found:
        table(
            ROUTES,
            [
                (
                    each["queue"],
                    each["route"],
                    "paused" if each["paused"] else "",
                    *count_cells(each["counts"], ROUTES.titles[3:9], exact=each["exact"]),
                    "" if each["oldest_due_age"] is None else from_now(now - each["oldest_due_age"], now),
                    each["workers"],
                )
                for each in found
            ],
        )
    else:
        note(_missing(store, queue, route))
    if jobs and not as_json:
        heading("Jobs")
        table(JOBS, [_job_row(each) for each in jobs])
    if not as_json and not all((*(each["exact"] for each in found), *(each.exact for each in jobs))):
        note("with ~: about so many")
    if not found:
        ctx.exit(exits.NOTHING)


def _missing(store: Backend, queue: str | None, route: str | None) -> str:
    """Say what is not there, where nothing was found."""
    if route is not None and overview(store, queue):
        return f"no route {route!r}" + ("" if queue is None else f" of queue {queue!r}")
    return "no queues yet: the first firing or worker makes one" if queue is None else f"no queue {queue!r}"


def _job_json(found: JobCount) -> dict[str, Any]:
    return {
        "queue": found.queue,
        "route": found.route,
        "job": found.job or None,
        "counts": {state.value: n for state, n in found.counts.items()},
        "exact": found.exact,
    }


def _job_row(found: JobCount) -> tuple[str, ...]:
    counts = {state.value: n for state, n in found.counts.items()}
    numbers = count_cells(counts, ROUTES.titles[3:9], exact=found.exact)
    return (found.job or UNKNOWN, found.queue, found.route, *numbers)


def count_cells(counts: Mapping[str, int], titles: Iterable[str], *, exact: bool) -> list[str]:
    """Write the counts that the titles of columns name, marked where the store estimates them."""
    return [f"{'' if exact else '~'}{counts.get(title.lstrip('>').lower(), 0)}" for title in titles]


@click.command()
@queue_options(required=True)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
@with_control
def purge(
    control: Control, ctx: click.Context, queue: str, route: str | None, *, yes: bool, as_json: bool
) -> None:
    """Remove all pending firings of a queue or route."""
    place = describe(queue, route)
    routes = overview(control.backend, queue, route)
    pending = sum(each["counts"]["pending"] for each in routes)
    if not pending:
        note(f"nothing is pending in {place}")
        if as_json:
            document({"queue": queue, "route": route, "removed": 0})
        ctx.exit(exits.NOTHING)
    if not yes:
        told = ("" if all(each["exact"] for each in routes) else "about ") + plural(pending, "pending firing")
        if not sys.stdin.isatty():
            ctx.fail(f"this removes {told} of {place}: add --yes if you mean it")
        click.confirm(f"Remove {told} of {clean(place)}?", abort=True, err=as_json)
    removed = control.purge(queue, route)
    if as_json:
        document({"queue": queue, "route": route, "removed": removed})
    else:
        say(f"removed {plural(removed, 'pending firing')} of {clean(place)}")


@click.command()
@queue_options(required=True)
@json_option
@with_control
def pause(control: Control, queue: str, route: str | None, *, as_json: bool) -> None:
    """Let workers begin nothing more of a queue or route.

    What runs goes on.
    """
    _check_names(queue, route)
    control.pause(queue, route)
    if as_json:
        document({"queue": queue, "route": route, "paused": True})
    else:
        say(f"paused {clean(describe(queue, route))}")
    if not overview(control.backend, queue, route):
        note(f"nothing was ever fired there: is {queue!r} the right name?")


@click.command()
@queue_options(required=True)
@json_option
@with_control
def resume(control: Control, queue: str, route: str | None, *, as_json: bool) -> None:
    """End a pause.

    Without -r that of the queue and those of all its routes.
    """
    _check_names(queue, route)
    control.resume(queue, route)
    held = route is not None and any(each["paused"] for each in overview(control.backend, queue, route))
    if as_json:
        # A route of a paused queue stays paused.
        document({"queue": queue, "route": route, "paused": held})
    else:
        say(f"resumed {clean(describe(queue, route))}")
    if held:
        note(f"the whole queue is paused still: skunq resume -q {shlex.quote(queue)}")


def describe(queue: str, route: str | None) -> str:
    """Name a place for people."""
    return f"queue {queue}" if route is None else f"route {route} of queue {queue}"


def _check_names(queue: str, route: str | None) -> None:
    check_name("queue", queue)
    if route is not None:
        check_name("route", route)

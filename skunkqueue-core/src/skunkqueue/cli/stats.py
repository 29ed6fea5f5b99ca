"""``skunq stats``: rates and percentiles by route and by job, over a time that has passed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import click

from skunkqueue.cli import exits
from skunkqueue.cli.bars import chart, gathered
from skunkqueue.cli.columns import Shape
from skunkqueue.cli.connection import queue_options, with_backend
from skunkqueue.cli.counted import FINAL, HOUR, MINUTE, Line, Period, busiest, read
from skunkqueue.cli.moments import Moment, MomentType
from skunkqueue.cli.options import either, is_given, option
from skunkqueue.cli.output import can_print, document, heading, json_option, note, on_terminal, table
from skunkqueue.cli.text import UNKNOWN, fine_span, iso, span
from skunkqueue.counters import percentile
from skunkqueue.persistence.asking import HOURS_KEPT, MINUTES_KEPT
from skunkqueue.persistence.backend import Backend

BY_MINUTES = 2 * HOUR
"""Up to so many seconds it reads minutes; beyond, hours."""
MARKS = 30
"""Bars of a chart at most."""
SHARES = (0.5, 0.95, 0.99)
_NUMBERS = (
    ">IN",
    ">DONE",
    ">PER S",
    ">ERROR",
    ">RETRIED",
    ">DEATHS",
    ">WAIT P50",
    ">WAIT P95",
    ">WAIT P99",
    ">RUN P50",
    ">RUN P95",
    ">RUN P99",
)
_SPARE = (
    ">DEATHS",
    ">RETRIED",
    ">WAIT P50",
    ">RUN P50",
    ">RUN P99",
    ">WAIT P99",
    ">IN",
    "DONE OVER TIME",
    ">RUN P95",
    ">WAIT P95",
    ">ERROR",
    "QUEUE",
    ">PER S",
)
ROUTES = Shape(
    ("QUEUE", "ROUTE", *_NUMBERS, "DONE OVER TIME", "PENDING"),
    spare=("PENDING", *_SPARE),
    least={"ROUTE": 10, "QUEUE": 8},
)
JOBS = Shape(
    ("JOB", "QUEUE", "ROUTE", *_NUMBERS, "DONE OVER TIME"),
    spare=(*_SPARE, "ROUTE"),
    least={"JOB": 12, "ROUTE": 10, "QUEUE": 8},
    ends=frozenset({"JOB"}),
)


TOTALS = Shape(
    ("JOB", "QUEUE", "ROUTE", *(title for title in _NUMBERS if title != ">PER S")),
    spare=(*(title for title in _SPARE if title not in (">PER S", "DONE OVER TIME")), "ROUTE"),
    least={"JOB": 12, "ROUTE": 10, "QUEUE": 8},
    ends=frozenset({"JOB"}),
)


@click.command()
@queue_options(required=False)
@option("--job", metavar="MODULE:JOB", help="Only this job, by its whole name.")
@option(
    "--since",
    type=MomentType(),
    default="1h",
    show_default=True,
    metavar="TIME",
    help="From then on: 1h (so long ago), or ISO 8601. By minutes up to 2 hours, by hours up to 30 days.",
)
@either("--minutes", "by", flag_value="minutes", help="By minutes, up to 24 hours.")
@either("--hours", "by", flag_value="hours", help="By hours.")
@click.option(
    "--ever", is_flag=True, help="All that was counted since the store was made, by job; not with --since."
)
@click.option("--no-color", is_flag=True, help="No colours, and charts of plain letters.")
@json_option
@click.pass_context
@with_backend
def stats(
    store: Backend,
    ctx: click.Context,
    *,
    queue: str | None,
    route: str | None,
    job: str | None,
    since: Moment,
    by: str | None,
    ever: bool,
    no_color: bool,
    as_json: bool,
) -> None:
    """Show rates, waits and run times by route and by job.

    A percentile is at most 9 % off. The time begins with a whole minute or hour.
    """
    ctx.meta["no_color"] = no_color
    plain = no_color or not on_terminal() or bool(os.environ.get("NO_COLOR"))
    if ever:
        if by is not None or is_given(ctx, "since"):
            ctx.fail("--ever is all the time there is: it goes with none of --since, --minutes and --hours")
        if not _tell_totals(store, queue, route, job, as_json=as_json, plain=plain):
            ctx.exit(exits.NOTHING)
        return
    period = _period(store, ctx, since, by)
    there = [info for info in store.routes(queue) if route in (None, info.route)]
    places = [(info.queue, info.route) for info in busiest(there)]
    # The totals of a route include its other jobs.
    routes = read(store, places, period, jobs=False) if job is None else []
    jobs = [line for line in read(store, places, period, jobs=True) if job in (None, line.job)]
    if as_json:
        about = {"now": iso(period.now), "since": iso(period.begin), "step": period.step}
        about |= {"routes_read": len(places), "routes_there": len(there)}
        lines = {
            "routes": [_json(line, period) for line in routes],
            "jobs": [_json(line, period) for line in jobs],
        }
        document({**about, **lines})
    elif routes or jobs:
        _print(routes, jobs, period, plain=plain)
    else:
        note(f"nothing was counted there since {iso(period.begin)}")
    if len(places) < len(there):
        told = f"only the {len(places):,} busiest of {len(there):,} routes are read"
        note(f"{told}: choose some with -q and -r")
    if not (routes or jobs):
        ctx.exit(exits.NOTHING)


def _tell_totals(
    store: Backend, queue: str | None, route: str | None, job: str | None, *, as_json: bool, plain: bool
) -> bool:
    """Print all that was ever counted; False where that is nothing."""
    found = [
        Line(each.queue, each.route, each.job, dict(each.values), [], {})
        for each in store.totals(queue)
        if route in (None, each.route) and job in (None, each.job) and any(each.values.values())
    ]
    if as_json:
        document({"now": iso(store.now()), "totals": [_total_json(line) for line in found]})
    elif found:
        most = sorted(found, key=lambda line: -line.ended)
        table(
            TOTALS,
            [(line.job or UNKNOWN, line.queue, line.route, *_total(line, plain=plain)) for line in most],
        )
    else:
        note("nothing was ever counted there")
    return bool(found)


def _total(line: Line, *, plain: bool) -> tuple[str, ...]:
    counts = [f"{line.values.get(name, 0.0):,.0f}" for name in ("error", "retried", "deaths")]
    return (
        f"{line.values.get('enqueued', 0.0):,.0f}",
        f"{line.ended:,.0f}",
        *counts,
        *_shares(line, "wait", plain=plain),
        *_shares(line, "run", plain=plain),
    )


def _total_json(line: Line) -> dict[str, Any]:
    return {
        "queue": line.queue,
        "route": line.route,
        "job": line.job or None,
        "counts": _counts(line),
        **_percentiles(line),
    }


def _period(store: Backend, ctx: click.Context, since: Moment, by: str | None) -> Period:
    now = store.now()
    asked = since.by(store)
    # The clocks of this machine and of the store may differ a little.
    if asked > now + MINUTE:
        ctx.fail(f"--since {iso(asked)} is in the future: nothing was counted there yet")
    asked = min(asked, now)
    hours = by == "hours" or (by is None and now - asked > BY_MINUTES)
    step, kept = (HOUR, HOURS_KEPT) if hours else (MINUTE, MINUTES_KEPT)
    if now - asked > kept + step:
        note(f"{'hours' if hours else 'minutes'} are kept for {span(kept)}: what was before is not shown")
    return Period(max(asked, now - kept) // step * step, now, step)


def _print(routes: Sequence[Line], jobs: Sequence[Line], period: Period, *, plain: bool) -> None:
    plain = plain or not can_print(chart([1.0]))

    def drawn(values: Sequence[float]) -> str:
        return chart(gathered(values, MARKS), plain=plain)

    def depth(values: Sequence[float]) -> str:
        return chart(gathered(values, MARKS, max), plain=plain)

    each = "minute" if period.step == MINUTE else "hour"
    note(f"since {iso(period.begin)}, by {each}")
    if routes:
        heading("Routes")
        table(
            ROUTES,
            [
                (
                    line.queue,
                    line.route,
                    *_numbers(line, period, plain=plain),
                    drawn(line.done),
                    depth(line.samples["pending"]),
                )
                for line in routes
            ],
        )
    if jobs:
        heading("Jobs")
        most = sorted(jobs, key=lambda line: -line.ended)
        table(
            JOBS,
            [
                (
                    line.job or UNKNOWN,
                    line.queue,
                    line.route,
                    *_numbers(line, period, plain=plain),
                    drawn(line.done),
                )
                for line in most
            ],
        )


def _numbers(line: Line, period: Period, *, plain: bool) -> tuple[str, ...]:
    values = line.values
    counts = [f"{values.get(name, 0.0):,.0f}" for name in ("error", "retried", "deaths")]
    return (
        f"{values.get('enqueued', 0.0):,.0f}",
        f"{line.ended:,.0f}",
        f"{line.ended / period.seconds:.2f}",
        *counts,
        *_shares(line, "wait", plain=plain),
        *_shares(line, "run", plain=plain),
    )


def _shares(line: Line, of: str, *, plain: bool) -> list[str]:
    found = [percentile(line.values, of, share) for share in SHARES]
    return ["" if each is None else fine_span(each, plain=plain) for each in found]


def _json(line: Line, period: Period) -> dict[str, Any]:
    found: dict[str, Any] = {"queue": line.queue, "route": line.route}
    if line.job is not None:
        found["job"] = line.job or None
    found["counts"] = _counts(line)
    found["enqueued_rate"] = round(line.values.get("enqueued", 0.0) / period.seconds, 6)
    found["done_rate"] = round(line.ended / period.seconds, 6)
    found |= _percentiles(line)
    found["done"] = line.done
    if line.job is None:
        found |= line.samples
    return found


def _counts(line: Line) -> dict[str, int]:
    names = ("enqueued", *FINAL, "retried", "snoozed", "released", "deaths")
    return {name: int(line.values.get(name, 0.0)) for name in names}


def _percentiles(line: Line) -> dict[str, dict[str, float | None]]:
    return {
        of: {f"p{100 * share:g}": percentile(line.values, of, share) for share in SHARES}
        for of in ("wait", "run")
    }

"""``skunq errors``: failures grouped by job and error, a bounded number of them."""

from __future__ import annotations

from typing import Any

import click

from skunkqueue import failure_groups
from skunkqueue.cli import exits
from skunkqueue.cli.columns import Shape
from skunkqueue.cli.connection import queue_options, with_backend
from skunkqueue.cli.filters import Filter, query_of
from skunkqueue.cli.moments import Moment, MomentType
from skunkqueue.cli.options import option
from skunkqueue.cli.output import document, json_option, note, table
from skunkqueue.cli.text import UNKNOWN, cut, from_now, iso, plural
from skunkqueue.failure_groups import parts_of
from skunkqueue.listings import Row
from skunkqueue.persistence.backend import Backend

WIDTH = 60
"""Characters of a message shown to people; ``--json`` gives all that the store keeps."""
ERRORS = Shape(
    (">COUNT", "JOB", "ERROR", "MESSAGE", "FIRST", "LAST", "NEWEST ID"),
    spare=("FIRST", "LAST", "MESSAGE"),
    least={"MESSAGE": 12, "JOB": 10, "ERROR": 10},
    ends=frozenset({"JOB"}),
)


@click.command()
@queue_options(required=False)
@option("--job", metavar="MODULE:JOB", help="Only of this job, by its whole name.")
@option(
    "--since", type=MomentType(), metavar="TIME", help="Only failed since: 2h (so long ago), or ISO 8601."
)
@option("--until", type=MomentType(), metavar="TIME", help="Only failed before: as --since.")
@json_option
@click.pass_context
@with_backend
def errors(
    store: Backend,
    ctx: click.Context,
    *,
    queue: str | None,
    route: str | None,
    job: str | None,
    since: Moment | None,
    until: Moment | None,
    as_json: bool,
) -> None:
    """Show failures, grouped by job and error.

    A group has one job, one type of error and one beginning of its message, numbers left out. The largest comes first. At
    most the 10,000 newest failures are looked at.
    """
    wanted = Filter(
        queue=queue, route=route, words=() if job is None else (("job", job),), since=since, until=until
    )
    query = query_of(wanted, ("error",), wanted.span(store), newest=True)
    rows, looked, more = failure_groups.read(store, query, failure_groups.MOST_LOOKED)
    now = store.now()
    groups = failure_groups.grouped(rows)
    oldest = min((row.finished or now for row in rows), default=now) if more else None
    if as_json:
        found = [_json(group) for group in groups]
        document({"now": iso(now), "errors": found, "looked": looked, "complete_since": iso(oldest)})
    elif groups:
        table(ERRORS, [_row(group, now) for group in groups])
    elif not more:
        note("no failures there")
    if more:
        # A millisecond later, since a moment is cut to milliseconds: one may come twice, but none is left out.
        rest = iso(oldest and oldest + 0.001)
        note(f"these are the newest {plural(len(rows), 'failure')} only: for older ones, add --until {rest}")
    if not groups:
        ctx.exit(exits.NOTHING)


def _json(group: list[Row]) -> dict[str, Any]:
    newest = group[0]
    kind, message = parts_of(newest)
    places = sorted({(row.queue, row.route) for row in group})
    return {
        "count": len(group),
        "job": newest.job or None,
        "error": kind or None,
        "message": message,
        "first": iso(group[-1].finished),
        "last": iso(newest.finished),
        "newest": newest.id,
        "routes": [{"queue": queue, "route": route} for queue, route in places],
    }


def _row(group: list[Row], now: float) -> tuple[str, ...]:
    newest = group[0]
    kind, message = parts_of(newest)
    return (
        f"{len(group):,}",
        newest.job or UNKNOWN,
        kind or UNKNOWN,
        cut(message, WIDTH),
        from_now(group[-1].finished or now, now),
        from_now(newest.finished or now, now),
        newest.id,
    )

"""``skunq errors``: failures grouped by job and error, a bounded number of them."""

from __future__ import annotations

from typing import Any

import click

from skunkqueue import failures
from skunkqueue.cli import exits
from skunkqueue.cli.columns import Shape
from skunkqueue.cli.connection import queue_options, with_backend
from skunkqueue.cli.filters import Filter, query_of
from skunkqueue.cli.moments import Moment, MomentType
from skunkqueue.cli.options import option
from skunkqueue.cli.output import document, json_option, note, table
from skunkqueue.cli.text import UNKNOWN, cut, from_now, iso, plural
from skunkqueue.failure_groups import grouped, parts_of
from skunkqueue.failures import ByJob
from skunkqueue.listings import Row
from skunkqueue.persistence.backend import Backend

OF_EACH = 500
"""Failures that are read of each job that has few or none among the newest."""
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
    most the 10,000 newest failures are looked at, and some of each job that has older ones only.
    """
    wanted = Filter(
        queue=queue, route=route, words=() if job is None else (("job", job),), since=since, until=until
    )
    query = query_of(wanted, ("error",), wanted.span(store), newest=True)
    read = failures.read(store, query, failures.MOST_LOOKED)
    kept = store.job_counts(queue, route) if read.more else ()
    in_time = failures.counted_in_time(store, kept, query) if read.more else None
    found = failures.read_by_job(store, query, read, failures.failed_jobs(kept, query, in_time), OF_EACH)
    now = store.now()
    groups = grouped(found.rows)
    if as_json:
        document(
            {
                "now": iso(now),
                "errors": [_json(group, found) for group in groups],
                "looked": found.looked,
                "complete_since": iso(found.oldest),
                "left": [{"job": job or None, "count": count} for job, count in found.left.items()],
            }
        )
    elif groups:
        table(ERRORS, [_row(group, found, now) for group in groups])
    elif not found.more:
        note("no failures there")
    if found.more:
        # A millisecond later, since a moment is cut to milliseconds: one may come twice, but none is left out.
        rest = iso(found.oldest and found.oldest + 0.001)
        note(
            f"these are the newest {plural(len(read.rows), 'failure')} only: for older ones, add --until {rest}"
        )
        note(f"with +: at least so many; of a job with few or none of these, up to {OF_EACH:,} are looked at")
    if found.left:
        names = ", ".join(f"{name or UNKNOWN} ({count:,})" for name, count in found.left.items())
        note(f"not looked at, since all their failures are older: {names}")
    if not groups:
        ctx.exit(exits.NOTHING)


def _json(group: list[Row], found: ByJob) -> dict[str, Any]:
    newest = group[0]
    kind, message = parts_of(newest)
    places = sorted({(row.queue, row.route) for row in group})
    return {
        "count": len(group),
        "complete": found.has_all(newest.job),
        "job": newest.job or None,
        "error": kind or None,
        "message": message,
        "first": iso(group[-1].finished),
        "last": iso(newest.finished),
        "newest": newest.id,
        "routes": [{"queue": queue, "route": route} for queue, route in places],
    }


def _row(group: list[Row], found: ByJob, now: float) -> tuple[str, ...]:
    newest = group[0]
    kind, message = parts_of(newest)
    is_whole = found.has_all(newest.job)
    return (
        f"{len(group):,}{'' if is_whole else '+'}",
        newest.job or UNKNOWN,
        kind or UNKNOWN,
        cut(message, WIDTH),
        f"{from_now(group[-1].finished or now, now)}{'' if is_whole else ' or earlier'}",
        from_now(newest.finished or now, now),
        newest.id,
    )

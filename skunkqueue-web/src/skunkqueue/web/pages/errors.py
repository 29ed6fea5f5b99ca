"""Errors: failures grouped by job and type of error, newest first, with the actions on a group."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec
from flask import Blueprint, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from skunkqueue.cli.text import UNKNOWN
from skunkqueue.failure_groups import grouped, parts_of, read
from skunkqueue.listings import Query, Row
from skunkqueue.persistence.asking import OTHER_JOBS
from skunkqueue.records import State
from skunkqueue.web import failure_charts, filters, operations, source, suggestions
from skunkqueue.web.failure_charts import Drawn
from skunkqueue.web.filters import Filter
from skunkqueue.web.job_sums import job_sums
from skunkqueue.web.redaction import Seen, redactor
from skunkqueue.web.rights import Right, allowed
from skunkqueue.web.routes import places_of

blueprint = Blueprint("errors", __name__)
_COUNTED = 500
"""Routes whose jobs are counted for one page."""

RANGES = (("1 h", "1h"), ("24 h", "24h"), ("7 d", "7d"), ("30 d", "30d"), ("all", "all"))
DEFAULT = "24h"
_TIMES = {"finished_from": "since", "finished_to": "until"}
"""Names of this page, by those of a filter."""
LOOKED = 500
"""Failures that are looked at, the newest ones."""
LOOKED_FURTHER = 10_000
"""The same, where a person asks for more and waits for it."""
MOST_GROUPS = 100


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Failures of one job with one type of error."""

    job: str
    error: str
    message: str
    """That of the newest, as plugins redact it."""
    count: int
    first: float | None
    last: float | None
    newest: str
    """Its id."""
    places: tuple[tuple[str, str], ...]
    """Queues and routes."""
    values: dict[str, Any]
    """The filter that means this group."""


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows."""

    groups: list[Group]
    looked: int
    """Failures that were grouped."""
    more: bool
    """There are older ones, which were not looked at."""
    oldest: float | None
    """When the oldest one that was looked at failed."""
    left_out: int
    """Groups that are not shown."""
    further: list[tuple[str, int]]
    """Jobs whose failures all lie further back, and how many they have."""
    drawn: Drawn


@blueprint.get("/errors")
@allowed(Right.VIEW)
def errors() -> str | tuple[str, int]:
    """Show failures."""
    here = source.current()
    since = request.args.get("since", "").strip() or DEFAULT
    until = request.args.get("until", "").strip()
    look = LOOKED_FURTHER if request.args.get("look") == str(LOOKED_FURTHER) else LOOKED
    given = MultiDict(
        [(name, request.args.get(name, "")) for name in ("queue", "route", "job", "error", "at")]
        + [("finished_from", "" if since == "all" else since), ("finished_to", until), ("state", "error")]
    )
    wanted = filters.read(given, here.now())
    wrong = {_TIMES.get(name, name): text for name, text in wanted.wrong.items()}
    failed = None
    if not wrong:
        # Lengths of time count from the moment that the address names.
        key = (
            "errors",
            since,
            look,
            request.args.get("at") and wanted.at,
            tuple(sorted(wanted.typed.items())),
        )
        failed = here.shared(key, lambda: _failed(wanted, look))
    page = render_template(
        "errors.html",
        wanted=wanted,
        wrong=wrong,
        failed=failed,
        since=since,
        until=until,
        no_end=_no_end(),
        ranges=[(text, _url(wanted, range_), range_ == since) for text, range_ in RANGES],
        further=_url(wanted, since, look=LOOKED_FURTHER) if look == LOOKED else None,
        suggested=suggestions.suggested(),
        operations=operations.current().running(),
    )
    return (page, 400) if wrong else page


def _no_end() -> str:
    """Return this page without the end of its time."""
    # Not by url_for, to which names such as _method mean something else.
    kept = urlencode([(name, text) for name, text in request.args.items(multi=True) if name != "until"])
    return f"{url_for('.errors')}{'?' if kept else ''}{kept}"


def _url(wanted: Filter, since: str, **more: Any) -> str:
    until = wanted.typed.get("finished_to")
    values = wanted.values(
        state=None,
        finished_from=None,
        finished_to=None,
        until=until,
        since=None if since == DEFAULT else since,
        **more,
    )
    return url_for(".errors", **values)


def _failed(wanted: Filter, look: int) -> Failed:
    here = source.current()
    rows, _, more = read(here.backend, wanted.query, look)
    found = grouped(rows, by_message=False)
    found.sort(key=lambda group: group[0].finished or 0.0, reverse=True)
    shown = found[:MOST_GROUPS]
    known = {group[0].job for group in found}
    return Failed(
        groups=_groups(shown, wanted),
        looked=len(rows),
        more=more,
        oldest=rows[-1].finished if rows else None,
        left_out=len(found) - len(shown),
        further=_further(wanted.query, known) if more and wanted.query.finished is None else [],
        drawn=failure_charts.draw(wanted.query, here.now()),
    )


def _groups(found: list[list[Row]], wanted: Filter) -> list[Group]:
    newest = [group[0] for group in found]
    hidden = redactor().texts([Seen(row.job, "error", row.error or "") for row in newest])
    return [_group(group, wanted, text) for group, text in zip(found, hidden, strict=True)]


def _group(rows: list[Row], wanted: Filter, hidden: str | None) -> Group:
    newest = rows[0]
    kind, message = parts_of(newest)
    return Group(
        job=newest.job,
        error=kind,
        message=message if hidden is None else hidden,
        count=len(rows),
        first=rows[-1].finished,
        last=newest.finished,
        newest=newest.id,
        places=tuple(sorted({(row.queue, row.route) for row in rows})),
        values=wanted.values(job=newest.job or UNKNOWN, error=kind),
    )


def _further(query: Query, known: set[str]) -> list[tuple[str, int]]:
    """Find jobs with failures among those that were not looked at, by the counts that the store keeps."""
    counts: dict[str, int] = {}
    store = source.current().backend
    if places_of(store, query.queue, query.route, _COUNTED) is None:
        return []
    for one in job_sums(query.queue, query.route):
        if one.job not in known and query.job in (None, one.job) and one.counts[State.ERROR]:
            counts[one.job] = counts.get(one.job, 0) + one.counts[State.ERROR]
    counts.pop(OTHER_JOBS, None)
    return sorted(counts.items(), key=lambda one: -one[1])[:20]

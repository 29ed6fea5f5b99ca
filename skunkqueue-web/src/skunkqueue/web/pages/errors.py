"""Errors: failures grouped by job and type of error, newest first, with the actions on a group."""

from __future__ import annotations

from hashlib import blake2s
from typing import Any
from urllib.parse import urlencode

import msgspec
from flask import Blueprint, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from skunkqueue import failures
from skunkqueue.cli.text import UNKNOWN, iso
from skunkqueue.failure_groups import grouped, parts_of
from skunkqueue.failures import ByJob
from skunkqueue.listings import Row
from skunkqueue.persistence.asking import OTHER_JOBS
from skunkqueue.web import failure_charts, filters, operations, source, suggestions
from skunkqueue.web.failure_charts import Drawn
from skunkqueue.web.failures import knows_jobs, read_failures
from skunkqueue.web.filters import Filter
from skunkqueue.web.redaction import redactor
from skunkqueue.web.rights import Right, allowed
from skunkqueue.web.show import now

blueprint = Blueprint("errors", __name__)

RANGES = (("1 h", "1h"), ("24 h", "24h"), ("7 d", "7d"), ("30 d", "30d"), ("all", "all"))
DEFAULT = "24h"
_TIMES = {"finished_from": "since", "finished_to": "until"}
"""Names of this page, by those of a filter."""
LOOKED = 500
"""Failures that are looked at, the newest ones."""
LOOKED_FURTHER = 10_000
"""The same, where a person asks for more and waits for it."""
MOST_GROUPS = 100
MOST_LEFT = 20
"""Jobs of whose failures none was looked at that are named."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Failures of one job with one type of error."""

    id: str
    """Stays the same while more fail."""
    job: str
    error: str
    message: str
    """That of the newest, as plugins redact it."""
    count: int
    is_whole: bool
    """False: there are at least so many, and the first may be earlier."""
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
    newest: int
    """The newest failures, which were looked at first."""
    more: bool
    """There are older ones, of which only some were looked at."""
    oldest: float | None
    """When the oldest of the newest failed, where there are older ones."""
    left_out: int
    """Groups that are not shown."""
    further: list[tuple[str, int]]
    """Jobs of whose failures none was looked at, and how many they have."""
    further_left: int
    """How many more of these jobs there are."""
    knows_jobs: bool
    """False: which other jobs have older failures is not known."""
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
    wanted = filters.read(given, now())
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
        before=None
        if failed is None or failed.oldest is None
        else _url(wanted, since, until=_after(failed.oldest)),
        of_each=failures.OF_EACH,
        other_jobs=OTHER_JOBS,
        suggested=suggestions.suggested(),
        operations=operations.current().running(),
    )
    return (page, 400) if wrong else page


def _no_end() -> str:
    """Return this page without the end of its time."""
    # Not by url_for, to which names such as _method mean something else.
    kept = urlencode([(name, text) for name, text in request.args.items(multi=True) if name != "until"])
    return f"{url_for('.errors')}{'?' if kept else ''}{kept}"


def _after(moment: float) -> str | None:
    """Write the next millisecond: what is cut to milliseconds may come twice, but none is left out."""
    return iso(moment + 0.001)


def _url(wanted: Filter, since: str, **more: Any) -> str:
    more.setdefault("until", wanted.typed.get("finished_to"))
    values = wanted.values(
        state=None,
        finished_from=None,
        finished_to=None,
        since=None if since == DEFAULT else since,
        **more,
    )
    return url_for(".errors", **values)


def _failed(wanted: Filter, look: int) -> Failed:
    read = read_failures(wanted.query, look)
    found = grouped(read.rows, by_message=False)
    found.sort(key=lambda group: group[0].finished or 0.0, reverse=True)
    shown = found[:MOST_GROUPS]
    left = list(read.left.items())
    return Failed(
        groups=_groups(shown, wanted, read),
        newest=look if read.more else len(read.rows),
        more=read.more,
        oldest=read.oldest,
        left_out=len(found) - len(shown),
        further=left[:MOST_LEFT],
        further_left=len(left[MOST_LEFT:]),
        knows_jobs=not read.more or wanted.query.job is not None or knows_jobs(wanted.query),
        drawn=failure_charts.draw(wanted.query, now()),
    )


def _groups(found: list[list[Row]], wanted: Filter, read: ByJob) -> list[Group]:
    newest = [group[0] for group in found]
    hidden = redactor().lines([(row.job, row.error or "") for row in newest])
    return [
        _group(group, wanted, text, is_whole=read.has_all(group[0].job))
        for group, text in zip(found, hidden, strict=True)
    ]


def _group(rows: list[Row], wanted: Filter, hidden: str | None, *, is_whole: bool) -> Group:
    newest = rows[0]
    kind, message = parts_of(newest)
    return Group(
        id=blake2s(f"{newest.job}\n{kind}".encode(), digest_size=8).hexdigest(),
        job=newest.job,
        error=kind,
        message=message if hidden is None else hidden,
        count=len(rows),
        is_whole=is_whole,
        first=rows[-1].finished,
        last=newest.finished,
        newest=newest.id,
        places=tuple(sorted({(row.queue, row.route) for row in rows})),
        values=wanted.values(job=newest.job or UNKNOWN, error=kind),
    )

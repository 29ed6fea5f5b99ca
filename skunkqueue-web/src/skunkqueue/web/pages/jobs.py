"""Jobs: firings by any filter, a page at a time, with the actions on those ticked or on all that match."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec
from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from skunkqueue.errors import BackendError
from skunkqueue.listings import Count
from skunkqueue.records import State
from skunkqueue.web import filters, operations, routes, searching, source, suggestions
from skunkqueue.web.filters import Filter
from skunkqueue.web.listing_lines import Line, lines
from skunkqueue.web.redaction import redactor
from skunkqueue.web.rights import Right, allowed
from skunkqueue.web.show import now

blueprint = Blueprint("jobs", __name__)
COUNTED = 300
"""Firings that are looked at for each state's count, where the store keeps no count."""


class Tab(msgspec.Struct, frozen=True, kw_only=True):
    """One state that can be chosen, and how many firings of it match."""

    text: str
    count: Count | None
    """``None``: it is not counted, since arguments would have to be read."""
    url: str
    here: bool


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A page of firings, read and ready to be shown."""

    lines: list[Line]
    newer: str | None
    """Address of the page before."""
    older: str | None
    """Address of the page after."""
    looked: int
    read: int
    is_cut: bool
    """Whether it reached its bound, and may show fewer than match."""
    passed: list[str]
    """Addresses of where it came to its bound among unfinished ones, and went on to the next."""


@blueprint.get("/jobs")
@allowed(Right.VIEW)
def jobs() -> str | Response | tuple[str, int]:
    """Show firings."""
    if any(not text for _, text in request.args.items(multi=True)):
        # A form sends its empty fields, too: what is left is a short address to keep and to send.
        # Not by url_for, to which names such as _external mean something else.
        kept = urlencode([(name, text) for name, text in request.args.items(multi=True) if text], safe=":")
        return redirect(f"{url_for('.jobs')}{'?' if kept else ''}{kept}")
    here = source.current()
    wanted = filters.read(request.args, now())
    wrong = dict(wanted.wrong)
    after, before = filters.cursors(request.args, wrong)
    listed, tabs = None, []
    if not wrong:
        try:
            # What is listed has addresses, which begin with the prefix of this request.
            key = ("jobs", request.script_root, request.query_string)
            listed = here.shared(key, lambda: _listed(wanted, after, before), lambda found: len(found.lines))
        except (BackendError, searching.CursorError) as error:
            if after is None and before is None:
                raise
            # A cursor of another filter is refused; the rest of the filter stays.
            wrong["after"] = str(error)
        else:
            tabs = _tabs(wanted)
    page = render_template(
        "jobs.html",
        wanted=wanted,
        wrong=wrong,
        listed=listed,
        tabs=tabs,
        suggested=suggestions.suggested(),
        operations=operations.current().running(),
        all_states=filters.STATES,
        is_first=after is None and before is None,
        limits=filters.LIMITS,
        zone=filters.zone(wanted.at),
    )
    return (page, 400) if wrong else page


def _listed(wanted: Filter, after: str | None, before: str | None) -> Listed:
    here = source.current()
    found = searching.page(here.backend, wanted, redactor(), after, before)

    def url(**cursor: str | None) -> str | None:
        # Lengths of time count from the same moment on all pages: a cursor belongs to one filter.
        return (
            url_for(".jobs", **wanted.values(at=repr(wanted.at), **cursor)) if any(cursor.values()) else None
        )

    return Listed(
        lines=lines(found.rows, now(), redactor(), routes.workplaces()),
        newer=url(before=found.previous),
        older=url(after=found.next),
        looked=found.looked,
        read=found.read,
        is_cut=found.is_cut,
        passed=[url(after=cursor) or "" for cursor in found.passed],
    )


def _tabs(wanted: Filter) -> list[Tab]:
    """Count what matches by state."""
    here = source.current()

    def url(*states: State) -> str:
        values: dict[str, Any] = wanted.values(state=[state.value for state in states] or None, order=None)
        return url_for(".jobs", **values)

    # Lengths of time count from the moment that the address names.
    key = ("job counts", request.args.get("at") and wanted.at, tuple(sorted(wanted.typed.items())))
    # Nobody knows how many have a text.
    shown = wanted.text is None
    counts = here.shared(key, lambda: _counts(wanted)) if shown else {}
    found = [
        Tab(
            text=state.value,
            count=counts.get(state),
            url=url(state),
            here=wanted.states == (state,),
        )
        for state in filters.STATES
    ]
    total = Count(
        number=sum(count.number for count in counts.values()),
        exact=all(count.exact for count in counts.values()),
    )
    everything = Tab(text="all", count=total if shown else None, url=url(), here=not wanted.states)
    return [everything, *found]


def _counts(wanted: Filter) -> dict[State, Count]:
    return source.current().backend.count_states(wanted.with_states(), COUNTED)

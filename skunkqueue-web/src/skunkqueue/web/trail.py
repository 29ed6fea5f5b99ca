"""The audit log as pages show it: page by page, and what each entry is about, as links where the thing has a page."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection

import msgspec
from flask import url_for

from skunkqueue.cli.audit import is_command, progress_of
from skunkqueue.persistence.backend import MAX_PAGE, Backend
from skunkqueue.persistence.listing import entry_before, entry_cursor
from skunkqueue.pools import MAX_ON, Entry

VERBS = (
    "kill",
    "requeue",
    "delete",
    "run_now",
    "fire",
    "purge",
    "prune",
    "pause",
    "resume",
    "pause_schedule",
    "resume_schedule",
    "run_schedule",
    "remove_schedule",
    "quiet",
    "stop",
    "rough",
    "restart",
)
"""What entries may be about; others can be typed into a URL."""
_ID = re.compile(r"\b[0-9a-f]{24}\b")
_WORKER = re.compile(r"worker (\S{1,200})")
_POOL = re.compile(r"pool ([^\s/]{1,200})")
_SCHEDULE = re.compile(r"schedule (.+) of queue (.+)", re.DOTALL)
_ROUTE = re.compile(r"route (.+) of queue (.+)", re.DOTALL)


class Trail(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the audit log, newest first."""

    entries: tuple[Entry, ...]
    older: str | None
    """The store's cursor of what comes after; ``None``: nothing."""
    newer: str | None
    """A cursor for ``before``; ``None``: this page is the first."""


def read(
    store: Backend, limit: int, after: str | None = None, before: str | None = None, **about: str | None
) -> Trail:
    """Read a page of the audit log from after a cursor, or up to one; ``about``: as ``Backend.audit`` has it."""
    if before is not None:
        return _read_before(store, limit, before, **about)
    found = store.audit(limit, after, **about)
    newer = entry_cursor(found.entries[0]) if after is not None and found.entries else None
    return Trail(entries=found.entries, older=found.next, newer=newer)


def _read_before(store: Backend, limit: int, before: str, **about: str | None) -> Trail:
    """Look for the entry from the newest on: stores list this log one way only, and keep few entries."""
    place, cursor = entry_before(before), None
    newer: deque[Entry] = deque(maxlen=limit + 1)
    while True:
        found = store.audit(MAX_PAGE, cursor, **about)
        passed = [entry for entry in found.entries if (entry.at, entry.id) > place]
        newer += passed
        cursor = found.next
        if cursor is None or len(passed) < len(found.entries):
            break
    if not newer:
        return read(store, limit, **about)
    shown = tuple(newer)[-limit:]
    return Trail(
        entries=shown,
        older=entry_cursor(shown[-1]),
        newer=entry_cursor(shown[0]) if len(newer) > limit else None,
    )


class Piece(msgspec.Struct, frozen=True):
    """A piece of a text."""

    text: str
    url: str | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One entry, ready to be shown."""

    entry: Entry
    on: tuple[Piece, ...]
    progress: str
    is_command: bool
    """Whether a worker or pool carries it out, which takes its time."""


def line(entry: Entry, there: Collection[str] | None = None) -> Line:
    """Make an entry ready; ``there``: as ``progress_of`` has it."""
    return Line(
        entry=entry,
        on=pieces(entry.on),
        progress=progress_of(entry, there),
        is_command=is_command(entry),
    )


def pieces(on: str) -> tuple[Piece, ...]:
    """Find the things that a text names, and where their pages are."""
    if found := _WORKER.fullmatch(on):
        return (Piece("worker "), Piece(found[1], url_for("workers.worker", id_=found[1])))
    if found := _POOL.fullmatch(on):
        return (Piece("pool "), Piece(found[1], url_for("workers.pool", id_=found[1])))
    # What was cut to its longest may have lost the end of the name.
    if len(on) < MAX_ON and (found := _SCHEDULE.fullmatch(on)):
        url = url_for("schedules.schedule", queue=found[2], name=found[1])
        return (Piece("schedule "), Piece(found[1], url), Piece(f" of queue {found[2]}"))
    if len(on) < MAX_ON and (found := _ROUTE.fullmatch(on)):
        url = url_for("queues.route", queue=found[2], route=found[1])
        return (Piece("route "), Piece(found[1], url), Piece(f" of queue {found[2]}"))
    if on.startswith("queue "):
        return (Piece(on, url_for("queues.queues")),)
    return _firings(on)


def _firings(on: str) -> tuple[Piece, ...]:
    found, end = [], 0
    for match in _ID.finditer(on):
        if match.start() > end:
            found.append(Piece(on[end : match.start()]))
        found.append(Piece(match[0], url_for("firing.firing", id_=match[0])))
        end = match.end()
    return (*found, Piece(on[end:])) if end < len(on) else tuple(found)

"""The audit log as pages show it: what each entry is about, as links where the thing has a page."""

from __future__ import annotations

import re
from collections.abc import Collection

import msgspec
from flask import url_for

from skunkqueue.cli.audit import is_command, progress_of
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

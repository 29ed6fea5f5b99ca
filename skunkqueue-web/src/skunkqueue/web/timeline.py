"""The timeline of one firing: waits and attempts one after another, as long as they took."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from skunkqueue.cli.text import span
from skunkqueue.records import State
from skunkqueue.web.firing import FiringView

WIDTH = 1_000
_LEAST = 3.0
"""The width of what took next to no time."""
_WAITS = frozenset({"wait", "planned", "unknown"})
"""Kinds that are left out where they took next to no time."""


class Bar(NamedTuple):
    """One part, in thousandths of the whole length."""

    kind: str
    """``wait``, ``planned`` (it was not due yet), ``unknown`` (it waited, and then ran until its worker died, or its lease
    ended), ``death``, ``running``, or the verdict of the attempt."""
    x: float
    width: float
    text: str


def bars(view: FiringView, now: float) -> list[Bar]:
    """Draw a firing's life, from the moment when it was put in until it finished, or now."""
    record = view.record
    end = now if record.finished is None else record.finished
    if end <= record.enqueued:
        return []
    scale = WIDTH / (end - record.enqueued)
    drawn = []
    for kind, begin, until, text in _parts(view, end):
        x, right = (min(max(scale * (at - record.enqueued), 0.0), WIDTH) for at in (begin, until))
        if kind in _WAITS and right - x <= _LEAST:
            continue
        width = max(right - x, _LEAST)
        # What is short is drawn wider than it took, so it may not begin too near the end.
        drawn.append(Bar(kind, round(min(x, WIDTH - width), 1), round(width, 1), text))
    return drawn


def _parts(view: FiringView, end: float) -> Iterator[tuple[str, float, float, str]]:
    """Return each part: its kind, its begin, its end, and what it was."""
    record = view.record
    after = record.enqueued
    for each in view.tries:
        name = "death" if each.number is None else f"attempt {each.number}"
        if each.began is None:
            yield "unknown", each.after, each.ended, "waiting and running; when it began is not known"
            yield each.verdict, each.ended, each.ended, f"{name}: a worker died, or lost its lease"
        else:
            # When an earlier attempt was due is not kept.
            yield from _wait(each.after, record.due if each is view.tries[-1] else each.after, each.began)
            ran = each.ended - each.began
            yield each.verdict, each.began, each.ended, f"{name}: {each.verdict}, after {span(ran)}"
        after = max(after, each.ended)
    if record.state is State.RUNNING and record.began is not None:
        yield from _wait(after, record.due, record.began)
        yield "running", record.began, end, f"running for {span(max(end - record.began, 0.0))}"
    elif record.state is State.PENDING:
        yield from _wait(after, record.due, end)


def _wait(begin: float, due: float, end: float) -> Iterator[tuple[str, float, float, str]]:
    planned = min(max(due, begin), end)
    yield "planned", begin, planned, f"not due yet, for {span(max(planned - begin, 0.0))}"
    yield "wait", planned, end, f"waited for {span(max(end - planned, 0.0))}"

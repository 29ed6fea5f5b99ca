"""The timeline of one firing: waits and attempts one after another, as long as they took."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from skunkqueue.records import State
from skunkqueue.web.firing import FiringView

WIDTH = 1_000
_LEAST = 3.0
"""The width of what took next to no time."""


class Bar(NamedTuple):
    """One part, in thousandths of the whole length."""

    kind: str
    """``wait``, ``death``, or the verdict of the attempt."""
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
    drawn = (
        Bar(kind, round(scale * (begin - record.enqueued), 1), max(round(scale * took, 1), _LEAST), text)
        for kind, begin, took, text in _parts(view, now)
    )
    return [bar for bar in drawn if bar.x < WIDTH and (bar.kind != "wait" or bar.width > _LEAST)]


def _parts(view: FiringView, now: float) -> Iterator[tuple[str, float, float, str]]:
    for each in view.tries:
        yield "wait", each.began - each.waited, each.waited, "wait"
        name = "death" if each.number is None else f"attempt {each.number}"
        yield each.verdict, each.began, each.took, f"{name}: {each.verdict}"
    record = view.record
    if record.state is State.RUNNING and record.began is not None:
        yield "running", record.began, now - record.began, "running"

"""Pages of a list that was read whole: up to so many from after a place, or up to a place. Knows no store."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")


class Part(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A page."""

    items: tuple[T, ...]
    next: Any
    """The place after which the next page begins; ``None``: this one is the last."""
    previous: Any
    """The place before which the page before ends; ``None``: this one is the first."""


def part_of(
    found: Sequence[T], place: Callable[[T], Any], limit: int, after: Any = None, before: Any = None
) -> Part[T]:
    """Choose a page of what is in the order of ``place``."""
    if before is None:
        begin = 0 if after is None else bisect_right(found, after, key=place)
        end = begin + limit
    else:
        end = bisect_left(found, before, key=place)
        begin = max(end - limit, 0)
    shown = tuple(found[begin:end])
    return Part(
        items=shown,
        next=place(shown[-1]) if shown and end < len(found) else None,
        previous=place(shown[0]) if shown and begin else None,
    )


def part_after(found: Sequence[T], place: Callable[[T], Any], limit: int, after: Any) -> Part[T]:
    """Make a page of what a store listed from after a place: one more than the page has, where there are more."""
    shown = tuple(found[:limit])
    return Part(
        items=shown,
        next=place(shown[-1]) if len(found) > limit else None,
        previous=place(shown[0]) if shown and after is not None else None,
    )

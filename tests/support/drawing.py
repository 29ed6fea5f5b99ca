"""Draws among tests that try the same in another place: a run with a seed has one of each, another run others.

A parameter is drawn by the mark ``drawn_by("its name")``, a suite of the contract kit by the class attribute ``drawn_among``; of a
suite with ``drawn_in`` N, which does again what others do, a run has one test in N.
``SKUNKQUEUE_DRAW`` has the seed; without it, all run.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Hashable, Sequence

import pytest

VARIABLE = "SKUNKQUEUE_DRAW"


def drawn(items: Sequence[pytest.Item], seed: str) -> list[pytest.Item]:
    """Return those of the tests that this seed draws, and those that are not drawn at all, in their order."""
    groups: defaultdict[tuple[str, Hashable], list[pytest.Item]] = defaultdict(list)
    for item in items:
        key = key_of(item)
        if key is not None:
            groups[key].append(item)
    left: set[str] = set()
    for group in groups.values():
        # All processes of a run draw the same: from names, not from what is in memory.
        names = sorted(item.nodeid for item in group)
        chosen = random.Random(f"{seed} {names}").choice(names)  # noqa: S311 - no secret
        left.update(names)
        left.remove(chosen)
    return [item for item in items if item.nodeid not in left and is_in(item, seed)]


def is_in(item: pytest.Item, seed: str) -> bool:
    """Return whether a test of a suite that is drawn by itself is in a run with this seed."""
    share: int = getattr(item.cls, "drawn_in", 1) if isinstance(item, pytest.Function) else 1
    return random.Random(f"{seed} {item.nodeid}").randrange(share) == 0  # noqa: S311 - no secret


def key_of(item: pytest.Item) -> tuple[str, Hashable] | None:
    """Return what is the same of all tests among which one is drawn; ``None``: it is not drawn."""
    if not isinstance(item, pytest.Function):
        return None
    among = getattr(item.cls, "drawn_among", None)
    if among is not None:
        return among, item.name
    mark = item.get_closest_marker("drawn_by")
    if mark is None:
        return None
    (name,) = mark.args
    params = item.callspec.params
    assert name in params, f"{name!r} is no parameter: {', '.join(params)}"
    return f"{item.path}::{item.cls and item.cls.__qualname__}::{item.originalname}", tuple(
        (other, id(value)) for other, value in sorted(params.items()) if other != name
    )

"""Deals the tests of a parallel run to its processes, so that each has some of every kind, and all end at about the same time.

pytest-xdist gives each process a block of neighbours, and those of one folder are alike: some wait for servers, others keep a
browser busy. Left so, the run ends with one kind in all processes, which then all wait, or all want the processor.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from itertools import groupby
from typing import TypeVar

import pytest

from tests.support.drawing import VARIABLE, drawn

T = TypeVar("T")
MANY = 40
"""Tests of a module that are dealt one by one. Smaller modules stay whole: they may have something that takes its time to be made."""


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    """Draw among the tests, and order them, once all others have chosen and ordered them; where one process runs all, leave their order."""
    yield
    if seed := os.environ.get(VARIABLE):
        kept = drawn(items, seed)
        left = set(items).difference(kept)
        config.hook.pytest_deselected(items=[item for item in items if item in left])
        items[:] = kept
    hands: int = getattr(config, "workerinput", {}).get("workercount", 1)
    if hands > 1:
        modules = [list(found) for _, found in groupby(items, lambda item: item.path)]
        first = [item for item in items if item.get_closest_marker("begun_first")]
        items[:] = [item for hand in dealt(modules, hands, first) for item in hand]


def dealt(modules: Sequence[list[T]], hands: int, first: Sequence[T] = ()) -> list[list[T]]:
    """Deal the tests of each module to so many hands: each begins at another place, but for those that come first."""
    piles: list[list[list[T]]] = [[] for _ in range(hands)]

    def smallest() -> list[list[T]]:
        return min(piles, key=lambda pile: sum(map(len, pile)))

    for module in modules:
        rest = [test for test in module if test not in first]
        if len(rest) >= MANY:
            for number in range(hands):
                piles[number].append(rest[number::hands])
        else:
            smallest().append(rest)
    begun = [list(first[number::hands]) for number in range(hands)]
    for number, pile in enumerate(piles):
        at = len(pile) * number // hands
        for module in [*pile[at:], *pile[:at]]:
            begun[number] += module
    # Blocks are equal, and hands are not: the largest ones first, so that no hand begins at the end of a block.
    return sorted(begun, key=len, reverse=True)

"""Whose turn it is among the routes of a worker. Arithmetic only: knows no store and no clock.

Each route has a position, and the one with the lowest is next. A turn moves it on by its stride, which is the smaller the
greater its weight. So turns are shared in proportion to the weights, spread evenly, and no route waits for ever. A route that had
nothing when its turn came has no turns owing to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm


class RouteOrder:
    """For one worker; any of its threads may use it."""

    def __init__(self, routes: Sequence[str], *, weighted: bool) -> None:
        """``weighted``: of three routes the first has three turns of six, and the last has one. Otherwise all have as many."""
        weights = range(len(routes), 0, -1) if weighted else [1] * len(routes)
        whole = lcm(*weights)
        self._strides = {route: whole // weight for route, weight in zip(routes, weights, strict=True)}
        self._positions = dict.fromkeys(routes, 0)

    def next_first(self) -> list[str]:
        """List all routes, the one whose turn it is first; earlier ones first where several are as far."""
        return sorted(self._positions, key=self._positions.__getitem__)

    def took_turn(self, route: str) -> None:
        """Note that a route had its turn; those before it had nothing."""
        now = self._positions[route]
        for other, position in self._positions.items():
            if position < now:
                self._positions[other] = now
        self._positions[route] = now + self._strides[route]

"""How much is measured."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

Figures = dict[str, float]


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    rounds: int = 3
    # All numbers and times are divided by this.
    share: int = 1


def in_turn(rounds: int, parts: dict[str, Callable[[], Figures]]) -> dict[str, dict[str, list[float]]]:
    """Run all in turn, round by round, so that a slow minute hits all; return what each found, round by round."""
    seen: dict[str, dict[str, list[float]]] = {name: {} for name in parts}
    for _ in range(rounds):
        for name, part in parts.items():
            for figure, value in part().items():
                seen[name].setdefault(figure, []).append(value)
    return seen


def ratio(ours: list[float], bare: list[float]) -> float:
    """Tell the median of the ratios of rounds."""
    return statistics.median(mine / other for mine, other in zip(ours, bare, strict=True))

"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    rounds: int = 5
    # All numbers and times are divided by this.
    share: int = 1
    # Of the drain's contestants; empty: all.
    only: tuple[str, ...] = ()

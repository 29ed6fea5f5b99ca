"""Short ways to make observations, with everything a test leaves open filled in."""

from __future__ import annotations

from typing import Any

from skunkqueue.schedule import Observation

NOW = 1_000.0


def run(took: float, **fields: Any) -> Observation:
    """A run that was due and began ``took`` seconds ago, and is complete now."""
    given: dict[str, Any] = {
        "now": NOW,
        "due": NOW - took,
        "began": NOW - took,
        "took": took,
        "verdict": "complete",
        "attempts": 1,
        "interval": None,
    }
    return Observation(**{**given, **fields})


def failed(took: float = 1.0, **fields: Any) -> Observation:
    """One that failed for good."""
    return run(took, verdict="error", **fields)


def never_began(verdict: str = "killed") -> Observation:
    """One that was killed while it waited."""
    return run(0.0, began=None, verdict=verdict, attempts=0)

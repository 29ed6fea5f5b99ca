"""Histograms of a store as Prometheus has them: fewer buckets, whose ends are ends of the store's, so that counts are exact."""

from __future__ import annotations

from collections.abc import Mapping

from skunkqueue.counters import buckets

BOUNDS = tuple(2.0**power for power in range(-10, 19, 2))
"""Ends of the buckets in seconds: a millisecond, and then four times as long each, up to three days."""
_ABOUT = 1 + 1e-9
"""Ends are computed as powers in two ways, which differ in the last digit."""
_NAMED = tuple((str(bound), bound * _ABOUT) for bound in BOUNDS)


def cumulated(values: Mapping[str, float], of: str) -> list[tuple[str, float]]:
    """Count how many waits (``of="wait"``) or runs (``"run"``) were at most as long as each bound, and in all."""
    found = buckets(values, of)
    counts, total, at = [], 0.0, 0
    for name, bound in _NAMED:
        while at < len(found) and found[at][1] <= bound:
            total += found[at][2]
            at += 1
        counts.append((name, total))
    return [*counts, ("+Inf", total + sum([count for _, _, count in found[at:]]))]

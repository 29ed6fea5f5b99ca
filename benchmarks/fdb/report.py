"""Turn what was found into Markdown tables, and figures against the bars."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

Found = dict[str, Any]


class Bar(NamedTuple):
    """What is asked of a figure."""

    part: str
    figure: str
    value: float
    at_least: bool = True


BARS = (
    Bar("drain", "ours / plain", 1.2),
    Bar("drain", "ours / packed", 0.5),
    Bar("drain", "4 workers / 1", 1.3),
    Bar("fire", "one by one: ours / bare", 0.7),
    Bar("fire", "16 threads: ours / bare", 0.7),
    Bar("fire", "fire_many: ours / bare", 0.5),
    Bar("results", "ours / bare", 0.6),
    Bar("latency", "p50 ms", 6, at_least=False),
    Bar("latency", "p99 ms", 15, at_least=False),
    Bar("idle", "worker, % of a core", 0.5, at_least=False),
    Bar("idle", "worker, MiB", 60, at_least=False),
    Bar("idle", "transactions/s beyond those without a worker", 2, at_least=False),
    Bar("scale", "1,000,000 pending: both / with 1,000", 1.3, at_least=False),
    Bar("scale", "3,000,000 finished: both / with 1,000", 1.3, at_least=False),
    Bar("conflicts", "claims tried again / claims", 1 / 3, at_least=False),
    Bar("conflicts", "settled / fired", 1),
    Bar("conflicts", "recorded twice", 0, at_least=False),
)


def tables(found: Found) -> Iterator[str]:
    """Show all that was measured."""
    yield ", ".join(str(found[name]) for name in ("date", "machine", "python", "server", "took"))
    if found["share"] != 1:
        yield f"**Sizes and times divided by {found['share']}, whatever is said below.**"
    for part, engines in found["parts"].items():
        names = dict.fromkeys(name for figures in engines.values() for name in figures)
        yield ""
        yield f"| {part} | {' | '.join(engines)} |"
        yield f"| --- |{' --- |' * len(engines)}"
        for name in names:
            values = " | ".join(_number(figures.get(name)) for figures in engines.values())
            yield f"| {name} | {values} |"


def verdicts(found: Found) -> Iterator[tuple[bool, str]]:
    """Hold the figures against what is asked."""
    for bar in BARS:
        for engine, figures in found["parts"].get(bar.part, {}).items():
            value = figures.get(bar.figure)
            if not isinstance(value, (int, float)):
                continue
            held = value >= bar.value if bar.at_least else value <= bar.value
            asked = f"at {'least' if bar.at_least else 'most'} {bar.value:.3g}"
            yield held, f"{bar.part}, {engine}: {bar.figure}: {value:.3g} (asked: {asked})"


def _number(value: Any) -> str:
    if not isinstance(value, (int, float)):
        return str(value or "")
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"

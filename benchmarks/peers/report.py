"""Turn what was found into medians, Markdown tables, and ratios against the bars."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Found = dict[str, Any]
Row = Callable[[dict[str, Any]], str]
NOT_PEERS = ("bare", "skunkqueue")


def median(peer: dict[str, Any], key: str) -> float | None:
    """Tell the median of a figure over the rounds; ``None`` where there is none."""
    values = [value for value in peer["values"].get(key, ()) if isinstance(value, (int, float))]
    return statistics.median(values) if values else None


def last(peer: dict[str, Any], key: str) -> Any:
    """Tell what was measured once."""
    values = peer["values"].get(key, ())
    return values[-1] if values else None


def rate(key: str, part: str) -> Row:
    """Show a figure a second, with the rounds behind it."""

    def show(peer: dict[str, Any]) -> str:
        value = median(peer, key)
        if value is None:
            return "failed" if part in peer["failures"] else "-"
        return f"{value:,.0f}"

    return show


def figure(key: str, digits: int) -> Row:
    """Show a figure with so many digits."""

    def show(peer: dict[str, Any]) -> str:
        value = median(peer, key)
        return "-" if value is None else f"{value:,.{digits}f}"

    return show


def again(key: str) -> Row:
    """Show after how long a job began again."""

    def show(peer: dict[str, Any]) -> str:
        value = last(peer, key)
        if isinstance(value, str):
            return value
        if value is not None:
            return f"{value:.2f} s"
        return (
            "failed" if key in peer["failures"] else "-" if key not in peer["values"] else "has one process"
        )

    return show


def about(key: str) -> Row:
    """Show a thing that the adapter says of its peer."""
    return lambda peer: f"{peer['about'].get(key, '-')}"


def shown_versions(peer: dict[str, Any]) -> str:
    """Show which versions were measured."""
    return ", ".join(f"{name} {number}" for name, number in peer["about"].get("versions", {}).items())


TABLES: dict[str, dict[str, Row]] = {
    "Throughput, firings a second (medians)": {
        "fire one by one": rate("single", "enqueue"),
        "fire in bulk": rate("bulk", "enqueue"),
        "drain, 1 process": rate("drain1", "session"),
        "drain, 2 processes": rate("drain2", "pair"),
        "fired, all results awaited": rate("results", "session"),
        "firings drained / one by one / awaited": lambda peer: " / ".join(
            f"{peer['about'].get(key, 0):,}" for key in ("drain_jobs", "single_jobs", "result_jobs")
        ),
    },
    "Latency from fire to start in an idle worker, ms (medians of the rounds)": {
        "p50": figure("p50", 2),
        "p99": figure("p99", 2),
        "worst": figure("worst", 2),
    },
    "An idle worker": {
        "CPU s a minute": figure("idle_cpu", 2),
        "commands a minute, scripts' own included": figure("idle_commands", 0),
        "resident MiB, largest process": figure("idle_largest", 1),
        "resident MiB, summed": figure("idle_rss", 1),
        "proportional MiB": figure("idle_pss", 1),
        "processes": figure("idle_processes", 0),
    },
    "SIGKILL in mid-job: the job begins again after": {
        "whole worker, a fresh one started": again("kill_tree"),
        "the process that ran it": again("kill_child"),
        "what it promises": about("guarantee"),
    },
    "Versions and settings": {
        "versions": shown_versions,
        "settings": about("settings"),
        "bulk call": lambda peer: str(peer["about"].get("bulk") or "none"),
        "where that is documented": about("source"),
    },
}


def tables(found: Found) -> Iterator[str]:
    """Write all tables in Markdown."""
    yield (
        f"{found['date']}, {found['machine']}, Python {found['python']}, {found['server']},"
        f" {found['rounds']} rounds, {found['seconds']} s"
        + ("" if found["share"] == 1 else f"; **a {found['share']}th of the jobs only**")
    )
    for title, columns in TABLES.items():
        yield f"\n### {title}\n"
        yield f"| | {' | '.join(columns)} |"
        yield f"|---|{'---|' * len(columns)}"
        for name, peer in found["peers"].items():
            cells = (show(peer) for show in columns.values())
            yield f"| {peer['about'].get('title', name)} | {' | '.join(cells)} |"
    failures = [
        f"- {name} {what}: {why}"
        for name, peer in found["peers"].items()
        for what, why in peer["failures"].items()
    ]
    if failures:
        yield "\n### Failed\n"
        yield from failures


@dataclass(frozen=True)
class Bar:
    """One promise: our figure over (or under) another, and what the ratio is to be."""

    title: str
    ours: str
    against: str | float
    """``bare``, ``peers``, ``recovering``, another figure of ours, or a number."""
    least: float | None = None
    most: float | None = None
    other: str | None = None


BARS = (
    Bar("drain, 1 process, against the bare loop", "drain1", "bare", least=0.5),
    Bar("drain, 1 process, against the fastest peer", "drain1", "peers", least=8),
    Bar("drain, 1 process, against the fastest that recovers jobs", "drain1", "recovering", least=8),
    Bar("drain, 2 processes against 1", "drain2", "skunkqueue", least=1.3, other="drain1"),
    Bar("fire one by one, against one bare command", "single", "bare", least=0.8),
    Bar("fire_many, against the best bulk call", "bulk", "peers", least=8),
    Bar("all results awaited, against the best peer", "results", "peers", least=4),
    Bar("latency p50, against the bare loop", "p50", "bare", most=1.5),
    Bar("latency p99, against the bare loop", "p99", "bare", most=1.5),
    Bar("latency p50, against the best peer", "p50", "peers", most=1),
    Bar("latency p99, against the best peer", "p99", "peers", most=1),
    Bar("idle CPU, s a minute", "idle_cpu", 1, most=0.1),
    Bar("idle commands a minute", "idle_commands", 1, most=60),
    Bar("idle resident MiB, the worker process", "idle_largest", 1, most=45),
    Bar("idle resident MiB, with the pool's parent", "idle_rss", 1, most=45),
    Bar("begun again after the worker's SIGKILL, s", "kill_tree", 1, most=30),
    Bar("begun again after its child's SIGKILL, s", "kill_child", 1, most=1),
)


def verdicts(found: Found) -> Iterator[str]:
    """Write our figures against the bars."""
    ours = found["peers"].get("skunkqueue")
    if ours is None:
        return
    yield "\n### Against the bars\n"
    yield "| what | ours | the other | ratio | asked | held |"
    yield "|---|---|---|---|---|---|"
    for bar in BARS:
        value = median(ours, bar.ours)
        name, other = _other(found, bar)
        if value is None or not other:
            yield f"| {bar.title} | {'-' if value is None else f'{value:,.2f}'} | - | - | {_asked(bar)} | ? |"
            continue
        ratio = value / other
        held = ratio >= bar.least if bar.least is not None else ratio <= (bar.most or 0)
        against = "-" if isinstance(bar.against, int) else f"{name} {other:,.2f}"
        yield (
            f"| {bar.title} | {value:,.2f} | {against} | {ratio:.2f} | {_asked(bar)} | {'yes' if held else '**no**'} |"
        )


def _asked(bar: Bar) -> str:
    return f"at least {bar.least:g}" if bar.least is not None else f"at most {bar.most:g}"


def _other(found: Found, bar: Bar) -> tuple[str, float | None]:
    key, peers = bar.other or bar.ours, found["peers"]
    if isinstance(bar.against, (int, float)):
        return "", float(bar.against)
    if bar.against in peers:
        return bar.against, median(peers[bar.against], key)
    chosen = {
        peer["about"].get("title", name): value
        for name, peer in peers.items()
        if name not in NOT_PEERS
        and (value := median(peer, key)) is not None
        and (bar.against == "peers" or peer["about"].get("recovers"))
    }
    if not chosen:
        return "", None
    best = (max if bar.least is not None else min)(chosen, key=lambda name: chosen[name])
    return best, chosen[best]

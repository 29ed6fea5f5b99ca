"""Turn what was found into Markdown tables, and ratios against the bars."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any

from benchmarks.mongo.drain import PEERS

Found = dict[str, Any]
BARS = {
    "bare": 0.5,
    "single": 0.7,
    "many": 0.35,
    "results": 0.7,
    "peer": 1.0,
    "scale": 1.3,
    "p99": 20.0,
    "cpu": 0.5,
}


def tables(found: Found) -> Iterator[str]:
    """Show all that was measured."""
    size = (
        ""
        if found["share"] == 1
        else f"; **sizes and times divided by {found['share']}, whatever is said below**"
    )
    about = (
        found["date"],
        found["machine"],
        f"Python {found['python']}",
        found["server"],
        f"{found['seconds']} s",
    )
    yield ", ".join(about) + size
    for name, table in (
        ("drain", _drain),
        ("fire", _fire),
        ("results", _results),
        ("scale", _scale),
        ("latency", _latency),
        ("idle", _idle),
    ):
        part = found["parts"].get(name)
        if part is None:
            continue
        yield ""
        if "failure" in part:
            yield f"{name}: failed: {part['failure']}"
        else:
            yield from table(part)


def verdicts(found: Found) -> Iterator[tuple[bool, str]]:
    """Hold the figures against what is asked."""
    parts = {name: part for name, part in found["parts"].items() if "failure" not in part}
    for kind, mine in _kinds(parts.get("drain", {})):
        rates = _medians(mine)
        ours = rates.get("skunkqueue")
        if ours is None:
            continue
        if "bare" in rates:
            ratio = ours / rates["bare"]
            yield ratio >= BARS["bare"], f"drain, {kind}: {ratio:.2f} of bare (asked: {BARS['bare']})"
        for name in PEERS:
            if name in rates:
                ratio = ours / rates[name]
                yield ratio > BARS["peer"], f"drain, {kind}: {ratio:.1f} times {name} (asked: ahead)"
    yield from _fire_verdicts(parts.get("fire", {}))
    yield from _results_verdicts(parts.get("results", {}))
    for kind, cases in _kinds(parts.get("scale", {})):
        (base, *others) = cases
        for name in others:
            ratio = cases[name]["both"] / cases[base]["both"]
            line = f"claim and settle, {kind}: {name}: {ratio:.2f} times {base} (asked: {BARS['scale']})"
            yield ratio <= BARS["scale"], line
    for kind, one in _kinds(parts.get("latency", {})):
        yield (
            one["p99"] <= BARS["p99"],
            f"latency, {kind}: p99 {one['p99']:.1f} ms (asked: {BARS['p99']:g} ms)",
        )
    for kind, one in _kinds(parts.get("idle", {})):
        cpu = one["cpu"]["worker"]
        yield cpu < BARS["cpu"], f"idle worker, {kind}: {cpu:.2f} % of a core (asked: {BARS['cpu']} %)"


def _fire_verdicts(part: Found) -> Iterator[tuple[bool, str]]:
    for kind, concerns in _kinds(part):
        for concern, one in concerns.items():
            for name in ("single", "many"):
                ratio = one[name]["ratio"]
                line = f"fire {name}, {kind}, w={concern}: {ratio:.2f} of bare (asked: {BARS[name]})"
                yield ratio >= BARS[name], line


def _results_verdicts(part: Found) -> Iterator[tuple[bool, str]]:
    for kind, one in _kinds(part):
        line = f"results, {kind}: {one['ratio']:.2f} of bare (asked: {BARS['results']})"
        yield one["ratio"] >= BARS["results"], line


def _kinds(part: Found) -> Iterator[tuple[str, Found]]:
    return ((kind, one) for kind, one in part.items() if kind != "about")


def _medians(mine: Found) -> dict[str, float]:
    return {name: statistics.median(rates) for name, rates in mine["rates"].items()}


def _drain(part: Found) -> Iterator[str]:
    kinds = dict(_kinds(part))
    names = list(
        dict.fromkeys(name for mine in kinds.values() for name in (*mine["rates"], *mine["failures"]))
    )
    yield "| firings a second (median; least to most) | " + " | ".join(kinds) + " | versions, settings |"
    yield "| --- |" + " --- |" * (len(kinds) + 1)
    for name in names:
        about = part["about"].get(name, {})
        versions = ", ".join(f"{one} {number}" for one, number in about.get("versions", {}).items())
        settings = "; ".join(text for text in (versions, about.get("settings"), _jobs(about)) if text)
        cells = [_rates(mine, name) for mine in kinds.values()]
        yield f"| {name} | {' | '.join(cells)} | {settings} |"


def _jobs(about: Found) -> str:
    return f"{about['jobs']:,} firings" if "jobs" in about else ""


def _rates(mine: Found, name: str) -> str:
    rates = mine["rates"].get(name)
    if not rates:
        return f"failed: {mine['failures'].get(name, 'not measured')}"
    bare = mine["rates"].get("bare")
    ratio = f", {statistics.median(rates) / statistics.median(bare):.3f} of bare" if bare else ""
    return f"{statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f}){ratio}"


def _fire(part: Found) -> Iterator[str]:
    yield "| firings a second (medians) | kind | write concern | ours | bare | ratio |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for kind, concerns in part.items():
        for concern, ways in concerns.items():
            for name, one in ways.items():
                rates = f"{one['ours']:,.0f} | {one['bare']:,.0f} | {one['ratio']:.2f}"
                yield f"| fire {name} | {kind} | w={concern} | {rates} |"


def _results(part: Found) -> Iterator[str]:
    yield "| fired and awaited, firings a second (medians) | ours | bare | ratio |"
    yield "| --- | --- | --- | --- |"
    for kind, one in part.items():
        yield f"| {kind} | {one['ours']:,.0f} | {one['bare']:,.0f} | {one['ratio']:.2f} |"


def _scale(part: Found) -> Iterator[str]:
    yield "| ms for 100 (medians) | kind | claim | settle | both |"
    yield "| --- | --- | --- | --- | --- |"
    for kind, cases in part.items():
        for name, one in cases.items():
            yield f"| {name} | {kind} | {one['claim']:.2f} | {one['settle']:.2f} | {one['both']:.2f} |"


def _latency(part: Found) -> Iterator[str]:
    yield "| fire to start, ms | p50 | p99 | worst |"
    yield "| --- | --- | --- | --- |"
    for kind, one in part.items():
        yield f"| {kind} | {one['p50']:.2f} | {one['p99']:.2f} | {one['worst']:.2f} |"


def _idle(part: Found) -> Iterator[str]:
    yield (
        "| idle | worker, % of a core | pool | mongod (without a worker) | requests a minute (without) |"
        " opcounters a minute | worker's MiB |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for kind, one in part.items():
        cpu, alone = one["cpu"], one["mongod alone"]
        counters = ", ".join(f"{name} {number:.0f}" for name, number in one["opcounters"].items() if number)
        yield (
            f"| {kind} | {cpu['worker']:.2f} | {cpu['pool']:.2f}"
            f" | {cpu['mongod']:.2f} ({alone['cpu']['mongod']:.2f})"
            f" | {one['requests']:.0f} ({alone['requests']:.0f}) | {counters} | {one['rss']:.1f} |"
        )

"""Draw what was found as bar charts, in SVG, with nothing but the standard library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from benchmarks.peers.report import last, median

WIDTH, LEFT, RIGHT = 760, 130, 110
BAR, GAP, HEAD = 16, 12, 62
OURS, BARE, OTHERS = ("#c2410c", "#fb923c"), ("#52525b", "#a1a1aa"), ("#1d4ed8", "#93c5fd")
# Readable on a light page and on a dark one: the picture brings its own paper.
STYLE = "text{font:13px system-ui,sans-serif;fill:#18181b}.t{font-size:16px;font-weight:600}.n{fill:#52525b}"


@dataclass(frozen=True)
class Chart:
    """One picture: one bar a figure, a group of bars a peer."""

    name: str
    title: str
    keys: dict[str, str]
    """Figure: what it is called in the legend."""
    unit: str
    digits: int = 0
    cut: float | None = None
    """Longer bars end here, and say so with an arrow: else one slow peer makes all others look alike."""


CHARTS = (
    Chart(
        "drain",
        "Draining no-op firings, results stored",
        {"drain1": "1 process", "drain2": "2 processes"},
        "a second; more is better",
    ),
    Chart("enqueue", "Firing", {"single": "one by one", "bulk": "in bulk"}, "a second; more is better"),
    Chart("results", "Fired, and all results awaited", {"results": "firings"}, "a second; more is better"),
    Chart(
        "latency",
        "From fire to start in an idle worker",
        {"p50": "p50", "p99": "p99"},
        "ms; less is better",
        digits=2,
        cut=20,
    ),
    Chart("idle", "Commands of an idle worker", {"idle_commands": "commands"}, "a minute; less is better"),
    Chart("memory", "Memory of an idle worker", {"idle_rss": "resident"}, "MiB; less is better", digits=1),
    Chart(
        "kill",
        "A job begins again after a SIGKILL",
        {"kill_tree": "of the whole worker", "kill_child": "of the process that ran it"},
        "s; less is better",
        digits=2,
    ),
)


def draw(found: dict[str, Any], folder: Path) -> list[Path]:
    """Write one file a chart that has figures; tell which."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for chart in CHARTS:
        bars = [(name, peer) for name, peer in found["peers"].items() if _has(peer, chart)]
        if bars:
            path = folder / f"{chart.name}.svg"
            path.write_text(picture(chart, bars, f"{found['date']}, {found['server']}"))
            written.append(path)
    return written


def _has(peer: dict[str, Any], chart: Chart) -> bool:
    return any(last(peer, key) is not None for key in chart.keys)


def picture(chart: Chart, peers: Sequence[tuple[str, dict[str, Any]]], footer: str) -> str:
    """Draw one chart."""
    values = [value for _, peer in peers for key in chart.keys if (value := median(peer, key)) is not None]
    most = min(max(values, default=1.0) or 1.0, chart.cut or float("inf"))
    room = WIDTH - LEFT - RIGHT
    body: list[str] = []
    top = HEAD
    for name, peer in peers:
        shades = {"skunkqueue": OURS, "bare": BARE}.get(name, OTHERS)
        shown = [key for key in chart.keys if last(peer, key) is not None]
        middle = top + len(shown) * BAR / 2 + 4
        title = escape(peer["about"].get("title", name))
        body.append(f'<text x="{LEFT - 10}" y="{middle:.0f}" text-anchor="end">{title}</text>')
        for key in shown:
            value = median(peer, key)
            length = 0.0 if value is None else max(room * min(value / most, 1.0), 1.0)
            label = (
                str(last(peer, key)) if value is None else f"{'→ ' * (value > most)}{value:,.{chart.digits}f}"
            )
            shade = shades[list(chart.keys).index(key)]
            body.append(
                f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="{BAR - 2}" fill="{shade}"/>'
            )
            body.append(f'<text x="{LEFT + length + 6:.1f}" y="{top + BAR - 4}">{escape(label)}</text>')
            top += BAR
        top += GAP
    legend = " / ".join(chart.keys.values())
    height = top + 24
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(chart.title)}">'
    )
    lines = [
        opening,
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text class="t" x="16" y="26">{escape(chart.title)}</text>',
        f'<text class="n" x="16" y="46">{escape(legend)}; {escape(chart.unit)}</text>',
        *body,
        f'<text class="n" x="16" y="{height - 10}">{escape(footer)}</text>',
        "</svg>\n",
    ]
    return "\n".join(lines)

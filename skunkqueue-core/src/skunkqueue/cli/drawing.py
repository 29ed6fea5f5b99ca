"""What rich draws on a terminal: tables, colours, a view that changes. Slow to import, and a pipe needs none of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence

import click
from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from skunkqueue.cli.columns import Shape, fitted
from skunkqueue.cli.text import ELLIPSIS, clean

__all__ = ["STYLES", "Live", "bold", "console", "laid_out", "screen", "styled"]

STYLES = {
    "pending": "cyan",
    "running": "yellow",
    "busy": "yellow",
    "complete": "green",
    "ok": "green",
    "error": "red",
    "broken": "red",
    "problem": "red",
    "disconnected": "red",
    "killed": "magenta",
    "expired": "magenta",
    "paused": "magenta",
    "notice": "yellow",
}
"""How a cell that says exactly this is shown on a terminal."""


def console() -> Console:
    """Make a console that interprets nothing in what it prints."""
    # Rich takes a terminal without cursor control to have 80 columns.
    dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    width, height = shutil.get_terminal_size() if dumb else (None, None)
    ctx = click.get_current_context(silent=True)
    # None leaves it to the environment (NO_COLOR).
    no_color = True if ctx is not None and ctx.meta.get("no_color") else None
    return Console(markup=False, emoji=False, highlight=False, width=width, height=height, no_color=no_color)


def laid_out(shape: Shape, cells: Sequence[Sequence[str]], room: int, mark: str = ELLIPSIS) -> Table:
    """Lay out cells that are already clean, for a terminal of so many columns; ``mark`` shows where a cell was cut."""
    found = fitted(shape, cells, room, mark)
    # The gap between columns is `columns.GAP`.
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    for title, width in zip(found.titles, found.widths, strict=True):
        made.add_column(
            title.lstrip(">"),
            justify="right" if title.startswith(">") else "left",
            overflow="fold",
            no_wrap=not shape.folds,
            width=width,
        )
    for row in found.cells:
        made.add_row(*(styled(cell) for cell in row))
    return made


def styled(cell: str) -> Text:
    """Give a cell its colour, if it has one."""
    return Text(cell, style=STYLES.get(cell, ""))


def bold(text: str) -> Text:
    """Make a text bold."""
    return Text(text, style="bold")


def screen(
    title: str, tables: Iterable[tuple[str, Shape, Sequence[Sequence[object]]]], room: int, mark: str
) -> Group:
    """Lay out a whole screen: a title, and tables with a name each."""
    parts: list[RenderableType] = [bold(title)]
    for name, shape, rows in tables:
        cells = [[clean(cell) for cell in row] for row in rows]
        parts += [bold(f"\n{name}"), laid_out(shape, cells, room, mark)]
    return Group(*parts)

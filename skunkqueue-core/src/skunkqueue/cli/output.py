"""Tables, facts and JSON: by rich on a terminal, aligned plain text in a pipe.

What is printed here passes through ``text.clean`` first, and rich is told of no markup.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from skunkqueue.cli.columns import Shape, fitted
from skunkqueue.cli.text import ELLIPSIS, clean, width_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

STYLES = {
    "pending": "cyan",
    "running": "yellow",
    "busy": "yellow",
    "complete": "green",
    "ok": "green",
    "error": "red",
    "broken": "red",
    "problem": "red",
    "deaf": "red",
    "killed": "magenta",
    "expired": "magenta",
    "paused": "magenta",
    "notice": "yellow",
}
"""How a cell that says exactly this is shown on a terminal."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def on_terminal() -> bool:
    """Say whether people look at standard output directly."""
    return sys.stdout.isatty()


def console() -> Console:
    """Make a console that interprets nothing in what it prints."""
    from rich.console import Console  # noqa: PLC0415 - slow to import, and pipes do without

    # Of a terminal that can do nothing but print, rich takes for granted that it has 80 columns.
    dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    width, height = shutil.get_terminal_size() if dumb else (None, None)
    ctx = click.get_current_context(silent=True)
    # None leaves it to the environment (NO_COLOR).
    no_color = True if ctx is not None and ctx.meta.get("no_color") else None
    return Console(markup=False, emoji=False, highlight=False, width=width, height=height, no_color=no_color)


def say(text: str = "") -> None:
    """Print a line that is already safe."""
    click.echo(text)


def note(text: str) -> None:
    """Print a remark, where it does not mix with what a script reads."""
    click.echo(clean(text), err=True)


def document(value: Any) -> None:
    """Print one JSON document; escapes in it keep any terminal safe."""
    import json  # noqa: PLC0415 - only where asked for

    from skunkqueue.cli.values import jsonable  # noqa: PLC0415 - as above

    click.echo(json.dumps(jsonable(value), indent=2, allow_nan=False))


def table(shape: Shape, rows: Iterable[Sequence[object]], *, header: bool = True) -> None:
    """Print rows under titles: all of it in a pipe, what there is room for on a terminal.

    Without ``header`` they go on below an earlier table.
    """
    cells = [[_encodable(clean(cell)) for cell in row] for row in rows]
    if on_terminal():
        out = console()
        out.print(rich_table(shape, cells, out.width))
        return
    titles = shape.titles
    widths = [len(title.lstrip(">")) for title in titles]
    for row in cells:
        widths = [max(width, width_of(cell)) for width, cell in zip(widths, row, strict=True)]
    first = [[title.lstrip(">") for title in titles]] if header else []
    for row in [*first, *cells]:
        say(_aligned(titles, row, widths))


def can_print(text: str) -> bool:
    """Return whether standard output can show a text as it is."""
    return _encodable(text) == text


def rich_table(shape: Shape, cells: Sequence[Sequence[str]], room: int) -> Table:
    """Lay out cells that are already clean, for a terminal of so many columns."""
    from rich import box  # noqa: PLC0415 - as above
    from rich.table import Table  # noqa: PLC0415 - as above

    mark = ELLIPSIS if can_print(ELLIPSIS) else "~"
    found = fitted(shape, cells, room, mark)
    # Columns stand as close as `columns.GAP` says.
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


def _encodable(text: str) -> str:
    """Write what standard output cannot show as escapes, so that widths are right."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text if text.isascii() else text.encode(encoding, "backslashreplace").decode(encoding)


def styled(cell: str) -> Text:
    """Give a cell its colour, if it has one."""
    from rich.text import Text  # noqa: PLC0415 - as above

    return Text(cell, style=STYLES.get(cell, ""))


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values below each other; pairs without a value are left out."""
    known = [(name, clean(value)) for name, value in pairs if value not in (None, "")]
    width = max((len(name) for name, _ in known), default=0)
    if on_terminal():
        from rich.text import Text  # noqa: PLC0415 - as above

        out = console()
        for name, value in known:
            out.print(Text(f"{name:<{width}}  ", style="bold") + styled(value), soft_wrap=True)
        return
    for name, value in known:
        say(f"{name:<{width}}  {value}")


def heading(text: str) -> None:
    """Print a line above a block, with an empty one before it."""
    say()
    if on_terminal():
        console().print(text, style="bold")
    else:
        say(text)


def _aligned(titles: Sequence[str], row: Sequence[str], widths: Sequence[int]) -> str:
    padded = []
    for title, cell, width in zip(titles, row, widths, strict=True):
        blank = " " * (width - width_of(cell))
        padded.append(blank + cell if title.startswith(">") else cell + blank)
    return "  ".join(padded).rstrip()

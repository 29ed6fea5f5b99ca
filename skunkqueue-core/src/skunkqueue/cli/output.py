"""Print tables, facts and JSON: drawn by rich on a terminal, aligned plain text in a pipe.

All that is printed here passes through ``text.clean`` first, and rich interprets no markup in it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

from skunkqueue.cli.columns import Shape
from skunkqueue.cli.text import ELLIPSIS, clean, width_of
from skunkqueue.cli.values import jsonable

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def on_terminal() -> bool:
    """Return whether standard output is a terminal."""
    return sys.stdout.isatty()


def say(text: str = "") -> None:
    """Print a line that is already safe."""
    click.echo(text)


def note(text: str) -> None:
    """Print a remark, where it does not mix with what a script reads."""
    click.echo(clean(text), err=True)


def document(value: Any) -> None:
    """Print one JSON document; escapes in it keep any terminal safe."""
    click.echo(json.dumps(jsonable(value), indent=2, allow_nan=False))


def table(shape: Shape, rows: Iterable[Sequence[object]], *, header: bool = True) -> None:
    """Print rows under titles: all of it in a pipe, what there is room for on a terminal.

    Without ``header`` they go on below an earlier table.
    """
    cells = [[_encodable(clean(cell)) for cell in row] for row in rows]
    if on_terminal():
        from skunkqueue.cli import drawing  # noqa: PLC0415 - rich is slow to import, and a pipe needs none of it

        out = drawing.console()
        out.print(drawing.laid_out(shape, cells, out.width, cut_mark()))
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


def cut_mark() -> str:
    """Return what stands where a cell was cut, as standard output can show it."""
    return ELLIPSIS if can_print(ELLIPSIS) else "~"


def _encodable(text: str) -> str:
    """Write what standard output cannot show as escapes, so that widths are right."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text if text.isascii() else text.encode(encoding, "backslashreplace").decode(encoding)


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values below each other; pairs without a value are left out."""
    known = [(name, clean(value)) for name, value in pairs if value not in (None, "")]
    width = max((len(name) for name, _ in known), default=0)
    if on_terminal():
        from skunkqueue.cli import drawing  # noqa: PLC0415 - as above

        out = drawing.console()
        for name, value in known:
            out.print(drawing.bold(f"{name:<{width}}  ") + drawing.styled(value), soft_wrap=True)
        return
    for name, value in known:
        say(f"{name:<{width}}  {value}")


def heading(text: str) -> None:
    """Print a line above a block, with an empty one before it."""
    say()
    if on_terminal():
        from skunkqueue.cli import drawing  # noqa: PLC0415 - as above

        drawing.console().print(drawing.bold(text))
    else:
        say(text)


def _aligned(titles: Sequence[str], row: Sequence[str], widths: Sequence[int]) -> str:
    padded = []
    for title, cell, width in zip(titles, row, widths, strict=True):
        blank = " " * (width - width_of(cell))
        padded.append(blank + cell if title.startswith(">") else cell + blank)
    return "  ".join(padded).rstrip()

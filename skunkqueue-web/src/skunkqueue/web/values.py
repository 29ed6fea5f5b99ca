"""Values of jobs as texts for people: cut, bytes in hexadecimal, and redacted where a plugin asks for it."""

from __future__ import annotations

import msgspec

from skunkqueue.cli.text import clean_lines
from skunkqueue.show import shown

CUT = 2_000
"""Characters of a value that are shown unless the whole is asked for."""
WHOLE = 1_000_000
"""Characters of a value that are shown at most."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One value as it is shown."""

    text: str
    left: int = 0
    """Characters that are not shown."""
    hidden: bool = False
    """Whether a plugin has replaced it by another text."""


def show_value(value: object, instead: str | None = None, *, whole: bool = False) -> Shown:
    """Write a value as Python would, bytes in hexadecimal; ``instead`` is shown in its place."""
    if instead is not None:
        return Shown(text=clean_lines(instead[:CUT]), hidden=True)
    return show_text(_hex(value) if isinstance(value, bytes) else shown(value), whole=whole)


def show_text(text: str, *, whole: bool = False) -> Shown:
    """Make a text safe to show, and cut it."""
    kept = text[: WHOLE if whole else CUT]
    return Shown(text=clean_lines(kept), left=len(text) - len(kept))


def _hex(value: bytes) -> str:
    """Write bytes in groups of two, sixteen bytes a line."""
    lines = [value[start : start + 16].hex(" ", 2) for start in range(0, min(len(value), WHOLE // 3), 16)]
    return "\n".join([f"{len(value):,} bytes", *lines])

"""Small bar charts of text: one line of blocks, the height of each a number. Prints nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
PLAIN = "_.-=+*#@"
"""Instead of blocks, where only ASCII can be shown."""
NOTHING = " "


def chart(values: Sequence[float | None], *, plain: bool = False) -> str:
    """Draw numbers, each as one character; the largest is highest, what is 0 or ``None`` is blank."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    largest = max(known, default=0.0)
    marks = PLAIN if plain else BLOCKS
    return "".join(_mark(value, largest, marks) for value in values)


def gathered(
    values: Sequence[float], room: int, how: Callable[[Sequence[float]], float] = sum
) -> list[float]:
    """Combine neighbours by ``how``, as few at a time as possible, so that at most ``room`` numbers are left."""
    each = max(math.ceil(len(values) / max(room, 1)), 1)
    return [how(values[start : start + each]) for start in range(0, len(values), each)]


def _mark(value: float | None, largest: float, marks: str) -> str:
    if value is None or not value > 0 or not largest:
        return NOTHING
    return marks[min(math.ceil(value / largest * len(marks)), len(marks)) - 1]

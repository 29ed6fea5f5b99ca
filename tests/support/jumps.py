"""Loops at whose end Python leaves a ``try`` without its ``except`` and ``finally``, if a signal handler raises there.

From Python 3.12 on some are left out of the table of exceptions (python/cpython#130279); Python 3.11 has none.
"""

from __future__ import annotations

import dis
import itertools
from types import CodeType
from typing import Any


def left_out(code: CodeType) -> list[int]:
    """Return where in a function such a loop ends."""
    # Not in Python 3.10, which has no such table, and not declared.
    entries: list[Any] = getattr(dis.Bytecode(code), "exception_entries", [])
    steps = list(dis.get_instructions(code))

    def around(offset: int) -> set[int]:
        return {one.target for one in entries if one.start <= offset < one.end}

    return [
        step.offset
        for before, step in itertools.pairwise(steps)
        if step.opname == "JUMP_BACKWARD"
        and around(before.offset) & around(step.argval) - around(step.offset)
    ]

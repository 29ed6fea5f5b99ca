"""What a check of the doctor says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

OK = "ok"
NOTICE = "notice"
"""Worth knowing; nothing need be done."""
PROBLEM = "problem"
"""Something to mend; makes the exit code 1."""
SHOWN = 5
"""How many of a kind are told; of the others only how many there are."""


class Finding(NamedTuple):
    """One line of the doctor's report."""

    check: str
    level: str
    text: str
    cure: str = ""


def first(found: Sequence[Finding], cure: str = "") -> Iterator[Finding]:
    """Tell the first few of many findings of one kind, and how many there are besides."""
    yield from found[:SHOWN]
    if len(found) > SHOWN:
        yield found[SHOWN]._replace(text=f"and {len(found) - SHOWN} more like these", cure=cure)


Check = Callable[[], Iterable[Finding]]

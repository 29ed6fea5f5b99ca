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
    queue: str = ""
    """What it is about, where that is one queue, route, or one firing, worker or schedule (``name``)."""
    route: str = ""
    name: str = ""

    def told(self) -> dict[str, str]:
        """Return what is known of it, for JSON."""
        optional = ("queue", "route", "name")
        return {field: value for field, value in self._asdict().items() if value or field not in optional}


def first(found: Sequence[Finding], cure: str = "") -> Iterator[Finding]:
    """Tell the first few of many findings of one kind, and how many there are besides."""
    yield from found[:SHOWN]
    if len(found) > SHOWN:
        last = found[SHOWN]
        yield Finding(last.check, last.level, f"and {len(found) - SHOWN} more like these", cure)


Check = Callable[[], Iterable[Finding]]

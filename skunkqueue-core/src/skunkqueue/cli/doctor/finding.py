"""What a check of ``skunq doctor`` reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

OK = "ok"
NOTICE = "notice"
"""Worth knowing; nothing has to be done."""
PROBLEM = "problem"
"""Something to fix; makes the exit code 1."""
SHOWN = 5
"""How many findings of a kind are listed; the others are counted."""


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
    """Yield the first few of many findings of one kind, and one that says how many more there are."""
    yield from found[:SHOWN]
    if len(found) > SHOWN:
        last = found[SHOWN]
        yield Finding(last.check, last.level, f"and {len(found) - SHOWN} more like these", cure)


Check = Callable[[], Iterable[Finding]]

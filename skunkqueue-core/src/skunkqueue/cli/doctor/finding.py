"""What a check of ``skunq doctor`` reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from skunkqueue.cli.text import cut

OK = "ok"
NOTICE = "notice"
"""Worth knowing; nothing has to be done."""
PROBLEM = "problem"
"""Something to fix; makes the exit code 1."""
SHOWN = 5
"""How many findings of a kind are listed; the others are counted."""
REASON = 120
"""Characters shown of an error."""


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
    job: str = ""
    """Whose error it is."""
    error: str = ""
    """Why, in the words of the error of a firing; the monitor shows it as plugins redact it."""

    @property
    def line(self) -> str:
        """The text, with the error."""
        return f"{self.text}: {cut(self.error, REASON)}" if self.error else self.text

    def told(self) -> dict[str, str]:
        """Return what is known of it, for JSON."""
        found = {"check": self.check, "level": self.level, "text": self.line, "cure": self.cure}
        about = {"queue": self.queue, "route": self.route, "name": self.name}
        return found | {field: value for field, value in about.items() if value}


def first(found: Sequence[Finding], cure: str = "") -> Iterator[Finding]:
    """Yield the first few of many findings of one kind, and one that says how many more there are."""
    yield from found[:SHOWN]
    if len(found) > SHOWN:
        last = found[SHOWN]
        yield Finding(last.check, last.level, f"and {len(found) - SHOWN} more like these", cure)


Check = Callable[[], Iterable[Finding]]

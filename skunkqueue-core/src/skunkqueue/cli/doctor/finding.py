"""What a check of the doctor says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

OK = "ok"
NOTICE = "notice"
"""Worth knowing; nothing need be done."""
PROBLEM = "problem"
"""Something to mend; makes the exit code 1."""


class Finding(NamedTuple):
    """One line of the doctor's report."""

    check: str
    level: str
    text: str
    cure: str = ""


Check = Callable[[], Iterable[Finding]]

"""Times as people type them: lengths such as ``2h``, and moments."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

import click

from skunkqueue.persistence.backend import Backend

_UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 7 * 86_400.0}
LONGEST = 100 * 365 * 86_400.0
"""The most seconds that a relative moment may lie in the past."""


class Duration(click.ParamType[float]):
    """A length of time such as ``7d``, ``12h``, ``1d12h`` or ``90`` (seconds)."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it as seconds."""
        if isinstance(value, float):
            return value
        seconds = seconds_of(str(value))
        if seconds is None:
            self.fail(f"{value!r} is not a length of time: write 7d, 12h, 30m or 45s", param, ctx)
        return seconds


class Moment(NamedTuple):
    """A moment as it was typed: relative to now, or absolute."""

    ago: float | None
    at: float

    def by(self, store: Backend) -> float:
        """Return it by the store's clock."""
        return self.at if self.ago is None else store.now() - self.ago


class MomentType(click.ParamType[Moment]):
    """A moment: ``2h`` (so long ago) or ISO 8601; without a zone it is this machine's time.

    A bare number of up to three digits is seconds. A longer one may be meant as a date, and is refused.
    """

    name = "moment"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Moment:
        """Read it."""
        if isinstance(value, Moment):
            return value
        text = str(value).strip()
        if re.fullmatch(r"\d{4,}(\.\d+)?", text):
            # ISO 8601 has dates such as 20251101, and years; as seconds, they are quite another time.
            self.fail(
                f"{value!r} is not a moment: write {text}s if you mean so many seconds ago, or a date as 2025-11-01",
                param,
                ctx,
            )
        seconds = seconds_of(text)
        if seconds is not None and seconds <= LONGEST:
            return Moment(seconds, 0.0)
        try:
            # Python 3.10 reads no Z.
            when = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text))
            return Moment(None, when.astimezone().timestamp() if when.tzinfo is None else when.timestamp())
        except (ValueError, OverflowError, OSError):
            self.fail(
                f"{value!r} is not a moment: write 2h or 1d (so long ago), or 2026-11-28T09:30", param, ctx
            )


def seconds_of(text: str) -> float | None:
    """Read a length of time; ``None`` for what is not one."""
    text = text.strip().lower()
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhdw]?)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNITS[unit or "s"] for number, unit in parts)

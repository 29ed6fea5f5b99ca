"""Cron lines in a time zone: which moments they name. ``cronsim`` reads them and counts by the calendar.

It gets local times only, as if no clock were ever changed. The changes to and from summer time are handled here,
alike for five and six fields, as Debian's cron(8) does:

- A line with fixed hours and minutes (``30 2 * * *``) runs once each day. Where the clock skips its
  time, it runs at the first moment after; where its time comes twice, it runs the first time.
- A line whose hours or minutes begin with ``*`` runs whenever the clock shows such a time, so twice as often
  in an hour that comes twice, and not in one that is skipped.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from skunkqueue.errors import ScheduleError
from skunkqueue.show import brief

UTC = timezone.utc
_FIELDS = ("second", "minute", "hour", "day-of-month", "month", "day-of-week")
_RANGES = ("0-59", "0-59", "0-23", "1-31 or L", "1-12 or JAN-DEC", "0-7 or SUN-SAT")
_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_SINGLE = re.compile(r"(?<![^\s,])(\w+)-\1/\d+")
"""A span of one value, with a step; ``cronsim`` takes ``3-3/1`` for ``3/1``, from 3 on."""
_SECOND = timedelta(seconds=1)
_LONGEST = 1_000
"""Characters of a line; all values of all fields, one by one, are less."""
_STRIDE = 5 * 86_400.0
"""Seconds in which a zone changes its offset at most once."""
_SOME_DAY = datetime(2024, 1, 1)  # noqa: DTZ001 - a local time of no zone


class CronLine:
    """One line in one zone."""

    def __init__(self, line: str, zone: ZoneInfo) -> None:
        self.line = normal(line)
        self.zone = zone
        minute, hour = self.line.split()[-5:-3]
        self._fixed = not minute.startswith("*") and not hour.startswith("*")

    def after(self, moment: float) -> float | None:
        """Return the first time named after a moment, in seconds since the epoch; ``None``: none within 50 years."""
        try:
            return self._fixed_after(moment) if self._fixed else self._any_after(moment)
        except (StopIteration, OverflowError, ValueError):
            # None, or after the year 9999.
            return None

    def _fixed_after(self, moment: float) -> float:
        walk = CronSim(self.line, self._local(moment))
        while True:
            found = self._first_showing(next(walk))
            # In an hour that comes a second time, its times ran the first time.
            if found > moment:
                return found

    def _any_after(self, moment: float) -> float:
        offset = self._offset(moment)
        local = self._local(moment)
        while True:
            found = _plain(next(CronSim(self.line, local)) - offset)
            changed = self._change(moment, found)
            if changed is None:
                return found
            # The clock changes before that; search on from there, with the new offset.
            moment, offset = changed, self._offset(changed)
            local = _naive(changed) + offset - _SECOND

    def _first_showing(self, local: datetime) -> float:
        """Return when the zone's clock first shows a local time, or first shows a later one."""
        before = local.replace(tzinfo=self.zone, fold=0)
        after = local.replace(tzinfo=self.zone, fold=1)
        early, late = before.timestamp(), after.timestamp()
        if early > late:
            # No clock there shows it: both offsets lead past the change, each from its side.
            changed = self._change(late - 1, early)
            return early if changed is None else changed
        return early

    def _change(self, start: float, end: float) -> float | None:
        """Find the first change of the offset after ``start`` and not after ``end``, to the second."""
        offset = self._offset(start)
        low, high = start, start
        while high < end:
            low, high = high, min(high + _STRIDE, end)
            if self._offset(high) != offset:
                break
        else:
            return None
        while high - low > 0.5:
            middle = float(int((low + high) / 2)) if high - low > 2 else (low + high) / 2
            if self._offset(middle) == offset:
                low = middle
            else:
                high = middle
        return float(round(high))

    def _offset(self, moment: float) -> timedelta:
        return datetime.fromtimestamp(moment, self.zone).utcoffset() or timedelta(0)

    def _local(self, moment: float) -> datetime:
        return datetime.fromtimestamp(moment, self.zone).replace(tzinfo=None, fold=0)


def normal(line: str) -> str:
    """Return a line as fields, in place of its nickname; ScheduleError says which field is wrong, and why."""
    if not isinstance(line, str):
        msg = f"a cron line must be text, such as '0 3 * * *', not {brief(line)}"
        raise ScheduleError(msg)
    if len(line) > _LONGEST:
        msg = f"the cron line {line[:40]!r}... has {len(line)} characters: give at most {_LONGEST}"
        raise ScheduleError(msg)
    text = " ".join(line.split())
    if text.startswith("@"):
        if text.lower() not in _NICKNAMES:
            known = ", ".join(_NICKNAMES)
            msg = f"unknown cron nickname {line!r}; there are: {known}"
            raise ScheduleError(msg)
        return _NICKNAMES[text.lower()]
    fields = text.split()
    if len(fields) not in (5, 6):
        msg = (
            f"the cron line {line!r} has {len(fields)} fields: give 5 (minute hour day-of-month month day-of-week), "
            f"or 6 with the second before them; for an interval give a timedelta, or a number of seconds"
        )
        raise ScheduleError(msg)
    _check(text, fields)
    return _SINGLE.sub(r"\1", text)


@lru_cache(maxsize=256)
def cron_line(line: str, zone: str) -> CronLine:
    """Return a line that was read before, or read it."""
    return CronLine(line, ZoneInfo(zone))


def _check(text: str, fields: list[str]) -> None:
    names = _FIELDS[-len(fields) :]
    for index, (name, field) in enumerate(zip(names, fields, strict=True)):
        alone = ["*"] * len(fields)
        alone[index] = field
        try:
            CronSim(" ".join(alone), _SOME_DAY)
        except CronSimError as error:
            allowed = _RANGES[-len(fields) :][index]
            msg = f"the {name} field of the cron line {text!r} is wrong: {field!r}; it takes {allowed}, and * , - /"
            raise ScheduleError(msg) from error
    try:
        next(CronSim(text, _SOME_DAY))
    except (CronSimError, StopIteration) as error:
        msg = f"the cron line {text!r} never comes: no such day exists"
        raise ScheduleError(msg) from error


def _naive(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC).replace(tzinfo=None)


def _plain(utc: datetime) -> float:
    return utc.replace(tzinfo=UTC).timestamp()

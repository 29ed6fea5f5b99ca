"""Rules of schedules in words, for listings: cron lines that people write every day, and rates."""

from __future__ import annotations

import re
from collections.abc import Sequence

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_EVERY = re.compile(r"\*/(\d+)")


def cron_in_words(line: str, zone: str) -> str:
    """Write a cron line in words, such as ``at 06:30 on Monday to Friday, Europe/Berlin``.

    ``line`` has five or six fields. What has no short words is returned as it is, after ``cron``.
    """
    *seconds, minute, hour, day, month, weekday = line.split()
    times = None if seconds not in ([], ["0"]) else _times(minute, hour)
    days = _days(day, month, weekday)
    if times is None or days is None:
        return f"cron {line} {zone}"
    if not days and times.startswith("at "):
        days = "every day"
    return f"{' '.join(filter(None, (times, days)))}, {zone}"


def runs(rate: float) -> str:
    """Write a rate, from runs per second: ``7.2 runs a minute``."""
    units = ((1.0, "a second"), (60.0, "a minute"), (3_600.0, "an hour"))
    length, unit = next((one for one in units if rate * one[0] > 1 - 1e-9), units[-1])
    count = f"{rate * length:.3g}"
    return f"{count} {'run' if count == '1' else 'runs'} {unit}"


def _times(minute: str, hour: str) -> str | None:
    often = _EVERY.fullmatch(minute)
    if hour == "*" and (minute == "*" or often):
        return f"every {often[1]} min" if often and often[1] != "1" else "every minute"
    if not minute.isdigit():
        return None
    if hour == "*":
        return f"every hour at minute {int(minute)}"
    if rare := _EVERY.fullmatch(hour):
        return f"every {rare[1]} h at minute {int(minute)}, from midnight on"
    hours = hour.split(",")
    if not all(one.isdigit() for one in hours):
        return None
    return f"at {_listed([f'{int(one):02}:{int(minute):02}' for one in hours])}"


def _days(day: str, month: str, weekday: str) -> str | None:
    """Return on which days; empty: on all. ``None``: there are no short words for it."""
    if (day, month) == ("*", "*"):
        return "" if weekday in ("*", "?") else _weekdays(weekday)
    if weekday != "*" or not (day.isdigit() or (day == "L" and month == "*")):
        return None
    if month == "*":
        return "on the last day of each month" if day == "L" else f"on day {int(day)} of each month"
    found = _named(month, _MONTHS, 1)
    return None if found is None else f"on {int(day)} {found}"


def _weekdays(text: str) -> str | None:
    found = []
    for part in text.split(","):
        ends = [_named(one, _DAYS, 0) for one in part.split("-")]
        if None in ends or len(ends) > 2:
            return None
        found.append(" to ".join(filter(None, ends)))
    return f"on {_listed(found)}"


def _named(text: str, names: Sequence[str], first: int) -> str | None:
    """Return the day or month that a number, or three letters, stand for."""
    if text.isdigit():
        number = int(text) - first
        return names[number] if 0 <= number < len(names) else None
    return next((name for name in names if name[:3].lower() == text.lower()), None)


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))

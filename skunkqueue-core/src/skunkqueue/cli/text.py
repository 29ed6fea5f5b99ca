"""Values as text for people: times, spans, sizes, and words from a store made safe to print.

Text from a store may be written by anybody. Control characters in it could move the
cursor, change a terminal's title or hide text, so they are shown as escapes.
"""

from __future__ import annotations

import math
import unicodedata
from datetime import datetime, timezone

MINUTE = 60.0
HOUR = 3_600.0
DAY = 86_400.0
FINE = 0.009_95
"""Seconds below which a whole number of milliseconds would say too little."""
ELLIPSIS = "…"
"""Stands where a text was cut."""
UNKNOWN = "(unknown)"
"""Stands for what an older version did not record, such as a firing's job."""

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def clean(text: object) -> str:
    """Return one line: control characters (line breaks too) and direction marks become escapes."""
    line = str(text)
    if line.isprintable():
        return line
    return "".join(_escape(char) if unicodedata.category(char) in _UNSAFE else char for char in line)


def clean_lines(text: object) -> str:
    """Do the same with several lines; tabs become blanks."""
    return "\n".join(clean(line.expandtabs()) for line in str(text).replace("\r\n", "\n").split("\n"))


def cut(text: str, width: int) -> str:
    """Shorten a line, and show that it was."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + ELLIPSIS


def shortened(text: str, width: int, *, keep_end: bool = False, mark: str = ELLIPSIS) -> str:
    """Shorten a line to so many columns of a terminal, and show that it was."""
    if width_of(text) <= width:
        return text
    left, kept = max(width - 1, 0), []
    for char in reversed(text) if keep_end else text:
        left -= _columns(char)
        if left < 0:
            break
        kept.append(char)
    return f"{mark}{''.join(reversed(kept))}" if keep_end else f"{''.join(kept)}{mark}"


def one_line(text: object) -> str:
    """Fold a text of several lines into one, and make it safe."""
    return clean(" ".join(str(text).split()))


def width_of(text: str) -> int:
    """Count the columns a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def span(seconds: float) -> str:
    """Write a length of time roughly: ``340 ms``, ``12.5 s``, ``3 m 20 s``, ``2 h 5 m``, ``3 d 4 h``."""
    if not math.isfinite(seconds):
        return "for ever"
    if seconds < 0:
        return f"-{span(-seconds)}"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    for unit, name, smaller, smaller_name in (
        (DAY, "d", HOUR, "h"),
        (HOUR, "h", MINUTE, "m"),
        (MINUTE, "m", 1.0, "s"),
    ):
        if seconds >= unit:
            whole, rest = divmod(seconds, unit)
            return f"{whole:.0f} {name} {int(rest // smaller)} {smaller_name}"
    return f"{seconds:.1f} s"


def fine_span(seconds: float, *, plain: bool = False) -> str:
    """Do the same, with what counts where times are short: ``3.4 ms``, ``340 µs`` (``plain``: ``340 us``)."""
    if not 0 < seconds < FINE:
        return span(seconds)
    if seconds >= 0.000_999_5:
        return f"{seconds * 1_000:.1f} ms"
    return f"{seconds * 1_000_000:.0f} {'us' if plain else 'µs'}"


def from_now(moment: float, now: float) -> str:
    """Write a moment relative to now: ``in 5.0 s``, ``3 m 2 s ago``."""
    return f"in {span(moment - now)}" if moment > now else f"{span(now - moment)} ago"


def iso(moment: float | None) -> str | None:
    """Write seconds since the epoch as ISO 8601 in UTC; ``None`` stays."""
    if moment is None:
        return None
    try:
        when = datetime.fromtimestamp(moment, timezone.utc)
    except (ValueError, OverflowError, OSError):
        # The rest is shown also where a moment is damaged or far off.
        return f"@{moment}"
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def size(count: float) -> str:
    """Write a number of bytes: ``512 B``, ``3.2 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def plural(count: int, noun: str) -> str:
    """Count things: ``1 firing``, ``2 firings``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1

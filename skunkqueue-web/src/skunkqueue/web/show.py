"""Words for templates: moments, spans, numbers, sizes. Jinja2 escapes what comes out of here."""

from __future__ import annotations

import math
import re
import time
from typing import Any, NamedTuple

from flask import Flask, g, request

from skunkqueue.cli.text import DAY, HOUR, MINUTE, iso, plural, size, span
from skunkqueue.errors import SkunkQueueError
from skunkqueue.names import work_command
from skunkqueue.records import State
from skunkqueue.web import inputs, navigation, source
from skunkqueue.web.icons import ICONS
from skunkqueue.web.rights import login, may

LIVE_HEADER = "X-SkunkQueue-Live"
"""Set by scripts that want the content of a page alone."""
_WORD = re.compile(r"[a-z]+(['\u2019][a-z]+)?[,;.]?(\s|$)")
"""A word of plain English at the beginning of a text."""
LEAST_SECONDS = 3.0
"""For how long something must have been watched to say how fast it is."""
_CLOCK_SECONDS = 10.0
"""How long the difference between the store's clock and ours is taken to stay the same."""


class Moment(NamedTuple):
    """A moment, for ``<time>``: what machines read and what people read."""

    iso: str
    text: str
    length: str
    """How long ago it was, without saying so."""
    is_past: bool


def now() -> float:
    """Return the store's time, one for all that a request shows; the store is asked for it now and then."""
    found: float | None = g.get("now")
    if found is None:
        here = source.current()
        ahead = here.cached("clock", _CLOCK_SECONDS, lambda: here.now() - time.time())
        found = g.now = time.time() + ahead
    return found


def now_iso() -> str:
    """Return the store's time for scripts; this machine's where the store is away."""
    try:
        return iso(now()) or ""
    except SkunkQueueError:
        return iso(time.time()) or ""


def relative(seconds: float) -> str:
    """Write how long ago something was, or (below 0) how soon it will be; ``static/times.js`` does the same."""
    if abs(seconds) < 1:
        return "now"
    text = rough(abs(seconds))
    return f"{text} ago" if seconds > 0 else f"in {text}"


def rough(seconds: float) -> str:
    """Write a length of time that ticks: two units at most, no fractions, and always as wide while it ticks."""
    for unit, name, smaller, smaller_name in (
        (DAY, "d", HOUR, "h"),
        (HOUR, "h", MINUTE, "m"),
        (MINUTE, "m", 1.0, "s"),
    ):
        if seconds >= unit:
            whole, rest = divmod(seconds, unit)
            width = 2 if smaller_name == "s" else 1
            return f"{whole:.0f} {name} {int(rest // smaller):0{width}} {smaller_name}"
    return f"{int(seconds)} s"


def moment(at: float | None) -> Moment | None:
    """Write a store's time relative to now."""
    if at is None:
        return None
    # Whole seconds of a clock, as scripts show them: all moments change at the same time.
    passed = float(math.floor(now()) - math.floor(at))
    return Moment(iso(at) or "", relative(passed), rough(max(passed, 0.0)), at <= now())


def number(value: float) -> str:
    """Write a number as everywhere: thousands are set off by commas, and a whole one has no fraction."""
    return f"{int(value):,}" if float(value).is_integer() else f"{value:,.2f}"


def percent(done: float, total: float) -> int:
    """Return how much of something is done, 0 to 100. What a job reports may be more than all of it, or not a number."""
    share = done / total if total > 0 and math.isfinite(done) else 0.0
    return round(100 * min(max(share, 0.0), 1.0))


def rate(count: float, seconds: float) -> str:
    """Write how often something happened, from how often it did in so many seconds: by second or by minute.

    What is rarer than once a minute is not extrapolated: ``3 in 5 min`` is all that is known.
    """
    if count <= 0 or seconds <= 0:
        return "0/min"
    for length, unit in ((1.0, "s"), (MINUTE, "min")):
        value = count / seconds * length
        if value >= 1 and seconds >= length:
            return f"{number(round(value)) if value >= 10 else f'{value:.1f}'.removesuffix('.0')}/{unit}"
    whole = f"{seconds / MINUTE:.0f} min" if seconds >= MINUTE else span(seconds)
    return f"{number(count)} in {whole}"


def sentence(text: str) -> str:
    """Let a text begin with a capital, unless it begins with a name: ``redis://…`` and ``shop:send`` stay as they are."""
    return f"{text[0].upper()}{text[1:]}" if _WORD.match(text) else text


def is_live() -> bool:
    """Return whether a script fetches the content of a page that is shown already."""
    return LIVE_HEADER in request.headers


def is_long(seconds: float) -> bool:
    """Return whether something was watched for long enough to say how fast it is."""
    return seconds >= LEAST_SECONDS


def install(app: Flask) -> None:
    """Give all templates of an app these words."""
    app.jinja_env.globals.update(
        ICONS=ICONS,
        here=inputs.here,
        home=navigation.home,
        is_long=is_long,
        login=login,
        may=may,
        moment_of=moment,
        navigation=navigation.navigation,
        now_iso=now_iso,
        number=number,
        percent=percent,
        plural=plural,
        rate=rate,
        size=size,
        span=span,
        states=State,
        work_command=work_command,
    )
    app.context_processor(_of_request)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def _of_request() -> dict[str, Any]:
    return {"is_live": is_live()}

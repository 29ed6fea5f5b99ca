"""What was counted up to now, in parts of equal length: for charts and rates.

The last part is the current one, which is not over. Parts that are over do not change any more, so each is read once.
Where that would take long, threads read them, newest parts first; until then they are unknown.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, cast

import msgspec
from flask import current_app, has_request_context

from skunkqueue.counters import add, add_beside, buckets, percentiles_of
from skunkqueue.errors import SkunkQueueError
from skunkqueue.web.cache import note_unfinished
from skunkqueue.web.show import is_live
from skunkqueue.web.source import Source

KEY = "skunkqueue.history"
SHARES = (0.5, 0.95, 0.99)
MAX_ROUTES = 200
"""Routes that are added up, so that a store with very many is read in bounded time."""
_RATE_MINUTES = 5
_LATE = 120.0
"""Seconds after the end of a part during which something may still be added to it."""
_READ_AT_ONCE = 1_500
"""Counters (routes times minutes) that a request reads itself."""
_READ_AT_MOST = 1_500
"""Counters that are read in one call."""
_REMEMBERED = 32
"""Selections whose past is remembered."""
_READERS = 2
"""Threads that read at a time. Anybody who looks can name any number of selections, and each may take minutes."""

Route = tuple[str, str]
Shares = tuple[float, float, float]


class Window(NamedTuple):
    """A time up to now."""

    name: str
    step: float
    """Seconds of each part."""
    parts: int
    hours: bool
    """Read from the counters of hours, and not of minutes."""
    each: str


WINDOWS = {
    "hour": Window("hour", 60.0, 60, hours=False, each="minute"),
    "day": Window("day", 600.0, 144, hours=False, each="10 minutes"),
    "month": Window("month", 21_600.0, 120, hours=True, each="6 hours"),
}


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted in one part."""

    entered: float = 0.0
    complete: float = 0.0
    error: float = 0.0
    killed: float = 0.0
    expired: float = 0.0
    retried: float = 0.0
    deaths: float = 0.0
    waits: Shares | None = None
    """Seconds below which half, 95 % and 99 % of the waits were; ``None``: none was counted."""
    runs: Shares | None = None
    pending: float | None = None
    """The highest sample; ``None``: there is none."""
    running: float | None = None
    oldest: float | None = None

    @property
    def ended(self) -> float:
        """How many firings ended, however they did."""
        return self.complete + self.error + self.killed + self.expired


NOTHING = Numbers()


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """How much is going on over the last minutes; and the last hour's failures."""

    entered: int
    ended: int
    seconds: float
    """For how long those two were counted."""
    errors: int
    retried: int
    ended_in_hour: int
    wait: float | None
    """Seconds below which 95 % of the waits were, at worst."""


class Past(NamedTuple):
    """A time up to now."""

    window: Window
    begin: float
    parts: list[Numbers | None]
    """``None``: not read yet. The last one is not over."""
    share: float = 1.0
    """How much of the last part has passed, 0 to 1."""

    @property
    def is_whole(self) -> bool:
        """Whether all of it has been read."""
        return all(part is not None for part in self.parts)

    def pace(self, of: Callable[[Numbers], float]) -> float | None:
        """Return how many of something there were in the time of one part up to now, to be drawn beside whole parts.

        The part before is counted as evenly spread. ``None``: one of the two is unknown.
        """
        before, last = self.parts[-2:]
        return None if before is None or last is None else of(last) + (1 - self.share) * of(before)


def rates(hour: Past) -> Rates:
    """Return how much is going on from the minutes of the last hour."""
    # What is missing of the current minute is counted of the first one.
    rest = 1 - hour.share
    minutes = hour.parts[-_RATE_MINUTES - 1 :]
    passed = [rest, *[1.0] * (_RATE_MINUTES - 1), hour.share]
    last = [(part, rest if number == 0 else 1.0) for number, part in enumerate(minutes) if part is not None]
    seconds = sum(share for part, share in zip(minutes, passed, strict=True) if part is not None)
    known = [part for part in hour.parts if part is not None]
    waits = [part.waits[1] for part, _ in last if part.waits is not None]
    return Rates(
        entered=round(sum(part.entered * share for part, share in last)),
        ended=round(sum(part.ended * share for part, share in last)),
        seconds=max(seconds, 1.0) * hour.window.step,
        errors=int(sum(part.error for part in known)),
        retried=int(sum(part.retried for part in known)),
        ended_in_hour=int(sum(part.ended for part in known)),
        wait=max(waits, default=None),
    )


class _Selection(NamedTuple):
    """What is added up."""

    routes: tuple[Route, ...]
    job: str | None
    window: Window


class History:
    """The past of one store. Threads share it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._known: OrderedDict[_Selection, dict[float, Numbers]] = OrderedDict()
        self._waiting: OrderedDict[_Selection, tuple[list[float], float]] = OrderedDict()
        """What is still to be read, and how many counters each part needs; the first that was asked for is read first."""
        self._reading: set[_Selection] = set()
        """What threads read now."""

    def read(self, routes: Sequence[Route], window: Window, now: float, job: str | None = None) -> Past:
        """Return the past of these routes, of one job or of all, added up."""
        selection = _Selection(tuple(sorted(routes)[:MAX_ROUTES]), job, window)
        past = self._source.lately(
            ("past", selection), lambda: self._past(selection, now), waits=has_request_context() and is_live()
        )[0]
        if not past.is_whole:
            note_unfinished()
        return past

    def _past(self, selection: _Selection, now: float) -> Past:
        window = selection.window
        current = now // window.step * window.step
        begin = current - (window.parts - 1) * window.step
        share = (now - current) / window.step
        moments = [begin + window.step * number for number in range(window.parts)]
        with self._lock:
            known = self._known.setdefault(selection, {})
            self._known.move_to_end(selection)
            while len(self._known) > _REMEMBERED:
                forgotten, _ = self._known.popitem(last=False)
                self._waiting.pop(forgotten, None)
            for old in [moment for moment in known if moment < begin]:
                del known[old]
            missing = [
                moment for moment in moments if moment not in known or moment + window.step > now - _LATE
            ]
        if missing and selection.routes:
            self._fill(selection, missing)
        elif missing:
            return Past(window, begin, [NOTHING] * window.parts, share)
        with self._lock:
            return Past(window, begin, [known.get(moment) for moment in moments], share)

    def _fill(self, selection: _Selection, missing: list[float]) -> None:
        """Read what is missing: a little at once, the rest on a thread."""
        each = len(selection.routes) * (selection.window.step // (3_600 if selection.window.hours else 60))
        at_once = max(int(_READ_AT_ONCE // each), 1)
        self._read(selection, missing[-at_once:])
        rest = missing[:-at_once]
        if not rest:
            return
        with self._lock:
            # What another request has made forgotten in the meantime would only keep others waiting.
            if selection in self._known and selection not in self._reading:
                self._waiting[selection] = rest, each
            self._begin()

    def _begin(self) -> None:
        """Have threads read what waits, as many as may; the caller holds the lock."""
        while self._waiting and len(self._reading) < _READERS:
            selection, (missing, each) = self._waiting.popitem(last=False)
            threading.Thread(
                target=self._read_on, args=(selection, missing, each), name="web history", daemon=True
            ).start()
            # Not before: where no thread can be started, a later request tries again.
            self._reading.add(selection)

    def _read_on(self, selection: _Selection, missing: list[float], each: float) -> None:
        try:
            length = max(int(_READ_AT_MOST // each), 1)
            for end in range(len(missing), 0, -length):
                with self._lock:
                    if selection not in self._known:
                        return
                self._read(selection, missing[max(end - length, 0) : end])
        except SkunkQueueError:
            # The store is away, and the page says so; the next request reads on.
            return
        finally:
            with self._lock:
                self._reading.discard(selection)
                self._begin()
            self._source.note_news()

    def _read(self, selection: _Selection, moments: Sequence[float]) -> None:
        routes, job, window = selection
        # By part, and by the minutes or hours in it.
        sums: defaultdict[float, defaultdict[float, dict[str, float]]]
        sums = defaultdict(lambda: defaultdict(dict))
        found = self._source.backend.counters(
            routes, moments[0], moments[-1] + window.step, hours=window.hours, jobs=job is not None
        )
        for each in found:
            if job is None or each.job == job:
                begin = each.begin // window.step * window.step
                add_beside(sums[begin][each.begin], each.values)
        with self._lock:
            known = self._known.get(selection)
            if known is not None:
                known.update(
                    {
                        moment: _numbers(sums[moment].values()) if moment in sums else NOTHING
                        for moment in moments
                    }
                )


def _numbers(minutes: Iterable[dict[str, float]]) -> Numbers:
    """Return what minutes or hours make together; of their samples the highest counts."""
    values: dict[str, float] = {}
    for each in minutes:
        add(values, each)
    get = values.get
    return Numbers(
        entered=get("enqueued", 0.0),
        complete=get("complete", 0.0),
        error=get("error", 0.0),
        killed=get("killed", 0.0),
        expired=get("expired", 0.0),
        retried=get("retried", 0.0),
        deaths=get("deaths", 0.0),
        waits=_shares(values, "wait"),
        runs=_shares(values, "run"),
        pending=get("pending"),
        running=get("running"),
        oldest=get("oldest"),
    )


def _shares(values: dict[str, float], of: str) -> Shares | None:
    found = percentiles_of(buckets(values, of), SHARES)
    return None if found is None else cast("Shares", tuple(found))


def history() -> History:
    """Return the history of the app that serves this request."""
    return cast("History", current_app.extensions[KEY])

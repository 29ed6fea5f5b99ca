"""A filter over firings as a URL and a form have it: what was typed, what it means, and what is wrong with it.

A form shows everything that was typed again, also where it is wrong.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import click
import msgspec
from werkzeug.datastructures import MultiDict

from skunkqueue.cli.moments import MomentType, seconds_of
from skunkqueue.cli.text import UNKNOWN
from skunkqueue.ids import ID_LENGTH
from skunkqueue.listings import Query
from skunkqueue.records import FINAL_STATES, State

WORDS = ("queue", "route", "job", "tag", "key", "error", "schedule", "parent", "worker")
"""Fields of a query that must be equal to a word."""
TIMES = ("enqueued", "due", "finished")
ENDS = tuple(f"{time}_{end}" for time in TIMES for end in ("from", "to"))
STATES = (State.RUNNING, State.PENDING, State.ERROR, State.KILLED, State.EXPIRED, State.COMPLETE)
"""In the order in which people want to see them."""
UNFINISHED = (State.RUNNING, State.PENDING)
ORDERS = ("newest", "oldest")
LIMITS = (25, 50, 100, 200)
DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_WORD = 200
"""Characters of a word, a time or a text."""
MAX_CURSOR = 2_000
_MOMENT = MomentType()
_OF = {
    "queue": "of queue",
    "route": "of route",
    "job": "of job",
    "tag": "with the tag",
    "key": "with the key",
    "error": "with the error",
    "schedule": "of schedule",
    "parent": "fired by",
    "worker": "of worker",
}
"""What stands before each word in a sentence."""
_ADJECTIVES = {State.ERROR: "failed"}

Span = tuple[float | None, float | None]


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for."""

    typed: dict[str, str]
    """Words, times and text as they were typed, by the names of their fields; those left empty are left out."""
    states: tuple[State, ...]
    order: str
    """``newest`` or ``oldest``; empty: what runs, what is pending in the order of its line, what is finished newest first."""
    limit: int
    at: float
    """Store's time that lengths of time such as ``2h`` count from."""
    query: Query
    """What it means, in no particular order; only where nothing is wrong."""
    text: str | None
    """Text that must be in the arguments, for which no query exists."""
    wrong: dict[str, str]
    """What is wrong, by the names of fields."""

    def is_empty(self) -> bool:
        """Return whether nothing restricts."""
        return not self.typed and not self.states

    def values(self, **changes: Any) -> dict[str, Any]:
        """Return it as values of a URL, without those that are as they would be anyway; ``None`` removes one."""
        found: dict[str, Any] = dict(self.typed)
        if self.states:
            found["state"] = [state.value for state in self.states]
        if self.order:
            found["order"] = self.order
        if self.limit != DEFAULT_LIMIT:
            found["limit"] = self.limit
        found.update(changes)
        return {name: value for name, value in found.items() if value not in (None, "", [])}

    def fixed(self) -> dict[str, Any]:
        """Return it as values of a URL that always mean the same: lengths of time count from the same moment."""
        return self.values(order=None, limit=None, at=repr(self.at))

    def with_states(self, *states: State) -> Query:
        """Return its query for other states."""
        return msgspec.structs.replace(self.query, states=states)

    def parts(self) -> list[Query]:
        """Return the queries whose firings are shown one after another."""
        if self.order:
            return [msgspec.structs.replace(self.query, newest=self.order == "newest")]
        wanted = self.states or STATES
        finished = tuple(state for state in wanted if state in FINAL_STATES)
        parts = [] if self.query.finished else [(state,) for state in UNFINISHED if state in wanted]
        found = [msgspec.structs.replace(self.query, states=states, newest=False) for states in parts]
        if finished or not found:
            ended = msgspec.structs.replace(self.query, states=finished or self.states, newest=True)
            # Of those that have an error, few are not finished: they wait for a retry.
            found.insert(0 if self.query.error is not None else len(found), ended)
        return found

    def in_words(self) -> list[tuple[str, str]]:
        """Return what restricts: names of fields, and what was typed."""
        found = [("state", " or ".join(state.value for state in self.states))] if self.states else []
        return found + [(name.replace("_", " "), visible(text)) for name, text in self.typed.items()]

    def line(self) -> str:
        """Write it in words, such as ``pending or running firings of queue shop, of job m:send``."""
        states = " or ".join(_ADJECTIVES.get(state, state.value) for state in self.states)
        parts = [f"{of} {visible(self.typed[name])}" for name, of in _OF.items() if name in self.typed]
        for time in TIMES:
            ends = [(end, self.typed.get(f"{time}_{end}")) for end in ("from", "to")]
            told = " ".join(f"{end} {_in_words(text)}" for end, text in ends if text is not None)
            if told:
                parts.append(f"{time} {told}")
        if "text" in self.typed:
            parts.append(f"with {self.typed['text']!r} in their arguments")
        return f"{states or 'all'} firings{' ' if parts else ''}{', '.join(parts)}"


def visible(name: str) -> str:
    """Return a name as people can tell it from others: one with blanks that a page would not show is put in quotes."""
    if " ".join(name.split()) == name:
        return name
    return "“" + name.replace(" ", "\N{NO-BREAK SPACE}") + "”"


def read(given: MultiDict[str, str], now: float) -> Filter:
    """Read a filter from a URL or a form; ``now``: the store's time."""
    wrong: dict[str, str] = {}
    typed = {}
    for name in (*WORDS, *ENDS, "text"):
        text = given.get(name, "")
        # A name may begin or end with blanks.
        text = text.strip() if name in (*ENDS, "parent") else text
        if text:
            typed[name] = text
        if len(text) > MAX_WORD:
            wrong[name] = f"{len(text)} characters are too many: at most {MAX_WORD} are looked for"
        elif name == "parent" and text and len(text) != ID_LENGTH:
            # The firing may be gone while those that it fired are there, so the start of an id cannot be looked up.
            wrong[name] = (
                f"{text[:40]!r} is not a whole id: one has {ID_LENGTH} characters, as the page of a firing shows it"
            )
    at = passed(given, "at", now, wrong)
    states = _states(given, wrong)
    order = given.get("order", "")
    if order not in ("", *ORDERS):
        wrong["order"] = f"{order[:40]!r} is not an order: choose newest or oldest"
        order = ""
    limit = _limit(given, wrong)
    spans: dict[str, Any] = {time: _span(typed, time, at, wrong) for time in TIMES}
    # The job is not known of firings from an old version; the page shows this word for them.
    words: dict[str, Any] = {
        name: "" if (name, typed[name]) == ("job", UNKNOWN) else typed[name]
        for name in WORDS
        if name in typed
    }
    if "parent" in words:
        words["parent"] = words["parent"].lower()
    return Filter(
        typed=typed,
        states=states,
        order=order,
        limit=limit,
        at=at,
        query=Query(states=states, **words, **spans),
        text=typed.get("text"),
        wrong=wrong,
    )


def cursors(given: MultiDict[str, str], wrong: dict[str, str]) -> tuple[str | None, str | None]:
    """Read the cursor that a page comes after, and the one that it comes before; at most one of them."""
    found = [given.get(name) or None for name in ("after", "before")]
    for name, cursor in zip(("after", "before"), found, strict=True):
        if cursor is not None and len(cursor) > MAX_CURSOR:
            wrong[name] = "this is not a cursor of a listing: begin at the first page"
    if all(found):
        wrong["after"] = "a page comes after a cursor or before one: give one of the two"
    return found[0], found[1]


def passed(given: MultiDict[str, str], name: str, now: float, wrong: dict[str, str]) -> float:
    """Read a store's time that has passed; where there is none, it is now."""
    text = given.get(name)
    if not text:
        # Rounded, so that it is short in URLs.
        return round(now, 3)
    try:
        at = float(text[:40])
    except ValueError:
        at = math.nan
    if not 0 <= at <= now + 60:
        wrong[name] = f"{text[:40]!r} is not a moment that has passed: leave it out"
        return round(now, 3)
    return at


def _states(given: MultiDict[str, str], wrong: dict[str, str]) -> tuple[State, ...]:
    found = []
    for text in given.getlist("state")[:20]:
        try:
            found.append(State(text))
        except ValueError:
            if text:
                wrong["state"] = f"{text[:40]!r} is not a state: choose from {', '.join(STATES)}"
    return tuple(state for state in STATES if state in found)


def _limit(given: MultiDict[str, str], wrong: dict[str, str]) -> int:
    text = given.get("limit", "")
    if not text:
        return DEFAULT_LIMIT
    limit = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
    if not 1 <= limit <= MAX_LIMIT:
        wrong["limit"] = f"{text[:40]!r} rows cannot be shown at once: choose 1 to {MAX_LIMIT}"
        return DEFAULT_LIMIT
    return limit


def _span(typed: dict[str, str], time: str, at: float, wrong: dict[str, str]) -> Span | None:
    begin, end = (_moment(typed, f"{time}_{name}", at, wrong) for name in ("from", "to"))
    if begin is None and end is None:
        return None
    if begin is not None and end is not None and begin >= end:
        wrong[f"{time}_to"] = (
            f"{typed[f'{time}_to']!r} is not after {typed[f'{time}_from']!r}: nothing lies between"
        )
    return begin, end


def _moment(typed: dict[str, str], name: str, at: float, wrong: dict[str, str]) -> float | None:
    text = typed.get(name)
    if text is None or name in wrong:
        return None
    if text.lower().startswith("in "):
        ahead = seconds_of(text[3:])
        if ahead is not None and ahead < 10 * 365 * 86_400:
            return at + ahead
    try:
        moment = _MOMENT.convert(text, None, None)
    except click.UsageError:
        example = datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%dT%H:%M")
        wrong[name] = f"{text!r} is not a moment: write 2h or 1d (so long ago), in 2h, or {example}"
        return None
    return moment.at if moment.ago is None else at - moment.ago


def zone(at: float) -> str:
    """Name this machine's time zone, in which moments are read that name none: ``UTC``, or ``CET (now UTC+01:00)``."""
    here = datetime.fromtimestamp(at).astimezone()
    name, offset = here.tzname() or "", f"UTC{here:%z}"
    offset = f"{offset[:6]}:{offset[6:8]}"
    if name in ("UTC", "GMT"):
        return "UTC"
    return f"{name} (now {offset})" if name.isalpha() else offset


def _in_words(time: str) -> str:
    """Write a moment or a length of time that was typed so that it can stand in a sentence."""
    return f"{time} ago" if seconds_of(time) is not None else time

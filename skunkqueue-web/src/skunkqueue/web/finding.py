"""Finding what somebody typed: firings by their ids, and queues, routes, jobs, schedules, workers and pools by names.

Bounded, however much there is: names of routes are read by the store, all others are those that the monitor knows anyway.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import msgspec
from flask import request, url_for

from skunkqueue.cli.text import plural
from skunkqueue.persistence.backend import Backend
from skunkqueue.web import source, suggestions

MOST = 20
"""Matches of a kind that are shown."""
MOST_NAMES = 500
"""Schedules and routes among which names are looked for."""
NEAR = 5
FEWEST = 4
"""Characters of an id's beginning that are looked up."""
LONGEST_ID = 64


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was found."""

    kind: str
    """``firing``, ``queue``, ``route``, ``job``, ``schedule``, ``worker`` or ``pool``."""
    name: str
    about: str
    """What tells it from others of that name; may be empty."""
    url: str
    others: tuple[str, ...] = ()
    """Names by which it is found as well: of its queue, its host."""

    def has(self, text: str) -> bool:
        """Return whether a text, in small letters, is in one of its names."""
        return any(text in name.casefold() for name in (self.name, *self.others))


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was found."""

    matches: list[Match]
    near: list[Match]
    """Things with names that are nearly so; only where nothing matches."""

    @property
    def kinds(self) -> dict[str, list[Match]]:
        """The matches by kind, in the order of the kinds."""
        found: dict[str, list[Match]] = {}
        for match in self.matches:
            found.setdefault(match.kind, []).append(match)
        return found


def find(text: str) -> Found:
    """Find what has a text in its name, whatever the case, or an id that begins with it."""
    store = source.current().backend
    firings = list(_firings(store, text))
    if len(firings) == 1 and firings[0].name == text:
        return Found(matches=firings, near=[])
    known = _known(store)
    wanted = text.casefold()
    named = [match for match in known if match.has(wanted)]
    # Names of routes that are none of the first are found as they are written.
    seen = {match.url for match in known}
    named += [match for match in _routes(store, text, MOST) if match.url not in seen]
    matches = [*firings, *_few(named)]
    if matches:
        return Found(matches=matches, near=[])
    by_name: dict[str, Match] = {}
    for match in known:
        for name in (match.name, match.name.rpartition(":")[2]):
            by_name.setdefault(name.casefold(), match)
    near = [by_name[name] for name in get_close_matches(wanted, by_name, NEAR, 0.6)]
    return Found(matches=[], near=list(dict.fromkeys(near)))


def _few(matches: Iterable[Match]) -> list[Match]:
    counts: dict[str, int] = {}
    found = []
    for match in matches:
        counts[match.kind] = counts.get(match.kind, 0) + 1
        if counts[match.kind] <= MOST:
            found.append(match)
    return found


def _firings(store: Backend, text: str) -> Iterable[Match]:
    if not FEWEST <= len(text) <= LONGEST_ID or "/" in text:
        return
    ids = [text] if store.get([text])[0] is not None else store.find(text, MOST)
    for id_, record in zip(ids, store.get(ids) if ids else (), strict=True):
        if record is not None:
            about = f"{record.job or 'unknown job'}, {record.state.value}"
            yield Match(kind="firing", name=id_, about=about, url=url_for("firing.firing", id_=id_))


def _known(store: Backend) -> list[Match]:
    """List all that the monitor knows by name, up to its bounds."""
    # Each has its address, which begins with the prefix of this request.
    return source.current().shared(("names", request.script_root), lambda: _read(store))


def _read(store: Backend) -> list[Match]:
    routes = list(_routes(store, "", MOST_NAMES))
    queues = [one.queue for one in store.busiest(limit=1).queues]
    live = store.workers()
    if "schedule pages" in store.capabilities:
        schedules = store.schedule_page(None, MOST_NAMES)
    else:
        schedules = store.schedules()[:MOST_NAMES]
    pools = store.pools() if "pools" in store.capabilities else []
    return [
        *(
            Match(kind="queue", name=name, about="", url=url_for("queues.queues", of=name))
            for name in sorted(queues)
        ),
        *routes,
        *(
            Match(kind="job", name=name, about="", url=url_for("jobs.jobs", job=name))
            for name in suggestions.suggested().jobs
        ),
        *(
            Match(
                kind="schedule",
                name=one.name,
                about=f"of queue {one.queue}",
                url=url_for("schedules.schedule", queue=one.queue, name=one.name),
                others=(one.queue,),
            )
            for one in schedules
        ),
        *(
            Match(
                kind="worker",
                name=one.id,
                about=f"on {one.host}, process {one.pid}",
                url=url_for("workers.worker", id_=one.id),
                others=(one.host, str(one.pid)),
            )
            for one in live
        ),
        *(
            Match(
                kind="pool",
                name=one.id,
                about=f"on {one.host}, {plural(one.workers, 'worker')}",
                url=url_for("workers.pool", id_=one.id),
                others=(one.host,),
            )
            for one in pools
        ),
    ]


def _routes(store: Backend, text: str, most: int) -> Iterable[Match]:
    for info in store.route_page(None, text, most):
        url = url_for("queues.route", queue=info.queue, route=info.route)
        about = f"of queue {info.queue}"
        yield Match(kind="route", name=info.route, about=about, url=url, others=(info.queue,))

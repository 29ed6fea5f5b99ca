"""Workers and pools: which are live, what each runs, and its memory and CPU."""

from __future__ import annotations

import msgspec
from flask import Blueprint, render_template, url_for

from skunkqueue.listings import Query, Row
from skunkqueue.persistence.backend import Backend
from skunkqueue.pools import Entry
from skunkqueue.records import FINAL_STATES
from skunkqueue.web import fleet, inputs, orders, source
from skunkqueue.web.fleet import Fleet, Group, Member
from skunkqueue.web.paging import Part, part_of
from skunkqueue.web.redaction import redactor
from skunkqueue.web.rights import Right, allowed
from skunkqueue.web.show import now
from skunkqueue.web.usage import Usage, usage

blueprint = Blueprint("workers", __name__)

_HELD_LAST = 20
"""Firings shown that a worker held last."""
_LOOK_AGAIN = 5.0
"""Seconds for which those are remembered: finding them looks through what finished last."""


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """What the page of one worker shows."""

    id: str
    member: Member | None
    """``None``: it has ended."""
    group: Group | None
    usage: Usage | None
    versions: tuple[str, ...]
    entries: list[Entry]
    held: tuple[Row, ...]
    """What it held last, of what finished last."""


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """What the page of one pool shows."""

    id: str
    group: Group | None
    """``None``: it has ended."""
    part: Part[Member]
    """The workers that are shown."""
    newer: str | None
    """Address of the page before."""
    older: str | None
    """Address of the page after."""
    usage: Usage | None
    versions: tuple[str, ...]
    entries: list[Entry]


@blueprint.get("/workers")
@allowed(Right.VIEW)
def workers() -> str:
    """Show all pools with their workers."""
    queue = inputs.name("queue")
    return render_template(
        "workers.html",
        fleet=current(queue),
        queue=queue,
        followed=orders.followed(),
        now=now(),
        most=fleet.MOST,
    )


@blueprint.get("/workers/<id_>")
@allowed(Right.VIEW)
def worker(id_: str) -> str:
    """Show one worker, also one that has ended."""
    here, everything = source.current(), current()
    group, member = find_worker(everything, id_)
    shown = Worker(
        id=id_,
        member=member,
        group=group,
        usage=None if member is None else usage([member.samples]),
        versions=everything.versions,
        entries=orders.about({f"worker {id_}"}),
        held=here.cached(("held", id_), _LOOK_AGAIN, lambda: _held(here.backend, id_)),
    )
    return render_template("worker.html", shown=shown, followed=orders.followed(), most=fleet.MOST, now=now())


@blueprint.get("/pools/<id_>")
@allowed(Right.VIEW)
def pool(id_: str) -> str:
    """Show one pool, also one that has ended."""
    everything = current()
    group = find_pool(everything, id_)
    after, before = inputs.pair("after_route", "after"), inputs.pair("before_route", "before")
    part = part_of(group.members if group else (), fleet.place_of, fleet.MOST, after, before)
    about = {f"pool {id_}", *(f"worker {member.id}" for member in (group.members if group else ()))}
    shown = Pool(
        id=id_,
        group=group,
        part=part,
        newer=part.previous
        and url_for(".pool", id_=id_, before_route=part.previous[0], before=part.previous[1]),
        older=part.next and url_for(".pool", id_=id_, after_route=part.next[0], after=part.next[1]),
        usage=None if group is None else usage([member.samples for member in group.members]),
        versions=everything.versions,
        entries=orders.about(about),
    )
    return render_template("pool.html", shown=shown, followed=orders.followed(), now=now())


def current(queue: str | None = None) -> Fleet:
    """Return the pools and workers as they were just now."""
    here = source.current()
    return here.shared(("fleet", queue), lambda: fleet.read(here.backend, queue))


def find_worker(everything: Fleet, id_: str) -> tuple[Group | None, Member | None]:
    """Find a worker and its pool."""
    for group in everything.groups:
        for member in group.members:
            if member.id == id_:
                return group, member
    return None, None


def find_pool(everything: Fleet, id_: str) -> Group | None:
    """Find a pool."""
    return next((group for group in everything.groups if group.id == id_), None)


def _held(store: Backend, worker: str) -> tuple[Row, ...]:
    if "rows" not in store.capabilities:
        return ()
    return redactor().rows(store.rows(Query(worker=worker, states=FINAL_STATES), _HELD_LAST).rows)

"""Workers and pools, to be read."""

from __future__ import annotations

from flask import abort

from skunkqueue.web import fleet, source
from skunkqueue.web.api.bodies import PoolsQuery, WorkersQuery
from skunkqueue.web.api.cursors import backward, directions, onward
from skunkqueue.web.api.endpoints import BASE, endpoint, some
from skunkqueue.web.api.structs import fleet as structs
from skunkqueue.web.api.times import moment
from skunkqueue.web.paging import part_of
from skunkqueue.web.rights import Right


@endpoint("GET", "/workers", Right.VIEW, {200: structs.Workers}, query=WorkersQuery)
def workers(asked: WorkersQuery) -> structs.Workers:
    """List workers, by id."""
    after, before = directions(some(asked.cursor))
    now, found = _fleet(some(asked.queue))
    pool = some(asked.pool)
    members = [member for member in found.members if pool in (None, member.pool)]
    part = part_of(sorted(members, key=_id_of), _id_of, asked.limit, after, before)
    return structs.Workers(
        now=moment(now),
        workers=[_worker(member) for member in part.items],
        next=onward(part.next),
        previous=backward(part.previous),
    )


@endpoint("GET", "/workers/{id_}", Right.VIEW, {200: structs.WorkerAnswer})
def worker(id_: str) -> structs.WorkerAnswer:
    """Show one worker."""
    _, found = _fleet(None)
    member = next((member for member in found.members if member.id == id_), None)
    if member is None:
        abort(404, f"there is no live worker {id_[:200]!r}: {BASE}/workers lists all")
    return _worker(member)


@endpoint("GET", "/pools", Right.VIEW, {200: structs.Pools}, query=PoolsQuery)
def pools(asked: PoolsQuery) -> structs.Pools:
    """List pools with all their workers, by id."""
    after, before = directions(some(asked.cursor))
    now, found = _fleet(some(asked.queue))
    part = part_of(sorted(found.groups, key=_id_of), _id_of, asked.limit, after, before)
    return structs.Pools(
        now=moment(now),
        pools=[_pool(group) for group in part.items],
        next=onward(part.next),
        previous=backward(part.previous),
    )


@endpoint("GET", "/pools/{id_}", Right.VIEW, {200: structs.PoolAnswer})
def pool(id_: str) -> structs.PoolAnswer:
    """Show one pool."""
    _, found = _fleet(None)
    group = next((group for group in found.groups if group.id == id_), None)
    if group is None:
        abort(404, f"there is no live pool {id_[:200]!r}: {BASE}/pools lists all")
    return _pool(group)


def _id_of(one: fleet.Member | fleet.Group) -> str:
    return one.id


def _fleet(queue: str | None) -> tuple[float, fleet.Fleet]:
    here = source.current()
    return here.shared(("api fleet", queue), lambda: (here.now(), fleet.read(here.backend, queue)))


def _worker(member: fleet.Member) -> structs.WorkerAnswer:
    return structs.WorkerAnswer(
        id=member.id,
        queue=member.queue,
        route=member.routes[0],
        routes=list(member.routes),
        pool=member.pool,
        host=member.host,
        pid=member.pid,
        state=member.state,
        late=member.late,
        started=moment(member.started),
        beat=moment(member.beat),
        done=member.done,
        rss=member.rss,
        cpu=member.cpu,
        version=member.version,
        running=[row.id for row in member.running],
    )


def _pool(group: fleet.Group) -> structs.PoolAnswer:
    listed = group.pool
    return structs.PoolAnswer(
        id=group.id,
        host=group.host,
        pid=listed.pid if listed else None,
        queue=listed.queue if listed else None,
        routes=list(listed.routes)
        if listed
        else sorted({route for member in group.members for route in member.routes}),
        state=listed.state if listed else "not listed",
        late=group.late,
        started=moment(listed.started) if listed else None,
        version=listed.version if listed else "",
        workers=[_worker(member) for member in group.members],
    )

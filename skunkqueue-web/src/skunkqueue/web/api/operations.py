"""The audit log and operations, to be read."""

from __future__ import annotations

from flask import abort

from skunkqueue.cli.text import cut
from skunkqueue.errors import BackendError, BackendUnavailableError
from skunkqueue.pools import Entry
from skunkqueue.web import operations, source, trail
from skunkqueue.web.api.bodies import AuditQuery
from skunkqueue.web.api.cursors import backward, directions, onward
from skunkqueue.web.api.endpoints import endpoint, some
from skunkqueue.web.api.structs import operations as structs
from skunkqueue.web.api.times import moment
from skunkqueue.web.api.values import text
from skunkqueue.web.operations import Operation
from skunkqueue.web.rights import Right


@endpoint("GET", "/audit", Right.VIEW, {200: structs.EntryPage}, query=AuditQuery)
def audit(asked: AuditQuery) -> structs.EntryPage:
    """List who did what, newest first."""
    here = source.current()
    after, before = directions(some(asked.cursor))
    about = {"who": some(asked.who), "verb": some(asked.verb), "id_": some(asked.id)}
    try:
        found = trail.read(here.backend, asked.limit, after, before, **about)
    except BackendUnavailableError:
        raise
    except BackendError as error:
        if after is None and before is None:
            raise
        abort(
            404,
            f"{cut(some(asked.cursor) or '', 60)!r} is not a cursor of this list: leave it out to begin anew ({error})",
        )
    return structs.EntryPage(
        now=moment(here.now()),
        entries=[_entry(each) for each in found.entries],
        next=onward(found.older),
        previous=backward(found.newer),
    )


@endpoint("GET", "/operations", Right.VIEW, {200: structs.Operations})
def all_operations() -> structs.Operations:
    """List the operations of this process of the monitor, newest first."""
    return structs.Operations(operations=[operation_of(each) for each in operations.current().all()])


@endpoint("GET", "/operations/{id_}", Right.VIEW, {200: structs.OperationAnswer})
def operation(id_: str) -> structs.OperationAnswer:
    """Show how far an operation has come."""
    found = operations.current().get(id_)
    if found is None:
        abort(
            404,
            f"this process of the monitor does not know the operation {id_[:64]!r} (any more): the audit log has what it did",
        )
    return operation_of(found)


def operation_of(found: Operation) -> structs.OperationAnswer:
    """Return an operation as the API answers it."""
    progress = found.progress
    return structs.OperationAnswer(
        id=found.id,
        verb=found.verb,
        about=text(found.about),
        who=found.who,
        why=None if found.why is None else text(found.why),
        entry=found.entry,
        started=moment(found.started),
        seconds=found.seconds,
        state=found.state,
        matched=None
        if progress is None
        else structs.CountAnswer(number=progress.matched.number, exact=progress.matched.exact),
        seen=0 if progress is None else progress.seen,
        done=0 if progress is None else progress.done,
        error=found.error,
    )


def _entry(found: Entry) -> structs.EntryAnswer:
    return structs.EntryAnswer(
        id=found.id,
        at=moment(found.at),
        who=found.who,
        why=found.why,
        verb=found.verb,
        on=found.on,
        did=found.did,
        heard=moment(found.heard),
        done=moment(found.done),
        outcome=found.outcome,
    )

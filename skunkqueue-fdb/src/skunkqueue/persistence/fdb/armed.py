"""The firings that schedules have armed: whether they are live, arming them, and taking them back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from skunkqueue.persistence import rules
from skunkqueue.persistence.fdb import ended, enqueue, firings, keys, lines, tallies, wakeups
from skunkqueue.persistence.fdb.records import Attempt, Entry, with_attempt
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import Firing, Schedule, State


class Armed(NamedTuple):
    """A firing that is pending or runs."""

    entry: Entry
    """As it was put in, without a large body."""
    attempt: Attempt | None
    state: State


def live(tr: Transaction, ids: Iterable[str | None]) -> dict[str, Armed]:
    """Find those of these firings that are pending or run. What changes that meanwhile conflicts."""
    heads = firings.heads(tr, [id_ for id_ in ids if id_ is not None])
    entries = {id_: head.entry for id_, head in heads.items()}
    attempts = firings.attempts(tr, entries)
    finished = ended.find(tr, entries)
    unfinished = {id_: (entry, attempts.get(id_)) for id_, entry in entries.items() if id_ not in finished}
    waiting = lines.pending(tr, unfinished)
    return {
        id_: Armed(entry, attempt, State.PENDING if id_ in waiting else State.RUNNING)
        for id_, (entry, attempt) in unfinished.items()
    }


def of(tr: Transaction, schedule: Schedule) -> Armed | None:
    """Find the firing of a schedule; ``None`` where it is not live."""
    return live(tr, [schedule.firing]).get(schedule.firing or "")


def put(tr: Transaction, given: Sequence[Firing]) -> list[tuple[str, float]]:
    """Put firings in; return the ids that count, and when each is due."""
    ids = enqueue.put(tr, given)
    elsewhere = [id_ for id_, firing in zip(ids, given, strict=True) if id_ != firing.id]
    dues = _dues(tr, elsewhere)
    return [
        (id_, dues.get(id_, rules.due_of(firing, tr.now))) for id_, firing in zip(ids, given, strict=True)
    ]


def _dues(tr: Transaction, ids: Sequence[str]) -> Mapping[str, float]:
    if not ids:
        return {}
    attempts = firings.attempts(tr, ids)
    heads = firings.heads(tr, ids)
    return {id_: with_attempt(head.entry, attempts.get(id_)).due for id_, head in heads.items()}


def take_back(tr: Transaction, armed: Armed | None) -> None:
    """Remove a firing that is pending; one that runs stays."""
    if armed is None or armed.state is not State.PENDING:
        return
    entry = armed.entry
    lines.take_out(tr, entry, armed.attempt)
    if entry.key is not None:
        tr.clear(tr.keys.key + keys.name(entry.queue) + keys.name(entry.key))
    firings.remove(tr, [entry.id])
    tallies.shift(tr, entry.queue, entry.route, entry.job, {State.PENDING: -1})
    wakeups.wake_settled(tr, entry.queue, entry.route)


def seems_pending(tr: Transaction, schedules: Sequence[Schedule]) -> set[str]:
    """Return which firings stand in line where their schedules say; others may be live as well."""
    asked = [
        (schedule.firing, tr.snapshot.get(_in_line(tr, schedule)))
        for schedule in schedules
        if schedule.firing is not None and schedule.next_run is not None
    ]
    return {id_ for id_, future in asked if id_ is not None and future.value is not None}


def _in_line(tr: Transaction, schedule: Schedule) -> bytes:
    place = keys.place(schedule.queue, schedule.route)
    return tr.keys.line_of(place, schedule.priority, schedule.next_run or 0.0, schedule.firing or "")

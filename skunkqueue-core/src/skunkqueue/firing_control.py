"""What people and programs do to firings: kill, requeue, delete, run now; and the answers, in words too. Knows no audit log."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from skunkqueue.persistence.backend import MAX_PAGE, Backend
from skunkqueue.records import FINAL_STATES, State

CHANGES = {
    "kill": (State.PENDING, State.RUNNING),
    "requeue": FINAL_STATES,
    "delete": (State.PENDING, *FINAL_STATES),
    "run_now": (State.PENDING,),
}
"""In which states a firing must be for a verb to change it."""
DONE = {"kill": "killed", "delete": "deleted", "run_now": "made due", "requeue": "requeued"}
"""Verbs over firings, and the word for what they did."""
_READ_AT_ONCE = 100
"""Whole records that are read in one step."""


class Answer(NamedTuple):
    """The answer for one firing."""

    id: str
    done: bool
    """Whether it was changed. A firing that was due already was not made due."""
    state: State | None
    """The state it had before; of one that was to be requeued and was not, the state it has. ``None``: it is not known (any
    more), or was requeued."""


def act(
    backend: Backend, verb: str, ids: Sequence[str], early: Collection[str] | None = None
) -> list[Answer]:
    """Do ``kill``, ``requeue``, ``delete`` or ``run_now`` to firings, at most MAX_PAGE; return the answer for each, in order.

    ``early``, for ``run_now``: those whose time has not come. It is read where it is not given.
    """
    if verb == "requeue":
        return _requeue(backend, ids)
    if verb == "run_now" and early is None:
        early = _early(backend, ids)
    known = {"kill": backend.kill, "delete": backend.delete, "run_now": backend.run_now}[verb](ids)

    def is_done(id_: str) -> bool:
        return known.get(id_) in CHANGES[verb] and (verb != "run_now" or id_ in (early or ()))

    return [Answer(id_, is_done(id_), known.get(id_)) for id_ in ids]


def batches(ids: Sequence[str], size: int = MAX_PAGE) -> Iterator[Sequence[str]]:
    """Divide ids into as many as one call takes."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def told(verb: str, answers: Iterable[Answer]) -> int:
    """Count the running firings whose workers were told to end them. They may still end otherwise."""
    return sum(verb == "kill" and each.state is State.RUNNING for each in answers)


def in_words(verb: str, done: int, running: int, of: str = "") -> str:
    """Say what was done, with those counted apart that were told to end: ``killed 5 of 8, told 2 to end``."""
    counted = f"{done - running:,} of {of}" if of else f"{done - running:,}"
    return f"{DONE[verb]} {counted}" + (f", told {running:,} to end" if running else "")


def _requeue(backend: Backend, ids: Sequence[str]) -> list[Answer]:
    done = set(backend.requeue(ids))
    left = [id_ for id_ in ids if id_ not in done]
    known = dict(zip(left, states(backend, left), strict=True))
    return [Answer(id_, id_ in done, known.get(id_)) for id_ in ids]


def states(backend: Backend, ids: Sequence[str]) -> list[State | None]:
    """Read the states of firings, any number, without their bodies where the store can; ``None``: it is not there."""
    if "rows" in backend.capabilities:
        ends = [end for batch in batches(ids) for end in backend.results(batch)]
        return [None if end is None else end.state for end in ends]
    records = [record for batch in batches(ids, _READ_AT_ONCE) for record in backend.get(batch)]
    return [None if record is None else record.state for record in records]


def _early(backend: Backend, ids: Sequence[str]) -> set[str]:
    now = backend.now()
    found = [record for batch in batches(ids, _READ_AT_ONCE) for record in backend.get(batch)]
    return {record.id for record in found if record is not None and record.due > now}

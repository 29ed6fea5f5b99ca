"""Verbs on firings that are named one by one, with the outcome of each. Pages and the API share it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from skunkqueue.bulk import CHANGES
from skunkqueue.control import Control
from skunkqueue.records import State


class Outcome(NamedTuple):
    """The outcome for one firing."""

    id: str
    done: bool
    state: State | None
    """The state it had before; of one that was to be requeued and was not, the state it has. ``None``: it is not known (any
    more), or was requeued."""


def act(control: Control, verb: str, ids: Sequence[str]) -> list[Outcome]:
    """Do ``kill``, ``requeue``, ``delete`` or ``run_now`` to firings; return the outcome of each, in order."""
    if verb == "requeue":
        return _requeue(control, ids)
    states = {"kill": control.kill, "delete": control.delete, "run_now": control.run_now}[verb](ids)
    return [Outcome(id_, states.get(id_) in CHANGES[verb], states.get(id_)) for id_ in ids]


def _requeue(control: Control, ids: Sequence[str]) -> list[Outcome]:
    done = set(control.requeue(ids))
    left = [id_ for id_ in ids if id_ not in done]
    ends = control.backend.results(left) if left else []
    states = {id_: None if end is None else end.state for id_, end in zip(left, ends, strict=True)}
    return [Outcome(id_, id_ in done, states.get(id_)) for id_ in ids]

"""What is done to single firings by hand: delete, and run now."""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.scripts import Script, load
from skunkqueue.persistence.redis.wire import as_states
from skunkqueue.records import State

_DELETE, _RUN_NOW = map(load, ("delete", "run_now"))
_AT_ONCE = 200
"""Firings that one script handles, so that it holds the server up for some milliseconds at most."""


def delete(link: Link, ids: Sequence[str]) -> dict[str, State | None]:
    """Remove firings that do not run; return the state that each had."""
    return _each(link, _DELETE, ids)


def run_now(link: Link, ids: Sequence[str]) -> dict[str, State | None]:
    """Make pending firings due; return the state that each had."""
    return _each(link, _RUN_NOW, ids)


def _each(link: Link, script: Script, ids: Sequence[str]) -> dict[str, State | None]:
    before: dict[str, State | None] = dict.fromkeys(ids)
    known = [id_ for id_ in before if id_.isascii()]
    for first in range(0, len(known), _AT_ONCE):
        part = known[first : first + _AT_ONCE]
        states = as_states(link.call(script, part, kept=True))
        before.update({id_: State(state) for id_, state in zip(part, states, strict=True) if state})
    return before

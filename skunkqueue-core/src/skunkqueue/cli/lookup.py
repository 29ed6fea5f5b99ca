"""Finding firings, workers and pools by their id or the start of it, for people who type."""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.errors import UnknownFiringError, UnknownWorkerError
from skunkqueue.firing_control import states
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import State

SHOWN = 5
"""Candidates named where a start of an id fits several."""


def firing_id(store: Backend, typed: str) -> str:
    """Find the one firing whose id begins so; UnknownFiringError where none does, or several do."""
    wanted = typed.strip().lower()
    found = store.find(wanted, SHOWN + 1) if wanted else []
    if len(found) == 1 or wanted in found:
        return wanted if wanted in found else found[0]
    if not found:
        msg = f"there is no firing {typed!r} (any more): see `skunq jobs`"
        raise UnknownFiringError(msg)
    raise UnknownFiringError(_several("firing", typed, found))


def firings_called(store: Backend, typed: Sequence[str]) -> dict[str, State]:
    """Find firings by their whole ids; return the state of each. UnknownFiringError where one is not there: it stops all.

    Commands that change firings find them so: ids begin with the time, and what is the only match today need not be
    the firing that was meant.
    """
    wanted = list(dict.fromkeys(each.strip().lower() for each in typed))
    found = dict(zip(wanted, states(store, wanted), strict=True))
    for id_, state in found.items():
        if state is None:
            raise UnknownFiringError(_not_whole(store, id_))
    return {id_: state for id_, state in found.items() if state is not None}


def _not_whole(store: Backend, typed: str) -> str:
    near = store.find(typed, SHOWN + 1) if typed else []
    if not near:
        return f"there is no firing {typed!r} (any more): see `skunq jobs`"
    more = ", ..." if len(near) > SHOWN else ""
    return f"{typed!r} is only the start of an ID: a command that changes firings needs it whole, such as {', '.join(near[:SHOWN])}{more}"


def pool_or_worker_called(store: Backend, typed: str) -> tuple[str, str]:
    """Find the one live pool or worker whose id begins so, as (``pool`` or ``worker``, id).

    UnknownWorkerError where none does, or several do.
    """
    lists_pools = "pools" in store.capabilities
    pools = [pool.id for pool in store.pools()] if lists_pools else []
    there = [("pool", id_) for id_ in pools] + [("worker", worker.id) for worker in store.workers()]
    found = [each for each in there if typed and each[1].startswith(typed)]
    exact = [each for each in found if each[1] == typed]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found:
        what, listings = (
            ("worker or pool", "`skunq workers` and `skunq pools`")
            if lists_pools
            else ("worker", "`skunq workers`")
        )
        msg = f"there is no live {what} {typed!r}: see {listings}"
        raise UnknownWorkerError(msg)
    what = "worker" if all(kind == "worker" for kind, _ in found) else "workers or pool"
    raise UnknownWorkerError(_several(what, typed, [id_ for _, id_ in found]))


def _several(what: str, typed: str, found: list[str]) -> str:
    more = ", ..." if len(found) > SHOWN else ""
    return f"several {what}s begin with {typed!r}: {', '.join(found[:SHOWN])}{more}; give more of the id"

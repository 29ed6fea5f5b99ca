"""Every hook, its arguments, and the process that calls it. No logic.

Most hooks are called for what has happened, and change nothing: what they return is ignored, and what they raise
is logged. The monitor calls the last two for what it shows.

In a producer they run in the thread that caused the call, so a slow hook slows it down; in a worker and a pool on
one thread of their own, for 5 seconds at most. A plugin that hangs or ends its process is not called for a while.
A hook function may leave out arguments that it does not need.
"""

from __future__ import annotations

from collections.abc import Iterable

from skunkqueue.plugins import hookspec
from skunkqueue.records import Claim, Firing, Outcome, Record, WorkerRecord


@hookspec
def skunkqueue_firing_enqueued(firing: Firing) -> None:
    """React to a firing that is durable in the store; called in the producer.

    That is by ``fire``, or by declaring a schedule. Not called where an idempotency key led to an earlier firing, nor
    for what a store enqueues as part of a settling (refires of a schedule).
    """


@hookspec
def skunkqueue_firing_claimed(claim: Claim, worker: str) -> None:
    """React to a claim of a firing; called in the worker (its id), before the job begins."""


@hookspec
def skunkqueue_firing_settled(claim: Claim, outcome: Outcome) -> None:
    """React to an outcome that the store has accepted; called in the worker that ran the firing.

    The outcome's verdict may be final (complete, error, killed, expired) or not (retry, snooze, release).
    """


@hookspec
def skunkqueue_firing_lost(claim: Claim, worker: str) -> None:
    """React to a lost claim, whose outcome the store refuses; called in the worker (its id)."""


@hookspec
def skunkqueue_worker_started(worker: WorkerRecord) -> None:
    """React to a worker that is registered and begins to claim; called in that worker."""


@hookspec
def skunkqueue_worker_stopped(worker: WorkerRecord, reason: str) -> None:
    """React to a worker that is unregistered and about to end; called in that worker.

    A worker that was killed outright cannot call it.
    """


@hookspec
def skunkqueue_pool_started(pool: str, host: str, pid: int, queue: str, routes: tuple[str, ...]) -> None:
    """React to a pool (its id) that begins to start its workers; called in the pool's process."""


@hookspec
def skunkqueue_pool_stopped(pool: str, queue: str, exit_code: int) -> None:
    """React to a pool whose workers are gone and that is about to end; called in the pool's process."""


@hookspec
def skunkqueue_redact(job: str, where: str, value: object) -> str | None:
    """Return what the monitor shows in place of a value of a firing; ``None``: the value itself.

    ``where``: ``args[0]``, ``kwargs.NAME``, ``attributes.NAME``, ``result``, ``error``, ``traceback``, ``progress`` or
    ``attempt`` (the note of one). Called in the monitor, for each value before it is shown, in a page or by the API. If it
    raises or hangs, the value is hidden.
    """


@hookspec
def skunkqueue_links(record: Record) -> Iterable[tuple[str, str]] | None:
    """Return links (text, URL) to what is known of a firing elsewhere, such as traces and logs.

    Called in the monitor, when the firing's page is shown. Only ``http`` and ``https`` URLs are shown, at most ten.
    """

"""What ``run_pending`` returns: the attempts it made, for tests to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from skunkqueue.handle import JobHandle, value_of
from skunkqueue.imports import Gate
from skunkqueue.payload import decode_attempt_state, decode_body
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import State, Verdict
from skunkqueue.testing.store import Settled
from skunkqueue.worker.judge.evidence import attempt_number


@dataclass(frozen=True, kw_only=True)
class Attempted:
    """One attempt at a firing."""

    job: str
    """``module:qualname``; those of a chain are joined by ``&``."""
    attempt: int
    """1 at the first try."""
    state: State
    """The state of the firing after it: ``pending`` where it is to run again."""
    verdict: Verdict
    """The same in more detail: ``retry`` or ``snooze``."""
    again_in: timedelta | None
    """In how long it is to run again."""
    result: Any
    """What the job returned; a list of the results of a chain's jobs."""
    error: str | None
    """``type: message`` of what it failed with."""
    handle: JobHandle[Any]


def attempts_of(settled: Sequence[Settled], store: Backend, gate: Gate) -> list[Attempted]:
    """Describe attempts that were settled."""
    return [_attempted(one, store, gate) for one in settled]


class _Held:
    """A store that a handle looks into."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend


def handle_of(firing: str, store: Backend, gate: Gate) -> JobHandle[Any]:
    """Make a handle of a firing in a test's store, which it still uses after the test."""
    return JobHandle(firing, _Held(store), gate)


def _attempted(settled: Settled, store: Backend, gate: Gate) -> Attempted:
    claim, outcome = settled
    body = decode_body(claim.body)
    state = outcome.verdict.state
    result = None
    if state is State.COMPLETE and outcome.result is not None:
        record = store.get([claim.id])[0]
        if record is not None:
            result = value_of(record, tuple(step.serializer for step in body.steps), gate)
    return Attempted(
        job=body.name,
        attempt=attempt_number(claim, decode_attempt_state(claim.attempt_state)),
        state=state,
        verdict=outcome.verdict,
        again_in=timedelta(seconds=outcome.delay) if state is State.PENDING else None,
        result=result,
        error=outcome.error,
        handle=handle_of(claim.id, store, gate),
    )

"""What a job that a worker runs gets from ``current_job()``."""

from __future__ import annotations

import math

from skunkqueue.context import JobContext
from skunkqueue.errors import SkunkQueueError
from skunkqueue.payload import Progress, encode, storable
from skunkqueue.processes.log_values import brief
from skunkqueue.worker.attempt import Attempt, ref_of
from skunkqueue.worker.in_flight import InFlight

_NOTE_LENGTH = 500


class WorkerContext(JobContext):
    """Made once for each firing, so it is quick to make; progress goes to the maintenance thread, never to the store."""

    __slots__ = ("_claim", "_in_flight")

    def __init__(self, attempt: Attempt, name: str, in_flight: InFlight) -> None:
        claim = attempt.claim
        self.id = claim.id
        self.attempt = attempt.number
        self.queue = claim.queue
        self.route = claim.route
        self.name = name
        self._claim = claim
        self._in_flight = in_flight

    @property
    def stopping(self) -> bool:
        """Whether the worker is to end once its running jobs have."""
        return self._in_flight.stopping

    def progress(self, done: float, total: float | None = None, note: str = "") -> None:
        """Report how far the job is; SkunkQueueError for what is not a number.

        Encoded here, in the job's own code, so that nothing in it can fail anywhere else.
        """
        try:
            numbers = (float(done), None if total is None else float(total))
            if not all(number is None or math.isfinite(number) for number in numbers):
                raise ValueError  # noqa: TRY301 - the message is the same for all
        except (TypeError, ValueError, OverflowError) as error:
            msg = f"progress({brief(done)}, {brief(total)}) wants finite numbers: how much is done, and of how much"
            raise SkunkQueueError(msg) from error
        report = Progress(*numbers, storable(str(note), _NOTE_LENGTH), self._in_flight.store_time())
        self._in_flight.progress[ref_of(self._claim)] = encode(report)

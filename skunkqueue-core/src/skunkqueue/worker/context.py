"""What ``current_job()`` gives to a job that a worker runs."""

from __future__ import annotations

from skunkqueue.context import JobContext
from skunkqueue.errors import SkunkQueueError
from skunkqueue.payload import Progress
from skunkqueue.records import Claim
from skunkqueue.worker.holdings import Holdings, ref_of

_NOTE_LENGTH = 500


class WorkerContext(JobContext):
    """Made once for each firing, so it is quick to make; progress goes to the steward, never to the store."""

    __slots__ = ("_claim", "_holdings")

    def __init__(self, claim: Claim, attempt: int, name: str, holdings: Holdings) -> None:
        self.id = claim.id
        self.attempt = attempt
        self.queue = claim.queue
        self.route = claim.route
        self.name = name
        self._claim = claim
        self._holdings = holdings

    def progress(self, done: float, total: float | None = None, note: str = "") -> None:
        """Tell how far the job is; SkunkQueueError for what is no number."""
        try:
            whole = None if total is None else float(total)
            report = Progress(float(done), whole, str(note)[:_NOTE_LENGTH], self._holdings.store_time())
        except (TypeError, ValueError) as error:
            msg = f"progress({done!r}, {total!r}) wants numbers: how much is done, and of how much"
            raise SkunkQueueError(msg) from error
        self._holdings.progress[ref_of(self._claim)] = report

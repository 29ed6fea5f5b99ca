"""The verbs of ``Backend`` for workers: the list of those that live, their mailboxes, and taking back what dead ones held."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from skunkqueue.records import Command, Death, WorkerRecord

MUCH_SWEPT = 100
"""What a sweep returns at least where it has stopped at its bound, so that its worker sweeps again soon."""


class WorkerVerbs(ABC):
    """Part of ``Backend``; what its module says holds here too."""

    @abstractmethod
    def register(self, worker: WorkerRecord, lease: float) -> None:
        """List a worker until ``lease`` seconds after its last beat."""

    @abstractmethod
    def beat(self, worker: WorkerRecord, lease: float) -> bool:
        """List a worker for some more time, as it is now; False where it was not listed any more (it is again)."""

    @abstractmethod
    def unregister(self, worker: str) -> None:
        """Take a worker off the list, with its mailbox. Its claims are not touched."""

    @abstractmethod
    def workers(self, queue: str | None = None, route: str | None = None) -> list[WorkerRecord]:
        """List live workers, oldest first. A dead worker is not listed, even before a sweep.

        A worker that listens on several routes is listed under each of them, and once where no route is given.
        """

    @abstractmethod
    def reap(self, worker: str, begun: Sequence[str], death: Death) -> int:
        """Give back every claim of a dead worker at once; return how many.

        Firings in ``begun`` had begun to run: they count a death, with ``death`` as evidence. The others go
        back as if released. The worker is unregistered, and firings targeted at it are killed.
        """

    @abstractmethod
    def send(self, worker: str, command: Command) -> bool:
        """Put a command into the mailbox of a live worker; False where no such worker is listed."""

    @abstractmethod
    def listen(self, worker: str, timeout: float) -> list[Command]:
        """Block until commands arrive for this worker, or the timeout is over; take them out of its mailbox."""

    @abstractmethod
    def sweep(self) -> int:
        """Do a bounded part of the housekeeping, which any worker may do at any time; return how much was done.

        It forgets dead workers and prunes some finished firings. It kills firings that are targeted at a worker which is
        not listed: pending ones, and running ones whose lease is over, since no other worker may claim them. It returns 0
        once nothing is left to do, so calling it until then cleans a store up; and at least MUCH_SWEPT where it stops at its
        bound before that, so that a worker sweeps again soon.
        """

    def maintain(self) -> None:  # noqa: B027 - a default, and not forgotten
        """Do, on the thread that calls, what would later hold up a claim or a settling; nothing that a caller sees changes.

        The maintenance thread of each worker calls it some times a second, beside everything else that goes on, and it
        returns at once where there is nothing to do. This default does nothing.
        """

"""A claim that waits for firings without blocking its caller, who waits for something else as well.

``Backend.begin_claim`` gives it, where a store can be waited for by a file descriptor. Knows no store.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from skunkqueue.records import Claim


class AwaitedClaim(ABC):
    """A claim that was begun; one thread at a time may use it.

    It ends with the first answer that lends something, with an error, or with ``cancel``.
    """

    until: float
    """When to call ``answer`` at the latest, by the monotonic clock, though the descriptor is silent."""

    @abstractmethod
    def fileno(self) -> int:
        """Return the descriptor that can be read once there may be an answer; -1 where ``until`` has come.

        Any call of ``answer`` may change it.
        """

    @abstractmethod
    def answer(self) -> Sequence[Claim]:
        """Return what was lent, as ``Backend.claim`` does; nothing where it goes on waiting.

        To be called when the descriptor can be read, or ``until`` has come. Raises BackendError.
        """

    @abstractmethod
    def cancel(self) -> None:
        """End it; what it is lent all the same goes back at the next claim, or with ``Backend.close``. Raises nothing.

        Safe to call after its end.
        """

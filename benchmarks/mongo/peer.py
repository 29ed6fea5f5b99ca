"""What is asked of a queue that is drained. An adapter is a file ``peer_NAME.py`` with a class ``Adapter``.

An adapter's module is imported by clients and by workers, with ``MONGO_URL`` in the environment.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from typing import ClassVar


def url() -> str:
    """Tell which server is measured."""
    return os.environ["MONGO_URL"]


class Peer(ABC):
    """One queue: how to fire in it, how to work in it."""

    title: ClassVar[str]
    # Distributions whose versions are told; the first is the peer's own.
    distributions: ClassVar[tuple[str, ...]]
    settings: ClassVar[str]
    # Slow peers get fewer: rates are what is compared.
    jobs: ClassVar[int] = 20_000
    # Seconds between two looks at how far it is, where looking is dear.
    pause: ClassVar[float] = 0.1

    def versions(self) -> dict[str, str]:
        """Tell which versions are measured."""
        found = {}
        for name in self.distributions:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                continue
        return found

    @abstractmethod
    def worker(self) -> list[str]:
        """Tell the command, without the interpreter, that makes a worker of one process."""

    @abstractmethod
    def fill(self, count: int) -> None:
        """Fire so many no-ops the fastest way; it is not measured."""

    @abstractmethod
    def stored(self) -> int:
        """Tell how many results are stored in all."""

    def close(self) -> None:  # noqa: B027 - most need not do anything
        """Let go of connections."""


def many(fire: Callable[[int], object], count: int) -> None:
    """Fire from eight threads, for peers that have nothing in bulk."""
    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(fire, range(count)):
            pass

"""What is asked of every peer. An adapter is a file ``peer_NAME.py`` with a class ``Adapter``.

An adapter's module is imported by clients and by workers, with ``PEERS_URL`` in the environment. It has
three jobs: ``noop(number)`` returns its argument, ``started(fired)`` and ``slow(seconds)`` call ``work``.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar, TypeVar

from benchmarks.peers import work

R = TypeVar("R")


class Peer(ABC):
    """One queue system: how to fire in it, how to work in it, and what it promises."""

    title: ClassVar[str]
    # Distributions whose versions are told; the first is the peer's own.
    distributions: ClassVar[tuple[str, ...]]
    settings: ClassVar[str]
    source: ClassVar[str]
    guarantee: ClassVar[str]
    # Whether a job comes back whose worker was killed.
    recovers: ClassVar[bool] = False
    bulk: ClassVar[str | None] = None
    # Slow peers get fewer jobs: rates are what is compared.
    drain_jobs: ClassVar[int] = 20_000
    single_jobs: ClassVar[int] = 5_000
    result_jobs: ClassVar[int] = 10_000

    def __init__(self) -> None:
        self.base = 0

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
    def worker(self, processes: int) -> list[list[str]]:
        """Tell the commands, without the interpreter, that make a worker of so many processes."""

    @abstractmethod
    def fire(self, job: str, arguments: Sequence[float]) -> None:
        """Fire the job once an argument, one after the other."""

    def fire_bulk(self, arguments: Sequence[float]) -> None:
        """Fire ``noop`` in bulk where the peer can."""
        raise NotImplementedError

    def fill(self, count: int) -> None:
        """Fire so many no-ops the fastest way; it is not measured."""
        if self.bulk:
            self.fire_bulk(range(count))
        else:
            self.fire("noop", range(count))

    @abstractmethod
    def results(self, count: int) -> int:
        """Fire so many no-ops the best way, and await all their results; return their sum."""

    def mark(self) -> None:
        """Remember what is stored before jobs are fired."""
        self.base = int(work.client().dbsize())

    def stored(self, fired: int) -> int:  # noqa: ARG002 - others count what is left
        """Tell how many results of those fired since ``mark`` are stored; mostly, each is a key."""
        return int(work.client().dbsize()) - self.base

    def close(self) -> None:  # noqa: B027 - most need not do anything
        """Let go of connections."""


class AsyncPeer(Peer):
    """A peer whose producer is asynchronous: one loop, uvloop's, for as long as the client lives."""

    def __init__(self) -> None:
        super().__init__()
        import uvloop  # noqa: PLC0415 - not for those that do not use it

        self.loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.ready = False

    def run(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run a coroutine to its end, in the opened producer."""
        if not self.ready:
            self.ready = True
            self.loop.run_until_complete(self.open())
        return self.loop.run_until_complete(coroutine)

    async def open(self) -> None:
        """Connect."""

    @abstractmethod
    async def send(self, job: str, argument: float) -> Any:
        """Fire once."""

    def fire(self, job: str, arguments: Sequence[float]) -> None:
        """Fire one by one, each awaited."""

        async def one_by_one() -> None:
            for argument in arguments:
                await self.send(job, argument)

        self.run(one_by_one())

    def fill(self, count: int) -> None:
        """Fire many at a time: it is not measured."""
        if self.bulk:
            self.fire_bulk(range(count))
            return

        async def many() -> None:
            for start in range(0, count, 50):
                batch = range(start, min(start + 50, count))
                await asyncio.gather(*(self.send("noop", number) for number in batch))

        self.run(many())

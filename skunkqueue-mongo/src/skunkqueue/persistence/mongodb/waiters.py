"""Waiters: the blocked calls of this process, what each waits for, and waking them. Knows no server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from skunkqueue.latch import Latch


class Waiter:
    """One blocked call, and what it waits for."""

    def __init__(self, topics: Iterable[str], ids: Iterable[str]) -> None:
        self.topics = frozenset(topics)
        """Routes (``documents.place_of``) and mailboxes (``@`` and the worker's id)."""
        self.ids = frozenset(ids)
        """Firings."""
        self.news: set[str] = set()
        """Those of ``ids`` that something happened to."""
        self.is_early = False
        """It began to wait before any stream was ready, so it may have missed something."""
        self._woken = Latch()

    def wake(self, ids: Iterable[str] = ()) -> None:
        """Wake it, with all news at once: once awake, it asks the store about the ids that it has news of."""
        self.news.update(ids)
        self._woken.set()

    def wait(self, timeout: float) -> bool:
        """Block until it is woken; return whether it was."""
        woken = self._woken.wait(max(timeout, 0.0))
        self._woken.clear()
        return woken


class Waiters:
    """All waiters of a process."""

    def __init__(self) -> None:
        self._all: set[Waiter] = set()

    def add(self, waiter: Waiter) -> None:
        """Let it be woken from now on."""
        self._all.add(waiter)

    def discard(self, waiter: Waiter) -> None:
        """Wake it no more."""
        self._all.discard(waiter)

    def __iter__(self) -> Iterator[Waiter]:
        # A copy, since other threads add and remove.
        return iter(list(self._all))

    def __bool__(self) -> bool:
        return bool(self._all)

    def dispatch(self, topics: Iterable[str], ids: Iterable[str]) -> None:
        """Wake the waiters for one of these topics or firings."""
        topics, ids = set(topics), frozenset(ids)
        for waiter in self:
            news = waiter.ids & ids
            if news or not topics.isdisjoint(waiter.topics):
                waiter.wake(news)

    def wake_all(self) -> None:
        """Wake all waiters, where something may have been missed."""
        for waiter in self:
            waiter.wake()

    def wake_early(self) -> None:
        """Wake the waiters that began before a stream was ready."""
        for waiter in self:
            if waiter.is_early:
                waiter.wake()

"""What waiters get to know when they are woken."""

from __future__ import annotations

from collections.abc import Iterable

from skunkqueue.persistence.mongodb.waiters import Waiter, Waiters


class Noting(Waiter):
    """Notes its news whenever it is woken."""

    def __init__(self, topics: Iterable[str], ids: Iterable[str]) -> None:
        super().__init__(topics, ids)
        self.seen: list[set[str]] = []

    def wake(self, ids: Iterable[str] = ()) -> None:
        super().wake(ids)
        self.seen.append(set(self.news))


def test_who_waits_for_many_firings_is_woken_once_for_all_that_end_together() -> None:
    waiters = Waiters()
    ids = [f"{number:024}" for number in range(100)]
    many, other, worker = Noting((), ids), Noting((), ["f" * 24]), Noting(["demo\nfoo"], ())
    for one in (many, other, worker):
        waiters.add(one)

    waiters.dispatch((), ids[10:60])
    waiters.dispatch(["demo\nfoo"], ids[:1])

    assert many.seen == [set(ids[10:60]), {ids[0], *ids[10:60]}]
    assert (other.seen, worker.seen) == ([], [set()])

"""What who waits is told of, by whatever hears the server."""

from __future__ import annotations

from collections.abc import Iterable

from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.config import resolve
from skunkqueue.persistence.mongodb.bells import Bells, Ear
from skunkqueue.persistence.mongodb.link import Link
from skunkqueue.persistence.mongodb.settings import settings_of


class Heard(Ear):
    """Notes what it knows whenever it is woken."""

    def __init__(self, topics: Iterable[str], ids: Iterable[str]) -> None:
        super().__init__(topics, ids)
        self.woken: list[set[str]] = []

    def ring(self, ids: Iterable[str] = ()) -> None:
        super().ring(ids)
        self.woken.append(set(self.heard))


def test_who_waits_for_many_firings_is_woken_once_for_all_that_end_together() -> None:
    link = Link(settings_of(resolve("mongodb", "mongodb://example")), SYSTEM_CLOCK)
    try:
        bells = Bells(link, streams=False)
        ids = [f"{number:024}" for number in range(100)]
        waiter, other, worker = Heard((), ids), Heard((), ["f" * 24]), Heard(["demo\nfoo"], ())
        bells._ears |= {waiter, other, worker}

        bells.dispatch((), ids[10:60])
        bells.dispatch(["demo\nfoo"], ids[:1])
    finally:
        link.close()

    assert waiter.woken == [set(ids[10:60]), {ids[0], *ids[10:60]}]
    assert (other.woken, worker.woken) == ([], [set()])

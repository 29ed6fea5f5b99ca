"""What the monitor remembers of a store, and for how long."""

from __future__ import annotations

import weakref

from skunkqueue.config import resolve
from skunkqueue.web.source import Source


class Answer:
    """Something large."""


def test_an_answer_is_forgotten_that_nobody_asks_for_again() -> None:
    now = [0.0]
    source = Source(resolve(conn_url="sqlite://"), monotonic=lambda: now[0])
    unused = weakref.ref(source.cached("metrics", 1.0, Answer))
    used = weakref.ref(source.cached("routes", 1_000.0, Answer))

    now[0] = 40.0
    source.cached("routes", 1_000.0, Answer)
    assert unused() is not None
    now[0] = 80.0
    source.cached("routes", 1_000.0, Answer)

    assert unused() is None
    assert used() is source.cached("routes", 1_000.0, Answer)

"""What the monitor remembers of a store, and for how long."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections import Counter
from collections.abc import Callable

import pytest

from skunkqueue.errors import BackendUnavailableError
from skunkqueue.web.cache import Cache
from tests.support.waiting import eventually


class Answer:
    """Something large."""


def test_an_answer_is_forgotten_that_nobody_asks_for_again() -> None:
    now = [0.0]
    cache = Cache(monotonic=lambda: now[0])
    unused = weakref.ref(cache.cached("metrics", 1.0, Answer))
    used = weakref.ref(cache.cached("routes", 1_000.0, Answer))

    now[0] = 40.0
    cache.cached("routes", 1_000.0, Answer)
    assert unused() is not None
    now[0] = 80.0
    cache.cached("routes", 1_000.0, Answer)

    assert unused() is None
    assert used() is cache.cached("routes", 1_000.0, Answer)


def test_those_who_wait_for_an_answer_share_its_failure() -> None:
    looks: Counter[str] = Counter()
    made: list[str] = []
    told: list[str] = []
    goes_on = threading.Event()

    def look_at_the_clock() -> float:
        looks[threading.current_thread().name] += 1
        return float(looks.total())

    def fail() -> str:
        made.append(threading.current_thread().name)
        goes_on.wait(60)
        raise BackendUnavailableError(made[-1])

    def ask() -> None:
        try:
            cache.shared("routes", fail)
        except BackendUnavailableError as error:
            told.append(str(error))

    cache = Cache(monotonic=look_at_the_clock)
    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    # Once when they come, and once when they begin to wait.
    eventually(lambda: made and all(looks[thread.name] >= 2 for thread in threads))
    goes_on.set()
    for thread in threads:
        thread.join()

    assert told == [made[0]] * 5
    with pytest.raises(BackendUnavailableError, match=threading.current_thread().name):
        cache.shared("routes", fail)


def test_what_is_counted_is_counted_again_after_an_action() -> None:
    cache = Cache(monotonic=itertools.count(1.0).__next__)
    counts = iter(range(10))

    def count(*, since_action: bool) -> int:
        return cache.cached(
            ("counts", since_action), 1_000.0, lambda: next(counts), since_action=since_action
        )

    before = count(since_action=True), count(since_action=False)
    cache.note_change()

    assert (before, count(since_action=True), count(since_action=False)) == ((0, 1), 2, 1)


def test_what_took_long_is_shown_while_it_is_made_anew() -> None:
    now = [0.0]
    made = threading.Event()
    cache = Cache(monotonic=lambda: now[0])

    def slow(answer: str) -> Callable[[], str]:
        def make() -> str:
            now[0] += 1.0
            made.set()
            return answer

        return make

    assert cache.lately("routes", slow("old")) == ("old", 0.0)
    now[0] = 6.0
    made.clear()
    assert cache.lately("routes", slow("new")) == ("old", 6.0)
    assert made.wait(20)
    assert eventually(lambda: cache.lately("routes", slow("newer"))[0] == "new")


def test_nothing_old_is_shown_to_a_page_that_waits_for_what_is_new() -> None:
    now = [0.0]
    cache = Cache(monotonic=lambda: now[0])

    def slow() -> float:
        now[0] += 1.0
        return now[0]

    cache.lately("routes", slow)
    now[0] = 6.0

    assert cache.lately("routes", slow, waits=True) == (7.0, 0.0)


def test_what_is_made_quickly_is_never_older_than_it_may_be() -> None:
    now = [0.0]
    cache = Cache(monotonic=lambda: now[0])
    cache.lately("routes", lambda: "old")
    now[0] = 3.0

    assert cache.lately("routes", lambda: "new") == ("new", 0.0)


@pytest.mark.parametrize("seconds", [2.5, 12.0])
def test_nothing_is_shown_that_is_older_than_an_action_or_very_old(seconds: float) -> None:
    now = [0.0]
    cache = Cache(monotonic=lambda: now[0])

    def slow() -> float:
        now[0] += 1.0
        return now[0]

    cache.lately("routes", slow)
    now[0] = seconds
    if seconds < 10:
        cache.note_change()

    assert cache.lately("routes", slow) == (seconds + 1.0, 0.0)


def test_of_large_answers_few_are_remembered() -> None:
    cache = Cache()

    large = [weakref.ref(cache.shared(number, Answer, lambda _: 10_000)) for number in range(50)]
    cache.shared("small", Answer)

    assert sum(each() is not None for each in large) <= 3


def test_an_answer_of_any_size_is_remembered() -> None:
    cache = Cache(refresh=60.0)
    small = cache.shared("small", Answer)

    large = cache.shared("large", Answer, lambda _: 1_000_000_000)

    assert cache.shared("large", Answer) is large
    assert cache.shared("small", Answer) is small


def test_only_so_many_answers_are_made_on_other_threads_at_once() -> None:
    cache = Cache()
    go_on = threading.Event()
    begun: list[int] = []

    def slow(number: int) -> Callable[[], int]:
        def make() -> int:
            begun.append(number)
            assert go_on.wait(60)
            return number

        return make

    try:
        for number in range(20):
            assert cache.latest(("page", number), 60.0, slow(number)) is None
        eventually(lambda: len(begun) == 8, what="eight are made")
        assert sum(thread.name.startswith("web ('page'") for thread in threading.enumerate()) == 8
    finally:
        go_on.set()
    # The others come to their turn once they are asked for again.
    for number in range(20):
        assert eventually(lambda number=number: cache.latest(("page", number), 60.0, slow(number)) == number)  # type: ignore[misc] # its default is a number

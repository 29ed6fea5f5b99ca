"""What a signal handler does to a store, at each moment of what it interrupts: it raises, or fires by itself.

Every call is made as often as it has bytecodes, and disturbed at another one each time. Here that is done with
some of its moments, those of ``fire`` being the more; ``tests/thorough/sqlite`` leaves none out.
"""

from __future__ import annotations

import gc
import os
import random
import sqlite3
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType

import pytest

from skunkqueue import SkunkQueue
from skunkqueue.errors import BackendError
from skunkqueue.persistence.sqlite import SQLiteBackend, forks
from skunkqueue.persistence.sqlite.writer import Writer
from skunkqueue.records import Record, State
from tests.core.sqlite.makers import done, firing, many, open_at
from tests.support.moments import Moment, Stop, moments, stop
from tests.support.waiting import eventually, pause

pytestmark = [
    # A connection that an exception comes between is closed when it is collected, of which Python 3.13 warns.
    pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning"),
    pytest.mark.usefixtures("collected"),
]

OURS = ("skunkqueue/persistence/sqlite/", "skunkqueue/turns.py")
LONG = 60.0
"""Seconds after which a call is taken to be blocked for ever."""

Operation = Callable[[SQLiteBackend], object]
Run = Callable[[Callable[[], object]], object]


def fire(backend: SQLiteBackend) -> None:
    backend.enqueue([firing()])


def fire_in_bulk(backend: SQLiteBackend) -> None:
    backend.enqueue(many(6))


def fire_with_a_key(backend: SQLiteBackend) -> None:
    backend.enqueue([firing(key="k")])


def read(backend: SQLiteBackend) -> None:
    backend.get(["0" * 24])


def list_routes(backend: SQLiteBackend) -> None:
    backend.enqueue([firing()])  # so that it has to be filed
    backend.routes()


def run_one(backend: SQLiteBackend) -> None:
    backend.settle([done(lent) for lent in backend.claim("q", "other", "w", 1, 60.0)])
    backend.enqueue([firing(route="other")])


def wait(backend: SQLiteBackend) -> None:
    backend.wait_settled([backend.enqueue([firing()])[0]], 0.0005)


OPERATIONS: list[Operation] = [fire, fire_in_bulk, fire_with_a_key, read, list_routes, run_one, wait]


@pytest.fixture
def other() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as thread:
        yield thread


@pytest.fixture(params=["main thread", "another thread"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Where the calls are made: the main thread commits alone, others with whoever waits."""
    if request.param == "main thread":
        yield lambda call: call()
        return
    with ThreadPoolExecutor(1) as thread:
        yield lambda call: thread.submit(call).result(LONG)


def fine(step: int) -> int:
    """Make smaller steps through what most users call."""
    return max(1, step // 3)


def pending(backend: SQLiteBackend) -> set[str]:
    found: set[str] = set()
    after = None
    while True:
        page = backend.page("q", "r", State.PENDING, 500, after)
        found.update(record.id for record in page.records)
        after = page.next
        if after is None:
            return found


def assert_sound(backend: SQLiteBackend, accepted: set[str]) -> None:
    """All that was accepted is there, once, and the counts are those of what is there."""
    there = pending(backend)
    assert there >= accepted
    (route,) = [info for info in backend.routes() if info.route == "r"]
    assert route.counts[State.PENDING] == len(there)


def works(backend: SQLiteBackend, accepted: set[str]) -> None:
    made = firing()
    accepted.update(backend.enqueue([made]))
    assert backend.get([made.id])[0] is not None


@pytest.mark.drawn_by("run")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_exception_at_any_moment_leaves_the_store_usable(
    backend: SQLiteBackend, other: ThreadPoolExecutor, run: Run, operation: Operation, step: int
) -> None:
    accepted: set[str] = set()
    works(backend, accepted)
    operation(backend)
    writer = backend._store.writer

    def disturbed(moment: Moment) -> None:
        with suppress(Stop):
            moment(lambda: operation(backend))

    for moment in moments(OURS, stop, step=fine(step) if operation is fire else step):
        run(partial(disturbed, moment))
        # Nothing stays begun, which other processes would have to wait for.
        assert writer._db is not None
        assert not writer._db.in_transaction, moment.where
        assert writer._turn.holder is None, moment.where
        other.submit(works, backend, accepted).result(LONG)
        run(lambda: works(backend, accepted))
    assert_sound(backend, accepted)


@pytest.mark.drawn_by("run")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_firing_at_any_moment_works_or_is_refused(
    backend: SQLiteBackend, other: ThreadPoolExecutor, run: Run, operation: Operation, step: int
) -> None:
    accepted: set[str] = set()
    works(backend, accepted)
    operation(backend)
    answers: list[str] = []

    def handler() -> None:
        try:
            works(backend, accepted)
        except BackendError as error:
            answers.append(str(error))
        else:
            answers.append("fired")

    for moment in moments(OURS, handler, step=fine(step) if operation is fire else step):
        run(partial(moment, partial(operation, backend)))
        other.submit(works, backend, accepted).result(LONG)
        run(lambda: works(backend, accepted))
    assert_sound(backend, accepted)
    assert "fired" in answers
    assert {answer for answer in answers if answer != "fired"} <= {
        answer for answer in answers if "set a flag in the handler" in answer
    }


def still_open() -> set[weakref.ref[forks.Connection]]:
    """Find the connections of this process that nobody has closed, those of other tests' stores included."""
    found = set()
    for known in list(forks._open.values()):
        db = known()
        with suppress(sqlite3.ProgrammingError):  # it is closed
            if db is not None and db.total_changes >= 0:
                found.add(known)
    return found


class Held:
    """A commit that is kept open, so that others gather behind it."""

    def __init__(self, backend: SQLiteBackend, threads: ThreadPoolExecutor) -> None:
        self._writer = backend._store.writer
        self._entered, self._leave = threading.Event(), threading.Event()
        self._commit = threads.submit(self._writer.run, lambda _: self._hold())
        assert self._entered.wait(LONG)

    def _hold(self) -> None:
        self._entered.set()
        assert self._leave.wait(LONG)

    def until(self, condition: Callable[[], bool]) -> None:
        eventually(condition, LONG, every=0.0005)

    def waiting(self) -> int:
        return len(self._writer._waiting)

    def let_go(self) -> None:
        self._leave.set()
        self._commit.result(LONG)


@pytest.mark.parametrize("act", ["raise", "fire"])
@pytest.mark.parametrize("place", ["first of them", "last of them"])
def test_one_of_many_who_commit_together_may_be_disturbed_at_any_moment(
    backend: SQLiteBackend, act: str, place: str, step: int
) -> None:
    accepted: set[str] = set()
    works(backend, accepted)

    def handler() -> None:
        if act == "raise":
            raise Stop
        with suppress(BackendError):
            works(backend, accepted)

    def disturbed(moment: Moment) -> None:
        with suppress(Stop):
            moment(lambda: accepted.update(backend.enqueue([firing()])))

    def gather(held: Held, moment: Moment) -> list[Future[None]]:
        """Have one that is disturbed and two others wait for the next commit, in the order asked for."""

        def disturbing() -> list[Future[None]]:
            before = held.waiting()
            part = threads.submit(disturbed, moment)
            held.until(lambda: held.waiting() > before or moment.came)
            return [part]

        def others() -> list[Future[None]]:
            before = held.waiting()
            parts = [threads.submit(works, backend, accepted) for _ in range(2)]
            held.until(lambda: held.waiting() >= before + 2)
            return parts

        return disturbing() + others() if place == "first of them" else others() + disturbing()

    with ThreadPoolExecutor(4) as threads:
        for moment in moments(OURS, handler, step=step):
            held = Held(backend, threads)
            parts = gather(held, moment)
            held.let_go()
            for part in parts:
                part.result(LONG)
            works(backend, accepted)
    assert_sound(backend, accepted)


def test_two_exceptions_close_together_leave_the_store_usable(
    backend: SQLiteBackend, other: ThreadPoolExecutor, step: int
) -> None:
    """The second one may come while the first one's traces are removed."""
    accepted: set[str] = set()
    works(backend, accepted)
    chance = random.Random(11)  # noqa: S311 - no secret
    doubled = 0

    def disturbed(moment: Moment) -> bool:
        """Raise once more soon after the moment: before a call, or after it."""
        left = chance.randrange(1, 20)

        def again(frame: FrameType, _event: str, _arg: object) -> None:
            nonlocal left
            if moment.came and any(folder in frame.f_code.co_filename for folder in OURS):
                left -= 1
                if left == 0:
                    raise Stop

        # Each of the two, tracing and profiling, ends with the first exception that it raises.
        sys.setprofile(again)
        try:
            with suppress(Stop):
                moment(lambda: fire(backend))
        finally:
            sys.setprofile(None)
        return left == 0

    for moment in moments(OURS, stop, step=fine(step)):
        doubled += disturbed(moment)
        other.submit(works, backend, accepted).result(LONG)
        works(backend, accepted)
    assert doubled > 50 // fine(step)
    assert_sound(backend, accepted)


@pytest.mark.parametrize("who_is_next", ["same thread", "another thread", "handler"])
def test_turn_of_a_thread_that_could_not_give_it_back_is_taken_over(
    backend: SQLiteBackend, other: ThreadPoolExecutor, who_is_next: str
) -> None:
    """Two exceptions, each at the worst of moments."""
    accepted: set[str] = set()
    works(backend, accepted)
    leave = Writer._leave.__code__
    raised: list[str] = []

    def raises(how: str, after: list[str]) -> Callable[[FrameType, str, object], None]:
        def look(frame: FrameType, event: str, _arg: object) -> None:
            if frame.f_code is leave and event == "call" and raised == after:
                raised.append(how)
                raise Stop

        return look

    # Each of them ends with the first exception that it raises.
    sys.setprofile(raises("profile", ["trace"]))
    sys.settrace(raises("trace", []))
    try:
        with suppress(Stop):
            fire(backend)
    finally:
        sys.settrace(None)
        sys.setprofile(None)
    assert raised == ["trace", "profile"]
    assert backend._store.writer._turn.holder is not None
    if who_is_next == "another thread":
        other.submit(works, backend, accepted).result(LONG)
    elif who_is_next == "handler":
        Moment(100, OURS, lambda: works(backend, accepted))(lambda: read(backend))
    works(backend, accepted)
    assert backend._store.writer._turn.holder is None
    assert_sound(backend, accepted)


@pytest.mark.parametrize("act", ["raise", "fire", "fire on another queue"])
def test_store_may_be_disturbed_at_any_moment_while_it_is_opened(path: Path, act: str, step: int) -> None:
    url = f"sqlite:///{path}"
    open_at(path).close()
    queue, another = SkunkQueue("one", conn_url=url), SkunkQueue("two", conn_url=url)
    answers: list[str] = []

    def handler() -> None:
        if act == "raise":
            raise Stop
        used = another if act.endswith("queue") else queue
        try:
            used.backend.enqueue([firing()])
            answers.append("fired")
        except BackendError as error:
            answers.append(str(error))

    def disturbed(moment: Moment) -> None:
        with suppress(Stop):
            moment(lambda: queue.backend)

    with ThreadPoolExecutor(1) as threads:
        for moment in moments(
            (*OURS, "skunkqueue/opening.py", "skunkqueue/config.py"), handler, step=4 * step
        ):
            disturbed(moment)
            threads.submit(lambda: queue.backend.enqueue([firing()])).result(LONG)
            queue.backend.enqueue([firing()])
            queue.close()
            another.close()
    assert all(answer == "fired" or "set a flag in the handler" in answer for answer in answers)


def descriptors() -> int:
    return len(os.listdir("/dev/fd"))  # noqa: PTH208 - a number is wanted


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Python closes what is forgotten as well, but most only when it collects garbage."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
def test_opening_that_is_interrupted_leaves_nothing_open(path: Path, step: int) -> None:
    open_at(path).close()
    interrupted, before, others = 0, descriptors(), still_open()
    for moment in moments(OURS, stop, step=step):
        opened: list[SQLiteBackend] = []
        with suppress(Stop):
            moment(lambda opened=opened: opened.append(open_at(path)))  # type: ignore[misc] # bound now
        while opened:
            opened.pop().close()
        interrupted += moment.came
        assert still_open() <= others, moment.where
    assert interrupted > 900 // step
    assert descriptors() == before


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("operation", [read, wait])
def test_reading_that_is_interrupted_leaves_nothing_open(
    backend: SQLiteBackend, operation: Operation, step: int
) -> None:
    operation(backend)
    store = backend._store
    # All but those of this store, which are its writer's and those of its readers that read nothing.
    interrupted, others = 0, len(still_open()) - 1 - len(store.readers._idle)
    for moment in moments(OURS, stop, step=step):
        with suppress(Stop):
            moment(lambda: operation(backend))
        interrupted += moment.came
        assert len(still_open()) == others + 1 + len(store.readers._idle), moment.where
    assert interrupted > 180 // step


def test_interrupted_opening_is_no_obstacle_to_those_who_wait_for_it(path: Path) -> None:
    queue = SkunkQueue("q", conn_url=f"sqlite:///{path}")
    entered, leave = threading.Event(), threading.Event()

    def opener() -> None:
        def act() -> None:
            entered.set()
            leave.wait(LONG)
            raise Stop

        with pytest.raises(Stop):
            Moment(500, OURS, act)(lambda: queue.backend)

    def record() -> Record | None:
        return queue.backend.get(["0" * 24])[0]

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(opener)
        assert entered.wait(LONG)
        second = threads.submit(record)
        pause(0.02)
        assert not second.done()
        leave.set()
        first.result(LONG)
        assert second.result(LONG) is None
    queue.close()

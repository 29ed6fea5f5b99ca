"""Children of a fork: they use the store at once, whatever the threads of their parent do at that moment."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from skunkqueue import SkunkQueue, forking
from skunkqueue.errors import BackendError
from skunkqueue.persistence.sqlite import SQLiteBackend
from skunkqueue.records import State
from tests.core.sqlite.makers import child, claim, firing, many, open_at, result_of
from tests.support.forking import ended_well, fork
from tests.support.moments import Moment, Stop, moments, stop
from tests.support.waiting import eventually

pytestmark = [
    # A connection that an exception comes between is closed when it is collected, of which Python 3.13 warns.
    pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning"),
    pytest.mark.usefixtures("collected"),
]

OURS = ("skunkqueue/persistence/sqlite/",)


def use(backend: SQLiteBackend) -> None:
    made = firing()
    assert backend.enqueue([made]) == [made.id]
    assert backend.get([made.id])[0] is not None


def test_child_opens_the_store_anew(backend: SQLiteBackend) -> None:
    backend.enqueue([before := firing()])
    in_child = firing()

    def part() -> None:
        assert backend.enqueue([in_child]) == [in_child.id]
        assert backend.get([before.id])[0] is not None

    assert ended_well(fork(part))
    assert [lent.id for lent in claim(backend)] == [before.id, in_child.id]


def test_close_in_the_child_does_the_parent_no_harm(backend: SQLiteBackend) -> None:
    backend.enqueue(many(10))
    assert ended_well(fork(backend.close))
    assert len(claim(backend, 100)) == 10


@contextmanager
def threads_that_use(backend: SQLiteBackend) -> Iterator[None]:
    """Have threads put in, read and wait all the time."""
    over, begun = threading.Event(), threading.Barrier(5)

    def go_on() -> None:
        begun.wait()
        while not over.is_set():
            use(backend)
            backend.wait_settled(backend.enqueue([firing()]), 0.001)

    with ThreadPoolExecutor(4) as threads:
        futures: list[Future[None]] = [threads.submit(go_on) for _ in range(4)]
        begun.wait()
        try:
            yield
        finally:
            over.set()
        for future in futures:
            future.result()


def test_child_uses_the_store_at_once_while_other_threads_of_its_parent_do(backend: SQLiteBackend) -> None:
    with threads_that_use(backend):
        for _ in range(40):
            assert ended_well(fork(lambda: use(backend)))
    (route,) = backend.routes()
    assert route.counts[State.PENDING] == len(claim(backend, 100_000))


def test_children_of_forks_by_several_threads_use_the_store(backend: SQLiteBackend) -> None:
    def forks() -> None:
        for _ in range(10):
            assert ended_well(fork(lambda: use(backend)))

    with threads_that_use(backend), ThreadPoolExecutor(3) as threads:
        for future in [threads.submit(forks) for _ in range(3)]:
            future.result()


def test_grandchild_uses_the_store(backend: SQLiteBackend) -> None:
    def part() -> None:
        use(backend)
        assert ended_well(fork(lambda: use(backend)))
        use(backend)

    with threads_that_use(backend):
        assert ended_well(fork(part))


def test_child_keeps_the_log_from_others_when_its_parent_has_gone(path: Path) -> None:
    """SQLite's locks are not inherited; without its own, another process would take itself for the last one."""
    hears, tells = os.pipe()
    waits, goes_on = os.pipe()

    def heir(backend: SQLiteBackend) -> None:
        use(backend)
        os.write(tells, b"1")
        os.read(waits, 1)
        use(backend)
        os.write(tells, b"2")

    def parent() -> None:
        backend = open_at(path)
        use(backend)
        fork(lambda: heir(backend))

    assert ended_well(fork(parent))
    assert os.read(hears, 1) == b"1"
    # A process that comes and goes, and would clear up if it were the last.
    result_of(child("list_pending", path))
    os.write(goes_on, b"!")
    assert os.read(hears, 1) == b"2"
    for fd in (hears, tells, waits, goes_on):
        os.close(fd)

    assert len(result_of(child("list_pending", path)).split()) == 3


def test_parent_keeps_its_locks_when_a_child_has_used_the_store(backend: SQLiteBackend, path: Path) -> None:
    use(backend)
    assert ended_well(fork(lambda: use(backend)))
    result_of(child("list_pending", path))
    use(backend)

    assert len(result_of(child("list_pending", path)).split()) == 3


@pytest.mark.parametrize("fraction", [0.2, 0.4, 0.5, 0.6, 0.8])
def test_child_of_a_handler_that_forks_while_its_thread_commits_uses_the_store_or_is_told(
    backend: SQLiteBackend, fraction: float
) -> None:
    use(backend)
    whole = Moment(1 << 30, OURS, lambda: None)
    whole(lambda: use(backend))

    def part() -> None:
        try:
            use(backend)
        except BackendError as error:
            if "forked in the middle of an SQLite transaction" not in str(error):
                raise

    Moment(int(fraction * whole.passed), OURS, lambda: ended(fork(part)))(lambda: use(backend))
    use(backend)


def ended(pid: int) -> None:
    assert ended_well(pid)


def test_child_forked_within_a_transaction_is_told(backend: SQLiteBackend) -> None:
    def part() -> None:
        with pytest.raises(BackendError, match=r"forked in the middle of an SQLite transaction.*'spawn'"):
            backend.enqueue([firing()])
        # Its own children are no better off.
        assert ended_well(fork(grandchild))

    def grandchild() -> None:
        with pytest.raises(BackendError, match="forked in the middle of an SQLite transaction"):
            backend.enqueue([firing()])

    backend._store.writer.run(lambda _: ended(fork(part)))
    use(backend)


def test_child_opens_the_store_though_another_thread_of_its_parent_was_opening_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # That thread does not go on before the fork, which would wait ten seconds for it.
    monkeypatch.setattr(forking, "_LONGEST", 0.5)
    queue = SkunkQueue("q", conn_url=f"sqlite:///{path}")
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        assert leave.wait(60)

    def opening() -> None:
        # Before it is within SQLite, which a fork would wait for.
        Moment(3, ("sqlite/opening.py",), hold)(lambda: queue.backend)

    with ThreadPoolExecutor(1) as threads:
        opened = threads.submit(opening)
        assert entered.wait(60)
        assert ended_well(fork(lambda: queue.backend.enqueue([firing()])))
        leave.set()
        opened.result()
    queue.close()


def test_thread_interrupted_on_its_way_out_of_sqlite_does_not_hold_up_a_fork(backend: SQLiteBackend) -> None:
    """What it left behind is noticed, though it lives on."""
    for moment in moments(("sqlite/forks.py",), stop, step=3):
        with suppress(Stop):
            moment(lambda: use(backend))
        assert ended_well(fork(lambda: use(backend)))


def test_descriptors_do_not_pile_up_over_generations(backend: SQLiteBackend) -> None:
    use(backend)
    # Whatever else this process has open, each generation inherits.
    there = len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    def generation(left: int) -> None:
        use(backend)
        if left:
            assert ended_well(fork(lambda: generation(left - 1)))
        else:
            eventually(lambda: len(os.listdir("/proc/self/fd")) < there + 12)  # noqa: PTH208

    assert ended_well(fork(lambda: generation(8)))

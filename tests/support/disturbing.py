"""What disturbs a program that uses a store, for real: signal handlers that come at any time, and forks.

Knows backends, and not which.
"""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from skunkqueue.errors import BackendError
from skunkqueue.ids import new_id
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Firing, State
from tests.support.forking import ended_well, fork
from tests.support.moments import Stop

LONG = 60.0
"""Seconds after which a call is taken to be blocked for ever."""


def put_one(backend: Backend) -> str:
    made = Firing(id=new_id(), queue="q", route="r", body=b"body")
    assert backend.enqueue([made]) == [made.id]
    return made.id


def use(backend: Backend) -> None:
    """Put one in, and see that it is there."""
    id_ = put_one(backend)
    (found,) = backend.get([id_])
    assert found is not None
    assert found.state is State.PENDING


@contextmanager
def signalled(handler: Callable[[], None], *, longest_pause: float = 0.003) -> Iterator[None]:
    """Have a signal handler called again and again in the main thread; not within itself.

    By a timer of the system, which comes at any bytecode; a thread that sends signals has to wait for the
    interpreter's lock, and so they come where that is let go of.
    """
    chance = random.Random(11)  # noqa: S311 - no secret

    def again() -> None:
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0001, longest_pause))

    def handle(*_: object) -> None:
        try:
            handler()
        finally:
            again()

    before = signal.signal(signal.SIGALRM, handle)
    again()
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def fire_in_handlers(backend: Backend, times: int) -> dict[str, int]:
    """Fire, and in signal handlers too, until those have done so often enough; count what became of it."""
    answers: list[str] = []

    def handler() -> None:
        try:
            use(backend)
        except BackendError as error:
            answers.append(str(error))
        else:
            answers.append("fired")

    put_one(backend)
    with signalled(handler):
        while len(answers) < times:
            put_one(backend)
    return {answer: answers.count(answer) for answer in answers}


def interrupt(backend: Backend, times: int) -> None:
    """Have what a signal handler raises interrupt ``enqueue``, and use the store after each time."""
    armed, raised = False, 0

    def handler() -> None:
        nonlocal armed, raised
        if armed:
            armed = False
            raised += 1
            raise Stop

    def put_until_it_raises() -> None:
        # In a finalizer what it raises goes no further. Not within the ``with`` of its caller; see turns.py.
        while armed:
            put_one(backend)

    with ThreadPoolExecutor(1) as threads, signalled(handler):
        while raised < times:
            with suppress(Stop):
                armed = True
                put_until_it_raises()
            use(backend)
            threads.submit(use, backend).result(LONG)


def fork_while_threads_fire(backend: Backend, times: int) -> None:
    """Fork again and again while threads use the store; each child must be able to do so at once."""
    over = threading.Event()

    def go_on() -> None:
        while not over.is_set():
            use(backend)
            backend.wait_settled([put_one(backend)], 0.001)

    use(backend)
    with ThreadPoolExecutor(4) as threads:
        going = [threads.submit(go_on) for _ in range(4)]
        try:
            for _ in range(times):
                assert ended_well(fork(lambda: use(backend)))
        finally:
            over.set()
        for one in going:
            one.result(LONG)
    use(backend)

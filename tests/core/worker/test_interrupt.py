"""Interrupting the main thread: in the job's code, and nowhere else."""

from __future__ import annotations

import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from skunkqueue.errors import Interrupted
from skunkqueue.worker.run.interrupt import SIGNAL, Interrupter
from tests.support.waiting import pause


class ProjectFolder:
    """What a worker is to an interrupter."""

    def __init__(self) -> None:
        self.subject: object = None
        self.interrupter = Interrupter((ProjectFolder.run.__code__,), lambda: self.subject)

    def run(self, job: Callable[[], Any]) -> BaseException | None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - as the real stage does
            return error
        return None


@pytest.fixture
def project() -> Iterator[ProjectFolder]:
    made = ProjectFolder()
    assert made.interrupter.install()
    yield made
    made.interrupter.remove()


def asking(
    project: ProjectFolder, subject: object, stop: threading.Event, delay: float = 0.02
) -> threading.Thread:
    """Ask for an interrupt again and again, as the watchdog does."""

    def ask() -> None:
        pause(delay)
        while not stop.is_set():
            project.interrupter.ask(subject, "why")
            pause(0.002)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def spin() -> None:
    while True:
        pass


def receive() -> None:
    left, right = socket.socketpair()
    with left, right:
        left.recv(1)


@pytest.mark.parametrize("job", [lambda: time.sleep(100), spin, receive, lambda: threading.Event().wait()])
def test_a_job_is_interrupted_wherever_it_waits(project: ProjectFolder, job: Callable[[], object]) -> None:
    stop = threading.Event()
    project.subject = subject = object()
    thread = asking(project, subject, stop)

    error = project.run(job)
    stop.set()
    thread.join()

    assert isinstance(error, Interrupted)
    assert error.reason == "why"
    assert project.interrupter.delivered == (subject, "why")


def test_another_subject_is_left_alone(project: ProjectFolder) -> None:
    stop = threading.Event()
    project.subject = object()
    thread = asking(project, object(), stop, 0)

    error = project.run(lambda: pause(0.1))
    stop.set()
    thread.join()

    assert error is None


def test_no_exception_escapes_into_the_callers_code(project: ProjectFolder) -> None:
    stop = threading.Event()
    project.subject = subject = object()
    thread = asking(project, subject, stop, 0)
    escaped, caught = 0, 0
    began = time.monotonic()
    try:
        # For longer where the machine is so busy that no signal has come within a job.
        while time.monotonic() - began < (60.0 if not caught else 1.0):
            try:
                # Short jobs, so that most signals come between them.
                caught += project.run(lambda: sum(range(200))) is not None
            except Interrupted:
                escaped += 1
    finally:
        stop.set()
        thread.join()

    assert (escaped, caught > 0) == (0, True)


def test_logging_is_let_alone_for_a_while(project: ProjectFolder) -> None:
    stop = threading.Event()
    project.subject = subject = object()
    entered = threading.Event()

    class Slow(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            entered.set()
            deadline = time.monotonic() + 0.1
            while time.monotonic() < deadline:
                pass

    logger = logging.getLogger("tests.slow")
    logger.addHandler(Slow())
    logger.setLevel(logging.INFO)
    after: list[str] = []
    thread = asking(project, subject, stop, 0.01)

    def job() -> None:
        logger.info("a line")
        after.append("logged")
        time.sleep(100)

    error = project.run(job)
    stop.set()
    thread.join()

    assert isinstance(error, Interrupted)
    assert (after, entered.is_set()) == (["logged"], True)


def test_a_handler_that_was_replaced_is_put_back(project: ProjectFolder) -> None:
    signal.signal(SIGNAL, signal.SIG_IGN)

    project.interrupter.keep()

    assert signal.getsignal(SIGNAL) == project.interrupter._handle


def test_removing_restores_what_was_there() -> None:
    before = signal.getsignal(SIGNAL)
    project = ProjectFolder()
    project.interrupter.install()

    project.interrupter.remove()

    assert signal.getsignal(SIGNAL) == before


def test_another_thread_cannot_install_it() -> None:
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(ProjectFolder().interrupter.install()))
    thread.start()
    thread.join()

    assert answers == [False]

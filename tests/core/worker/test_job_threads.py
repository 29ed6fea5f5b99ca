"""Interrupting one call on a thread: in the job's own code or not at all."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial

import pytest

from skunkqueue.errors import Interrupted
from skunkqueue.imports import Gate
from skunkqueue.payload import Step
from skunkqueue.policy import Policy
from skunkqueue.serializers import get_serializer
from skunkqueue.worker.attempt import Attempt
from skunkqueue.worker.run.executor import Executor, Known
from skunkqueue.worker.run.job_threads import Interruptible, JobThreads, run_to_end
from tests.support.claims import make_claim
from tests.support.waiting import eventually

STEP = Step("m:job", get_serializer("typed").dumps_call((), {}, None))
CLAIM = make_claim()


def performed(job: Callable[[], object], call: Interruptible) -> tuple[object, object]:
    """Run a job as a worker does; return its encoded result, or what it raised."""
    known = Known(
        name="m:job",
        call=lambda _args, _kwargs, _attrs: job(),
        is_async=False,
        beside=True,
        policy=Policy(),
        what="the result",
    )
    attempt = Attempt(CLAIM)
    work = Executor(Gate()).execute_beside(attempt, STEP, known, lambda: None)
    try:
        call.call(copy_context(), lambda: run_to_end(work))
    except Interrupted as error:
        return None, error
    return attempt.data, attempt.value if attempt.error is None else attempt.error


def test_a_job_is_interrupted_with_the_reason() -> None:
    begun = threading.Event()

    def spin() -> None:
        begun.set()
        while True:
            pass

    call = Interruptible()
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(performed, spin, call)
        begun.wait()
        eventually(lambda: call.interrupt("a reason"))
        data, error = running.result(60)

    assert data is None
    assert isinstance(error, Interrupted)
    assert error.reason == "a reason"


def test_a_call_that_has_ended_is_not_interrupted() -> None:
    call = Interruptible()
    assert performed(lambda: 1, call) == (b"\x01", 1)
    assert not call.interrupt("too late")


@pytest.fixture
def quick_turns() -> Iterator[None]:
    """Let threads take turns so often that none is over before another has had one."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("quick_turns")
def test_an_interrupt_at_whatever_moment_strikes_the_job_or_nothing() -> None:
    def count() -> int:
        number = 0
        while number < 500_000:
            number += 1
        return number

    struck = 0
    with ThreadPoolExecutor(1) as threads:
        for _ in range(100):
            call = Interruptible()
            running = threads.submit(performed, count, call)
            while not running.done():
                call.interrupt("any moment")
            data, value = running.result(60)
            assert data is not None or isinstance(value, Interrupted)
            struck += data is None
    assert struck > 0


def test_what_works_with_the_store_is_left_alone() -> None:
    inside, go_on = threading.Event(), threading.Event()
    code = compile("def use(inside, go_on):\n    inside.set()\n    go_on.wait()\n", "store.py", "exec")
    module: dict[str, object] = {"__name__": "skunkqueue.persistence.example"}
    exec(code, module)  # noqa: S102 - a function that says it is of a store
    use = module["use"]
    assert callable(use)
    call = Interruptible()
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(performed, lambda: use(inside, go_on), call)
        inside.wait()
        assert not call.interrupt("not now")
        go_on.set()
        assert running.result(60)[0] is not None


def test_threads_are_started_as_they_are_needed() -> None:
    threads = JobThreads(3)
    done: list[str] = []
    for number in range(5):
        threads.submit(lambda: done.append(threading.current_thread().name), 0)
        eventually(partial(_has, done, number + 1))
    assert set(done) == {"skunkqueue-job-1"}


def _has(done: list[str], number: int) -> bool:
    return len(done) == number


def test_a_job_that_awaits_on_a_thread_is_refused() -> None:
    class Forever:
        def __await__(self) -> object:
            yield

    async def wait() -> None:
        await Forever()  # type: ignore[misc]  # what is awaited does not matter

    with pytest.raises(RuntimeError, match="has awaited"):
        run_to_end(wait())


AFTERWARDS = """
import sys, threading, time
from contextvars import copy_context
from skunkqueue.errors import Interrupted
from skunkqueue.worker.run.job_threads import Interruptible

def run(call, function):
    try:
        call.call(copy_context(), function)
    except BaseException as error:
        print(type(error).__name__)

def on_thread(function, *arguments):
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    return thread

def traced():
    sys.settrace(lambda *_: None)
    (lambda: None)()
    sys.settrace(None)
    print("traced")

INTERRUPT
on_thread(traced).join()
"""
ONE_WAY_OUT = "on_thread(run, Interruptible(), lambda: None).join()"
ANOTHER = """
call = Interruptible()
call._thread, call._struck = threading.get_ident(), 1.0
call._leave()
"""


@pytest.mark.parametrize("way", [ONE_WAY_OUT, ANOTHER], ids=["ended", "interrupted too late"])
def test_a_thread_may_be_traced_after_a_job_on_another(way: str) -> None:
    """Python 3.11 keeps a note for the whole process that an exception is to be raised, and traced code waits for it."""
    program = AFTERWARDS.replace("INTERRUPT", way)

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.stdout == "traced\n", done.stderr

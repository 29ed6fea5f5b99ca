"""Calling plugins' code under a time limit."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.errors import PluginError, PluginTimeoutError
from skunkqueue.plugins.calls import FIRST_REST, LONGEST_REST, Call, Caller, Rests, call_within
from tests.support.waiting import eventually

SHORT = 0.2
"""A limit for what never returns; what does return has a long one."""
LONG = 60.0


@pytest.fixture
def blocked() -> Iterator[Callable[[], object]]:
    """Make something that blocks until the test is over."""
    released = threading.Event()
    yield released.wait
    released.set()


@pytest.fixture
def busy() -> Iterator[Callable[[], None]]:
    """Make something that runs Python code until the test is over."""
    over: list[int] = []

    def loop() -> None:
        while not over:
            pass

    yield loop
    over.append(1)


def test_what_a_call_returns_or_raises_comes_back() -> None:
    with pytest.raises(ZeroDivisionError):
        call_within(LONG, lambda: 1 // 0)
    assert call_within(LONG, lambda: "here") == "here"


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_ends_a_process_elsewhere_is_a_plugin_error(kind: type[BaseException]) -> None:
    def leave() -> None:
        raise kind

    with pytest.raises(PluginError, match=kind.__name__):
        call_within(LONG, leave)


def test_a_call_that_blocks_is_given_up(blocked: Callable[[], object]) -> None:
    with pytest.raises(PluginTimeoutError, match=r"did not return within 0\.2 s"):
        call_within(SHORT, blocked)


def test_threads_begin_under_a_tracer_after_a_call_was_given_up(blocked: Callable[[], object]) -> None:
    """Python 3.11 lets none begin while an exception waits for a thread that blocks."""
    with pytest.raises(PluginTimeoutError):
        call_within(0.05, blocked)
    began = threading.Event()
    before = threading.gettrace()
    threading.settrace(lambda *_: None)
    try:
        thread = threading.Thread(target=began.set, daemon=True)
        thread.start()
    finally:
        threading.settrace(before)

    assert began.wait(30)


def test_python_code_that_is_given_up_is_interrupted(busy: Callable[[], None]) -> None:
    ran: list[threading.Thread] = []

    def spin() -> None:
        ran.append(threading.current_thread())
        busy()

    with pytest.raises(PluginTimeoutError):
        call_within(SHORT, spin)
    eventually(lambda: not ran[0].is_alive(), what="the thread ends")


def test_the_calls_after_one_that_hangs_are_made(blocked: Callable[[], object]) -> None:
    caller = Caller("calls", SHORT)

    results = caller.call_each([Call("a", lambda: 1), Call("b", blocked), Call("c", lambda: 3)])

    assert [result.value for result in results] == [1, None, 3]
    assert [type(result.error) for result in results] == [type(None), PluginTimeoutError, type(None)]
    assert caller.call_each([Call("d", lambda: 4)])[0].value == 4
    caller.close()


def test_each_call_has_a_limit_of_its_own() -> None:
    caller = Caller("calls", 2.0)

    results = caller.call_each([Call("a", lambda: time.sleep(0.3))] * 10)

    assert [result.error for result in results] == [None] * 10
    caller.close()


def test_calls_are_made_in_the_order_in_which_they_came() -> None:
    caller, made = Caller("calls", LONG), list[int]()

    for number in range(100):
        caller.hand_over([Call("a", lambda number=number: made.append(number))])  # type: ignore[misc]  # mypy cannot type a lambda's default
    caller.call_each([Call("b", lambda: None)])

    assert made == list(range(100))
    caller.close()


def test_a_call_nobody_waits_for_is_given_up_when_somebody_looks(blocked: Callable[[], object]) -> None:
    told: list[object] = []
    caller = Caller("calls", SHORT, given_up=lambda call: told.append(call.about))

    caller.hand_over([Call("a", blocked, "hangs"), Call("b", lambda: told.append("next"))])

    def watched() -> bool:
        caller.watch()
        return len(told) == 2

    eventually(watched)
    assert told == ["hangs", "next"]
    caller.close()


def test_one_that_was_closed_may_be_called_again() -> None:
    caller = Caller("calls", LONG)

    for number in range(50):
        assert caller.call_each([Call("a", lambda number=number: number)])[0].value == number  # type: ignore[misc]  # as above
        caller.close()


def test_those_around_a_call_hear_of_its_end_also_where_it_is_given_up(blocked: Callable[[], object]) -> None:
    heard: list[object] = []
    caller = Caller(
        "calls", SHORT, enter=lambda call: heard.append(call.about), leave=lambda: heard.append("left")
    )

    caller.call_each([Call("a", blocked, "first"), Call("a", lambda: 1, "second")])

    assert heard == ["first", "left", "second", "left"]
    caller.close()


def test_threads_that_wait_behind_one_that_hangs_get_their_turn(blocked: Callable[[], object]) -> None:
    caller = Caller("calls", SHORT)
    caller.hand_over([Call("a", blocked)])
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(caller.call_each([Call("b", lambda: 2)])[0].value))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [2] * 5
    caller.close()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # forking beside threads is the point
def test_calls_are_made_also_after_a_fork() -> None:
    caller = Caller("calls", LONG)
    caller.call_each([Call("a", lambda: 1)])

    child = os.fork()
    if child == 0:
        os._exit(caller.call_each([Call("a", lambda: 7)])[0].value)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    caller.close()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # as above
def test_copy_of_the_process_that_a_plugin_makes_ends_when_its_call_returns() -> None:
    caller = Caller("calls", LONG)

    (result, after) = caller.call_each([Call("a", os.fork), Call("a", os.getpid)])
    assert after.value == os.getpid()
    try:
        status = eventually(lambda: ended(result.value), what="the copy has ended")
    except AssertionError:
        os.kill(result.value, signal.SIGKILL)
        raise
    assert status == [1]
    caller.close()


def ended(child: int) -> list[int]:
    pid, status = os.waitpid(child, os.WNOHANG)
    return [os.waitstatus_to_exitcode(status)] if pid else []


def test_where_no_thread_can_be_had_a_call_fails_and_the_next_may_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caller = Caller("calls", LONG)
    with monkeypatch.context() as exhausted:

        def refuse(_thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        exhausted.setattr(threading.Thread, "start", refuse)
        (result,) = caller.call_each([Call("a", lambda: 1)])
    assert isinstance(result.error, RuntimeError)

    assert caller.call_each([Call("a", lambda: 1)])[0].value == 1
    caller.close()


def test_rests_grow_up_to_a_longest_and_begin_anew_after_a_success() -> None:
    clock = VirtualClock()
    rests = Rests(monotonic=clock.monotonic)

    found = []
    for _ in range(9):
        found.append(rests.begin("a"))
        clock.advance(found[-1])

    assert found[:3] == [FIRST_REST, 2 * FIRST_REST, 4 * FIRST_REST]
    assert found[-1] == LONGEST_REST
    rests.end("a")
    assert rests.begin("a") == FIRST_REST
    assert (rests.has("a"), rests.has("b")) == (True, False)


def test_calls_under_way_at_the_same_hang_begin_one_rest_together() -> None:
    clock = VirtualClock()
    rests = Rests(monotonic=clock.monotonic)
    together, found = threading.Barrier(8), []

    def give_up() -> None:
        together.wait(LONG)
        found.append(rests.begin("a"))

    threads = [threading.Thread(target=give_up) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [FIRST_REST] * 8
    clock.advance(FIRST_REST)
    assert not rests.has("a")
    assert rests.begin("a") == 2 * FIRST_REST


def test_a_rest_is_handed_on_and_ends() -> None:
    rests = Rests({"a": 30.0, "b": -1.0})

    assert (rests.has("a"), rests.has("b")) == (True, False)
    assert 0 < rests.left()["a"] <= 30.0
    assert "b" not in rests.left()

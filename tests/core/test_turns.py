"""Turns: one call at a time, and none that is over keeps the others from theirs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from skunkqueue.opening import StoreOpening
from skunkqueue.persistence.sqlite.writer import Writer
from skunkqueue.turns import Exclusive, Turn, Turned
from tests.support.jumps import left_out
from tests.support.moments import Stop, moments


def calls(turn: Turn[Turned] | None, action: Callable[[Turn[Turned], Turned], object]) -> Turned:
    """Make a call that takes turns, and leave without giving anything back."""
    call = Turned()
    action(turn or made(), call)
    return call


def made() -> Turn[Turned]:
    return Turn(calls.__code__, "call")


def test_one_call_has_the_turn_until_it_gives_it_back() -> None:
    turn = made()

    def first(turn: Turn[Turned], call: Turned) -> None:
        assert turn.take(call) is call
        assert turn.holder is call
        calls(turn, lambda turn, second: turn.take(second))
        assert turn.holder is call
        turn.give_back()

    calls(turn, first)
    assert turn.holder is None


def test_turn_is_passed_on() -> None:
    turn = made()

    def first(turn: Turn[Turned], call: Turned) -> None:
        turn.take(call)
        turn.pass_on(heir)
        assert turn.take(call) is heir

    heir = Turned()
    calls(turn, first)
    assert turn.holder is heir


def test_turn_of_a_call_that_is_over_is_taken_over_by_one() -> None:
    turn = made()
    lost = calls(turn, lambda turn, call: turn.take(call))
    assert not turn.is_under_way(lost)

    def next_one(turn: Turn[Turned], call: Turned) -> None:
        assert turn.take(call) is lost
        assert turn.take_over(lost, call)
        # Another one that has seen the same comes too late, now and afterwards.
        calls(turn, late_is_refused)
        turn.give_back()
        calls(turn, late_is_refused)

    def late_is_refused(turn: Turn[Turned], late: Turned) -> None:
        assert not turn.take_over(lost, late)

    calls(turn, next_one)
    assert turn.holder is None


def test_turn_is_taken_over_though_the_one_before_died_of_that_too() -> None:
    turn = made()
    lost = calls(turn, lambda turn, call: turn.take(call))
    # It got in line, and no further.
    calls(turn, lambda turn, call: turn._heirs.setdefault(lost, call))
    last = calls(turn, lambda turn, call: turn.take_over(lost, call))
    assert turn.holder is last


def test_call_in_another_thread_is_seen_to_be_under_way() -> None:
    turn = made()
    taken, leave = threading.Event(), threading.Event()

    def hold(turn: Turn[Turned], call: Turned) -> None:
        turn.take(call)
        taken.set()
        assert leave.wait(60)

    with ThreadPoolExecutor(1) as threads:
        over = threads.submit(calls, turn, hold)
        assert taken.wait(60)
        holder = turn.holder
        assert holder is not None
        assert turn.is_under_way(holder)
        leave.set()
        assert over.result() is holder
        assert not turn.is_under_way(holder)
    assert not turn.is_under_way(holder)


def test_exclusive_actions_do_not_overlap() -> None:
    alone = Exclusive()
    inside: list[int] = []

    def action() -> int:
        inside.append(1)
        found = len(inside)
        inside.pop()
        return found

    with ThreadPoolExecutor(4) as threads:
        runs = [threads.submit(alone.run, action, otherwise=0) for _ in range(400)]
        assert {run.result(60) for run in runs} == {1}


def test_exclusive_action_may_be_interrupted_at_any_moment() -> None:
    alone = Exclusive()

    def handler() -> None:
        assert alone.run(lambda: 1, otherwise=2) in {1, 2}
        raise Stop

    with ThreadPoolExecutor(1) as threads:
        for moment in moments(("skunkqueue/turns.py",), handler):
            with suppress(Stop):
                moment(lambda: alone.run(lambda: 1, otherwise=2))
            assert threads.submit(alone.run, lambda: 1, otherwise=2).result(60) == 1
            assert alone.run(lambda: 1, otherwise=2) == 1


@pytest.mark.parametrize("function", [Exclusive.run, StoreOpening.open, Writer.run])
def test_what_a_handler_raises_at_the_end_of_a_loop_does_not_pass_its_try_by(
    function: Callable[..., object],
) -> None:
    assert left_out(function.__code__) == []

"""Calls that take the result of the step before them: checked when they are fired, and shown."""

from __future__ import annotations

import pytest

from skunkqueue import JobMixin, SkunkQueue
from skunkqueue.call import Call
from skunkqueue.cli.views import call_line
from skunkqueue.errors import ArgumentsError

queue = SkunkQueue("previous", conn_url="sqlite:///:memory:")


@queue.job
def give() -> int:
    return 1


@queue.job
def take(given: int, more: int = 0) -> int:
    return given + more


@queue.job
class Take(JobMixin):
    """The same as a class."""

    def work(self, given: int, more: int = 0) -> int:
        return given + more


def test_steps_say_which_take_the_result_before_them() -> None:
    chain = give() & take.with_previous() & take(5) & Take().with_previous()

    assert [step.previous for step in chain.steps()] == [False, True, False, True]
    assert repr(take(5).with_previous().options(retries=3)) == f"<Call {__name__}:take(previous, 5)>"
    assert call_line(chain.steps()[1]) == f"{__name__}:take().with_previous()"


@pytest.mark.parametrize(
    ("call", "same"),
    [
        (take.with_previous(5), take(5).with_previous()),
        (take.with_previous(more=5), take(more=5).with_previous()),  # type: ignore[call-arg]  # without the result
        (take.options(retries=3).with_previous(5), take(5).options(retries=3).with_previous()),
        (Take().with_previous(more=5), Take()(more=5).with_previous()),  # type: ignore[call-arg]  # without the result
    ],
)
def test_with_previous_takes_the_arguments_after_the_result(call: Call[int], same: Call[int]) -> None:
    assert (give() & call).steps() == (give() & same).steps()


def test_the_result_counts_as_an_argument() -> None:
    with pytest.raises(ArgumentsError, match="take cannot be called with these arguments"):
        (give() & take(1, 2).with_previous()).steps()
    with pytest.raises(ArgumentsError, match="take cannot be called with these arguments"):
        (give() & take.with_previous(1, 2)).steps()  # type: ignore[call-arg]  # one too many
    with pytest.raises(ArgumentsError, match="give cannot be called with these arguments"):
        (give() & give.with_previous()).steps()


@pytest.mark.parametrize("call", [take.with_previous(), take.with_previous() & give()])
def test_without_a_step_before_it_is_refused_with_the_way_out(call: object) -> None:
    with pytest.raises(
        ArgumentsError, match=r"no step is before it: join it .*first\(\) & take\.with_previous\(\)"
    ):
        queue.fire_call(call)  # type: ignore[call-overload]  # a call or a chain

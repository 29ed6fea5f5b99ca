"""What an application registers on its queue: functions, each once, by the queue's name."""

from __future__ import annotations

import pytest

from skunkqueue import SkunkQueue
from skunkqueue.application import handlers_of
from skunkqueue.errors import WrongTypeError


@pytest.mark.parametrize("how", ["on_worker_start", "on_worker_stop", "on_failure"])
def test_what_cannot_be_called_is_refused_with_the_way_out(how: str) -> None:
    queue = SkunkQueue("application-refused", conn_url="sqlite:///:memory:")
    with pytest.raises(WrongTypeError, match=rf"queue\.{how}\(5\): give a function, as in `@queue\.{how}`"):
        getattr(queue, how)(5)


def test_a_function_that_is_registered_is_still_the_function_and_is_kept_once() -> None:
    def begin() -> None: ...

    for _ in range(2):
        queue = SkunkQueue("application-once", conn_url="sqlite:///:memory:")
        assert queue.on_worker_start(begin) is begin
    assert handlers_of("application-once").start == [begin]
    assert handlers_of("application-other").start == []

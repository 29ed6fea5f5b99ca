"""Wrong uses of the test mode, each of which a type checker must find."""

from __future__ import annotations

from skunkqueue import SkunkQueue
from skunkqueue.testing import advance, as_attempt, assert_fired, divert, fired, run_for, run_pending

queue = SkunkQueue("demo")


@queue.job
def add(first: int, second: int) -> int:
    return first + second


def plain() -> None:
    pass


assert_fired(add("four", 5))  # error: arg-type
assert_fired(add(4))  # error: call-arg
assert_fired("add")  # error: arg-type
assert_fired(add, times="twice")  # error: arg-type
fired(plain)  # error: arg-type
fired(int)  # error: arg-type
advance("1h")  # error: arg-type
advance(weeks=1)  # error: call-arg
run_pending("demo")  # error: arg-type
run_for(queue)  # error: arg-type
number: int = run_pending()  # error: assignment
with as_attempt("2"):  # error: arg-type
    pass
with divert(eager=True):  # error: call-arg
    pass

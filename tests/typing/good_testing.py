"""Right uses of the test mode, which a type checker must accept."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from skunkqueue import JobMixin, SkunkQueue
from skunkqueue.testing import (
    Attempted,
    Fired,
    JobStore,
    advance,
    as_attempt,
    assert_fired,
    assert_not_fired,
    divert,
    fired,
    now,
    run_for,
    run_pending,
)

queue = SkunkQueue("demo")


@queue.job
def add(first: int, second: int) -> int:
    return first + second


@queue.job
class Report(JobMixin):
    def work(self, year: int) -> str:
        return str(year)


with divert() as store:
    also_store: JobStore = store
    found: list[Fired] = fired()
    found = fired(add)
    found = fired(add(4, 5))
    found = fired(add(4, 5) & Report()(2025))
    found = fired(Report)
    one: Fired = assert_fired(Report(), times=2)
    assert_not_fired()
    assert_not_fired(add)
    attempts: list[Attempted] = run_pending()
    attempts = run_pending(queue, errors=True)
    attempts = run_for(timedelta(days=1), queue=queue)
    attempts = run_for(hours=3, minutes=0.5)
    advance(60)
    advance(days=1)
    moment: datetime = now()
    result: Any = attempts[0].result
    with as_attempt(2, stopping=True), store.eager(errors=True):
        number: int = add.work(4, 5)

"""An application that fires jobs, as tests of the test mode see it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from skunkqueue import FailedFiring, JobHandle, JobMixin, Retry, SkunkQueue, Snooze, current_job
from skunkqueue import testing as mode

queue = SkunkQueue("shop")
mail = SkunkQueue("mail")
RAN: list[object] = []
HEARD: list[FailedFiring] = []


@queue.job
def add(first: int, second: int = 1) -> int:
    RAN.append((first, second))
    return first + second


@mail.job(routes=["out"], priority=7, tags=["mail"])
def send(to: str) -> str:
    return to


@queue.job(retries=2, backoff=3600)
def flaky(good_from: int) -> int:
    RAN.append(current_job().attempt)
    if current_job().attempt < good_from:
        raise ValueError("not yet")
    return current_job().attempt


@queue.job
def snooze_once() -> str:
    RAN.append("snooze")
    if len(RAN) == 1:
        raise Snooze(timedelta(days=1))
    return "done"


@queue.job(retries=5)
def ask_again() -> None:
    raise Retry(timedelta(hours=2))


@queue.job
def fail(text: str) -> None:
    raise LookupError(text)


@queue.job(name="tests.named")
def named(number: int) -> int:
    return number


@queue.job
async def double(number: int) -> int:
    RAN.append(current_job().name)
    return 2 * number


@queue.job
def fire_another(number: int) -> str:
    return add.fire(number, 0).id


@queue.job
def wait_for_another() -> int:
    return add.fire(1, 1).wait(60)


@queue.job
def advance_the_clock() -> None:
    mode.advance(hours=1)


@queue.job
def fire_itself() -> None:
    fire_itself.fire()


@queue.job(timeout=0.05)
def hang() -> None:
    threading.Event().wait(60)


@queue.job
def give_up() -> None:
    pytest.fail("from within a job")


@queue.job(queue_type="broadcast", routes=["a", "b"])
def tell(word: str) -> str:
    RAN.append(word)
    return word


@queue.job(idempotency_key="only one")
def keyed() -> None:
    pass


@queue.job(expires=60)
def hasty() -> None:
    RAN.append("in time")


BEGUN, GO_ON = threading.Event(), threading.Event()


@queue.job
def hold_on() -> str:
    BEGUN.set()
    GO_ON.wait(60)
    return "held on"


@queue.job
def fire_from_a_thread() -> str:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(add.fire, 1).result(60).id


@queue.job
async def await_another() -> int:
    return await (await double.fire_async(4))


@queue.job
async def await_another_route() -> str:
    return await send.fire("ann")


@queue.job
class Report(JobMixin):
    def __init__(self, subject: str) -> None:
        super().__init__()
        self.subject = subject

    def work(self, year: int) -> str:
        return f"{self.subject} {year}, attempt {current_job().attempt}"


@queue.on_failure
def hear(failure: FailedFiring) -> None:
    HEARD.append(failure)


def sign_up(name: str) -> JobHandle[str]:
    return send.fire(name)

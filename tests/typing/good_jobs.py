"""Programs a type checker must accept, with the types it must see. Checked, never run."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from typing_extensions import assert_type

from skunkqueue import Exponential, SkunkQueue, SkunkQueueError
from skunkqueue.errors import FiringFailedError
from skunkqueue.job import Job, JobMixin
from skunkqueue.records import State

queue = SkunkQueue("demo")


@queue.job(routes=["foo"], retries=3, backoff=[1, timedelta(minutes=1)], timeout=5.0, priority=8)
def add(first: int, second: int) -> int:
    return first + second


@queue.job
def greet(name: str, *, loud: bool = False) -> str:
    return name.upper() if loud else name


@queue.job()
async def fetch(url: str) -> bytes:
    return url.encode()


class SayHello(JobMixin):
    retries = 3
    routes = ["foo"]  # noqa: RUF012 - as a user writes it
    tags = ("greeting",)

    def work(self, name: str = "you") -> None:
        print("hello", name)


class Fetch(JobMixin):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    async def work(self) -> bytes:
        return self.url.encode()


@queue.job
class Report(JobMixin):
    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title

    def work(self, year: int) -> str:
        return f"{self.title} {year}"


@queue.job(retries=3, tags=["slow", "vip"])
class Urgent(Report):
    def total(self) -> int:
        return len(self.title)


assert_type(Report("Sales"), Report)
assert_type(Urgent("Sales").options(priority=9), Urgent)
Urgent("Sales").options(priority=9).fire(2025)
Report("Sales").fire_at(timedelta(hours=3), 2025)
Report("Sales")(2025).options(priority=9).fire()
add(4, 5).options(priority=9)
assert_type(add(4, 5).options(expires=60).fire().wait(), int)
assert_type(queue.fire_call(add(4, 5), timedelta(hours=3)).wait(), int)
queue.fire_call(Report("Sales"))


class Bare(JobMixin):
    def work(self) -> None: ...


@queue.job
def named_as_it_likes(self: int, when: str) -> None: ...


assert_type(named_as_it_likes.fire(self=1, when="noon").wait(), None)
bare = Bare()
bare.routes = ["foo"]
queue += bare
assert_type(add.fire(4, 5).result, int | None)
assert_type(add.fire(4, second=5).wait(timeout=1), int)
assert_type(add.fire(4, 5).wait(timeout=timedelta(seconds=1)), int)
assert_type(queue.results([add.fire(4, 5)], timedelta(seconds=1)), list[int])
Exponential(base=timedelta(seconds=1), cap=timedelta(hours=1))
assert_type(add.fire(4, 5).state, State | None)
assert_type(add.fire_at(timedelta(seconds=60), 4, 5).wait(), int)
assert_type(add.fire_at(datetime.now(timezone.utc), 4, 5).wait(), int)
assert_type(add.fire_at(60, 4, 5).wait(), int)
assert_type(add.result, int | None)
assert_type(add.state, State | None)
assert_type(add.options(priority=9).fire(4, 5).wait(), int)
add.work(4, 5)
assert_type(greet.fire("Jed", loud=True).wait(), str)
assert_type(fetch.fire("a").wait(), bytes)
assert_type(SayHello().fire("Jed").wait(), Any)

add.routes = ["foo", "bar"]
queue += add(4, 5)
queue += SayHello()
hello = SayHello()
hello.routes = ["foo"]
queue += hello("Jed")
queue += Fetch("a")
both = SayHello() & SayHello()("Ian")
both.routes = ["foo"]
queue += both
queue += add(4, 5) & greet("Jed")
queue.fire_many([add(1, 2), add(3, 4)])


handles = [add.fire(1, 2), add.fire(3, 4)]
wanted = bool(handles)
assert_type(queue.results(handles), list[int])
assert_type(queue.results(handles, 5.0, errors=False), list[int])
assert_type(queue.results(handles, errors=True), list[int | SkunkQueueError])
assert_type(queue.results(handles, errors=wanted), list[int | SkunkQueueError])
for one in queue.results(handles, errors=True):
    if isinstance(one, FiringFailedError):
        print(one.id, one.job, one.kind, one.message, one.traceback)
        assert_type(one.state, State | None)
        assert_type(one.attempts, int)
    elif isinstance(one, SkunkQueueError):
        print(one)
    else:
        assert_type(one, int)


def takes_a_job(job: Job[[int, int], int]) -> int:
    return job.fire(1, 2).wait()


takes_a_job(add)

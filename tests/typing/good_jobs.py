"""Programs a type checker must accept, with the types it must see. Checked, never run."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from typing_extensions import assert_type

from skunkqueue import Exponential, FailedFiring, JobHandle, SkunkQueue, SkunkQueueError, current_job
from skunkqueue.call import Call, Chain
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
assert_type(add(4, 5).fire(transaction=object()), JobHandle[int])
assert_type(add(4, 5).fire_at(60, transaction=object()), JobHandle[int])
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
assert_type(SayHello().fire("Jed").wait(), None)
assert_type(SayHello().fire(), JobHandle[None])
assert_type(SayHello()("Jed"), Call[None])
assert_type(Report("Sales").fire(2025).wait(), str)
assert_type(Report("Sales").fire(year=2025).result, str | None)
assert_type(Report("Sales").fire_at(60, 2025).wait(), str)
assert_type(Report("Sales")(2025).fire().wait(), str)
assert_type(Report("Sales").options(priority=9).fire(2025).wait(), str)
assert_type(Urgent("Sales").fire(2025).wait(), str)
assert_type(Report("Sales").work(2025), str)
assert_type(Fetch("a").fire().wait(), bytes)
assert_type(Fetch("a").fire_at(60).wait(), bytes)
assert_type(Fetch("a")().fire().wait(), bytes)


@queue.job
class Halve(JobMixin):
    @staticmethod
    def work(number: int, *, by: float = 2.0) -> float:
        return number / by


assert_type(Halve().fire(5, by=3.0).wait(), float)
assert_type(queue.fire_many([add(1, 2), add(3, 4)]), list[JobHandle[int]])
assert_type(queue.fire_many(add(n, n) for n in range(3)), list[JobHandle[int]])
assert_type(queue.results(queue.fire_many(greet("a") for _ in range(3))), list[str])
assert_type(queue.fire_many([Report("Sales")(2025)]), list[JobHandle[str]])
queue.fire_many([add(1, 2), Report("Sales")(2025)])
queue.fire_many([SayHello(), Bare()])
assert_type(queue.gather(add.fire(1, 2), greet.fire("a")), tuple[int, str])
assert_type(queue.gather(add.fire(1, 2), greet.fire("a"), fetch.fire("b")), tuple[int, str, bytes])
number, text = queue.gather(add.fire(1, 2), greet.fire("a"), timeout=5)
assert_type(number, int)
assert_type(text, str)
assert_type(queue.gather(*[add.fire(1, 2)]), tuple[Any, ...])
anything: JobHandle[object] = add.fire(1, 2)
wide: list[JobHandle[int | str]] = [add.fire(1, 2), greet.fire("a")]
assert_type(queue.results(wide), list[int | str])
assert_type(add(1, 2) & greet("a"), Chain)
assert_type((add(1, 2) & greet("a")).fire().wait(), list[Any])
assert_type(greet.with_previous(), Call[str])
assert_type(greet("a").with_previous().options(retries=3), Call[str])
queue.fire_call(add(1, 2) & greet.with_previous())
queue.fire_call(add(1, 2) & SayHello().with_previous())


@queue.job
def enclose(inner: str, before: str, *, after: str) -> bytes:
    return f"{before}{inner}{after}".encode()


class Enclose(JobMixin):
    def work(self, inner: str, before: str, *, after: str = "") -> bytes:
        return f"{before}{inner}{after}".encode()


class EncloseLater(JobMixin):
    async def work(self, inner: str, before: str) -> bytes:
        return f"{before}{inner}".encode()


assert_type(greet.with_previous(loud=True), Call[str])
assert_type(enclose.with_previous("(", after=")"), Call[bytes])
assert_type(enclose.options(retries=3).with_previous("(", after=")"), Call[bytes])
assert_type(Enclose().with_previous("(", after=")"), Call[bytes])
assert_type(EncloseLater().with_previous("("), Call[bytes])
queue.fire_call(greet("a") & enclose.with_previous("(", after=")") & Enclose().with_previous("("))


@queue.job(name="shop.named", aliases=["old:named"], retries=3)
def named(first: int) -> int:
    return first


assert_type(named.fire(1).wait(), int)


@queue.on_worker_start
def begin() -> None: ...


@queue.on_failure
def report_failure(failed: FailedFiring) -> None:
    print(failed.job, failed.id, failed.exception)


begin()


async def in_a_loop() -> None:
    assert_type(await add.fire_async(4, 5), JobHandle[int])
    assert_type(await (await add.fire_async(4, 5)), int)
    assert_type(await add.fire_at_async(60, 4, 5), JobHandle[int])
    assert_type(await (await add.fire_async(4, 5)).wait_async(3), int)
    assert_type(await Report("Sales").fire_async(2025), JobHandle[str])
    assert_type(await Fetch("a").fire_async(), JobHandle[bytes])
    assert_type(await add(4, 5).fire_async(), JobHandle[int])
    several = await queue.fire_many_async(add(n, n) for n in range(3))
    assert_type(several, list[JobHandle[int]])
    assert_type(await queue.results_async(several), list[int])
    async for result in queue.results_async(several, 5):
        assert_type(result, int)
    assert_type(await queue.results_async(several, errors=True), list[int | SkunkQueueError])


def in_a_job() -> None:
    job = current_job()
    assert_type(job.stopping, bool)
    assert_type(job.attempt, int)
    job.progress(1, 2, "half")


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

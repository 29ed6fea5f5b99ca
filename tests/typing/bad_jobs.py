"""Mistakes a type checker must find. Each line that is wrong ends in the code of the error it gets."""

from __future__ import annotations

from datetime import timedelta

from skunkqueue import JobMixin, SkunkQueue

queue = SkunkQueue("demo")


@queue.job(routes=["foo"])
def add(first: int, second: int) -> int:
    return first + second


@queue.job
async def fetch(url: str) -> bytes:
    return url.encode()


@queue.job
class Report(JobMixin):
    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title

    def work(self) -> str:
        return self.title


@queue.job
class Yearly(JobMixin):
    def work(self, year: int, *, loud: bool = False) -> str:
        return str(year).upper() if loud else str(year)


@queue.job
class Get(JobMixin):
    async def work(self, url: str) -> bytes:
        return url.encode()


add.fire(4, 5, transaction=object())  # error: call-arg
Yearly().fire("2025")  # error: arg-type
Yearly().fire()  # error: call-arg
Yearly().fire(2025, 2026)  # error: call-arg
Yearly().fire(2025, louder=True)  # error: call-arg
Yearly().fire(2025, loud="yes")  # error: arg-type
Yearly().fire_at(60, "2025")  # error: arg-type
Yearly().fire_at("soon", 2025)  # error: arg-type
Yearly()("2025")  # error: arg-type
Yearly()()  # error: call-arg
Yearly().options(priority=9).fire("2025")  # error: arg-type
Yearly().work("2025")  # error: arg-type
Get().fire(5)  # error: call-overload
Get().fire()  # error: call-overload
Get()(5)  # error: call-overload
wrong_year: int = Yearly().fire(2025).wait()  # error: assignment
wrong_bytes: str = Get().fire("a").wait()  # error: assignment
many = queue.fire_many([add(1, 2)])
wrong_many: list[str] = queue.results(many)  # error: arg-type
pair = queue.gather(add.fire(1, 2), fetch.fire("a"))
wrong_pair: tuple[str, bytes] = pair  # error: assignment
queue.gather(add)  # error: call-overload
queue.results([add])  # error: arg-type
queue.fire_many([5])  # error: arg-type
queue.fire_many(add(1, 2))  # error: call-overload
queue.fire_call(5)  # error: call-overload
add(1, 2) & 5  # error: operator
greet_wrong = add(1, 2).with_previous(3)  # error: call-arg
add.with_previous("3")  # error: arg-type
add.with_previous(2, 3)  # error: call-arg
add.with_previous()  # error: call-arg


@queue.job(name=5)  # error: call-overload
def numbered() -> None: ...


@queue.job(retries="3")  # error: call-overload
def tried() -> None: ...


@queue.on_worker_start  # error: type-var
def needs_more(first: int) -> None: ...


@queue.on_failure  # error: type-var
def takes_nothing() -> None: ...


async def in_a_loop() -> None:
    add.fire_async(4, 5)  # error: unused-coroutine
    await add.fire_async(4, "x")  # error: arg-type
    await add.fire_async(4)  # error: call-arg
    await add.fire_at_async("soon", 4, 5)  # error: arg-type
    await Yearly().fire_async("2025")  # error: arg-type
    missing: int = await add.fire_async(4, 5)  # error: assignment
    for _ in queue.results_async([await add.fire_async(4, 5)]):  # error: attr-defined
        pass
    print(missing)


Report(5)  # error: arg-type
Report("Sales").options(prority=9)  # error: call-arg
add.fire(4, "x")  # error: arg-type
add.fire(4)  # error: call-arg
add.fire(4, 5, 6)  # error: call-arg
add.fire(4, third=5)  # error: call-arg
add.fire_at(timedelta(seconds=60), 4, "x")  # error: arg-type
add.fire_at("tomorrow", 4, 5)  # error: arg-type
add.options(priority=9).fire(4, "x")  # error: arg-type
queue += add(4, "x")  # error: arg-type
fetch.fire(1)  # error: arg-type

for one in queue.results([fetch.fire("a")], errors=True):
    print(one.decode())  # error: union-attr

text: str = add.fire(4, 5).wait()  # error: assignment
number: int = add.fire(4, 5).result  # error: assignment
also_number: int = fetch.fire("a").wait()  # error: assignment
print(add.fire(4, 5).stat)  # error: attr-defined
add.work(4, "x")  # error: arg-type
queue += 5  # error: arg-type

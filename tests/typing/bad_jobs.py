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

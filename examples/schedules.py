"""Declare jobs that come again by themselves: two together every three hours, and one of them alone.

Install the schedulers:  pip install ./skunkqueue-core ./skunkqueue-schedulers
In one terminal:  skunq work -q demo -r foo
In another, in the same folder:  python schedules.py
"""

from datetime import timedelta

from skunkqueue import SkunkQueue
from skunkqueue.job import JobMixin
from skunkqueue.scheduler import TimeScheduler

queue = SkunkQueue("demo")


class Foo(JobMixin):
    """Half of what is to be done."""

    def work(self) -> None:
        """Print into the worker's terminal."""
        print("baz")


class Bar(JobMixin):
    """The other half."""

    def work(self) -> None:
        """Print into the worker's terminal."""
        print("qux")


if __name__ == "__main__":
    job = Foo()
    job.routes = ["foo"]

    job2 = Bar()
    job2.routes = ["foo"]

    with TimeScheduler(queue, timedelta(hours=3)) as schedule:
        schedule << job
        schedule << job2
        # All that is fed up to a flush is conjoined: one schedule, which always runs together.
        print("declared", schedule.flush())
        schedule << job
        # On exit, the scheduler flushes once more.
    for declared in queue.backend.schedules("demo"):
        print(declared.name, "every", timedelta(seconds=declared.interval or 0))

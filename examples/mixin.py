"""Make a class a job: its work method is what a worker runs.

In one terminal:  skunq work -q demo -r foo
In another, in the same folder:  python mixin.py
"""

from skunkqueue import SkunkQueue
from skunkqueue.job import JobMixin

queue = SkunkQueue("demo")


class SayHello(JobMixin):
    """Greet the world."""

    def work(self) -> None:
        """Print into the worker's terminal, or its log file."""
        print("hello!")


class SayHelloToSomeone(JobMixin):
    """Greet one person."""

    retries = 3  # policies are class attributes

    def work(self, name: str) -> None:
        """Take any arguments that can be saved."""
        print("hello", name, "!")


if __name__ == "__main__":
    hello = SayHello()
    hello.routes = ["foo"]
    queue += hello

    someone = SayHelloToSomeone()
    someone.routes = ["foo"]
    queue += someone("Jed")

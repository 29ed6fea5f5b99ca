"""The jobs that ``skunq demo`` fires: one of each kind. Read it as an example."""

from __future__ import annotations

import asyncio
import time

from skunkqueue.context import current_job
from skunkqueue.job import JobMixin
from skunkqueue.queue import SkunkQueue

ROUTES = ("numbers", "words")

queue = SkunkQueue("demo")


@queue.job(routes=["numbers"])
def add(first: int, second: int) -> int:
    """Add two numbers: a function as a job."""
    return first + second


@queue.job(routes=["numbers"], retries=3, backoff=[0.3, 0.6])
def flaky(succeeds_at: int) -> str:
    """Fail until the attempt is the one asked for."""
    attempt = current_job().attempt
    if attempt < succeeds_at:
        msg = f"attempt {attempt} fails on purpose"
        raise ConnectionError(msg)
    return f"worked at attempt {attempt}"


@queue.job(routes=["words"])
def count(letters: str) -> dict[str, int]:
    """Take a while, and report progress."""
    found: dict[str, int] = {}
    for done, letter in enumerate(letters):
        current_job().progress(done, len(letters), note=letter)
        found[letter] = found.get(letter, 0) + 1
        time.sleep(0.1)
    return found


@queue.job(routes=["words"])
async def fetch(page: str, seconds: float) -> str:
    """Wait as if for a network; other async jobs run meanwhile."""
    await asyncio.sleep(seconds)
    return f"{page}, after {seconds} s"


class Greet(JobMixin):
    """Greet somebody: a class as a job."""

    routes = ["words"]  # noqa: RUF012 - written as users write it

    def work(self, name: str) -> str:
        """Return the greeting."""
        return f"hello {name}!"

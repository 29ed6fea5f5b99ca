"""Jobs for workers that run in the test's own process."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from skunkqueue import JobMixin, Retry, SkunkQueue, Snooze, current_job

queue = SkunkQueue("shop", conn_url="sqlite:////nonexistent/never-opened.db")
RAN: list[Any] = []
"""What has run, in order; emptied before each test."""
HOOKS: dict[str, Callable[[], object]] = {}
"""What a test wants to happen inside ``call_hook``; emptied before each test."""


@queue.job
def add(first: int, second: int) -> int:
    RAN.append((first, second))
    return first + second


@queue.job
def tell() -> list[Any]:
    job = current_job()
    return [job.id, job.attempt, job.queue, job.route, job.name]


@queue.job(retries=3, backoff=[10, 20, 30])
def fail(times: int) -> int:
    RAN.append(current_job().attempt)
    if current_job().attempt <= times:
        raise ValueError("not yet")
    return current_job().attempt


@queue.job(retries=3, backoff=1, retry_on=(OSError,), give_up_on=(FileNotFoundError,))
def choosy(kind: str) -> None:
    RAN.append(kind)
    raise {"os": OSError, "file": FileNotFoundError, "value": ValueError, "exit": SystemExit}[kind]("no")


@queue.job(retries=1)
def ask_again(after: float) -> int:
    if current_job().attempt == 1:
        raise Retry(after=after)
    return current_job().attempt


@queue.job(retries=1)
def always_ask_again() -> None:
    raise Retry(after=0) from OSError("the cause")


@queue.job
def snooze(seconds: float) -> int:
    RAN.append("snooze")
    if len(RAN) < 3:
        raise Snooze(seconds)
    return current_job().attempt


def impossible(failures: int, _error: BaseException) -> float:
    return failures / 0


@queue.job(retries=1, backoff=impossible)
def bad_backoff() -> None:
    raise ValueError("first")


def hooked(_failures: int, _error: BaseException) -> float:
    HOOKS["backoff"]()
    return 0.0


@queue.job(retries=1, backoff=hooked)
def nap_at_first() -> None:
    if current_job().attempt == 1:
        time.sleep(60)


@queue.job(retries=1, backoff=hooked)
async def nap_at_first_async() -> None:
    if current_job().attempt == 1:
        await asyncio.sleep(60)


@queue.job
def call_hook(name: str) -> object:
    HOOKS[name]()
    return name


@queue.job
async def double(number: int) -> int:
    await asyncio.sleep(0)
    RAN.append(number)
    return 2 * number


@queue.job
def count_me(number: int) -> int:
    RAN.append(f"counted {number}")
    return number


@queue.job
async def until_hook(name: str) -> None:
    while not HOOKS[name]():  # noqa: ASYNC110 - set from another thread
        await asyncio.sleep(0.01)


@queue.job
async def tell_async() -> list[Any]:
    await asyncio.sleep(0.01)
    return [current_job().id, current_job().attempt]


@queue.job
def big(size: int) -> bytes:
    return bytes(size)


@queue.job
def unstorable() -> object:
    return object()


@queue.job
def nap(seconds: float) -> str:
    RAN.append("nap")
    time.sleep(seconds)
    return "rested"


@queue.job
def report(done: Any) -> None:
    current_job().progress(done, 10, "so far")


@queue.job
def report_and_hook(done: Any, name: str) -> None:
    current_job().progress(done, 10, "so far")
    HOOKS[name]()


VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="unset")


@queue.job
def set_variable() -> None:
    VARIABLE.set("set by another job")


@queue.job
def read_variable() -> str:
    return VARIABLE.get()


@queue.job
async def read_variable_async() -> str:
    return VARIABLE.get()


@queue.job
def plain_wrapper(number: int) -> Any:
    return double.work(number)


@queue.job
def pid() -> int:
    return os.getpid()


class Greet(JobMixin):
    """A job that is a class."""

    def __init__(self, greeting: str) -> None:
        super().__init__()
        self.greeting = greeting

    def work(self, name: str) -> str:
        return f"{self.greeting} {name}"


class BadReprError(Exception):
    """An exception that cannot even be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


@queue.job
def speechless() -> None:
    raise BadReprError


@queue.job(retries=5, backoff=0.0)
def third_time() -> int:
    RAN.append("third_time")
    if current_job().attempt < 3:
        raise ValueError("not yet")
    return current_job().attempt

"""Jobs that hand over, raise or do what could harm their worker; copied into a folder as ``hostile.py``."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, NoReturn

from skunkqueue import Retry, SkunkQueue, Snooze, current_job

queue = SkunkQueue("shop")
OPERATIONS: dict[str, Callable[[], Any]] = {}


def operation(function: Callable[[], Any]) -> Callable[[], Any]:
    OPERATIONS[function.__name__] = function
    return function


@queue.job(retries=1, backoff=0.0)
def do(name: str) -> Any:
    return OPERATIONS[name]()


@queue.job(retries=1, backoff=0.0)
async def do_async(name: str) -> Any:
    await asyncio.sleep(0)
    return OPERATIONS[name]()


@queue.job
async def which_async() -> int:
    await asyncio.sleep(0.001)
    return os.getpid()


# --- what is reported -----------------------------------------------------------------------------


class OddText(str):
    """Text whose own methods cannot be relied on."""

    __slots__ = ()

    def encode(self, *_: Any) -> NoReturn:
        sys.exit("encode")

    def __len__(self) -> int:  # noqa: PLE0303 - that is the point
        sys.exit("len")

    def __getitem__(self, _: Any) -> NoReturn:
        sys.exit("getitem")


@operation
def note_not_utf8() -> str:
    current_job().progress(1, 2, os.fsdecode(b"caf\xe9.txt"))
    return "done"


@operation
def note_of_odd_text() -> str:
    current_job().progress(1, 2, OddText("a note"))
    return "done"


@operation
def note_that_is_long() -> str:
    current_job().progress(1, 2, "\udcff" * 1_000_000)
    return "done"


@operation
def progress_not_a_number() -> None:
    current_job().progress(float("nan"))


@operation
def progress_in_words() -> None:
    current_job().progress("half")  # type: ignore[arg-type]  # that is the point


@operation
def progress_of_huge_number() -> None:
    current_job().progress(10**5000)


# --- what is raised -------------------------------------------------------------------------------


def exits(*_: Any) -> NoReturn:
    sys.exit("no")


def recurses(error: Any) -> NoReturn:
    # Not with a star: Python 3.13.0 does not end such a recursion.
    recurses(error)


def presses_ctrl_c(*_: Any) -> NoReturn:
    raise KeyboardInterrupt


for way in (exits, recurses, presses_ctrl_c):
    for name in ("__str__", "__repr__"):

        def raise_made(way: Callable[..., Any] = way, name: str = name) -> None:
            raise type("BrokenError", (Exception,), {name: way})

        OPERATIONS[f"{name.strip('_')}_{way.__name__}"] = raise_made

for name in ("__class__", "__traceback__", "__cause__", "__context__", "__notes__", "args"):

    def raise_hidden(name: str = name) -> None:
        raise type("HiddenError", (Exception,), {name: property(exits)})

    OPERATIONS[f"hidden_{name.strip('_')}"] = raise_hidden


@operation
def type_of_odd_name() -> None:
    kind = type("OddError", (Exception,), {"__module__": OddText("odd")})
    kind.__qualname__ = "Bad\udcffError" * 1000
    raise kind


@operation
def message_of_odd_text() -> None:
    class OddError(Exception):
        def __str__(self) -> str:
            return OddText("odd")

    raise OddError


@operation
def cyclic_chain() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    raise first


@operation
def endless_chain() -> None:
    chain: BaseException | None = None
    for number in range(20_000):
        link = ValueError(number)
        link.__cause__ = chain
        chain = link
    assert chain is not None
    raise chain


@operation
def huge_message() -> None:
    raise ValueError("x" * 50_000_000)


@operation
def system_exit() -> None:
    sys.exit(3)


@operation
def keyboard_interrupt() -> None:
    raise KeyboardInterrupt


@operation
def generator_exit() -> None:
    raise GeneratorExit


@operation
def cancelled_error() -> None:
    raise asyncio.CancelledError


@operation
def base_exception() -> None:
    raise BaseException("base")  # noqa: TRY002 - that is the point


class FalsyError(Exception):
    """A cause that cannot even be asked whether it is there."""

    def __bool__(self) -> bool:  # noqa: PLE0304 - that is the point
        sys.exit("bool")


@operation
def retry_from_falsy() -> None:
    raise Retry(after=0) from FalsyError()


def changed(error: Retry | Snooze, after: Any) -> Exception:
    error.after = after
    return error


@operation
def retry_after_words() -> None:
    raise changed(Retry(), "soon")


@operation
def retry_after_nan() -> None:
    raise changed(Retry(), float("nan"))


@operation
def snooze_after_nothing() -> None:
    raise changed(Snooze(1), None)


@operation
def retry_without_init() -> None:
    class Hasty(Retry):
        def __init__(self) -> None:
            pass

    raise Hasty


class OddRule(type):
    """A class of errors that does not answer whether another is one."""

    def __subclasscheck__(cls, _: type) -> bool:
        sys.exit("subclass")


class OddError(Exception, metaclass=OddRule):
    """An error to retry on."""


@queue.job(retries=1, retry_on=OddError)
def odd_rule() -> None:
    raise ValueError("why")


@queue.job(retries=1, retry_on=OddError)
async def odd_rule_async() -> None:
    raise ValueError("why")


@queue.job(retries=1, backoff=exits)
def odd_backoff() -> None:
    raise ValueError("why")


@queue.job(retries=1, backoff=exits)
async def odd_backoff_async() -> None:
    raise ValueError("why")


# --- what is returned -----------------------------------------------------------------------------


@dataclasses.dataclass(repr=False)
class Unspeakable:
    """A result that cannot be shown."""

    number: int

    def __repr__(self) -> str:
        sys.exit("repr")


@operation
def unspeakable_result() -> Unspeakable:
    return Unspeakable(1)


@operation
def unstorable_result() -> object:
    return threading.Lock()


async def never_awaited() -> None:
    """Do nothing."""


@operation
def coroutine() -> object:
    return never_awaited()


@operation
def generator() -> object:
    return (number for number in range(3))


@operation
def async_generator() -> object:
    async def numbers() -> Any:
        yield 1

    return numbers()


@operation
def generator_that_resists() -> object:
    def numbers() -> Any:
        try:
            yield 1
        finally:
            sys.exit("not yet")

    made = numbers()
    next(made)
    return made


# --- what is done to the event loop ---------------------------------------------------------------


@queue.job
async def stop_loop() -> str:
    asyncio.get_running_loop().stop()
    await asyncio.sleep(0.01)
    return "stopped"


@queue.job
async def close_loop() -> None:
    """Close the loop in the moment in which it does not run: when it has stopped, and goes on."""
    loop = asyncio.get_running_loop()
    loop.run_forever = loop.close  # type: ignore[method-assign]  # so that the moment is sure to be hit
    loop.stop()
    await asyncio.Event().wait()


@queue.job
async def cancel_everything() -> None:
    for task in asyncio.all_tasks():
        task.cancel()
    await asyncio.sleep(0)


@queue.job
async def exit_in_task() -> str:
    async def leave() -> None:
        sys.exit("in a task")

    task = asyncio.get_running_loop().create_task(leave())
    await asyncio.wait([task])
    return type(task.exception()).__name__


@queue.job
async def exit_in_callback() -> str:
    asyncio.get_running_loop().call_soon(functools.partial(sys.exit, "in a callback"))
    await asyncio.sleep(0.01)
    return "left"


@queue.job
async def exit_in_handler() -> str:
    def handler(*_: Any) -> None:
        sys.exit("in the handler")

    def fail() -> None:
        raise ValueError("for the handler")

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(handler)
    loop.call_soon(fail)
    await asyncio.sleep(0.01)
    return "handled"


class OddPolicy(asyncio.DefaultEventLoopPolicy):
    """Ways of making loops that do not work."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        sys.exit("new loop")

    def set_event_loop(self, _: asyncio.AbstractEventLoop | None) -> None:
        sys.exit("set loop")


@queue.job
async def change_the_loops_ways() -> str:
    loop = asyncio.get_running_loop()
    loop.set_task_factory(exits)
    asyncio.set_event_loop(None)
    asyncio.set_event_loop_policy(OddPolicy())
    return "changed"

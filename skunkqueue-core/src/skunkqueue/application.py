"""What an application registers on its queue for its workers to call: at their start and end, and for failures.

Keeps the functions, by the queue's name; ``worker.application`` calls them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from skunkqueue.errors import WrongTypeError
from skunkqueue.show import brief


class FailedFiring(NamedTuple):
    """A firing that has failed for good, as ``on_failure`` gets it."""

    id: str
    job: str
    """The job's name; the names of a chain are joined."""
    queue: str
    route: str
    attempt: int
    """The number of the attempt that was the last: 1 at the first."""
    exception: BaseException
    """What the job raised; JobTimeoutError or WorkerDiedError where it was ended before it could raise."""


Handler = Callable[[], object]
FailureHandler = Callable[[FailedFiring], object]
H = TypeVar("H", bound=Handler)
F = TypeVar("F", bound=FailureHandler)
T = TypeVar("T")


class Handlers:
    """The functions that one queue's applications have registered, each list in that order."""

    __slots__ = ("failure", "start", "stop")

    def __init__(self) -> None:
        self.start: list[Handler] = []
        self.stop: list[Handler] = []
        self.failure: list[FailureHandler] = []


_handlers: dict[str, Handlers] = {}


def handlers_of(queue: str) -> Handlers:
    """Return what was registered in this process for a queue of this name, by whichever object."""
    return _handlers.setdefault(queue, Handlers())


def name_of(handler: Callable[..., Any]) -> str:
    """Name a function for people."""
    module, name = getattr(handler, "__module__", None), getattr(handler, "__qualname__", None)
    return f"{module}:{name}" if module and name else brief(handler)


class Registration:
    """The part of ``SkunkQueue`` by which an application registers functions."""

    name: str

    def on_worker_start(self, handler: H, /) -> H:
        """Have each worker process of this queue call a function, without arguments, before it runs a job.

        For ``django.setup()``, Sentry, a pool of connections. The module must have been imported by then: name it
        with ``skunq work --import MODULE``, else the function is called when a job of the module is first run.
        Where it raises, the worker does not start, and the pool tries again later.
        """
        return _register("on_worker_start", handlers_of(self.name).start, handler)

    def on_worker_stop(self, handler: H, /) -> H:
        """Have each worker process of this queue call a function, without arguments, after its last job.

        It has the seconds of the pool's ``--grace``; what it raises is logged. A worker that is killed does not call it.
        """
        return _register("on_worker_stop", handlers_of(self.name).stop, handler)

    def on_failure(self, handler: F, /) -> F:
        """Have a function called, with a ``FailedFiring``, for each firing of this queue that fails for good.

        In the worker, before the failure is recorded, so it is called again if the worker dies between the two
        moment. It has five seconds; what it raises is logged. The firing's outcome stays what it is.
        """
        return _register("on_failure", handlers_of(self.name).failure, handler)


def _register(how: str, handlers: list[Any], handler: T) -> T:
    if not callable(handler):
        msg = f"queue.{how}({brief(handler)}): give a function, as in `@queue.{how}` above its `def`"
        raise WrongTypeError(msg)
    if handler not in handlers:
        handlers.append(handler)
    return handler

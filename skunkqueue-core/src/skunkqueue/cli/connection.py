"""Which store a command talks to: ``--url`` and ``-b``, shared by all."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from skunkqueue.persistence.backend import Backend

F = TypeVar("F", bound=Callable[..., Any])


def connection_options(command: F) -> F:
    """Add ``--url`` and ``-b`` to a command; it gets ``url`` and ``backend``."""
    for option in (
        click.option(
            "-b",
            "--backend",
            metavar="NAME",
            help="Store by name, such as sqlite or redis; a URL's scheme says the same.",
        ),
        click.option(
            "--url",
            metavar="URL",
            help="Where the store is. Default: SKUNKQUEUE_URL, else the SQLite file in your data folder.",
        ),
    ):
        command = option(command)
    return command


def with_backend(command: Callable[..., None]) -> Callable[..., None]:
    """Open the store for a command, which gets it as its first argument, and close it afterwards."""

    @connection_options
    @functools.wraps(command)
    def opened(*args: Any, url: str | None, backend: str | None, **kwargs: Any) -> None:
        store = open_store(url, backend)
        try:
            command(store, *args, **kwargs)
        finally:
            store.close()

    return opened


def open_store(url: str | None, backend: str | None) -> Backend:
    """Open the store that these options mean."""
    # Imported here so that `--help` need not wait for it.
    from skunkqueue.config import open_backend, resolve  # noqa: PLC0415

    return open_backend(resolve(backend, url))


def queue_options(*, required: bool) -> Callable[[F], F]:
    """Add ``-q`` and ``-r`` (one queue, one route) to a command."""

    def add(command: F) -> F:
        routed = click.option("-r", "--route", metavar="ROUTE", help="Only this route.")(command)
        wording = "Queue." if required else "Only this queue."
        return click.option("-q", "--queue", required=required, metavar="QUEUE", help=wording)(routed)

    return add

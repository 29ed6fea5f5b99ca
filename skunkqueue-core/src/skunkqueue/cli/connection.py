"""Which store a command talks to: ``--url`` and ``-b``, shared by all."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from skunkqueue.cli.options import option
from skunkqueue.config import ENV_URL, open_backend, redact, resolve
from skunkqueue.errors import ConfigError
from skunkqueue.persistence.backend import Backend, BackendConfig

F = TypeVar("F", bound=Callable[..., Any])


def connection_options(command: F) -> F:
    """Add ``--url`` and ``-b`` to a command; it gets ``url`` and ``backend``."""
    for add in (
        option(
            "-b",
            "--backend",
            metavar="NAME",
            help="Store by name, such as sqlite or redis; a URL's scheme says the same.",
        ),
        option(
            "--url",
            metavar="URL",
            way_out="a command works on one store",
            shown=_without_password,
            help="Where the store is. Default: SKUNKQUEUE_URL, else the SQLite file in your data folder.",
        ),
    ):
        command = add(command)
    return command


def with_backend(command: Callable[..., None], *, brief: bool = True) -> Callable[..., None]:
    """Open the store for a command, which gets it as its first argument, and close it afterwards.

    A store that does not exist is not made: there is nothing in it to show or to change. ``brief``: the command ends soon.
    """

    @connection_options
    @functools.wraps(command)
    def opened(*args: Any, url: str | None, backend: str | None, **kwargs: Any) -> None:
        store = open_store(url, backend, brief=brief)
        try:
            command(store, *args, **kwargs)
        finally:
            store.close()

    return opened


def open_store(url: str | None, backend: str | None, *, brief: bool) -> Backend:
    """Open the store that these options mean. Raises StoreMissingError where it does not exist."""
    return open_backend(existing(url, backend, brief=brief))


def existing(url: str | None, backend: str | None, *, brief: bool) -> BackendConfig:
    """Work out which store these options mean; it is not made where it does not exist."""
    return msgspec.structs.replace(resolved(url, backend), create=False, brief=brief)


def resolved(url: str | None, backend: str | None) -> BackendConfig:
    """Work out which store these options and the environment mean. Raises ConfigError."""
    config = resolve(backend, url)
    try:
        (config.url or "").encode()
    except UnicodeEncodeError as error:
        # Settings go to workers as JSON. The value is not shown: it may hold a password.
        msg = f"the URL of the store in {ENV_URL} is not UTF-8: write it in UTF-8, or rename the file"
        raise ConfigError(msg) from error
    return config


def queue_options(*, required: bool) -> Callable[[F], F]:
    """Add ``-q`` and ``-r`` (one queue, one route) to a command."""
    each = "run the command once for each"

    def add(command: F) -> F:
        routed = option("-r", "--route", metavar="ROUTE", way_out=each, help="Only this route.")(command)
        wording = "Queue." if required else "Only this queue."
        return option("-q", "--queue", required=required, metavar="QUEUE", way_out=each, help=wording)(routed)

    return add


def _without_password(url: str) -> str:
    return repr(redact(url))

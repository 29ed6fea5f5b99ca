"""What all commands that change something share: ``--why``, and the user's name for the audit log."""

from __future__ import annotations

import functools
import getpass
import os
import socket
from collections.abc import Callable
from typing import Any

from skunkqueue.cli.connection import with_backend
from skunkqueue.cli.options import option
from skunkqueue.persistence.backend import Backend


def with_control(command: Callable[..., None]) -> Callable[..., None]:
    """Open the store for a command; it gets a ``Control`` in the user's name as its first argument.

    Adds ``--why``, beside the options that say which store.
    """

    @with_backend
    @option("--why", metavar="TEXT", help="Why; `skunq audit` shows it.")
    @functools.wraps(command)
    def controlled(store: Backend, *args: Any, why: str | None, **kwargs: Any) -> None:
        from skunkqueue.control import Control  # noqa: PLC0415 - `skunq queues`, in one module with `purge`, needs none

        command(Control(store, who(), why), *args, **kwargs)

    return controlled


def who() -> str:
    """Return the user for the audit log: ``user@host``; the number of a user without a name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):
        # Containers often run as a user that the system does not list.
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"

"""What people see of a command to a worker or a pool: sent, heard, done. Knows no command of skunq."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from skunkqueue.cli.moments import Duration
from skunkqueue.cli.options import option
from skunkqueue.cli.output import note, say
from skunkqueue.cli.text import clean, span
from skunkqueue.pools import Entry

if TYPE_CHECKING:
    from skunkqueue.control import Control

F = TypeVar("F", bound=Callable[..., Any])
LOOK_EVERY = 0.1
"""Seconds between two looks at the receipts."""


def wait_options(command: F) -> F:
    """Add ``--wait`` and ``--timeout`` to a command; it gets ``wait`` and ``timeout``."""
    command = option(
        "--timeout",
        type=Duration(),
        default=60.0,
        show_default="60s",
        metavar="TIME",
        help="How long --wait waits.",
    )(command)
    return click.option("--wait", is_flag=True, help="Wait until it is done.")(command)


def await_receipts(control: Control, sent: Iterable[tuple[str, str]], timeout: float) -> bool:
    """Print when commands are heard and done, each (what it is about, id of its entry); False: not all were in time."""
    waiting = dict(sent)
    if "audit" not in control.backend.capabilities:
        note("this store keeps no audit log, so whether they were heard is not known: see `skunq workers`")
        return False
    heard: set[str] = set()
    deadline = time.monotonic() + timeout
    while True:
        for about, id_ in list(waiting.items()):
            entry = control.entry(id_)
            if entry is None:
                note(f"{about}: its entry in the audit log is gone, so whether it was heard is not known")
                return False
            if entry.heard is not None and about not in heard:
                heard.add(about)
                say(f"{clean(about)}: heard after {span(entry.heard - entry.at)}")
            if entry.done is not None:
                del waiting[about]
                say(f"{clean(about)}: {_done(entry)}")
        if not waiting:
            return True
        if time.monotonic() >= deadline:
            for about in waiting:
                note(f"{about}: {'not done' if about in heard else 'not heard'} after {span(timeout)}")
            return False
        time.sleep(LOOK_EVERY)


def _done(entry: Entry) -> str:
    took = f"done after {span((entry.done or entry.at) - entry.at)}"
    return f"{took}: {clean(entry.did)}" if entry.did else took

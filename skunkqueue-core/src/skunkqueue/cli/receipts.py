"""What people see of a command to a worker or a pool: sent, heard, done. Knows no command of skunq."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from skunkqueue.cli.moments import Duration
from skunkqueue.cli.options import option
from skunkqueue.cli.output import note, say
from skunkqueue.cli.text import clean, iso, span
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


class Sent(NamedTuple):
    """A command that was sent."""

    kind: str
    """``pool`` or ``worker``."""
    to: str
    """Id of that."""
    verb: str
    entry: str
    """Id of its entry in the audit log."""

    @property
    def about(self) -> str:
        """What it is about, for people."""
        return f"{self.kind} {self.to}"


def await_receipts(
    control: Control, sent: Iterable[Sent], timeout: float, *, quietly: bool = False
) -> dict[str, Entry]:
    """Wait until commands are done; return their entries, as last read, by id. Prints what becomes of each.

    ``quietly``: print only what is missing in the end.
    """
    waiting = {one.entry: one for one in sent}
    found: dict[str, Entry] = {}
    if "audit" not in control.backend.capabilities:
        note("this store keeps no audit log, so whether they were heard is not known: see `skunq workers`")
        return found
    deadline = time.monotonic() + timeout
    while True:
        for id_, one in list(waiting.items()):
            entry = control.entry(id_)
            if entry is None:
                note(f"{one.about}: its entry in the audit log is gone, so whether it was heard is not known")
                del waiting[id_]
                continue
            if not quietly:
                _tell(one, entry, found.get(id_))
            found[id_] = entry
            if entry.done is not None:
                del waiting[id_]
        if not waiting:
            return found
        if time.monotonic() >= deadline:
            for id_, one in waiting.items():
                is_heard = id_ in found and found[id_].heard is not None
                note(f"{one.about}: {'not done' if is_heard else 'not heard'} after {span(timeout)}")
            return found
        time.sleep(LOOK_EVERY)


def sent_json(sent: Sent, entry: Entry | None) -> dict[str, Any]:
    """Return a command and its receipt as a dict with stable keys."""
    return {
        "kind": sent.kind,
        "id": sent.to,
        "verb": sent.verb,
        "entry": sent.entry,
        "heard": None if entry is None else iso(entry.heard),
        "done": None if entry is None else iso(entry.done),
        "outcome": None if entry is None else entry.outcome,
        "did": None if entry is None else entry.did,
    }


def _tell(sent: Sent, entry: Entry, before: Entry | None) -> None:
    """Print what is new."""
    about = clean(sent.about)
    if entry.heard is not None and (before is None or before.heard is None):
        say(f"{about}: heard after {span(entry.heard - entry.at)}")
    if entry.done is None:
        return
    after = f"after {span(entry.done - entry.at)}"
    if entry.outcome == "ok":
        say(f"{about}: done {after}" + (f": {clean(entry.did)}" if entry.did else ""))
    else:
        note(f"{sent.about}: {after}: {entry.did}")

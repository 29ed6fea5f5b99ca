"""Mailboxes of workers and pools: commands that are sent to them, and listening for these."""

from __future__ import annotations

from skunkqueue.clock import monotonic
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.wire import as_answer, encode, reader
from skunkqueue.records import Command

_SEND, _READ_COMMANDS, _TAKE_COMMANDS = map(load, ("send", "read_commands", "take_commands"))
_as_mail = reader(list[bytes])
_as_command = reader(Command)


def send(link: Link, worker: str, command: Command) -> bool:
    """Put a command into a mailbox; return whether the worker or pool is alive."""
    return as_answer(link.call(_SEND, worker, 2, blobs=[encode(command)]))


def listen(link: Link, worker: str, timeout: float) -> list[Command]:
    """Block until commands arrive, or so many seconds; take them out. See ``Backend.listen``."""
    end = monotonic() + timeout
    while not link.closed.is_set():
        found = _as_mail(link.call(_READ_COMMANDS, worker))
        if found:
            # Taken out only after they arrived here, so that none is lost with a reply.
            link.call(_TAKE_COMMANDS, worker, 2, blobs=found)
            return [_as_command(one) for one in found]
        left = end - monotonic()
        if left <= 0:
            break
        if link.is_virtual:
            link.clock.wait(link.closed, left)
            end = 0.0
        else:
            link.block([f"{link.prefix}mb:{worker}"], left)
    return []

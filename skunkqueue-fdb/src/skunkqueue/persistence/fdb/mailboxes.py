"""Mailboxes of workers and pools: commands in the order of their commits."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec

from skunkqueue.persistence.fdb import keys, wakeups
from skunkqueue.persistence.fdb.records import encode
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import Command

_STAMP = b"\xff" * 10
"""Stands where the commit's versionstamp comes."""
_OFFSET = struct.Struct("<I")
_ORDER = struct.Struct(">H")
_AT_ONCE = 1_000
"""Commands taken out at once."""
_decode = msgspec.msgpack.Decoder(Command).decode


def post(tr: Transaction, mailbox: str, command: Command, number: int = 0) -> None:
    """Put a command into a mailbox, listed or not. ``number``: makes commands differ that one transaction posts."""
    before = tr.keys.mail + keys.name(mailbox)
    key = before + _STAMP + _ORDER.pack(number) + _OFFSET.pack(len(before))
    tr.raw.set_versionstamped_key(key, encode(command))
    wakeups.wake_key(tr, tr.keys.mailbox + keys.name(mailbox))


def look(tr: Transaction, mailbox: str) -> tuple[bool, None, Sequence[bytes]]:
    """Return whether there is mail, and which key changes when there is."""
    before = tr.keys.mail + keys.name(mailbox)
    found = tr.get_range(before, before + keys.END, 1, snapshot=True)()
    return bool(found), None, [tr.keys.mailbox + keys.name(mailbox)]


def take(tr: Transaction, mailbox: str) -> list[Command]:
    """Take commands out, in order. What comes meanwhile comes after them, and does not conflict."""
    before = tr.keys.mail + keys.name(mailbox)
    pairs = tr.get_range(before, before + keys.END, _AT_ONCE, snapshot=True)()
    for pair in pairs:
        tr.raw.add_read_conflict_key(pair.key)
        tr.clear(pair.key)
    tr.unchanged = not pairs
    return [_decode(pair.value) for pair in pairs]


def names(tr: Transaction) -> list[str]:
    """List the mailboxes into which anything was ever put, and that were not removed since."""
    table = tr.keys.mailbox
    pairs = tr.get_range(table, table + keys.END, snapshot=True)()
    return [keys.names(pair.key[len(table) :], 1)[0][0] for pair in pairs]


def remove(tr: Transaction, mailbox: str) -> None:
    """Forget a mailbox with all that is in it."""
    before = tr.keys.mail + keys.name(mailbox)
    tr.clear_range(before, before + keys.END)
    tr.clear(tr.keys.mailbox + keys.name(mailbox))

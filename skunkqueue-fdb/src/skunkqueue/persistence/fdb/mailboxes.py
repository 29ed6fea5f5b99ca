"""Mailboxes of workers and pools: commands in the order of their commits."""

from __future__ import annotations

import struct

from skunkqueue.persistence.fdb import keys, wakeups
from skunkqueue.persistence.fdb.records import encode
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import Command

_STAMP = b"\xff" * 10
"""Stands where the commit's versionstamp comes."""
_OFFSET = struct.Struct("<I")
_ORDER = struct.Struct(">H")


def post(tr: Transaction, mailbox: str, command: Command, number: int = 0) -> None:
    """Put a command into a mailbox, whoever has it; ``number`` tells those apart that one transaction posts."""
    before = tr.keys.mail + keys.name(mailbox)
    key = before + _STAMP + _ORDER.pack(number) + _OFFSET.pack(len(before))
    tr.raw.set_versionstamped_key(key, encode(command))
    wakeups.ring_key(tr, tr.keys.mailbox + keys.name(mailbox))

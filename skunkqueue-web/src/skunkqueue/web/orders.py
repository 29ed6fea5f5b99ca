"""Commands to workers and pools, and the progress of each: sent, heard, done."""

from __future__ import annotations

from collections.abc import Collection

from flask import request

from skunkqueue.pools import Entry
from skunkqueue.web import source

VERBS = {
    "quiet": "Begin nothing more",
    "resume": "Begin jobs again",
    "restart": "Restart",
    "stop": "Stop",
    "rough": "Stop roughly",
}
"""Verbs as the audit log has them, and as buttons have them."""
LOOKED = 200
"""Entries of the audit log in which those about one worker or pool are looked for."""
SHOWN = 5
FOLLOWED = 10
"""Entries that a URL may follow at a time."""


def followed() -> list[Entry]:
    """Read the entries that the URL of this page follows (``entry=ID``), those that are known."""
    given = dict.fromkeys(id_ for id_ in request.args.getlist("entry")[:FOLLOWED] if len(id_) <= 64)
    here, ids = source.current(), tuple(given)
    if not ids or "audit" not in here.backend.capabilities:
        return []
    return here.shared(
        ("followed", ids),
        lambda: [entry for id_ in ids for entry in here.backend.audit(1, id_=id_).entries],
    )


def about(things: Collection[str], limit: int = SHOWN) -> list[Entry]:
    """Find the newest commands to one of these, such as ``worker ID``, among the last entries of the audit log."""
    here = source.current()
    if "audit" not in here.backend.capabilities:
        return []
    commands = here.shared(
        ("commands",),
        lambda: [entry for entry in here.backend.audit(LOOKED).entries if entry.verb in VERBS],
        len,
    )
    return [entry for entry in commands if entry.on in things][:limit]

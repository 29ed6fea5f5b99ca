"""Commands to workers and pools, and the progress of each: sent, heard, done."""

from __future__ import annotations

from collections.abc import Collection

from flask import request

from skunkqueue.persistence.backend import Backend
from skunkqueue.pools import Entry

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


def followed(store: Backend) -> list[Entry]:
    """Read the entries that the URL of this page follows (``entry=ID``), those that are known."""
    if "audit" not in store.capabilities:
        return []
    ids = [id_ for id_ in request.args.getlist("entry")[:FOLLOWED] if len(id_) <= 64]
    return [entry for id_ in dict.fromkeys(ids) for entry in store.audit(1, id_=id_).entries]


def about(store: Backend, things: Collection[str], limit: int = SHOWN) -> list[Entry]:
    """Find the newest commands to one of these, such as ``worker ID``, among the last entries of the audit log."""
    if "audit" not in store.capabilities:
        return []
    entries = store.audit(LOOKED).entries
    return [entry for entry in entries if entry.on in things and entry.verb in VERBS][:limit]

"""Finishing what a process that died left half done: parcels not unpacked, outboxes not emptied.

Anybody may do so at any time, and two may do so at once. What is younger than ``HALF_DONE`` is left to those who
are probably still at it.
"""

from __future__ import annotations

import logging
from abc import ABC
from datetime import datetime, timezone
from typing import Any

from skunkqueue.clock import monotonic
from skunkqueue.errors import BackendError, BackendUnavailableError
from skunkqueue.persistence.backend import HALF_DONE
from skunkqueue.persistence.mongodb.documents import FINALS, unstored
from skunkqueue.persistence.mongodb.link import Link
from skunkqueue.persistence.mongodb.putting import CHUNK
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.settling import Settling

log = logging.getLogger("skunkqueue.mongodb")

_FEW = 20
"""Of each kind in one go."""
_ORPHANED = 600.0
"""Seconds after which a part of a parcel whose head never came is thrown away."""
_OFTEN = 1.0
"""Seconds between two looks of one process."""


class LooseEnds(Settling, ABC):
    """Looks for what others left, when there is time."""

    _tied_up = -_OFTEN

    def _tie_up(self, link: Link) -> None:
        """Do so if it was not done just now."""
        now = monotonic()
        if link.is_virtual or now - self._tied_up >= _OFTEN:
            self._tied_up = now
            self._tie_up_now(link)

    def _tie_up_now(self, link: Link) -> int:
        """Finish some of what is half done; return how much."""
        now = link.about_now()
        done = 0
        owing = {"owed": {"$lte": now - HALF_DONE}}
        for one in link.find(link.firings, owing, {"outbox": True, "state": True}, limit=_FEW):
            try:
                for debt in one.get("outbox", ()):
                    self._do_what_follows([(one["_id"], debt)], debt["at"])
            except BackendUnavailableError:
                raise
            except BackendError as error:
                # One that cannot be paid keeps nobody from the others.
                log.warning("what follows from firing %s cannot be done: %s", one["_id"], error)
                continue
            if one["state"] in FINALS:
                self._bells.ring(ids=[one["_id"]])
            done += 1
        for _ in range(_FEW):
            # Taken by one: another one finds it touched.
            old = {"touched": {"$lte": _as_sent(link, now - HALF_DONE)}, "head": {"$exists": False}}
            parcel: Any = link.run(
                link.parcels.find_one_and_update,
                old,
                self._touch(),
                {"firings": False},
                sort=[("touched", 1)],
                return_document=True,
            )
            if parcel is None:
                break
            self._unpack_found(link, parcel)
            done += 1
        return done

    def _unpack_found(self, link: Link, parcel: Document) -> None:
        """Unpack what somebody else accepted, part by part."""
        refused = parcel.get("refused", {})
        for id_ in (parcel["_id"], *parcel.get("others", ())):
            for part in link.find(link.parcels, {"_id": id_}):
                firings = [unstored(one) for one in part["firings"] if one["id"] not in refused]
                for start in range(0, len(firings), CHUNK):
                    self._unpack_some(parcel, firings[start : start + CHUNK])
        self._throw_away(parcel, durably=True)

    def _drop_orphans(self, link: Link) -> int:
        """Throw away parts of parcels that were never accepted; return how many."""
        now = link.about_now()
        old = {"at": {"$lte": _as_sent(link, now - _ORPHANED)}, "head": {"$exists": True}}
        parts = link.find(link.parcels, old, {"head": True}, limit=_FEW)
        if not parts:
            return 0
        heads = {"_id": {"$in": [part["head"] for part in parts]}}
        accepted = {one["_id"] for one in link.find(link.parcels, heads, {"_id": True})}
        doomed = {"_id": {"$in": [part["_id"] for part in parts if part["head"] not in accepted]}}
        return link.run(link.parcels.delete_many, doomed).deleted_count


def _as_sent(link: Link, when: float) -> Any:
    return when if link.is_virtual else datetime.fromtimestamp(when, timezone.utc)

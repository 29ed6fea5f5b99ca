"""The anchor of the store's clock in the cluster: reading it, finding out whether it still holds, and setting it anew.

An anchor holds until versions pass otherwise than time. They jump with each recovery, of which the cluster notes the version; and they
stand still while it is stopped, which a process can tell by its own clocks, if it had the time before.
"""

from __future__ import annotations

from typing import NamedTuple

from skunkqueue.persistence.fdb.binding import RawTransaction
from skunkqueue.persistence.fdb.server_time import Anchor, ServerTime

RECOVERED = b"\xff/globals/lastEpochEnd"
"""The cluster's own key: the last version before its last recovery, little-endian; none before the first one."""


class Found(NamedTuple):
    """What a transaction has read."""

    anchor: Anchor | None
    version: int
    """The version that it reads."""
    recovered: int
    """The last version before the last recovery."""

    @property
    def outlived(self) -> bool:
        """Whether there is an anchor from before the last recovery, so that it tells nothing of the versions since."""
        return self.anchor is not None and self.anchor.version <= self.recovered


def read(raw: RawTransaction, key: bytes) -> Found:
    """Read the anchor under its key, and what tells whether it was outlived."""
    raw.options.set_read_system_keys()
    asked, ended, version = raw.get(key), raw.snapshot.get(RECOVERED), raw.get_read_version()
    value = asked.value
    return Found(
        anchor=None if value is None else Anchor.unpack(value),
        version=version.wait(),
        recovered=int.from_bytes(ended.value or b"", "little"),
    )


def agree(raw: RawTransaction, key: bytes, time: ServerTime) -> tuple[Anchor, int]:
    """Return the anchor to go by, which is committed where there was none that holds, and the version that was read."""
    found = read(raw, key)
    anchor, version = found.anchor, found.version
    holds = not found.outlived and (anchor != time.anchor or time.saw(version))
    if anchor is not None and holds and time.fits(anchor, version):
        return anchor, version
    now = time.expected()
    if anchor is not None and time.anchor is None:
        # The clock of this machine may be wrong, but no moment that is known to have been comes again.
        now = max(now, anchor.time_of(max(found.recovered, anchor.version)))
    made = Anchor(version, now)
    raw.set(key, made.pack())
    raw.commit().wait()
    return made, version

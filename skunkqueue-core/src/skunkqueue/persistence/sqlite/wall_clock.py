"""Changes of the machine's clocks: another boot, and a wall clock that was set back.

Every function here runs inside a transaction that its caller began.
"""

from __future__ import annotations

import logging
import math
import sqlite3
import subprocess
from pathlib import Path

from skunkqueue.clock import Clock, SystemClock
from skunkqueue.persistence.sqlite import inbox

_JUMP = 1.0
"""Seconds by which the wall clock must fall behind to count as set back; less is ordinary slewing."""
DRIFT = 0.1
"""Seconds by which the two clocks may differ from what is noted before the difference is noted anew."""

log = logging.getLogger("skunkqueue.sqlite")


class Watch:
    """Looks at the beginning of each transaction whether the wall clock was set back.

    So this is dealt with before anything is put in line by the new time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = math.nan
        """By how much the wall clock was ahead of the monotonic one, as last noted in the store."""
        self._moved: list[tuple[int, set[int]]] = []

    def look(self, db: sqlite3.Connection) -> None:
        """Compare the clocks, and make due what was due before."""
        now, mono = self._clock.now(), self._clock.monotonic()
        if abs(now - mono - self._offset) <= _JUMP:
            return
        noted = noted_offset(db)
        if noted is not None and abs(now - mono - noted) > _JUMP:
            inbox.file_all(db)
            self._moved.append(adjust_due_times(db, now, mono))
        else:
            # Another process has dealt with it, or this one has, and that is committed.
            self._offset = now - mono if noted is None else noted

    def take_moved(self) -> tuple[int, set[int]]:
        """Return how many firings were made due since this was called last, and their routes."""
        moved, self._moved = self._moved, []
        return sum(number for number, _ in moved), {route for _, routes in moved for route in routes}


def boot_id(clock: Clock) -> str:
    """Return a name of this boot of the machine; monotonic times of another boot mean nothing."""
    if not isinstance(clock, SystemClock):
        return "virtual"
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        pass
    try:
        return subprocess.run(
            ["/usr/sbin/sysctl", "-n", "kern.boottime"], capture_output=True, text=True, check=True, timeout=5
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        # The moment of booting, coarse enough that an ordinary adjustment of the clock does not change it.
        return f"about {round((clock.now() - clock.monotonic()) / 600)}"


def boot_is(db: sqlite3.Connection, boot: str) -> bool:
    """Return whether the store was last opened in this boot."""
    row = db.execute("SELECT value FROM meta WHERE name = 'boot'").fetchone()
    return row is not None and row[0] == boot


def note_boot(db: sqlite3.Connection, boot: str, offset: float) -> None:
    """End all leases and the listing of all workers and pools of an earlier boot: none of them can be alive."""
    if boot_is(db, boot):
        return
    db.execute("UPDATE lease SET ends = -1.0, apart = NULL")
    db.execute("UPDATE worker SET ends = -1.0")
    db.execute("UPDATE pool SET ends = -1.0")
    db.execute("REPLACE INTO meta (name, value) VALUES ('boot', ?), ('offset', ?)", (boot, offset))


def noted_offset(db: sqlite3.Connection) -> float | None:
    """Return by how much the wall clock was ahead of the monotonic one when this was last noted."""
    row = db.execute("SELECT value FROM meta WHERE name = 'offset'").fetchone()
    return None if row is None else float(row[0])


def note_offset(db: sqlite3.Connection, offset: float) -> None:
    """Note by how much the wall clock is ahead of the monotonic one; slewing changes it little by little."""
    db.execute("REPLACE INTO meta (name, value) VALUES ('offset', ?)", (offset,))


def adjust_due_times(db: sqlite3.Connection, now: float, mono: float) -> tuple[int, set[int]]:
    """Make firings due now that were due before the wall clock was set back.

    All that is in line now must have come there before. Returns how many, and their routes. A clock that was set forward
    needs nothing: what was due stays due.
    """
    noted = noted_offset(db)
    offset = now - mono
    back = 0.0 if noted is None else noted - offset
    note_offset(db, offset)
    if -_JUMP <= back <= _JUMP:
        return 0, set()
    if back < 0:
        log.info(
            "the wall clock went forward, or the machine slept: seconds=%.1f (delayed firings are due that much sooner)",
            -back,
        )
        return 0, set()
    moved: list[tuple[float, str]] = []
    touched: set[int] = set()
    for (route,) in db.execute("SELECT DISTINCT route FROM tally WHERE live > 0").fetchall():
        for table in ("ready", "aimed"):
            for rank in range(10):
                # By the time from before it would be `now + back` now.
                rows = db.execute(
                    f"SELECT due, id FROM {table} WHERE route = ? AND rank = ? AND due > ? AND due <= ?",  # noqa: S608 - constants
                    (route, rank, now, now + back),
                ).fetchall()
                db.executemany(
                    f"UPDATE {table} SET due = ? WHERE route = ? AND rank = ? AND due = ? AND id = ?",  # noqa: S608 - constants
                    [(due - back, route, rank, due, id_) for due, id_ in rows],
                )
                moved += [(due - back, id_) for due, id_ in rows]
                if rows:
                    touched.add(route)
    db.executemany("UPDATE firing SET due = ? WHERE id = ?", moved)
    # What runs was due, and may come back to its place in line.
    running = [id_ for (ids,) in db.execute("SELECT ids FROM lease").fetchall() for id_ in ids.split(",")]
    db.executemany(
        "UPDATE firing SET due = due - ? WHERE id = ? AND due > ?", [(back, id_, now) for id_ in running]
    )
    log.warning(
        "the wall clock was set back: seconds=%.1f made_due=%d (firings that were due are due now again, others keep"
        " their due times)",
        back,
        len(moved),
    )
    return len(moved), touched

"""Changes of the machine's clocks: another boot, and a wall clock that was set back.

Every function here runs inside a transaction that its caller began.
"""

from __future__ import annotations

import logging
import sqlite3
import subprocess
from pathlib import Path

from skunkqueue.clock import Clock, SystemClock

_JUMP = 1.0
"""Seconds by which the wall clock must fall behind to count as set back; less is ordinary slewing."""
DRIFT = 0.1
"""Seconds by which the two clocks may differ from what is noted before the difference is noted anew."""

log = logging.getLogger("skunkqueue.sqlite")


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


def adjust_due_times(db: sqlite3.Connection, now: float, mono: float) -> tuple[int, set[int]]:
    """Make firings that were due at once due now, where the wall clock was set back since they were put in.

    Returns how many, and their routes. A clock that was set forward needs nothing: what was due stays due.
    """
    row = db.execute("SELECT value FROM meta WHERE name = 'offset'").fetchone()
    offset = now - mono
    back = row[0] - offset if row is not None else 0.0
    if abs(back) > DRIFT:
        db.execute("REPLACE INTO meta (name, value) VALUES ('offset', ?)", (offset,))
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
                # What was put in before the jump, to run at once, is due within the length of the jump from now.
                rows = db.execute(
                    f"SELECT f.due, f.id FROM {table} r CROSS JOIN firing f ON f.id = r.id"  # noqa: S608 - constants
                    " WHERE r.route = ? AND r.rank = ? AND r.due > ? AND r.due <= ? AND f.due <= f.enqueued",
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
    log.warning(
        "the wall clock was set back: seconds=%.1f made_due=%d (firings that were due are due now again, delayed ones"
        " keep their due times)",
        back,
        len(moved),
    )
    return len(moved), touched

"""The page of memory that a worker and its pool share: what has begun, and until when it may run.

It also shows which plugin's code runs, so that the pool can name the plugin that ended a worker.

The worker writes it without a system call, many thousand times a second, and the pool reads it also
when the worker is dead or holds its GIL for ever. Knows nothing of jobs; times are
``time.monotonic()``, which all processes of a boot share.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
import tempfile
from typing import NamedTuple

from skunkqueue.processes.exit_codes import Ending
from skunkqueue.records import ClaimRef

# The head: ending (a byte), ready (a byte), settled, time of the watchdog's last look, start (by the store's clock).
_SETTLED = struct.Struct("=Q")
_MOMENT = struct.Struct("=d")
_SETTLED_AT, _LOOK_AT, _STARTED_AT = 8, 16, 24
ENDING_AT, WORD_AT, WORD_SIZE = 0, 32, 480
"""Where ``leave`` writes."""
_ROWS_AT = 512
# What has begun: id, token, deadline (0: none), suspect. Then the order to end it: id,
# token, deadline, cause. The order names its firing, so that one which comes too late, when the row
# has its next firing already, means nothing. The next step of a chain, and a job's rules for retries, are the same firing:
# so what begins takes back the order.
_BEGUN = struct.Struct("=24sqdB7x")
_BEGIN = struct.Struct("=24sqdB8x")
"""As it is written: with the first byte of the order, which so is taken back. It was about what ran here before."""
_ORDER = struct.Struct("=24sqdB7x")
_ROW = _BEGUN.size + _ORDER.size
_EMPTY = 0
# A call of a plugin's code: whether it goes on, for which firing, deadline; then words.
_CALL = struct.Struct("=24sqd")
_CALL_SIZE = 1024
_CALLS = 3
"""Places for such calls: strategies asked by the main thread and by the maintenance thread, and hooks."""
HOOKS_PLACE = 2
KILL_PLUGIN_AFTER = 2.0
"""Seconds that a plugin's code has beyond its time limit before the pool kills the worker."""

TIMEOUT, ROUGH, STRATEGY, GIVE_BACK = "timeout", "rough", "strategy", "stop"
"""Why a worker was killed, or died."""
_CAUSES = (TIMEOUT, ROUGH, GIVE_BACK)
NO_CLAIM = ClaimRef("", 0)


class RunningFiring(NamedTuple):
    """A firing whose code runs, as the pool sees it."""

    id: str
    token: int
    suspect: bool
    """Workers died under it before."""
    deadline: float
    """When the worker must be killed for it; 0: not yet known."""
    cause: str
    """``timeout``, ``rough`` or ``stop``: why the worker is killed."""

    @property
    def ref(self) -> ClaimRef:
        """What proves the worker's claim to the store, and says that it has begun."""
        return ClaimRef(self.id, self.token, begun=True)


class PluginCall(NamedTuple):
    """A call of a plugin's code, as the pool sees it."""

    ref: ClaimRef
    """The claim that it is for; NO_CLAIM: none in particular."""
    deadline: float
    """When the worker must be killed for it."""
    words: tuple[str, ...]
    """``strategy`` or ``hook``, the key under which it is not called for a while, its name, and the schedule or hook."""


class Scoreboard:
    """The page, seen from either side. Row 0 is the main thread's, the others are for async jobs."""

    __slots__ = ("_map", "_pack", "rows")

    def __init__(self, page: mmap.mmap, rows: int) -> None:
        self._map = page
        self._pack = _BEGIN.pack_into
        self.rows = rows

    @classmethod
    def private(cls, rows: int) -> Scoreboard:
        """Make one for a worker without a pool."""
        return cls(mmap.mmap(-1, _size(rows)), rows)

    @classmethod
    def shared(cls, rows: int) -> tuple[Scoreboard, int]:
        """Make one and return it with the file descriptor by which a child opens it too."""
        descriptor = _memory()
        try:
            _take_room(descriptor, _size(rows))
            return cls(mmap.mmap(descriptor, _size(rows)), rows), descriptor
        except BaseException:
            os.close(descriptor)
            raise

    @classmethod
    def opened(cls, descriptor: int, rows: int) -> Scoreboard:
        """Open the one behind a descriptor, which is closed."""
        scoreboard = cls(mmap.mmap(descriptor, _size(rows)), rows)
        os.close(descriptor)
        return scoreboard

    def close(self) -> None:
        """Close the page."""
        self._map.close()

    # --- the worker's side ------------------------------------------------------------------------

    def begin(self, row: int, firing: str, token: int, deadline: float, suspect: int) -> None:
        """Note that a firing's code begins; costs about 0.3 µs."""
        self._pack(self._map, _ROWS_AT + row * _ROW, firing.encode(), token, deadline, suspect)

    def clear(self, row: int) -> None:
        """Note that nothing runs in this row."""
        self._map[_ROWS_AT + row * _ROW] = _EMPTY

    def order(self, row: int, ref: ClaimRef, deadline: float, cause: str) -> None:
        """Ask the pool to kill this worker at ``deadline`` if the firing still runs then; ``begin`` takes that back."""
        at = _ROWS_AT + row * _ROW + _BEGUN.size
        _ORDER.pack_into(self._map, at, ref.id.encode(), ref.token, deadline, _CAUSES.index(cause))

    def cancel_order(self, row: int) -> None:
        """Take back what ``order`` asked for."""
        self._map[_ROWS_AT + row * _ROW + _BEGUN.size] = _EMPTY

    def call_plugin(self, place: int, call: PluginCall) -> None:
        """Note that a plugin's code begins; costs about 2 µs."""
        ref, deadline, words = call
        page, at = self._map, self._call_at(place)
        text = "\0".join(words).encode(errors="replace")[: _CALL_SIZE - _CALL.size - 2]
        written = _CALL.pack(ref.id.encode(), ref.token, deadline) + text + b"\n"
        page[at + 1 : at + 1 + len(written)] = written
        page[at] = 1

    def end_plugin_call(self, place: int) -> None:
        """Note that a plugin's code has returned."""
        self._map[self._call_at(place)] = _EMPTY

    def ready(self, started: float) -> None:
        """Note that the worker is registered, and since when (store's time)."""
        _MOMENT.pack_into(self._map, _STARTED_AT, started)
        self._map[1] = 1

    def look(self, moment: float) -> None:
        """Note that the watchdog has looked."""
        _MOMENT.pack_into(self._map, _LOOK_AT, moment)

    def count(self, settled: int) -> None:
        """Note how many firings were settled."""
        _SETTLED.pack_into(self._map, _SETTLED_AT, settled)

    def leave(self, ending: Ending, word: str = "") -> None:
        """Note that the worker ends by its own decision, and why."""
        text = word.encode(errors="backslashreplace")[: WORD_SIZE - 1]
        self._map[WORD_AT : WORD_AT + len(text) + 1] = text + b"\0"
        self._map[ENDING_AT] = ending

    # --- the pool's side --------------------------------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """Return whether the worker has registered."""
        return bool(self._map[1])

    @property
    def started(self) -> float:
        """When the worker registered, by the store's time."""
        return float(_MOMENT.unpack_from(self._map, _STARTED_AT)[0])

    @property
    def looked(self) -> float:
        """When the watchdog looked last; 0: not yet."""
        return float(_MOMENT.unpack_from(self._map, _LOOK_AT)[0])

    @property
    def settled(self) -> int:
        """How many firings were settled."""
        return int(_SETTLED.unpack_from(self._map, _SETTLED_AT)[0])

    @property
    def ending(self) -> Ending:
        """Why it ended by its own decision."""
        return Ending(self._map[ENDING_AT])

    @property
    def word(self) -> str:
        """Why it ended, in words."""
        return self._map[WORD_AT : WORD_AT + WORD_SIZE].split(b"\0")[0].decode(errors="replace")

    def running(self) -> list[RunningFiring]:
        """List what runs, or ran when the worker died."""
        found = []
        for row in range(self.rows):
            at = _ROWS_AT + row * _ROW
            if self._map[at] == _EMPTY:
                continue
            firing, token, deadline, suspect = _BEGUN.unpack_from(self._map, at)
            cause = TIMEOUT
            ordered, for_token, until, number = _ORDER.unpack_from(self._map, at + _BEGUN.size)
            if (ordered, for_token) == (firing, token) and (not deadline or until < deadline):
                deadline, cause = until, _CAUSES[number]
            found.append(
                RunningFiring(firing.decode("ascii", "replace"), token, bool(suspect), deadline, cause)
            )
        return found

    def plugin_calls(self) -> list[PluginCall]:
        """List the calls of plugins that go on, or went on when the worker died."""
        found = []
        for place in range(_CALLS):
            at = self._call_at(place)
            if self._map[at] == _EMPTY:
                continue
            firing, token, deadline = _CALL.unpack_from(self._map, at + 1)
            text = self._map[at + 1 + _CALL.size : at + _CALL_SIZE].split(b"\n")[0].decode(errors="replace")
            ref = ClaimRef(firing.rstrip(b"\0").decode("ascii", "replace"), token)
            found.append(PluginCall(ref, deadline, tuple(text.split("\0"))))
        return found

    def _call_at(self, place: int) -> int:
        return _ROWS_AT + self.rows * _ROW + place * _CALL_SIZE


def _memory() -> int:
    if hasattr(os, "memfd_create"):
        try:
            return os.memfd_create("skunkqueue-scoreboard")
        except OSError as error:
            # Some sandboxes do not have it.
            if error.errno not in (errno.ENOSYS, errno.EPERM):
                raise
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _take_room(descriptor: int, size: int) -> None:
    # Written in full: a lack of room is then an error here, and not a SIGBUS later.
    if os.write(descriptor, bytes(size)) < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _size(rows: int) -> int:
    return _ROWS_AT + rows * _ROW + _CALLS * _CALL_SIZE

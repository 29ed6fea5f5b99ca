"""Sorted keys with versions, conflicts and watches: what a FoundationDB cluster is to its clients.

Plain data in one process; knows no sockets. What was there at an older version is found by going back through a
log of what commits replaced.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.support.fdb_standin.errors import FDBError
from tests.support.fdb_standin.mutations import STAMPED, Op, changed, stamped

SECOND = 1_000_000
"""Versions in a second."""
WINDOW = 5 * SECOND
"""How old a version may be that is still read from or committed at."""
IDLE = 2 * SECOND
"""By how much the version that readers get may lag behind where nobody writes."""
NO_CONFLICT = 0x100
"""Added to the code of a mutation that is to conflict with nobody."""

RECOVERED = b"\xff/globals/lastEpochEnd"
"""The one key of the cluster's own that there is."""

Range = tuple[bytes, bytes]
Mutation = tuple[int, bytes, bytes]
Pair = tuple[bytes, bytes]
Selector = tuple[bytes, bool, int]


@dataclass
class Commit:
    """What one commit wrote, for those who read before it."""

    version: int
    replaced: dict[bytes, bytes | None] = field(default_factory=dict)
    points: set[bytes] = field(default_factory=set)
    ranges: list[Range] = field(default_factory=list)

    def touches(self, begin: bytes, end: bytes) -> bool:
        """Say whether it wrote in a range."""
        return any(first < end and begin < last for first, last in self.ranges) or any(
            begin <= point < end for point in self.points
        )

    def touches_key(self, key: bytes) -> bool:
        """Say whether it wrote a key."""
        return key in self.points or any(first <= key < last for first, last in self.ranges)


class Keyspace:
    """All keys, and their past of five seconds; ``microseconds`` says how time goes by."""

    def __init__(self, microseconds: Callable[[], int]) -> None:
        self.commits = 0
        """How many wrote something."""
        self.conflicts = 0
        self.reads = 0
        self.versions = 0
        """How many read versions were asked for."""
        self.recovered = 0
        """The last version before the last recovery."""
        self.on_change: Callable[[bytes, bytes | None], None] = lambda _key, _value: None
        self._microseconds = microseconds
        self._ahead = 0
        self._floor = 0
        self._version = microseconds()
        self._keys: list[bytes] = []
        self._values: dict[bytes, bytes] = {}
        self._log: deque[Commit] = deque()

    # --- versions ---------------------------------------------------------------------------------

    def read_version(self) -> int:
        """Give the version that a transaction reads at."""
        self.versions += 1
        now = self._microseconds() + self._ahead
        if now - self._version > IDLE:
            self._version = now
        return self._version

    def jump(self, versions: int) -> None:
        """Go on with much greater versions, as after a recovery; what was begun before can no longer commit."""
        self.recovered = self._version
        self._ahead += versions
        self._version = max(self._microseconds() + self._ahead, self._version + 1)
        self._floor = self._version

    def _check(self, version: int) -> None:
        if version < max(self._floor, self._version - WINDOW):
            raise FDBError(1007)
        if version > max(self._version, self._microseconds() + self._ahead):
            raise FDBError(1009)

    # --- reading ----------------------------------------------------------------------------------

    def get(self, key: bytes, version: int) -> bytes | None:
        """Read one value."""
        self.reads += 1
        self._check(version)
        if key == RECOVERED:
            return self.recovered.to_bytes(8, "little") if self.recovered else None
        found = self._values.get(key)
        for commit in reversed(self._log):
            if commit.version <= version:
                break
            if key in commit.replaced:
                found = commit.replaced[key]
        return found

    def range(
        self, begin: Selector, end: Selector, limit: int, version: int, *, backwards: bool
    ) -> list[Pair]:
        """Read what is between two selectors, at most ``limit`` pairs unless that is 0."""
        self.reads += 1
        self._check(version)
        first, last = self.resolve(begin, version), self.resolve(end, version)
        if first >= last:
            return []
        older = self._older(first, last, version)
        at, until = bisect_left(self._keys, first), bisect_left(self._keys, last)
        if not older:
            if limit and backwards:
                at = max(at, until - limit)
            elif limit:
                until = min(until, at + limit)
            found = [(key, self._values[key]) for key in self._keys[at:until]]
        else:
            kept = {key: self._values[key] for key in self._keys[at:until] if key not in older}
            kept.update((key, value) for key, value in older.items() if value is not None)
            found = sorted(kept.items())
        if backwards:
            found.reverse()
        return found[:limit] if limit else found

    def find(self, selector: Selector, version: int) -> bytes:
        """Find the key that a selector means; an end of all keys where there is none."""
        self.reads += 1
        self._check(version)
        key, or_equal, offset = selector
        older = self._older(b"", b"\xff", version)
        # Enough of the neighbours, however many of them came or went since: never all keys, which are many.
        reach = abs(offset) + 1 + len(older)
        first = key + b"\0" * or_equal
        place = bisect_left(self._keys, first)
        begin = max(0, place - reach)
        near = {one for one in self._keys[begin : place + reach] if one not in older}
        near.update(one for one, value in older.items() if value is not None)
        keys = sorted(near)
        at = bisect_left(keys, first) + offset - 1
        if at < 0:
            return b""
        return keys[at] if at < len(keys) else b"\xff"

    def resolve(self, selector: Selector, version: int) -> bytes:
        """Find from which key on a range goes that begins, or ends, with a selector."""
        key, or_equal, offset = selector
        return key + b"\0" * or_equal if offset == 1 else self.find(selector, version)

    def _older(self, first: bytes, last: bytes, version: int) -> dict[bytes, bytes | None]:
        """Collect values of a range that later commits replaced."""
        found: dict[bytes, bytes | None] = {}
        for commit in reversed(self._log):
            if commit.version <= version:
                break
            found.update((key, value) for key, value in commit.replaced.items() if first <= key < last)
        return found

    # --- writing ----------------------------------------------------------------------------------

    def commit(
        self,
        version: int,
        mutations: Sequence[Mutation],
        read: tuple[Sequence[bytes], Sequence[Range]],
        write: Sequence[Range] = (),
    ) -> int:
        """Do all of it or, where another commit came between, nothing; return the new version."""
        if version:
            self._check(version)
        points, ranges = read
        for commit in reversed(self._log):
            if commit.version <= version:
                break
            if any(map(commit.touches_key, points)) or any(commit.touches(*one) for one in ranges):
                self.conflicts += 1
                raise FDBError(1020)
        self.commits += 1
        made = Commit(max(self._version + 1, self._microseconds() + self._ahead), ranges=list(write))
        self._version = made.version
        stamp = made.version.to_bytes(8, "big") + b"\0\0"
        for code, key, given in mutations:
            self._mutate(made, code, key, given, stamp)
        self._log.append(made)
        while self._log[0].version < self._version - WINDOW:
            self._log.popleft()
        for key, before in made.replaced.items():
            now = self._values.get(key)
            if now != before:
                self.on_change(key, now)
        return made.version

    def _mutate(self, commit: Commit, code: int, key: bytes, given: bytes, stamp: bytes) -> None:
        op = Op(code & ~NO_CONFLICT)
        if op is Op.CLEAR:
            if not code & NO_CONFLICT:
                commit.ranges.append((key, given))
            at, until = bisect_left(self._keys, key), bisect_left(self._keys, given)
            for one in self._keys[at:until]:
                commit.replaced.setdefault(one, self._values.pop(one))
            del self._keys[at:until]
            return
        if op is Op.SET_VERSIONSTAMPED_KEY:
            key, op = stamped(key, stamp), Op.SET
        elif op is Op.SET_VERSIONSTAMPED_VALUE:
            given, op = stamped(given, stamp), Op.SET
        if not code & NO_CONFLICT:
            commit.points.add(key)
        before = self._values.get(key)
        commit.replaced.setdefault(key, before)
        after = changed(op, before, given)
        if after is not None:
            self._values[key] = after
        if (before is None) != (after is None):
            place = bisect_left(self._keys, key)
            if before is None:
                self._keys.insert(place, key)
            else:
                del self._keys[place]
                del self._values[key]

    def now(self, key: bytes) -> bytes | None:
        """Read the newest value, whatever its version."""
        return self._values.get(key)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._keys)


__all__ = ["NO_CONFLICT", "STAMPED", "Keyspace", "Mutation", "Pair", "Range", "Selector"]

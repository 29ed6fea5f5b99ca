"""A database that counts what is read from it: requests, keys, and bytes of keys and values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Reads:
    """What was read, by the letter of the table."""

    gets: Counter[str] = field(default_factory=Counter)
    ranges: Counter[str] = field(default_factory=Counter)
    keys: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    passed: int = 0
    """Keys that the cluster had to count to find where a range begins."""
    trips: int = 0
    """How often one waits for what is asked for after the wait before."""

    def wait_for(self, asked: int) -> None:
        """Wait for what was asked for when there had been so many trips."""
        self.trips = max(self.trips, asked + 1)

    @property
    def requests(self) -> int:
        """Tell how often anything was asked for."""
        return self.gets.total() + self.ranges.total()


class CountingDatabase:
    """Counts in ``reads`` what its transactions read; what is not read is left to the database that it wraps."""

    def __init__(self, database: Any, prefix: bytes) -> None:
        self._database = database
        self._start = len(prefix)
        self.reads = Reads()

    def create_transaction(self) -> Any:
        return _Reader(self, self._database.create_transaction())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def letter(self, key: Any) -> str:
        """Name the table of a key; of a key selector likewise."""
        packed: bytes = getattr(key, "key", key)
        return packed[self._start : self._start + 1].decode()


class _Reader:
    def __init__(self, database: CountingDatabase, raw: Any) -> None:
        self._counts = database
        self._raw = raw

    @property
    def snapshot(self) -> Any:
        return _Reader(self._counts, self._raw.snapshot)

    def get(self, key: bytes) -> Any:
        self._counts.reads.gets[self._counts.letter(key)] += 1
        return _Value(self._counts.reads, self._raw.get(key))

    def get_range(self, begin: Any, end: bytes, *options: Any) -> Any:
        letter = self._counts.letter(begin)
        self._counts.reads.ranges[letter] += 1
        self._counts.reads.passed += max(getattr(begin, "offset", 1) - 1, 0)
        return _Range(self._counts.reads, letter, self._raw.get_range(begin, end, *options))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


class _Value:
    def __init__(self, reads: Reads, future: Any) -> None:
        self._reads = reads
        self._future = future
        self._asked = reads.trips

    @property
    def value(self) -> bytes | None:
        self._reads.wait_for(self._asked)
        value: bytes | None = self._future.value
        self._reads.bytes += len(value or b"")
        return value

    def __getattr__(self, name: str) -> Any:
        return getattr(self._future, name)


class _Range:
    def __init__(self, reads: Reads, letter: str, asked: Any) -> None:
        self._reads = reads
        self._letter = letter
        self._range = asked
        self._asked = reads.trips

    def to_list(self) -> Sequence[Any]:
        self._reads.wait_for(self._asked)
        pairs: Sequence[Any] = self._range.to_list()
        self._reads.keys[self._letter] += len(pairs)
        self._reads.bytes += sum(len(pair.key) + len(pair.value) for pair in pairs)
        return pairs

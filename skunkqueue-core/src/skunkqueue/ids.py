"""Ids that sort by the time they were made, without asking anybody.

24 hexadecimal digits: 48 bits of milliseconds since the epoch, then a 48-bit counter that starts at
random in each process, so ids of one process keep their order within a millisecond. The layout
follows RFC 9562 section 5.7 (UUIDv7) and 6.2 method 1 (counter), shortened to 96 bits.
"""

from __future__ import annotations

import itertools
import os
import secrets
import time
from collections.abc import Iterator

ID_LENGTH = 24
_COUNTER_BITS = 48
_COUNTER_MASK = (1 << _COUNTER_BITS) - 1


def _fresh_counter() -> Iterator[int]:
    # The top bit stays clear so that a process can count for years before the counter wraps.
    return itertools.count(secrets.randbits(_COUNTER_BITS - 1))


_counter = _fresh_counter()


def _after_fork() -> None:
    global _counter  # noqa: PLW0603 - a forked child must not repeat its parent's ids
    _counter = _fresh_counter()


os.register_at_fork(after_in_child=_after_fork)


def new_id() -> str:
    """Make an id; about 0.6 µs."""
    return f"{int(time.time() * 1000):012x}{next(_counter) & _COUNTER_MASK:012x}"

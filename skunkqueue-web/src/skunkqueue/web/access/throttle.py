"""Slows down the guessing of passwords, by the name that is tried and the address that tries it."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import NamedTuple

from skunkqueue.web.access.proxies import read_address

REMEMBERED = 10_000
"""Names, and addresses, that are remembered at most; the ones unused for longest are forgotten first."""
FORGET_AFTER = 3_600.0
"""Seconds after which a failure no longer counts."""


class Limit(NamedTuple):
    """How many failures are free, and how long each further one makes the next attempt wait."""

    free: int
    longest: float


# A stranger must not be able to lock a person out for long by failing in that person's name.
BY_NAME = Limit(5, 30.0)
BY_ADDRESS = Limit(20, 900.0)


class _Failures:
    __slots__ = ("count", "last")

    def __init__(self) -> None:
        self.count = 0
        self.last = 0.0


class Throttle:
    """Counts failed log-ins. Each attempt counts as failed until it has succeeded, so many at the same time are no way around it."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kinds: tuple[tuple[Limit, OrderedDict[Hashable, _Failures]], ...] = (
            (BY_NAME, OrderedDict()),
            (BY_ADDRESS, OrderedDict()),
        )

    def begin(self, name: str, address: str) -> int:
        """Count an attempt; return for how many seconds it has to wait. 0: it may be made now."""
        with self._lock:
            now = self._monotonic()
            keys = (name, _place(address))
            waits = [
                self._wait(limit, found.get(key), now)
                for (limit, found), key in zip(self._kinds, keys, strict=True)
            ]
            if max(waits) > 0:
                return math.ceil(max(waits))
            for (_, found), key in zip(self._kinds, keys, strict=True):
                self._count(found, key, now)
        return 0

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures of a name, and take back what its attempt was counted for at its address."""
        with self._lock:
            (_, names), (_, addresses) = self._kinds
            names.pop(name, None)
            at_address = addresses.get(_place(address))
            if at_address is not None and at_address.count:
                at_address.count -= 1

    def remembered(self) -> int:
        """Return how many names and addresses are remembered."""
        with self._lock:
            return sum(len(found) for _, found in self._kinds)

    @staticmethod
    def _wait(limit: Limit, failures: _Failures | None, now: float) -> float:
        if failures is None or failures.count < limit.free or now - failures.last > FORGET_AFTER:
            return 0.0
        pause = min(limit.longest, 2.0 ** min(failures.count - limit.free, 30))
        return failures.last + pause - now

    @staticmethod
    def _count(found: OrderedDict[Hashable, _Failures], key: Hashable, now: float) -> None:
        failures = found.get(key)
        if failures is None:
            failures = found[key] = _Failures()
            while len(found) > REMEMBERED:
                found.popitem(last=False)
        elif now - failures.last > FORGET_AFTER:
            failures.count = 0
        found.move_to_end(key)
        failures.count += 1
        failures.last = now


def _place(address: str) -> str:
    """Return the network of an address: one customer has a whole /64 of IPv6."""
    found = read_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return address[:100]

"""The last hour at the shop of ``skunq demo --web``, so that charts show something from the first second.

No job was run for it: firings are enqueued and settled under a clock that is up to an hour behind.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

from skunkqueue.call import Conjoinable
from skunkqueue.cli import demo_shop as shop
from skunkqueue.clock import monotonic
from skunkqueue.config import open_backend, resolve
from skunkqueue.opening import divert, end_diversion
from skunkqueue.payload import Failure, encode
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.queue import SkunkQueue
from skunkqueue.records import Claim, Outcome, Verdict
from skunkqueue.serializers import get_serializer

MINUTES = 59
_LEASE = 60.0
_MOST = 500
_WAITING = 12
"""One of so many waits when the samples of a minute are taken."""
_TROUBLE = range(21, 27)
"""Minutes ago when the bank was away."""
_ROUTES = ("orders", "pictures", "reports", "rates")


class PastClock:
    """The machine's clock, so many seconds behind."""

    def __init__(self) -> None:
        self.behind = 0.0

    def now(self) -> float:
        """Return the time as it was."""
        return time.time() - self.behind

    def monotonic(self) -> float:
        """Return what leases go by, which is not behind."""
        return monotonic()

    def wait(self, event: threading.Event, timeout: float) -> bool:
        """Wait for real."""
        return event.wait(timeout)


class Kind(NamedTuple):
    """How runs of one route went."""

    wait: float
    took: float
    """Both in seconds, on average."""
    fails: float
    failure: Failure


KINDS = {
    "orders": Kind(0.02, 0.07, 0.02, Failure("BankError", "no answer after 100 ms")),
    "pictures": Kind(0.4, 0.4, 0.05, Failure("OSError", "skunks/0815.jpg: not a picture, or cut off")),
    "reports": Kind(1.5, 5.0, 0.0, Failure("RuntimeError", "")),
    "rates": Kind(0.05, 0.8, 0.06, Failure("TimeoutError", "rates.example did not answer")),
}


def make(url: str) -> None:
    """Fill a new store with an hour of firings. No worker may have it open."""
    clock, dice = PastClock(), random.SystemRandom()
    with _past_of(url, clock) as queue:
        for minute in range(MINUTES, 0, -1):
            clock.behind = 60.0 * minute
            busy = 0.6 + 0.4 * math.sin(minute / 9)
            calls = _calls(minute, busy, dice)
            queue.fire_many(calls[::_WAITING])
            queue.backend.sample()
            queue.fire_many(call for number, call in enumerate(calls) if number % _WAITING)
            for route in _ROUTES:
                claims = queue.backend.claim(shop.QUEUE, route, "the-past", _MOST, _LEASE)
                _settle(queue.backend, claims, trouble=minute in _TROUBLE, dice=dice)


class _Past(NamedTuple):
    """The store, as it is used under a clock that is behind: queues themselves refuse such a clock."""

    config: BackendConfig
    backend: Backend


@contextmanager
def _past_of(url: str, clock: PastClock) -> Iterator[SkunkQueue]:
    config = resolve(conn_url=url)
    with closing(open_backend(config, clock=clock)) as backend:
        divert(_Past(config, backend))
        try:
            yield SkunkQueue(shop.QUEUE)
        finally:
            end_diversion()


def _calls(minute: int, busy: float, dice: random.Random) -> list[Conjoinable]:
    count = round(130 * busy * dice.uniform(0.8, 1.2))
    calls: list[Conjoinable] = [shop.confirm(1_000 - 10 * minute, "jed@example.com") for _ in range(count)]
    calls += [shop.charge(1_000 - 10 * minute, dice.randrange(500, 50_000)) for _ in range(count)]
    calls += [shop.resize(f"skunks/{number:04}.jpg", 640) for number in range(count // 2)]
    calls += [shop.fetch_rate("EUR") for _ in range(count // 2)]
    calls += [shop.report(f"2026-{dice.randrange(1, 12):02}", 2_000) for _ in range(3)]
    return calls


def _settle(backend: Backend, claims: list[Claim], *, trouble: bool, dice: random.Random) -> None:
    again = [claim for claim in claims if trouble and claim.job == shop.charge.name and dice.random() < 0.4]
    ids = {claim.id for claim in again}
    outcomes = [_outcome(claim, dice, trouble=trouble) for claim in claims if claim.id not in ids]
    backend.settle([*outcomes, *(_retry(claim, dice) for claim in again)])
    if again:
        claims = backend.claim(shop.QUEUE, "orders", "the-past", _MOST, _LEASE)
        backend.settle([_outcome(claim, dice, trouble=False) for claim in claims])


def _outcome(claim: Claim, dice: random.Random, *, trouble: bool) -> Outcome:
    kind = KINDS[claim.route]
    may_fail = claim.job != shop.confirm.name
    fails = may_fail and dice.random() < kind.fails * (4 if trouble else 1)
    return Outcome(
        **_facts(claim, dice),
        verdict=Verdict.ERROR if fails else Verdict.COMPLETE,
        result=encode(kind.failure) if fails else get_serializer("typed").dumps(None, "the result"),
        error=kind.failure.line if fails else None,
    )


def _retry(claim: Claim, dice: random.Random) -> Outcome:
    return Outcome(
        **_facts(claim, dice), verdict=Verdict.RETRY, delay=0.0, error=KINDS[claim.route].failure.line
    )


def _facts(claim: Claim, dice: random.Random) -> dict[str, Any]:
    """Return what every outcome says of its claim."""
    kind = KINDS[claim.route]
    return {
        "id": claim.id,
        "token": claim.token,
        "began": claim.claimed + kind.wait * dice.expovariate(1.0),
        "took": kind.took * dice.uniform(0.4, 1.8),
        "queue": claim.queue,
        "route": claim.route,
        "was_due": claim.due,
        "job": claim.job,
        "tags": claim.tags,
        "key": claim.key,
    }

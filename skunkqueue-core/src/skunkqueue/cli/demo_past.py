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
from skunkqueue.worker.judge.failures import kind_of

MINUTES = 59
_LEASE = 60.0
_MOST = 500
_WAITING = 12
"""One of so many waits when the samples of a minute are taken."""
_RUNNING = 30
"""One of so many runs then."""
_TROUBLE = range(21, 27)
"""Minutes ago when the bank was away."""
_SALE = 38
"""Minutes ago when a sale began, and brought orders."""
_HALF = 7.0
"""Minutes after which half of what a sale brings is over."""
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
    # As a worker names it, so that it is one group with what fails later.
    "orders": Kind(0.02, 0.07, 0.02, Failure(kind_of(shop.BankError()), "no answer after 100 ms")),
    "pictures": Kind(0.4, 0.4, 0.05, Failure("OSError", "skunks/0815.jpg: not a picture, or cut off")),
    "reports": Kind(1.5, 5.0, 0.0, Failure("RuntimeError", "")),
    "rates": Kind(0.05, 0.8, 0.06, Failure("TimeoutError", "rates.example did not answer")),
}


class Pace:
    """How much of each kind came in: each has its own course, so that no two charts are alike."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._drift = dict.fromkeys(_ROUTES, 0.0)
        self._batch = 0

    def calls(self, minute: int) -> list[Conjoinable]:
        """Return what came in, in a minute that is so many minutes ago."""
        dice = self._dice
        for route, drift in self._drift.items():
            self._drift[route] = 0.85 * drift + dice.gauss(0.0, 0.12)
        since = _SALE - minute
        sale = 1.6 * 0.5 ** (since / _HALF) if since >= 0 else 0.0
        orders = self._about(75 * (1 + sale), "orders")
        calls: list[Conjoinable] = [
            shop.charge(1_000 - 10 * minute, dice.randrange(500, 50_000)) for _ in range(orders)
        ]
        confirmed = round(orders * dice.uniform(0.9, 1.0))
        calls += [shop.confirm(1_000 - 10 * minute, "jed@example.com") for _ in range(confirmed)]
        calls += [shop.resize(f"skunks/{number:04}.jpg", 640) for number in range(self._pictures())]
        calls += [shop.fetch_rate("EUR") for _ in range(self._about(38, "rates"))]
        # Some ask for a report now and then, and all of them are made each quarter of an hour.
        reports = 9 if minute % 15 == 7 else dice.choice((0, 0, 1, 1, 2))
        calls += [shop.report(f"2026-{dice.randrange(1, 12):02}", 2_000) for _ in range(reports)]
        return calls

    def _pictures(self) -> int:
        """Somebody sends in a whole album now and then, over some minutes."""
        if self._dice.random() < 0.12:
            self._batch += self._dice.randrange(90, 260)
        sent = min(self._batch, self._dice.randrange(35, 75))
        self._batch -= sent
        return sent + self._about(12, "pictures")

    def _about(self, count: float, route: str) -> int:
        expected = count * math.exp(self._drift[route])
        return max(round(self._dice.gauss(expected, math.sqrt(expected))), 0)


def make(url: str) -> None:
    """Fill a new store with an hour of firings. No other process may have it open: each would notice a clock that jumps."""
    clock, dice = PastClock(), random.SystemRandom()
    pace = Pace(dice)
    # Before the store is opened: a clock that goes back would be noticed.
    clock.behind = 60.0 * MINUTES
    with _past_of(url, clock) as queue:
        for minute in range(MINUTES, 0, -1):
            clock.behind = 60.0 * minute
            calls = pace.calls(minute)
            dice.shuffle(calls)
            waiting = calls[::_WAITING]
            queue.fire_many(waiting)
            begun = [
                claim
                for route in _ROUTES
                for claim in queue.backend.claim(
                    shop.QUEUE, route, "the-past", dice.randrange(len(calls) // _RUNNING + 1) + 1, _LEASE
                )
            ]
            queue.backend.sample()
            queue.fire_many(call for number, call in enumerate(calls) if number % _WAITING)
            for route in _ROUTES:
                claims = [claim for claim in begun if claim.route == route]
                claims += queue.backend.claim(shop.QUEUE, route, "the-past", _MOST, _LEASE)
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


def _settle(backend: Backend, claims: list[Claim], *, trouble: bool, dice: random.Random) -> None:
    load = len(claims) / 150
    again = [claim for claim in claims if trouble and claim.job == shop.charge.name and dice.random() < 0.4]
    ids = {claim.id for claim in again}
    outcomes = [_outcome(claim, dice, load, trouble=trouble) for claim in claims if claim.id not in ids]
    backend.settle([*outcomes, *(_retry(claim, dice, load) for claim in again)])
    if again:
        claims = backend.claim(shop.QUEUE, "orders", "the-past", _MOST, _LEASE)
        backend.settle([_outcome(claim, dice, load, trouble=False) for claim in claims])


def _outcome(claim: Claim, dice: random.Random, load: float, *, trouble: bool) -> Outcome:
    kind = KINDS[claim.route]
    may_fail = claim.job != shop.confirm.name
    fails = may_fail and dice.random() < kind.fails * (4 if trouble else 1)
    return Outcome(
        **_facts(claim, dice, load),
        verdict=Verdict.ERROR if fails else Verdict.COMPLETE,
        result=encode(kind.failure) if fails else get_serializer("typed").dumps(None, "the result"),
        error=kind.failure.line if fails else None,
    )


def _retry(claim: Claim, dice: random.Random, load: float) -> Outcome:
    return Outcome(
        **_facts(claim, dice, load), verdict=Verdict.RETRY, delay=0.0, error=KINDS[claim.route].failure.line
    )


def _facts(claim: Claim, dice: random.Random, load: float) -> dict[str, Any]:
    """Return what every outcome says of its claim; the more there is to do, the longer each waits."""
    kind = KINDS[claim.route]
    return {
        "id": claim.id,
        "token": claim.token,
        "began": claim.claimed + kind.wait * (0.5 + load**2) * dice.expovariate(1.0),
        "took": kind.took * dice.uniform(0.4, 1.8),
        "queue": claim.queue,
        "route": claim.route,
        "was_due": claim.due,
        "job": claim.job,
        "tags": claim.tags,
        "key": claim.key,
    }

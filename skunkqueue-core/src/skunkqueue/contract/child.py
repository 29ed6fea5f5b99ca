"""The programs that the concurrency and crash tests start as processes of their own.

Run as ``python -m skunkqueue.contract.child ORDERS`` with ``Orders`` in JSON. It reports on
stdout, one JSON list a line. Each line is written at once, so that it is in the pipe when the process is killed.
It needs no pytest, so that it starts fast.
"""

from __future__ import annotations

import os
import pkgutil
import random
import sys
import threading
import time
from typing import cast

import msgspec

from skunkqueue.contract.makers import (
    QUEUE,
    ROUTE,
    claim,
    counts,
    firing,
    outcome,
    planned,
    refire,
    schedule,
)
from skunkqueue.ids import new_id
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.records import Claim, Firing, Outcome, State, Verdict

SCHEDULE = "nonstop"
SCHEDULED_ROUTE = "scheduled"
GO = "go"
"""The route of firings that tell the children when to begin."""
VERSIONS = 2


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is to do."""

    backend_class: str
    """As ``module:qualname``."""
    config: BackendConfig
    role: str
    """``produce``, ``work``, ``open``, ``declare`` or ``chaos``: the function of that name."""
    name: str
    """Its id as a worker."""
    seed: int = 0
    total: int = 0
    """Firings to produce, or to be complete before work ends; schedules to declare."""
    limit: int = 20
    lease: float = 15.0
    stall: float = 0.0
    """Seconds that it may pause between claim and settle, at most."""


def open_backend(orders: Orders) -> Backend:
    """Open the store in this process."""
    found = cast("type[Backend]", pkgutil.resolve_name(orders.backend_class))
    return found.open(orders.config)


def say(*words: object) -> None:
    """Write one line at once and whole."""
    os.write(1, msgspec.json.encode(words) + b"\n")


def produce(orders: Orders) -> None:
    """Enqueue firings in batches of many sizes."""
    backend, chance = open_backend(orders), random.Random(orders.seed)  # noqa: S311 - no secret
    left = orders.total
    while left:
        batch = [firing() for _ in range(min(left, chance.randint(1, 30)))]
        say("accepted", backend.enqueue(batch))
        left -= len(batch)
    backend.close()


def work(orders: Orders) -> None:
    """Claim and settle until all firings are complete."""
    backend, chance = open_backend(orders), random.Random(orders.seed)  # noqa: S311 - no secret
    while True:
        lent = claim(backend, chance.randint(1, orders.limit), worker=orders.name, lease=orders.lease)
        if not lent:
            if counts(backend).get(State.COMPLETE, 0) >= orders.total:
                break
            backend.wait(QUEUE, ROUTE, orders.name, 0.1)
            continue
        if orders.stall:
            threading.Event().wait(chance.random() * orders.stall)
        stale = backend.settle([outcome(one, result=mark(orders, one)) for one in lent])
        say("settled", [[one.id, one.token] for one in lent if one.id not in stale])
        say("stale", stale)
    backend.close()


def mark(orders: Orders, lent: Claim) -> bytes:
    """Make a result that names its worker and token."""
    return f"{orders.name}:{lent.token}".encode()


def open(orders: Orders) -> None:  # noqa: A001 - named by its order
    """Open the store, put one firing in, and stay until killed."""
    say("opening")
    backend = open_backend(orders)
    made = firing()
    say("accepted", backend.enqueue([made]))
    threading.Event().wait()


def declare(orders: Orders) -> None:
    """Declare schedules, then changes of them, each at the same moment as other children."""
    backend = open_backend(orders)
    say("ready")
    for version in range(VERSIONS):
        begin = told_when(backend, orders.name)
        answers = []
        for number in range(orders.total):
            said = schedule(f"schedule-{number}", params=b"%d" % version)
            made = firing(body=said.body)
            threading.Event().wait(max(begin + 0.005 * number - time.time(), 0.0))
            answers.append(backend.declare(said, made))
        say(*answers)
    backend.close()


def told_when(backend: Backend, worker: str) -> float:
    """Wait for the firing that tells when to begin. Each child has a route of its own, so that none takes another's."""
    while True:
        for lent in backend.claim_next(QUEUE, GO + worker, worker, 1, 15.0, timeout=1.0):
            backend.settle([outcome(lent)])
            return float(lent.body)


def chaos(orders: Orders) -> None:
    """Do everything at random until killed, and report each step before and after it."""
    backend, chance = open_backend(orders), random.Random(orders.seed)  # noqa: S311 - no secret
    say("ready")
    while True:
        batch = [firing(body=b"root") for _ in range(chance.randint(1, 6))]
        say("putting", [made.id for made in batch])
        say("accepted", backend.enqueue(batch))
        for _ in range(2):
            settle_some(backend, chance, claim(backend, 8, worker=orders.name, lease=orders.lease))
        run_schedule(backend, orders)


def settle_some(backend: Backend, chance: random.Random, lent: list[Claim]) -> None:
    """Settle claims with random verdicts, and report which outcomes were taken."""
    if not lent:
        return
    outcomes = [decide(one, chance.random()) for one in lent]
    stale = set(backend.settle(outcomes))
    finals = [given for given in outcomes if given.verdict.state.final and given.id not in stale]
    say("settled", [[given.id, given.token, (given.result or b"").decode()] for given in finals])


def decide(lent: Claim, dice: float) -> Outcome:
    """Choose an outcome; a complete root is followed by one firing, which its result names."""
    if dice < 0.1:
        return outcome(lent, Verdict.RETRY, attempt_state=b"again")
    if dice < 0.15:
        return outcome(lent, Verdict.RELEASE)
    if dice < 0.2:
        return outcome(lent, Verdict.ADVANCE, attempt_state=b"further")
    if dice < 0.3:
        return outcome(lent, Verdict.ERROR, result=f"{lent.token}:".encode())
    return finish(lent)


def finish(lent: Claim) -> Outcome:
    """Complete a claim."""
    follow: tuple[Firing, ...] = ()
    if lent.body == b"root":
        follow = (firing(id=new_id(), body=b"after " + lent.id.encode()),)
    result = f"{lent.token}:{follow[0].id if follow else ''}"
    return outcome(lent, result=result.encode(), follow=follow, began=lent.claimed, took=0.001)


def run_schedule(backend: Backend, orders: Orders) -> None:
    """Run the schedule once, where its firing is claimable; its state counts the runs."""
    for lent in claim(backend, 1, worker=orders.name, lease=orders.lease, route=SCHEDULED_ROUTE):
        now = planned(backend, SCHEDULE)
        state = str(int(now.state) + 1).encode()
        following = refire(lent, now, firing(route=SCHEDULED_ROUTE), state=state)
        backend.settle([outcome(lent, refire=following, result=state)])


if __name__ == "__main__":
    given = msgspec.json.decode(sys.argv[1], type=Orders)
    globals()[given.role](given)

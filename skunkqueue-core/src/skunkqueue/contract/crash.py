"""Processes are killed with SIGKILL at random moments; then the store is checked.

Nothing that was accepted is missing, nothing is recorded or followed twice, and nothing has to be cleaned up by hand:
the next process finishes what was half done. Needs the capabilities ``processes`` and ``durable``.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import ClassVar

from skunkqueue.contract.child import SCHEDULE, SCHEDULED_ROUTE, finish
from skunkqueue.contract.children import Line, orders, started
from skunkqueue.contract.effort import EFFORT
from skunkqueue.contract.kit import PATIENCE, Kit, open_empty
from skunkqueue.contract.makers import (
    QUEUE,
    ROUTE,
    claim,
    counters,
    counts,
    firing,
    listed,
    planned,
    rows_of,
    schedule,
    state,
)
from skunkqueue.contract.pace import pace
from skunkqueue.persistence.backend import HALF_DONE, Backend, BackendConfig
from skunkqueue.records import Record, State

LANES = 2
"""Children alive at the same time."""
LEASE = 0.3


class CrashPromises(Kit):
    """What survives the death of a process."""

    stage: ClassVar[int] = 3

    def test_nothing_is_lost_or_doubled_when_processes_are_killed(
        self, processes: None, durable: None, tested_class: type[Backend], config: BackendConfig
    ) -> None:
        del processes, durable
        backend = open_empty(tested_class, config)
        backend.declare(schedule(SCHEDULE, route=SCHEDULED_ROUTE, state=b"0"), firing(route=SCHEDULED_ROUTE))
        # So that some of them do something before they die.
        life = 0.08 + 10 * pace(backend)
        told: list[Line] = []
        seed = random.randrange(1 << 30)  # noqa: S311 - no secret
        with ThreadPoolExecutor(LANES) as lanes:
            lives = [
                lanes.submit(live_and_die, tested_class, config, seed + number, life)
                for number in range(EFFORT.kills)
            ]
            for one in lives:
                told += one.result()
        try:
            drain(backend)
            check_firings(backend, told)
            check_schedule(backend)
        finally:
            backend.close()

    def test_store_opens_after_being_killed_while_it_was_opened(
        self, processes: None, durable: None, tested_class: type[Backend], config: BackendConfig
    ) -> None:
        del processes, durable
        chance = random.Random()  # noqa: S311 - no secret
        accepted: list[str] = []
        for number in range(EFFORT.openings):
            given = orders(tested_class, config, "open", f"o{number}")
            with started(given, given) as children:
                for child in children:
                    child.expect(["opening"])
                Event().wait(chance.random() * 0.02)
                for child in children:
                    child.kill()
                    accepted += [id_ for _, ids in child.rest(killed=True) for id_ in ids]
        backend = tested_class.open(config)
        try:
            assert [state(backend, id_) for id_ in accepted] == [State.PENDING] * len(accepted)
            made = firing()
            assert backend.enqueue([made]) == [made.id]
        finally:
            backend.close()


def live_and_die(tested_class: type[Backend], config: BackendConfig, seed: int, life: float) -> list[Line]:
    """Start a child, kill it after up to ``life`` seconds of work, and return what it had reported by then."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    given = orders(tested_class, config, "chaos", f"c{seed}", seed=seed, lease=LEASE)
    with started(given) as (child,):
        child.expect(["ready"])
        Event().wait(chance.uniform(0.005, life))
        child.kill()
        return child.rest(killed=True)


def drain(backend: Backend) -> None:
    """Be the worker that comes next: finish everything that is left, also what dead workers held or left half done."""
    deadline = time.monotonic() + PATIENCE
    quiet_since = time.monotonic()
    while True:
        for lent in claim(backend, 50, worker="last", lease=60.0):
            assert backend.settle([finish(lent)]) == []
            quiet_since = time.monotonic()
        left = counts(backend)
        if backend.sweep() or left.get(State.PENDING) or left.get(State.RUNNING):
            quiet_since = time.monotonic()
        elif time.monotonic() > quiet_since + HALF_DONE + 0.5:
            return
        assert time.monotonic() < deadline, f"not drained in {PATIENCE:g} s, still there: {left}"
        backend.wait(QUEUE, ROUTE, "last", 0.5)


def check_firings(backend: Backend, told: list[Line]) -> None:
    """Compare the store with what the dead children had reported."""
    records = {
        record.id: record
        for final in (State.COMPLETE, State.ERROR)
        for record in listed(backend, final, limit=500)
    }
    assert counts(backend) == Counter(record.state for record in records.values())
    if "rows" in backend.capabilities:
        listing = rows_of(backend, limit=500, queue=QUEUE, route=ROUTE)
        assert Counter(row.id for row in listing) == Counter(list(records)), "listed twice, or not at all"

    accepted = {id_ for what, ids in told if what == "accepted" for id_ in ids}
    assert accepted, "no child got as far as to enqueue anything"
    assert accepted <= set(records), "accepted and lost"

    batches = [set(ids) for what, ids in told if what == "putting"]
    halves = [batch for batch in batches if 0 < len(batch & set(records)) < len(batch)]
    assert halves == [], "batches that are there by half"

    roots = {id_ for batch in batches for id_ in batch} & set(records)
    check_followers(records, roots)
    for what, outcomes in told:
        for id_, token, result in outcomes if what == "settled" else ():
            record = records[id_]
            assert (record.token, record.result) == (token, result.encode()), "settled, then settled again"
    check_counters(backend, records)


def check_followers(records: dict[str, Record], roots: set[str]) -> None:
    """Check that every complete root is followed by exactly the firing that its result names."""
    followers = set(records) - roots
    named = {
        (records[id_].result or b"").decode().partition(":")[2]
        for id_ in roots
        if records[id_].state is State.COMPLETE
    }
    assert followers == named, "follow-ups that are missing, or there twice"
    for id_ in followers:
        parent = records[id_].body.removeprefix(b"after ").decode()
        assert (records[parent].result or b"").endswith(id_.encode())


def check_counters(backend: Backend, records: dict[str, Record]) -> None:
    """Check that nothing is counted that did not happen; what a child had no time to count may be missing."""
    counted = counters(backend)
    by_state = Counter(record.state for record in records.values())
    assert counted["enqueued"] <= len(records)
    assert counted.get("complete", 0) <= by_state[State.COMPLETE]
    assert counted.get("error", 0) <= by_state[State.ERROR]


def check_schedule(backend: Backend) -> None:
    """Check that the schedule moved on once for each run, and has one firing to go on with."""
    now = planned(backend, SCHEDULE)
    found = counts(backend, route=SCHEDULED_ROUTE)
    runs = found.get(State.COMPLETE, 0)
    live = {live: found.get(live, 0) for live in (State.PENDING, State.RUNNING)}
    assert sum(live.values()) == 1, f"the schedule has {live} firings instead of one"
    assert (now.runs, int(now.state)) == (runs, runs)
    assert state(backend, now.firing or "") in live

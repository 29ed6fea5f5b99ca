"""A load while everything goes wrong that can, at random and all the time: all of it is done, each once.

On the stand-in, which does so on demand.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest

from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.persistence.backend import Backend
from tests.support.fdb_fixtures import NewStandIn
from tests.support.fdb_standin.backend import StandInBackend
from tests.support.fdb_standin.faults import SILENCE, Fault, Landing
from tests.support.store_fixtures import ConfigOf
from tests.support.waiting import pause
from tests.thorough.mongo.load import Load

SECONDS = 20.0
LONGEST = 1.5
"""Seconds until a commit is done that comes late: longer than a try."""


def faults(chance: random.Random) -> Iterator[Fault]:
    """Make faults of all kinds."""
    while True:
        skip, delay = chance.randrange(4), chance.uniform(0.0, LONGEST)
        if chance.random() < 0.3:
            call = chance.choice(["read", "version"])
            code = chance.choice([1007, 1037, SILENCE])
            yield Fault(call="read" if call == "read" else "version", code=code, skip=skip)
            continue
        code = chance.choice([1007, 1020, 1021, 1021, 1031, 1031, SILENCE])
        landings: list[Landing] = ["never"]
        if code in {1021, 1031, SILENCE}:
            landings.append("before")
        if code in {1031, SILENCE}:
            # After 1021 there is nothing under way any more.
            landings.append("after")
        yield Fault(call="commit", code=code, skip=skip, landing=chance.choice(landings), delay=delay)


@pytest.mark.parametrize("seed", range(3))
def test_load_is_done_once_and_all_of_it(new_stand_in: NewStandIn, config_of: ConfigOf, seed: int) -> None:
    server = new_stand_in()
    config = config_of(server.url(), timeout="0.3", retry_for="60")

    def opened() -> Backend:
        store = StandInBackend.open(config, clock=SYSTEM_CLOCK)
        stores.append(store)
        return store

    stores: list[Backend] = []
    chance = random.Random(seed)  # noqa: S311 - the same faults every time
    try:
        with Load(opened, producers=2, workers=3, lease=2.0, counts_are_kept=True) as load:
            end = time.monotonic() + SECONDS
            for number, fault in enumerate(faults(chance)):
                load.goes_on(0)
                server.fail(fault)
                if number % 500 == 499:
                    server.jump(98.6)
                pause(chance.uniform(0.0, 0.02))
                if time.monotonic() > end:
                    break
            print(f"{server.clear_faults()} faults were met")
            load.finish()
    finally:
        for store in stores:
            store.close()

"""A transaction that is run by the link takes effect once, whatever is not known of its commits."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import cast

import pytest

from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.errors import BackendUnavailableError
from skunkqueue.persistence.fdb.binding import Binding
from skunkqueue.persistence.fdb.opening import open_link
from skunkqueue.persistence.fdb.settings import settings_of
from skunkqueue.persistence.fdb.transactions import Link, Transaction
from tests.support.fdb_standin import binding
from tests.support.fdb_standin.faults import ENDLESS, Fault
from tests.support.fdb_standin.process import StandInServer
from tests.support.store_fixtures import ConfigOf
from tests.support.waiting import eventually

ONE = (1).to_bytes(8, "little")
THREADS, CALLS = 4, 150


@pytest.fixture
def link(server: StandInServer, config_of: ConfigOf) -> Iterator[Link]:
    """Give an open store; it is closed when the test ends."""
    with ExitStack() as stack:
        settings = settings_of(config_of(server.url(), timeout="1", retry_for="2"))
        made = open_link(settings, SYSTEM_CLOCK, cast("Binding", binding), create=True)
        stack.callback(made.close)
        yield made
        server.clear_faults()


def count_up(link: Link) -> int:
    """Add one in a transaction; give what was there before."""

    def work(transaction: Transaction) -> int:
        before = transaction.get(link.keys.prefix + b"?count").value
        transaction.add(link.keys.prefix + b"?count", ONE)
        return int.from_bytes(before or b"", "little")

    return link.run(work)


def add(link: Link) -> None:
    """Add one, without a look at what is there."""
    link.run(lambda transaction: transaction.add(link.keys.prefix + b"?blind", ONE))


def total(link: Link, name: bytes) -> int:
    """Read a count."""
    value = link.read(lambda transaction: transaction.get(link.keys.prefix + name).value)
    return int.from_bytes(value or b"", "little")


@pytest.mark.parametrize("landing", ["never", "before", "after"])
@pytest.mark.parametrize("code", [1021, 1031])
def test_commit_that_is_not_known_counts_once(
    server: StandInServer, link: Link, code: int, landing: str
) -> None:
    given = Fault(call="commit", code=code, delay=0.02)
    given.landing = "before" if landing == "before" else "after" if landing == "after" else "never"
    late = server.statistics()["late"]
    for number in range(5):
        server.fail(given)
        assert count_up(link) == number
        server.fail(given)
        add(link)
    if landing == "after":
        eventually(lambda: server.statistics()["late"] == late + 10, what="all late commits have come")
    assert total(link, b"?count") == total(link, b"?blind") == 5
    assert server.clear_faults() == 10


def test_calls_of_many_threads_count_once_each_among_all_kinds_of_faults(
    server: StandInServer, link: Link
) -> None:
    chance = random.Random(5)  # noqa: S311 - the same faults every time
    for _ in range(THREADS * CALLS // 4):
        code = chance.choice([1007, 1020, 1021, 1021, 1031, 1031])
        certain = code in {1007, 1020}
        server.fail(Fault(call="commit", code=code, skip=chance.randrange(3), delay=chance.uniform(0, 0.05)))
        if not certain:
            server.fail(
                Fault(
                    call="commit",
                    code=code,
                    skip=chance.randrange(3),
                    landing=chance.choice(["never", "before", "after"]),
                    delay=chance.uniform(0, 0.05),
                )
            )

    def work(_: int) -> tuple[list[int], int]:
        seen, lost = [], 0
        for _ in range(CALLS):
            try:
                seen.append(count_up(link))
            except BackendUnavailableError:
                lost += 1
        return seen, lost

    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(work, range(THREADS)))
    seen = sorted(number for numbers, _ in found for number in numbers)
    lost = sum(lost for _, lost in found)
    assert len(set(seen)) == len(seen), "two calls saw the same"
    assert len(seen) <= total(link, b"?count") <= len(seen) + lost
    assert server.clear_faults() > THREADS * CALLS // 4


def test_call_that_gives_up_says_how_long_it_tried(server: StandInServer, link: Link) -> None:
    server.fail(Fault(call="commit", code=1021, times=ENDLESS))
    with pytest.raises(BackendUnavailableError, match=r"after 2\.\d s"):
        add(link)


def test_versions_that_jump_leave_the_time_as_it_is(server: StandInServer, link: Link) -> None:
    add(link)
    before = link.time.now()
    server.jump(98.6)
    add(link)
    assert 0 <= link.time.now() - before < 60.0

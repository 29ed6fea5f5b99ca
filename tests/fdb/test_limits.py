"""What is within the limits of the contract is taken, although it is more than one FoundationDB transaction takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from skunkqueue.contract.makers import LEASE, claim, counts, firing, ids, outcome
from skunkqueue.persistence.fdb.backend import FdbBackend
from skunkqueue.persistence.fdb.claim import MAX_BYTES
from skunkqueue.records import Firing, State, Verdict
from tests.fdb.bindings import Either
from tests.support.store_fixtures import ConfigOf

NAME = "n" * 200
TAGS = tuple("\N{SKUNK}" * 49 + str(number) for number in range(8))
"""As many and as long as they may be."""


@pytest.fixture
def backend(either: Either, config_of: ConfigOf) -> Iterator[FdbBackend]:
    """Give a store of the test's own, on the stand-in and on a real server."""
    with closing(either.kind.open(config_of(either.url, timeout="30", retry_for="120"))) as made:
        yield made


def named(number: int, **fields: object) -> Firing:
    """Make a firing with the longest names that there may be."""
    key = f"{number:06}" + "k" * 194
    return firing(
        queue=NAME, route=NAME, job=NAME, schedule=NAME, key=key, tags=TAGS, parent="f" * 24, **fields
    )


def test_many_firings_with_the_longest_names_are_put_in_at_once(backend: FdbBackend) -> None:
    batch = [named(number) for number in range(2_500)]
    assert backend.enqueue(batch) == ids(batch)
    assert backend.enqueue(batch) == ids(batch)
    assert counts(backend, NAME, NAME) == {State.PENDING: 2_500}


def test_many_outcomes_with_the_longest_names_are_settled_at_once(backend: FdbBackend) -> None:
    batch = [named(number) for number in range(1_000)]
    backend.enqueue(batch)
    lent = backend.claim(NAME, NAME, NAME, 1_000, LEASE)
    assert ids(lent) == ids(batch)
    error = "e" * 100 + ": " + "x" * 98
    # Some of them come again, and are stale then, as before.
    given = [outcome(one, Verdict.ERROR, error=error) for one in [*lent, *lent[:10]]]
    assert backend.settle(given) == ids(batch[:10])
    assert counts(backend, NAME, NAME) == {State.ERROR: 1_000}


def test_claim_brings_no_more_large_arguments_than_it_may_and_the_next_one_the_others(
    backend: FdbBackend,
) -> None:
    batch = [firing(body=bytes(50_000)) for _ in range(3 * MAX_BYTES // 50_000)]
    backend.enqueue(batch)
    lent: list[str] = []
    while len(lent) < len(batch):
        some = claim(backend, len(batch))
        assert some
        assert sum(len(one.body) for one in some) < 2 * MAX_BYTES
        lent += ids(some)
    assert lent == ids(batch)

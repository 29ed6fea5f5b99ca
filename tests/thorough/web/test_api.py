"""The API under many requests at random."""

from __future__ import annotations

import pytest

from skunkqueue.persistence import Backend
from tests.web.access.conftest import auth_file, bearer, locked, monitor
from tests.web.api.fuzzing import fuzz
from tests.web.crews import add_pool
from tests.web.firings import claim, firing
from tests.web.monitor_client import MonitorClient

EXAMPLES = 10

__all__ = ["auth_file", "locked", "monitor"]

pytestmark = pytest.mark.begun_first


@pytest.mark.parametrize("name", ["admin", "act", "view"])
def test_many_requests_at_random_are_answered_as_the_document_says(
    locked: MonitorClient, store: Backend, name: str
) -> None:
    store.enqueue(
        [firing(job=f"shop:job{number % 7}", tags=("a",), route=f"r{number % 3}") for number in range(300)]
    )
    claim(store, "r0", 20)
    add_pool(store, workers=3)

    assert fuzz(locked.application, EXAMPLES, bearer(name)) > 10 * EXAMPLES


def test_many_requests_at_random_change_nothing_without_a_login(
    locked: MonitorClient, store: Backend
) -> None:
    made = [firing() for _ in range(20)]
    store.enqueue(made)

    fuzz(locked.application, EXAMPLES, {})

    assert {record.state.value for record in store.get([each.id for each in made]) if record} == {"pending"}
    assert store.audit(1).entries == ()

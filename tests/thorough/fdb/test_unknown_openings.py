"""Commits of which nobody knows whether they were done, while a store is opened: it is open, and its clock is right."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.contract.makers import claim, firing, ids
from skunkqueue.ids import new_id
from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.fdb import opening
from tests.support.fdb_standin.backend import StandInBackend
from tests.support.fdb_standin.faults import SILENCE, Fault, Landing
from tests.support.fdb_standin.process import StandInServer
from tests.support.store_fixtures import ConfigOf

Open = Callable[[], StandInBackend]
Before = Callable[[Open, StandInServer], None]
ABOUT = 5.0
"""Seconds by which times may differ that are the same."""


def new(_open_store: Open, _server: StandInServer) -> None:
    """Leave the store to be made."""


def there(open_store: Open, _server: StandInServer) -> None:
    open_store().enqueue([firing(route="other")])


def outlived(open_store: Open, server: StandInServer) -> None:
    """Have a recovery that nobody saw."""
    there(open_store, server)
    server.jump(98.6)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@pytest.mark.parametrize("landing", ["never", "before"])
@pytest.mark.parametrize("code", [1021, 1031, SILENCE])
@pytest.mark.parametrize("before", [new, there, outlived])
def test_store_is_opened_whichever_commit_goes_wrong(
    server: StandInServer,
    config_of: ConfigOf,
    stack: ExitStack,
    monkeypatch: pytest.MonkeyPatch,
    *,
    before: Before,
    code: int,
    landing: Landing,
) -> None:
    # Nobody is there who knows the time.
    monkeypatch.setattr(opening, "_OTHERS", 0.1)
    commits = 0
    while True:
        config = config_of(server.url(new_id()), retry_for="60", **({} if code else {"timeout": "0.15"}))

        def open_store(config: BackendConfig = config) -> StandInBackend:
            return stack.enter_context(closing(StandInBackend.open(config, clock=SYSTEM_CLOCK)))

        before(open_store, server)
        server.fail(Fault(call="commit", code=code, skip=commits, landing=landing))
        store = open_store()
        met = server.clear_faults()
        made = firing()
        assert store.enqueue([made]) == [made.id]
        other = open_store()
        assert other._link.time.anchor == store._link.time.anchor
        for one in (store, other):
            assert one.now() == pytest.approx(time.time(), abs=ABOUT)
        assert ids(claim(other, 5)) == [made.id]
        if not met:
            break
        commits += 1
    assert commits == (1 if before is there else 2)

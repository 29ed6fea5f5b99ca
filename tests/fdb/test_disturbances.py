"""Signal handlers: none ever blocks who uses a store on FoundationDB, though its client has a thread of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest

from skunkqueue.contract.makers import firing, state
from skunkqueue.errors import BackendError
from skunkqueue.persistence.fdb import FdbBackend
from skunkqueue.records import State
from tests.fdb.bindings import Either, of_stand_in
from tests.support.disturbing import fire_in_handlers, interrupt
from tests.support.fdb_standin.backend import StandInBackend
from tests.support.fdb_standin.process import StandInServer
from tests.support.moments import moments
from tests.support.store_fixtures import ConfigOf

APPLICATION = "persistence/fdb/application"


@pytest.fixture
def backend(either: Either, config_of: ConfigOf) -> Iterator[FdbBackend]:
    """Give a store of the test's own, on the stand-in and on a real server."""
    with closing(either.kind.open(config_of(either.url))) as made:
        yield made


def test_handler_may_fire_at_any_time(backend: FdbBackend) -> None:
    assert set(fire_in_handlers(backend, 300)) == {"fired"}


# The stand-in's client drops a connection whose making the handler has interrupted.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
# The binding takes apart what the handler has kept it from making.
@pytest.mark.filterwarnings(
    r"ignore:[\s\S]*has no attribute '.pointer':pytest.PytestUnraisableExceptionWarning"
)
def test_exception_of_a_handler_leaves_the_store_usable(backend: FdbBackend) -> None:
    interrupt(backend, 200)


def test_handler_may_fire_in_the_transaction_that_it_interrupted_or_gets_an_error(
    stand_in: StandInServer, config_of: ConfigOf, dbname: str
) -> None:
    bound = of_stand_in(stand_in, dbname)
    refused: set[str] = set()
    fired = 0
    with closing(StandInBackend.open(config_of(stand_in.url()))) as backend:

        def handler() -> None:
            nonlocal fired
            try:
                inner.extend(backend.enqueue_in(tr, [firing()]))
            except BackendError as error:
                refused.add(str(error))
            else:
                fired += 1

        for moment in moments((APPLICATION,), handler, step=5):
            tr, outer, inner = bound.begin(), firing(), list[str]()
            moment(partial(backend.enqueue_in, tr, [outer]))
            tr.commit().wait()
            assert [state(backend, id_) for id_ in (outer.id, *inner)] == [State.PENDING] * (1 + len(inner))
    assert fired
    (text,) = refused
    assert "a signal handler cannot fire in a FoundationDB transaction while" in text

"""Forks: who opened a store before gets an error at once, in the child, and goes on, in the parent; who did not may open one."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from skunkqueue.contract.makers import QUEUE, ROUTE, WORKER, claim, counts, firing, firings, ids
from skunkqueue.errors import BackendError
from skunkqueue.persistence.fdb.backend import FdbBackend
from skunkqueue.records import State
from tests.fdb.bindings import Either
from tests.support.fdb_server import FdbServer
from tests.support.fdb_standin.backend import StandInBackend
from tests.support.fdb_standin.process import StandInServer
from tests.support.forking import ended_well, fork
from tests.support.store_fixtures import ConfigOf

SOON = 10.0
OPENED_IN_CHILDREN = """
import os, sys
from skunkqueue.config import open_backend, resolve
from skunkqueue.contract.makers import counts, firing

def fire():
    store = open_backend(resolve(conn_url=sys.argv[1]))
    store.enqueue([firing()])
    return sum(counts(store).values())

if sys.argv[2:]:
    import fdb
    fdb.api_version(int(sys.argv[2]))
for number in range(2):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if fire() == number + 1 else 1)
    assert os.waitpid(pid, 0)[1] == 0
assert fire() == 3
"""

KEPT_IN_PARENTS = """
import os, sys
from skunkqueue.persistence.fdb import opening

file = opening._files.of("a:b@127.0.0.1:1")
pid = os.fork()
if pid == 0:
    sys.exit()
os.waitpid(pid, 0)
print(os.path.exists(file))
"""


@pytest.fixture
def store(either: Either, config_of: ConfigOf) -> Iterator[FdbBackend]:
    """Give a store that this process has opened, on the stand-in and on a real server."""
    with closing(either.kind.open(config_of(either.url))) as made:
        yield made


def refused_at_once(call: Callable[[], object]) -> None:
    """See that a call raises the error that says what to do."""
    began = time.monotonic()
    with pytest.raises(BackendError, match=r"fork.*set_start_method\('spawn'\).*in the child"):
        call()
    assert time.monotonic() - began < SOON


def test_store_that_was_opened_before_a_fork_is_refused_in_the_child_and_goes_on_in_the_parent(
    store: FdbBackend,
) -> None:
    before = firings(2)
    store.enqueue(before)

    def in_child() -> None:
        calls: list[Callable[[], object]] = [
            lambda: store.enqueue([firing()]),
            lambda: claim(store),
            lambda: counts(store),
            lambda: store.wait(QUEUE, ROUTE, WORKER, 60.0),
        ]
        for call in calls:
            refused_at_once(call)
        store.close()

    assert ended_well(fork(in_child))
    after = firings(2)
    assert store.enqueue(after) == ids(after)
    assert ids(claim(store, 5)) == ids([*before, *after])


def test_store_is_not_opened_in_a_child_whose_parent_has_used_the_client(
    fdb_server: FdbServer, config_of: ConfigOf
) -> None:
    config = config_of(fdb_server.url())
    with closing(FdbBackend.open(config)) as store:
        assert ended_well(fork(lambda: refused_at_once(lambda: FdbBackend.open(config))))
        assert store.enqueue([firing()])


@pytest.mark.parametrize("chosen", [(), ("710",)], ids=["nothing", "version chosen"])
def test_store_that_is_opened_in_children_alone_is_usable_there_and_later_in_the_parent(
    fdb_server: FdbServer, dbname: str, chosen: tuple[str, ...]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OPENED_IN_CHILDREN, fdb_server.url(dbname), *chosen],
        capture_output=True,
        text=True,
        check=False,
        timeout=60.0,
    )
    assert done.returncode == 0, done.stderr


def test_store_may_be_closed_in_a_child(stand_in: StandInServer, config_of: ConfigOf) -> None:
    with closing(StandInBackend.open(config_of(stand_in.url()))) as store:
        assert ended_well(fork(store.close))
        store.enqueue(firings(1))
        assert counts(store) == {State.PENDING: 1}


def test_cluster_file_of_a_url_outlives_children_that_end() -> None:
    done = subprocess.run(
        [sys.executable, "-c", KEPT_IN_PARENTS], capture_output=True, text=True, check=True, timeout=60.0
    )
    assert done.stdout.strip() == "True", done.stderr

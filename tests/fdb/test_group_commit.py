"""Calls of several threads that put firings in share a commit, and none of them waits for another, or suffers from it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

import pytest

from skunkqueue.contract.makers import QUEUE, ROUTE, firing, firings
from skunkqueue.errors import BackendError, BackendUnavailableError
from skunkqueue.listings import Query
from skunkqueue.persistence.fdb import group_commit
from skunkqueue.persistence.fdb.group_commit import GroupCommit
from skunkqueue.records import Firing
from tests.support.fdb_standin.backend import StandInBackend
from tests.support.fdb_standin.faults import Fault
from tests.support.fdb_standin.process import StandInServer
from tests.support.moments import Stop, moments
from tests.support.store_fixtures import ConfigOf
from tests.support.waiting import eventually

LONG = 60.0
THREADS = 8


class Store:
    """What is put in, and when."""

    def __init__(self) -> None:
        self.puts: list[list[str]] = []
        self.errors: dict[str, Exception] = {}
        """What is raised where a body with this text is among the firings."""
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def put(self, given: Sequence[Firing]) -> list[str]:
        """Put firings in once the gate is open."""
        self.puts.append([one.id for one in given])
        self.entered.set()
        assert self.gate.wait(LONG)
        for one in given:
            if one.body.decode() in self.errors:
                raise self.errors[one.body.decode()]
        return [one.id for one in given]


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def group(store: Store) -> GroupCommit:
    return GroupCommit(store.put)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(THREADS) as made:
        yield made


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let calls wait as long as a busy machine may take."""
    monkeypatch.setattr(group_commit, "PATIENCE", LONG)


def behind(
    store: Store, group: GroupCommit, threads: ThreadPoolExecutor, given: Sequence[Sequence[Firing]]
) -> list[Future[list[str]]]:
    """Have these calls wait behind a first one, and let them all go on."""
    store.gate.clear()
    first = threads.submit(group.put, [firing()])
    assert store.entered.wait(LONG)
    calls = [first, *(threads.submit(group.put, each) for each in given)]
    eventually(lambda: len(group._waiting) == len(calls), what="all calls wait")
    store.gate.set()
    return calls


@pytest.mark.usefixtures("patient")
def test_calls_that_come_while_another_is_under_way_share_the_next_commit(
    store: Store, group: GroupCommit, threads: ThreadPoolExecutor
) -> None:
    given = [firings(number) for number in (1, 2, 3)]
    first, *calls = behind(store, group, threads, given)
    assert [call.result(LONG) for call in calls] == [[one.id for one in each] for each in given]
    assert [len(ids) for ids in store.puts] == [1, 6]
    assert first.result(LONG) == store.puts[0]


def test_calls_one_after_the_other_go_at_once(store: Store, group: GroupCommit) -> None:
    given = firings(3)
    assert [group.put([one]) for one in given] == [[one.id] for one in given]
    assert store.puts == [[one.id] for one in given]


@pytest.mark.parametrize(
    "given",
    [
        [firing(key="k")],
        firings(group_commit._LARGE + 1),
        [firing(body=b"x" * (group_commit._LARGE_BYTES + 1))],
    ],
    ids=["key", "many", "large"],
)
@pytest.mark.usefixtures("patient")
def test_call_that_must_not_be_shared_goes_by_itself(
    store: Store, group: GroupCommit, threads: ThreadPoolExecutor, given: list[Firing]
) -> None:
    store.gate.clear()
    first = threads.submit(group.put, [firing()])
    assert store.entered.wait(LONG)
    second = threads.submit(group.put, given)
    eventually(lambda: len(store.puts) == 2, what="the second goes as well")
    store.gate.set()
    assert second.result(LONG) == store.puts[1] == [one.id for one in given]
    first.result(LONG)


@pytest.mark.usefixtures("patient")
def test_group_is_bounded(
    monkeypatch: pytest.MonkeyPatch, store: Store, group: GroupCommit, threads: ThreadPoolExecutor
) -> None:
    monkeypatch.setattr(group_commit, "MOST", 4)
    calls = behind(store, group, threads, [firings(2) for _ in range(4)])
    for call in calls:
        call.result(LONG)
    assert [len(ids) for ids in store.puts] == [1, 4, 4]


@pytest.mark.parametrize(
    "error", [BackendError("too large"), ValueError("too large"), MemoryError("too large")]
)
@pytest.mark.usefixtures("patient")
def test_what_is_wrong_with_one_call_is_told_to_that_one_alone(
    store: Store, group: GroupCommit, threads: ThreadPoolExecutor, error: Exception
) -> None:
    store.errors["bad"] = error
    first, good, bad, other = behind(
        store, group, threads, [[firing(body=b"good")], [firing(body=b"bad")], [firing(body=b"other")]]
    )
    assert [len(call.result(LONG)) for call in (first, good, other)] == [1, 1, 1]
    with pytest.raises(type(error), match="too large"):
        bad.result(LONG)


@pytest.mark.usefixtures("patient")
def test_each_call_tries_by_itself_whether_the_store_is_away(
    store: Store, group: GroupCommit, threads: ThreadPoolExecutor
) -> None:
    store.errors["away"] = BackendUnavailableError("no answer")
    first, *calls = behind(store, group, threads, [[firing(body=b"away")] for _ in range(3)])
    assert len(first.result(LONG)) == 1
    for call in calls:
        with pytest.raises(BackendUnavailableError):
            call.result(LONG)
    # Each began once: with all three, two, and one.
    assert [len(ids) for ids in store.puts] == [1, 3, 2, 1]


@pytest.mark.usefixtures("patient")
def test_threads_that_fire_all_the_time_go_together(
    monkeypatch: pytest.MonkeyPatch, store: Store, group: GroupCommit, threads: ThreadPoolExecutor
) -> None:
    for call in behind(store, group, threads, [[firing()] for _ in range(3)]):
        call.result(LONG)
    monkeypatch.setattr(group_commit, "LINGER", LONG)
    assert group._crowd == 3

    calls = [threads.submit(group.put, [firing()]) for _ in range(3)]

    assert {len(call.result(LONG)) for call in calls} == {1}
    assert [len(ids) for ids in store.puts] == [1, 3, 3]


@pytest.mark.usefixtures("patient")
def test_call_lingers_for_a_moment_at_most_and_not_at_all_once_it_was_alone(
    monkeypatch: pytest.MonkeyPatch, store: Store, group: GroupCommit, threads: ThreadPoolExecutor
) -> None:
    for call in behind(store, group, threads, [[firing()] for _ in range(3)]):
        call.result(LONG)
    assert len(group.put([firing()])) == 1
    monkeypatch.setattr(group_commit, "LINGER", LONG)
    assert len(threads.submit(group.put, [firing()]).result(LONG / 2)) == 1
    assert [len(ids) for ids in store.puts] == [1, 3, 1, 1]


def test_call_waits_for_others_only_so_long(
    monkeypatch: pytest.MonkeyPatch, store: Store, group: GroupCommit, threads: ThreadPoolExecutor
) -> None:
    monkeypatch.setattr(group_commit, "PATIENCE", 0.01)
    store.gate.clear()
    calls = [threads.submit(group.put, [firing()]) for _ in range(3)]
    eventually(lambda: len(store.puts) == 3, what="each goes by itself")
    store.gate.set()
    assert sorted(call.result(LONG) for call in calls) == sorted(store.puts)


@pytest.mark.usefixtures("patient")
def test_signal_handler_that_fires_does_not_wait_for_what_it_interrupted(store: Store) -> None:
    handled: list[list[str]] = []

    def put(given: Sequence[Firing]) -> list[str]:
        if not store.entered.is_set():
            store.entered.set()
            handled.append(made.put([firing()]))
        return store.put(given)

    made = GroupCommit(put)
    ids = made.put([firing()])
    assert store.puts == [*handled, ids]


def test_signal_handler_may_raise_at_any_moment(monkeypatch: pytest.MonkeyPatch, group: GroupCommit) -> None:
    monkeypatch.setattr(group_commit, "PATIENCE", 0.001)

    def handler() -> None:
        assert len(group.put([firing()])) == 1
        raise Stop

    monkeypatch.setattr(group_commit, "LINGER", 0.001)
    with ThreadPoolExecutor(1) as threads:
        for moment in moments(("persistence/fdb/group_commit.py", "skunkqueue/turns.py"), handler):
            # As after many calls at once.
            group._crowd = group_commit.CROWD
            with suppress(Stop):
                moment(lambda: group.put([firing()]))
            assert len(threads.submit(group.put, [firing()]).result(LONG)) == 1
            assert len(group.put([firing()])) == 1
    assert not group._waiting


def test_what_threads_fire_is_put_in_once_among_commits_that_are_not_known(
    server: StandInServer, config_of: ConfigOf
) -> None:
    with ThreadPoolExecutor(THREADS) as threads:
        backend = StandInBackend.open(config_of(server.url(), timeout="1", retry_for="30"))
        try:
            backend.enqueue(firings(3))
            commits = server.statistics()["commits"]
            for skip in range(10):
                landing = "after" if skip % 3 == 0 else "before" if skip % 3 == 1 else "never"
                fault = Fault(call="commit", code=1021, skip=skip, delay=0.01)
                fault.landing = landing  # type: ignore[assignment] # one of the three
                server.fail(fault)
            given = [firing() for _ in range(200)]
            found = list(threads.map(lambda one: backend.enqueue([one]), given))
            assert found == [[one.id] for one in given]
            page = backend.rows(Query(queue=QUEUE, route=ROUTE), limit=500)
            assert len(page.rows) == 203
            assert {one.id for one in given} < {row.id for row in page.rows}
            assert server.statistics()["commits"] - commits < 200
        finally:
            backend.close()
            server.clear_faults()

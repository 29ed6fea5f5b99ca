"""What people do to a store, and what the audit log says of it afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
import pytest
from skunkqueue_memory import MemoryBackend

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import (
    LEASE,
    OTHER,
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    claimed,
    firings,
    ids,
    outcome,
    settled,
    state,
    worker,
)
from skunkqueue.control import Control
from skunkqueue.errors import BackendError, UnknownPoolError, UnknownScheduleError, UnknownWorkerError
from skunkqueue.ids import new_id
from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.backend import Backend
from skunkqueue.pools import MAX_ON, Entry, PoolRecord, Process
from skunkqueue.records import Command, State

GONE = "f" * 24


class Plain(MemoryBackend):
    """A store that has no audit log and lists no pools, as those of strangers may be."""

    capabilities: ClassVar[frozenset[str]] = frozenset()


def entries(store: Backend) -> list[Entry]:
    return list(store.audit().entries)


def test_firings_are_killed_and_the_log_says_who_and_why(store: Backend, control: Control) -> None:
    waiting = firings(2)
    store.enqueue(waiting)
    done = settled(store, queue="other")

    states = control.kill([*ids(waiting), done, GONE])

    assert states == {**dict.fromkeys(ids(waiting), State.PENDING), done: State.COMPLETE, GONE: None}
    (entry,) = entries(store)
    assert (entry.who, entry.why, entry.verb, entry.did) == ("ann@here", "a test", "kill", "killed 2 of 4")
    assert entry.on == ", ".join([*ids(waiting), done, GONE])
    assert entry.done is not None


def test_any_number_of_firings_is_one_entry(store: Backend, control: Control) -> None:
    waiting = firings(2_345)
    store.enqueue(waiting)

    assert len(control.kill(ids(waiting))) == 2_345
    assert len(control.requeue(ids(waiting))) == 2_345
    assert len(control.run_now(ids(waiting))) == 2_345
    assert len(control.delete(ids(waiting))) == 2_345

    assert [entry.did for entry in entries(store)] == [
        "deleted 2,345 of 2,345",
        "made due 0 of 2,345",
        "requeued 2,345 of 2,345",
        "killed 2,345 of 2,345",
    ]
    assert all(len(entry.on) <= MAX_ON for entry in entries(store))


def test_what_runs_is_told_to_end_and_not_called_killed(store: Backend, control: Control) -> None:
    running = claimed(store).id
    waiting = firings(1)
    store.enqueue(waiting)

    found = control.act("kill", [running, waiting[0].id])

    assert [(each.done, each.state) for each in found] == [(True, State.RUNNING), (True, State.PENDING)]
    assert entries(store)[0].did == "killed 1 of 2, told 1 to end"


def test_only_what_waits_for_its_time_is_made_due(store: Backend, control: Control) -> None:
    due, later = firings(1), firings(1, delay=60.0)
    store.enqueue([*due, *later])

    found = control.act("run_now", ids([*due, *later]))

    assert [each.done for each in found] == [False, True]
    assert entries(store)[0].did == "made due 1 of 2"


def test_what_was_refused_is_not_counted(store: Backend, control: Control) -> None:
    running = claimed(store).id
    done = settled(store)

    assert control.delete([running, done]) == {running: State.RUNNING, done: State.COMPLETE}
    assert control.requeue([running]) == []
    assert control.run_now([running]) == {running: State.RUNNING}

    assert [entry.did for entry in entries(store)] == ["made due 0 of 1", "requeued 0 of 1", "deleted 1 of 2"]


def test_routes_are_purged_paused_and_resumed(store: Backend, control: Control) -> None:
    store.enqueue(firings(3))

    control.pause(QUEUE, ROUTE)
    assert store.routes()[0].paused
    assert control.purge(QUEUE) == 3
    control.resume(QUEUE)
    assert not store.routes()[0].paused

    assert [(entry.verb, entry.on, entry.did) for entry in reversed(entries(store))] == [
        ("pause", f"route {ROUTE} of queue {QUEUE}", "paused"),
        ("purge", f"queue {QUEUE}", "removed 3 pending"),
        ("resume", f"queue {QUEUE}", "resumed"),
    ]


def test_everything_that_is_old_is_pruned(store: Backend, control: Control, clock: VirtualClock) -> None:
    waiting = firings(2_100)
    store.enqueue(waiting)
    store.kill(ids(waiting))
    clock.advance(60.0)

    told: list[int] = []
    assert control.prune(30.0, told.append) == 2_100
    assert told == [1_000, 2_000]
    assert entries(store)[0].did == "removed 2,100 finished"


class Interrupted(MemoryBackend):
    """A store in whose second long operation somebody presses Ctrl-C."""

    calls = 0

    def _count(self) -> None:
        self.calls += 1
        if self.calls == 2:
            raise KeyboardInterrupt

    def delete(self, ids: Sequence[str]) -> dict[str, State | None]:
        self._count()
        return super().delete(ids)

    def prune(self, older: float | None = None, limit: int = 1_000) -> int:
        self._count()
        return super().prune(older, limit)


@pytest.mark.parametrize(
    ("prunes", "did"), [(False, "deleted 1,000 of 1,500"), (True, "removed 1,000 finished")]
)
def test_what_is_interrupted_says_how_much_was_done(clock: VirtualClock, *, prunes: bool, did: str) -> None:
    store = Interrupted.open(BackendConfig(backend="memory"), clock=clock)
    batch = firings(1_500)
    store.enqueue(batch)
    for _ in range(2):
        store.settle([outcome(one) for one in claim(store, 1_000)])
    clock.advance(60)
    control = Control(store, "ann@here")

    with pytest.raises(KeyboardInterrupt):
        control.prune(30.0) if prunes else control.delete(ids(batch))

    (entry,) = entries(store)
    assert (entry.did, entry.outcome) == (f"{did}, then interrupted", "failed")
    store.close()


def test_what_fails_is_noted_as_failed(store: Backend, control: Control) -> None:
    with pytest.raises(UnknownScheduleError):
        control.pause_schedule(QUEUE, "none")

    (entry,) = entries(store)
    assert entry.did is not None
    assert entry.did.startswith("failed: queue 'demo' has no schedule 'none'")


def test_a_command_goes_to_the_worker_s_pool(store: Backend, control: Control) -> None:
    store.register_pool(pool(), LEASE)
    store.register(worker(pool="pool-1"), LEASE)

    entry = control.stop_worker(WORKER)
    control.stop_worker(WORKER, rough=True)
    control.restart_worker(WORKER)

    heard = store.listen("pool-1", 0.0)
    assert heard[0] == Command(verb="stop", worker=WORKER, id=entry)
    assert [(command.verb, command.worker) for command in heard] == [
        ("stop", WORKER),
        ("rough", WORKER),
        ("restart", WORKER),
    ]
    assert control.entry(entry) is not None


def test_a_worker_that_has_just_died_is_found_by_its_pool(store: Backend, control: Control) -> None:
    dead = Process(worker=OTHER, pid=1, route=ROUTE, state="running", started=0.0)
    store.register_pool(pool(processes=(dead,)), LEASE)

    control.stop_worker(OTHER)

    assert [command.worker for command in store.listen("pool-1", 0.0)] == [OTHER]


def test_a_command_goes_to_a_worker_itself_where_no_pool_is_listed(store: Backend, control: Control) -> None:
    store.register(worker(pool="of an older version"), LEASE)

    entry = control.stop_worker(WORKER, rough=True)

    assert store.listen(WORKER, 0.0) == [Command(verb="rough", id=entry)]


def test_a_pool_is_told(store: Backend, control: Control) -> None:
    store.register_pool(pool(), LEASE)

    control.quiet_pool("pool-1")
    control.resume_pool("pool-1")
    control.restart_pool("pool-1")
    control.stop_pool("pool-1")
    control.stop_pool("pool-1", rough=True)

    heard = [command.verb for command in store.listen("pool-1", 0.0)]
    assert heard == ["quiet", "resume", "restart", "stop", "rough"]
    assert {entry.done for entry in entries(store)} == {None}


def test_nobody_is_told_who_is_not_there(store: Backend, control: Control) -> None:
    with pytest.raises(UnknownWorkerError, match="no live worker 'w'"):
        control.stop_worker("w")
    with pytest.raises(UnknownPoolError, match="no live pool 'p'"):
        control.quiet_pool("p")

    assert [entry.did is not None and entry.did.startswith("failed") for entry in entries(store)] == [
        True
    ] * 2


def test_all_is_done_in_a_store_without_an_audit_log(clock: VirtualClock) -> None:
    plain = Plain.open(BackendConfig(backend="memory"), clock=clock)
    control = Control(plain, "ann@here")
    waiting = firings(2)
    plain.enqueue(waiting)
    plain.register(worker(), LEASE)

    control.kill(ids(waiting))
    control.requeue(ids(waiting))
    control.pause(QUEUE)
    entry = control.stop_worker(WORKER)

    assert [state(plain, one.id) for one in waiting] == [State.PENDING] * 2
    assert plain.routes()[0].paused
    assert plain.listen(WORKER, 0.0) == [Command(verb="stop", id=entry)]
    assert control.entry(entry) is None


def test_nothing_is_done_where_the_entry_cannot_be_written(store: Backend, control: Control) -> None:
    waiting = firings(1)
    store.enqueue(waiting)
    store.close()

    with pytest.raises(BackendError):
        control.kill(ids(waiting))


def test_words_that_no_store_could_keep_are_made_storable(store: Backend) -> None:
    Control(store, "ann\ud800@here", "\udfff" * 1_000).pause(QUEUE)

    (entry,) = entries(store)
    assert entry.who == "ann\\ud800@here"
    assert entry.why is not None
    entry.why.encode()


def pool(**fields: object) -> PoolRecord:
    made = {
        "id": "pool-1",
        "host": "here",
        "pid": 1,
        "queue": QUEUE,
        "routes": (ROUTE,),
        "workers": 1,
        "started": 0.0,
    }
    return PoolRecord(**{**made, **fields})  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    ("did", "outcome"),
    [
        ("deleted 2 of 2", "ok"),
        (None, "ok"),
        ("nothing: it was paused already", "nothing"),
        ("failed: the disk is full", "failed"),
        ("deleted 1 of 2, then failed: the disk is full", "failed"),
        ("deleted 1 of 2, then interrupted", "failed"),
        ("deleted 1 of 2, then told to stop", "failed"),
    ],
)
def test_an_entry_that_is_done_says_how_it_ended(did: str | None, outcome: str) -> None:
    entry = Entry(id=new_id(), who="ann@here", verb="delete", on="all", did=did)

    assert entry.outcome is None
    assert msgspec.structs.replace(entry, done=1.0).outcome == outcome

"""A store that the version before wrote, opened by this one: all of it runs, is listed and counted.

``data/before.rdb`` is the dump of a Redis 6.2 in which version 0.1.0 (commit 9177a6e), on a virtual clock that began at
``BEGAN``, had firings finished in every state (alone and five in a batch), one requeued, one retried with an attempt state and progress, one
whose worker had died, two running, and others that waited: plain, keyed, targeted, later, with an expiry, with a priority, and on a
paused route; a schedule that had run once; two workers, one of them with mail; and counters of two minutes. Then all expiries were
taken off its keys, and it was saved.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.ids import new_id
from skunkqueue.listings import Query, Row
from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.redis import RedisBackend
from skunkqueue.records import FINAL_STATES, Claim, Command, Firing, Outcome, State, Verdict
from tests.support.redis_binaries import find_redis62, find_valkey
from tests.support.redis_server import RedisServer

BEGAN = 1_764_000_000.0
DUMP = Path(__file__).parent / "data" / "before.rdb"
COUNTS = {
    State.PENDING: 11,
    State.RUNNING: 2,
    State.COMPLETE: 7,
    State.ERROR: 1,
    State.KILLED: 2,
    State.EXPIRED: 1,
}


@pytest.fixture(params=[find_valkey, find_redis62], ids=["valkey", "redis62"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    find: Callable[[], Path] = request.param
    shutil.copy(DUMP, tmp_path / "dump.rdb")
    own = RedisServer(find(), tmp_path)
    with closing(own):
        own.start()
        yield own


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(BEGAN + 90)


@pytest.fixture
def backend(server: RedisServer, clock: VirtualClock) -> Iterator[RedisBackend]:
    config = BackendConfig(backend="redis", url=server.url(), dbname="before", create=False)
    with closing(RedisBackend.open(config, clock=clock)) as opened:
        yield opened


def listed(backend: RedisBackend, query: Query) -> list[Row]:
    """Page through a listing to its end."""
    found: list[Row] = []
    page = backend.rows(query, 7)
    while True:
        found += page.rows
        if page.next is None:
            return found
        page = backend.rows(query, 7, page.next)


def finish(backend: RedisBackend, lent: list[Claim]) -> None:
    """Settle them as a worker of this version does."""
    assert not backend.settle(
        [
            Outcome(
                id=one.id,
                token=one.token,
                verdict=Verdict.COMPLETE,
                began=backend.now(),
                queue=one.queue,
                route=one.route,
                was_due=one.due,
                job=one.job,
                tags=one.tags,
                key=one.key,
                parent=one.parent,
            )
            for one in lent
        ]
    )


def test_all_old_firings_are_listed(backend: RedisBackend) -> None:
    for newest in (True, False):
        rows = listed(backend, Query(route="mail", newest=newest))
        assert len({row.id for row in rows}) == len(rows) == sum(COUNTS.values())
        assert {state: sum(row.state is state for row in rows) for state in State} == COUNTS
    finished = listed(backend, Query(states=FINAL_STATES, newest=False))
    assert [row.finished for row in finished] == sorted(row.finished or 0.0 for row in finished)
    assert {row.job for row in finished} == {""}
    (paused,) = listed(backend, Query(route="quiet"))
    assert paused.waits == "pause"


def test_old_firings_are_found_by_what_they_have(backend: RedisBackend) -> None:
    (row,) = listed(backend, Query(key="waits"))
    assert (row.state, row.waits) == (State.PENDING, "turn")
    running = listed(backend, Query(worker="w1", states=(State.RUNNING,), newest=False))
    assert [row.key for row in running] == [None, "runs"]
    (again,) = [row for row in listed(backend, Query(states=(State.PENDING,))) if row.priority == 9]
    assert again.due > backend.now()


def test_finished_ones_are_found_by_their_keys_once_somebody_has_swept(backend: RedisBackend) -> None:
    assert not listed(backend, Query(key="first"))
    while backend.sweep():
        pass
    (row,) = listed(backend, Query(key="first"))
    assert (row.state, row.finished) == (State.COMPLETE, BEGAN + 1)
    assert backend.count(Query(states=(State.COMPLETE,))).number == COUNTS[State.COMPLETE]
    (result,) = backend.results([row.id])
    assert result is not None
    assert result.result == b"result-complete"


def test_what_a_version_before_has_settled_meanwhile_is_found_and_counted_by_job(
    server: RedisServer, backend: RedisBackend
) -> None:
    given = [
        Firing(id=new_id(), queue="both", route="r", body=b"", job=job, tags=tags)
        for job, tags in (("a", ("t",)), ("b", ()), ("a", ()))
    ]
    backend.enqueue(given)
    # Settled without a job they form one chunk, which then gets the form that it had before.
    lent = backend.claim("both", "r", "w", 3, 60.0)
    finish(backend, [msgspec.structs.replace(one, job="", tags=()) for one in lent])
    chunks: dict[bytes, bytes] = server.client().hgetall("{before}:c")  # type: ignore[assignment] # not a coroutine
    for name, packed in chunks.items():
        about = msgspec.msgpack.decode(packed)
        if about[2] == "both:r":
            server.ask("HSET", "{before}:c", name, msgspec.msgpack.encode(about[:5]))
    while backend.sweep():
        pass
    assert {row.id for row in listed(backend, Query(job="a"))} == {given[0].id, given[2].id}
    assert [row.id for row in listed(backend, Query(tag="t"))] == [given[0].id]
    assert [(one.job, one.counts[State.COMPLETE], one.exact) for one in backend.job_counts("both")] == [
        ("a", 2, True),
        ("b", 1, True),
    ]
    assert backend.routes("both")[0].counts[State.COMPLETE] == 3


def test_version_before_need_not_note_again_what_priorities_a_route_has(
    server: RedisServer, backend: RedisBackend
) -> None:
    now = RedisBackend.open(BackendConfig(backend="redis", url=server.url(), dbname="before"))
    with closing(now):
        for number, one in enumerate((backend, now)):
            one.enqueue([Firing(id=new_id(), queue="both", route=f"r{number}", body=b"")])
            # It asks by adding, and writes the rank down where its own is the first.
            assert server.ask("HINCRBY", f"{{before}}:q:both:r{number}", "e4", 1) > 1


def test_what_a_version_before_removed_is_no_longer_counted_by_job(
    server: RedisServer, backend: RedisBackend, clock: VirtualClock
) -> None:
    while backend.sweep():
        pass
    backend.sweep()
    one = Firing(id=new_id(), queue="both", route="r", body=b"", job="a")
    backend.enqueue([one])
    # As a version before does it, to which no job is known.
    server.ask("ZREM", "{before}:r:both:r:4", one.id)
    server.ask("HDEL", f"{{before}}:f:{one.id[:9]}", one.id)
    clock.advance(60)
    backend.sample()
    assert backend.job_counts("both") == []


def test_old_firings_are_counted(backend: RedisBackend) -> None:
    mail, quiet = backend.routes("shop")
    assert (mail.counts, quiet.paused) == (COUNTS, True)
    assert [(one.route, one.job, one.exact) for one in backend.job_counts()] == [
        ("mail", "", True),
        ("quiet", "", True),
    ]
    assert backend.job_counts("shop", "mail")[0].counts == COUNTS
    first, second = backend.counters([("shop", "mail")], 0.0, 1e12)
    assert (first.begin, first.values["complete"], first.values["wait<1"]) == (BEGAN, 8, 5)
    assert (second.begin, second.values["enqueued"]) == (BEGAN + 60, 9)
    (hour,) = backend.counters([("shop", "mail")], 0.0, 1e12, hours=True, jobs=True)
    assert (hour.job, hour.values["enqueued"]) == ("", 24)
    assert backend.totals("shop")[0].values["enqueued"] == 24


def test_old_results_are_read(backend: RedisBackend) -> None:
    (failed,) = listed(backend, Query(states=(State.ERROR,)))
    (result,) = backend.results([failed.id])
    assert result is not None
    assert (result.state, result.result, result.error) == (State.ERROR, b"result-error", None)
    assert (failed.attempts, failed.result_size, failed.error) == (1, len(b"result-error"), None)


def test_all_old_firings_run(backend: RedisBackend, clock: VirtualClock) -> None:
    backend.resume("shop", "quiet")
    clock.advance(7_200.0)
    done: dict[str, Claim] = {}
    for worker in ("w1", "w2"):
        for route in ("mail", "quiet"):
            while lent := backend.claim("shop", route, worker, 50, 60.0):
                finish(backend, lent)
                done.update({one.id: one for one in lent})
    assert len(done) == COUNTS[State.PENDING] + COUNTS[State.RUNNING] + 1
    assert {one.job for one in done.values()} == {""}
    retried, died = (next(one for one in done.values() if one.priority == rank) for rank in (9, 8))
    assert (retried.attempt_state, died.deaths) == (b"carry", 1)
    assert died.evidence.count("signal") >= 1
    assert backend.count(Query(states=(State.PENDING, State.RUNNING))).number == 0
    assert not listed(backend, Query(states=(State.PENDING, State.RUNNING)))


def test_what_an_old_worker_holds_is_settled_by_this_version(backend: RedisBackend) -> None:
    running = listed(backend, Query(states=(State.RUNNING,)))
    records = [record for record in backend.get([row.id for row in running]) if record is not None]
    # As a worker of the version before does: without what its claim said.
    old = [Outcome(id=one.id, token=one.token, verdict=Verdict.COMPLETE) for one in records]
    assert backend.settle(old) == []
    assert backend.job_counts("shop", "mail")[0].counts[State.COMPLETE] == COUNTS[State.COMPLETE] + 2


def test_what_else_was_there_is_there(backend: RedisBackend) -> None:
    (schedule,) = backend.schedule_page()
    assert (schedule.name, schedule.runs, schedule.verdict) == ("hourly", 1, "complete")
    ((run,),) = backend.histories([("shop", "hourly")])
    assert (run.took, run.late) == (0.1, 0.0)
    assert sorted(worker.id for worker in backend.workers()) == ["w1", "w2"]
    assert backend.listen("w2", 0.0) == [Command(verb="stop")]


def test_old_firings_are_deleted_requeued_and_pruned(backend: RedisBackend, clock: VirtualClock) -> None:
    finished = [row.id for row in listed(backend, Query(states=FINAL_STATES))]
    waiting = [row.id for row in listed(backend, Query(states=(State.PENDING,), route="mail"))]
    assert backend.requeue(finished[:1]) == finished[:1]
    assert backend.delete([*finished[1:3], waiting[0]])[waiting[0]] is State.PENDING
    clock.advance(30 * 86_400.0)
    while backend.prune():
        pass
    counts = backend.job_counts("shop", "mail")[0]
    assert counts.exact
    assert {state: counts.counts[state] for state in FINAL_STATES} == dict.fromkeys(FINAL_STATES, 0)
    assert counts.counts[State.PENDING] == COUNTS[State.PENDING]

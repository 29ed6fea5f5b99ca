"""Stores that earlier versions wrote are opened, and everything in them goes on.

``data/schema-3.db.gz`` was written by the last version with schema 3, under a clock that began at 1,750,000,000 and stood
271 seconds later when the file was closed. On queue ``q`` it has: on route ``r`` a finished firing of each state whose key is
``old-`` and the state, five more complete ones, one killed while it was pending, one that waits for a retry (it has a
attempt state and the key ``retried``), one under which a worker died, three runs of the schedule ``s``, its armed firing, and four that
wait (a key, an hour's delay, priority 9, an expiry); on ``running`` two that worker ``w`` holds, of which the first has begun and
told its progress; on ``aimed`` one for that worker alone; on ``paused``, which is, and ``inbox`` one each, not filed yet. A
second schedule, ``paused``, is. The worker has mail. Counters are of minutes with a few buckets, without hours or totals.
"""

from __future__ import annotations

import gzip
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.counters import percentile
from skunkqueue.listings import Query, Row
from skunkqueue.persistence.sqlite import SQLiteBackend, schema
from skunkqueue.records import Claim, ClaimRef, Outcome, Schedule, State, Verdict
from tests.core.sqlite.makers import claim, done, firing, open_at

KEPT = Path(__file__).with_name("data") / "schema-3.db.gz"
AGE = 271.0
ROUTES = ("r", "running", "aimed", "paused", "inbox")
FINISHED = {State.COMPLETE: 9, State.ERROR: 1, State.KILLED: 2, State.EXPIRED: 1}
TO_SECOND = "ALTER TABLE lease DROP COLUMN begun; PRAGMA user_version = 2"
TO_FIFTH = "DROP INDEX firing_by_parent; PRAGMA user_version = 5"
PARENT = "f" * 24
TO_FIRST = f"{TO_SECOND}; ALTER TABLE schedule DROP COLUMN verdict; PRAGMA user_version = 1"


@pytest.fixture
def clock() -> VirtualClock:
    clock = VirtualClock()
    clock.advance(AGE)
    return clock


@pytest.fixture(params=["", TO_SECOND, TO_FIRST], ids=["third", "second", "first"])
def old(request: pytest.FixtureRequest, path: Path) -> Path:
    """Lay down the kept file, as the version before wrote it, or one of the two before that."""
    path.write_bytes(gzip.decompress(KEPT.read_bytes()))
    db = sqlite3.connect(path)
    db.executescript(request.param)
    db.close()
    return path


@pytest.fixture
def kept(old: Path, clock: VirtualClock) -> Iterator[SQLiteBackend]:
    opened = open_at(old, clock)
    yield opened
    opened.close()


def rows_of(backend: SQLiteBackend, **asked: object) -> list[Row]:
    return list(backend.rows(Query(**asked), 1_000).rows)  # type: ignore[arg-type] # as the struct checks


def test_all_firings_are_listed_and_counted(kept: SQLiteBackend) -> None:
    found = rows_of(kept)
    counts: Counter[State] = Counter()
    for info in kept.routes("q"):
        counts.update(info.counts)
        assert info.counts == {
            state: sum(row.route == info.route and row.state is state for row in found) for state in State
        }
    assert {state: count for state, count in counts.items() if state.final} == FINISHED
    assert (counts[State.RUNNING], counts[State.PENDING]) == (2, 10)
    assert {row.job for row in found} == {""}
    assert [one.counts for one in kept.job_counts("q", "r")] == [
        next(info.counts for info in kept.routes("q") if info.route == "r")
    ]


def test_everything_that_waits_is_run(kept: SQLiteBackend, clock: VirtualClock) -> None:
    kept.resume("q", "paused")
    clock.advance(7_200)
    waiting = {row.id for row in rows_of(kept, states=(State.PENDING,))}
    run: dict[str, Claim] = {}
    for route in ROUTES:
        while lent := kept.claim("q", route, "w", 100, 600.0):
            run.update((one.id, one) for one in lent)
            assert kept.settle([done(one, began=clock.now()) for one in lent]) == []
    assert set(run) >= waiting
    assert {(one.key, one.attempt_state) for one in run.values() if one.key == "retried"} == {
        ("retried", b"carry")
    }
    assert sum(one.deaths for one in run.values()) >= 1
    assert not rows_of(kept, states=(State.PENDING, State.RUNNING))
    again = firing(key="retried")
    assert kept.enqueue([again]) == [again.id]


def test_what_runs_is_settled_by_who_holds_it(kept: SQLiteBackend, clock: VirtualClock) -> None:
    found = kept.get([row.id for row in rows_of(kept, states=(State.RUNNING,))])
    running = {one.id: one for one in found if one is not None}
    begun = next(one for one in running.values() if one.key == "running")
    assert begun.worker == "w"
    assert next(row for row in rows_of(kept, key="running")).progress == (1.0, 4.0)
    assert kept.extend([ClaimRef(one.id, one.token) for one in running.values()], 600.0) == []
    settled = [
        Outcome(id=one.id, token=one.token, verdict=Verdict.COMPLETE, began=clock.now())
        for one in running.values()
    ]
    assert kept.settle(settled) == []
    assert {row.id for row in rows_of(kept, route="running", states=(State.COMPLETE,))} == set(running)


def test_lease_that_ends_counts_a_death_that_had_begun(kept: SQLiteBackend, clock: VirtualClock) -> None:
    clock.advance(7_200)
    lent = [one for _ in range(2) for one in kept.claim("q", "running", "other", 1, 600.0)]
    assert len(lent) == 2
    # The first two versions did not note what had begun.
    begun = sum('"begun":false' not in one.evidence for one in lent)
    (counted,) = [one for one in kept.totals("q") if one.route == "running"]
    assert counted.values.get("deaths", 0) == begun


@pytest.mark.parametrize("state", FINISHED)
def test_finished_ones_are_found_requeued_and_deleted(kept: SQLiteBackend, state: State) -> None:
    (row,) = rows_of(kept, key=f"old-{state}")
    (record,) = kept.get([row.id])
    assert record is not None
    assert (row.state, row.took, row.attempts) == (state, None, 1)
    assert (record.result, row.result_size) == (b"result", 6)
    assert kept.requeue([row.id]) == [row.id]
    assert rows_of(kept, key=f"old-{state}", states=(State.PENDING,)) != []
    assert kept.delete([row.id]) == {row.id: State.PENDING}
    assert rows_of(kept, key=f"old-{state}") == []


def test_what_a_firing_fired_is_found_in_a_file_of_the_fifth_version(path: Path, clock: VirtualClock) -> None:
    before = open_at(path, clock)
    fired = [firing(parent=PARENT) for _ in range(3)]
    before.enqueue([fired[0]])
    (lent,) = claim(before)
    before.settle([done(lent)])
    before.enqueue([fired[1]])
    claim(before)
    before.enqueue([fired[2], firing()])
    before.close()
    db = sqlite3.connect(path)
    db.executescript(TO_FIFTH)
    db.close()
    after = open_at(path, clock)
    found = after.rows(Query(parent=PARENT, newest=False), 10)
    after.close()
    assert [row.id for row in found.rows] == [one.id for one in fired]
    assert [row.state for row in found.rows] == [State.COMPLETE, State.RUNNING, State.PENDING]


def test_finished_ones_are_pruned(kept: SQLiteBackend, clock: VirtualClock) -> None:
    clock.advance(60)
    assert kept.prune(older=1.0) == sum(FINISHED.values())
    assert not any(count for info in kept.routes() for state, count in info.counts.items() if state.final)
    assert rows_of(kept, key="old-error") == []


def test_counters_are_answered_under_no_job(kept: SQLiteBackend) -> None:
    span = (1_749_990_000.0, 1_750_010_000.0)
    for hours in (False, True):
        found = kept.counters([("q", "r")], *span, hours=hours)
        by_job = kept.counters([("q", "r")], *span, hours=hours, jobs=True)
        assert {one.job for one in by_job} == {""}
        assert [(one.begin, one.values) for one in by_job] == [(one.begin, one.values) for one in found]
        assert sum(one.values.get("complete", 0) for one in found) == FINISHED[State.COMPLETE]
        assert sum(one.values.get("retried", 0) for one in found) == 1
    (total,) = [one for one in kept.totals("q") if one.route == "r"]
    assert {state: total.values[state] for state in FINISHED} == FINISHED
    assert percentile(total.values, "run", 0.5) is not None


def test_schedules_workers_and_mail_go_on(kept: SQLiteBackend) -> None:
    assert [(one.name, one.runs, one.paused) for one in kept.schedule_page("q")] == [
        ("paused", 0, True),
        ("s", 3, False),
    ]
    (runs,) = kept.histories([("q", "s")])
    assert [(run.verdict, run.late) for run in runs] == [("complete", 0.0)] * 3
    assert kept.idle_schedules("q", "r") == []
    assert [one.id for one in kept.workers()] == ["w"]
    assert [one.verb for one in kept.listen("w", 0.0)] == ["stop"]


def test_file_is_of_the_newest_version_and_whole(old: Path, clock: VirtualClock) -> None:
    for _ in range(2):
        open_at(old, clock).close()
    db = sqlite3.connect(old)
    assert db.execute("PRAGMA user_version").fetchone() == (len(schema.STEPS),)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    fresh = old.with_name("fresh.db")
    open_at(fresh, clock).close()
    other = sqlite3.connect(fresh)
    tables = "SELECT type, name, sql FROM sqlite_master WHERE name NOT IN ('schedule', 'lease') ORDER BY name"
    assert db.execute(tables).fetchall() == other.execute(tables).fetchall()
    db.close()
    other.close()


def test_upgrade_that_fails_leaves_the_old_file(
    old: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = sqlite3.connect(old)
    before = list(db.iterdump())
    db.close()

    def fail(_: sqlite3.Connection) -> None:
        raise OSError

    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, fail))
    with pytest.raises(OSError, match=r"^$"):
        open_at(old, clock)
    monkeypatch.undo()
    db = sqlite3.connect(old)
    assert list(db.iterdump()) == before
    db.close()
    backend = open_at(old, clock)
    assert claim(backend) != []
    backend.close()


def test_schedule_of_an_old_file_is_declared_anew(kept: SQLiteBackend) -> None:
    (old_one,) = [one for one in kept.schedules("q") if one.name == "s"]
    new = Schedule(
        queue="q", name="s", route="r", strategy="every", params=b"new", state=b"", body=old_one.body
    )
    armed = firing(schedule="s")
    assert kept.declare(new, armed) is True
    assert [row.id for row in rows_of(kept, schedule="s")] == [armed.id]

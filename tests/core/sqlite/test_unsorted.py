"""Batches of many jobs: one row each until they are sorted, and nobody sees them unsorted."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from skunkqueue.clock import VirtualClock
from skunkqueue.listings import Query
from skunkqueue.persistence import rules
from skunkqueue.persistence.asking import OTHER_JOBS
from skunkqueue.persistence.sqlite import SQLiteBackend, tallies
from skunkqueue.persistence.sqlite.statements import insert
from skunkqueue.records import Claim, Outcome, State, Verdict
from tests.core.sqlite.makers import claim, firing, open_at, rows_in, steps

JOBS = [f"j{number}" for number in range(20)]


def of_many_jobs(each: int = 1) -> list[str]:
    return JOBS * each


def settled(lent: Claim, verdict: Verdict = Verdict.COMPLETE) -> Outcome:
    return Outcome(
        id=lent.id,
        token=lent.token,
        verdict=verdict,
        result=b"r",
        began=lent.claimed,
        took=0.01,
        queue=lent.queue,
        route=lent.route,
        was_due=lent.due,
        job=lent.job,
        error="Oops: no" if verdict is Verdict.ERROR else None,
    )


def run(backend: SQLiteBackend, jobs: list[str]) -> list[str]:
    """Put in, claim and complete as one batch; return the ids."""
    backend.enqueue([firing(job=job) for job in jobs])
    lent = claim(backend, len(jobs))
    assert backend.settle([settled(one) for one in lent]) == []
    return [one.id for one in lent]


def complete_of(backend: SQLiteBackend, job: str) -> int:
    return sum(one.counts[State.COMPLETE] for one in backend.job_counts() if one.job == job)


READS: dict[str, Callable[[SQLiteBackend, float], bool]] = {
    "routes": lambda backend, _: backend.routes()[0].counts[State.COMPLETE] == len(JOBS),
    "job_counts": lambda backend, _: complete_of(backend, "j3") == 1,
    "rows of a job": lambda backend, _: [row.job for row in backend.rows(Query(job="j3")).rows] == ["j3"],
    "count of a job": lambda backend, _: backend.count(Query(job="j3", states=(State.COMPLETE,))).number == 1,
    "counters": lambda backend, now: (
        sum(one.values.get("complete", 0) for one in backend.counters([("q", "r")], now - 120, now + 120))
        == len(JOBS)
    ),
    "counters of jobs": lambda backend, now: (
        {one.job for one in backend.counters([("q", "r")], now - 120, now + 120, jobs=True)} == set(JOBS)
    ),
    "minutes": lambda backend, now: (
        sum(
            one.values.get("complete", 0)
            for one in backend.minutes("q", "r", int(now // 60) - 1, int(now // 60) + 1)
        )
        == len(JOBS)
    ),
    "totals": lambda backend, _: {one.values.get("complete") for one in backend.totals()} == {1},
    "prune": lambda backend, _: backend.prune(older=-1.0) == len(JOBS) and not backend.rows(Query()).rows,
}


@pytest.mark.parametrize("name", READS)
def test_every_verb_sees_what_is_not_sorted(backend: SQLiteBackend, path: Path, name: str) -> None:
    other = open_at(path)
    run(other, of_many_jobs())
    other.close()
    assert rows_in(backend, "unsorted") == 1
    assert READS[name](backend, backend.now())


def test_what_is_not_sorted_is_counted_by_job_and_left_unsorted(backend: SQLiteBackend) -> None:
    """To sort, a reader waits for its turn beside processes that write."""
    run(backend, of_many_jobs())
    now = backend.now()
    for name in ("job_counts", "count of a job", "counters of jobs", "totals"):
        assert READS[name](backend, now), name
    assert rows_in(backend, "unsorted") == 1


def test_what_is_not_sorted_of_a_job_without_a_count_of_its_own_is_counted_with_the_other_jobs(
    backend: SQLiteBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallies, "MAX_JOBS", 3)
    run(backend, of_many_jobs())
    now = backend.now()
    others = len(JOBS) - 3

    counted = {one.job: one.counts[State.COMPLETE] for one in backend.job_counts()}
    ever = {one.job: one.values["complete"] for one in backend.totals()}
    minutes = {
        one.job: one.values["complete"] for one in backend.counters([("q", "r")], now - 120, now, jobs=True)
    }

    assert counted == ever == minutes == {"j0": 1, "j1": 1, "j2": 1, OTHER_JOBS: others}
    assert rows_in(backend, "unsorted") == 1
    assert backend.count(Query(job="j9")).number == 1, "a job without a count of its own is counted by a look"


def test_pages_of_no_job_are_right_before_anything_is_sorted(backend: SQLiteBackend) -> None:
    """The first failures of a route, which no count knows yet."""
    ids = backend.enqueue([firing(job=job) for job in JOBS])
    verdicts = [Verdict.ERROR if number % 5 == 0 else Verdict.COMPLETE for number in range(len(JOBS))]
    lent = claim(backend, len(JOBS))
    backend.settle([settled(one, verdict) for one, verdict in zip(lent, verdicts, strict=True)])

    everything = [row.id for row in backend.rows(Query()).rows]
    failed = [row.job for row in backend.rows(Query(states=(State.ERROR,), newest=False)).rows]

    assert sorted(everything) == sorted(ids)
    assert failed == JOBS[::5]
    assert backend.rows(Query(error="Oops"), 2).rows[0].state is State.ERROR
    assert backend.count(Query(error="Oops")).number == 4
    assert rows_in(backend, "unsorted") == 1, "it was sorted, which costs a reader much"


ENDED = {State.PENDING: 4, State.COMPLETE: 12, State.ERROR: 4}
"""How twenty firings stand: ``settle_mixed`` has every fifth fail, and one more in five tried again."""


def settle_mixed(backend: SQLiteBackend) -> None:
    backend.enqueue([firing(job=job) for job in JOBS])
    verdicts = (Verdict.ERROR, Verdict.RETRY, Verdict.COMPLETE, Verdict.COMPLETE, Verdict.COMPLETE)
    lent = claim(backend, len(JOBS))
    backend.settle([settled(one, verdicts[number % 5]) for number, one in enumerate(lent)])
    assert rows_in(backend, "unsorted") == 1


COUNTS: dict[str, Callable[[SQLiteBackend], dict[State, int]]] = {
    "routes": lambda backend: dict(backend.routes()[0].counts),
    "route_page": lambda backend: dict(backend.route_page()[0].counts),
    "busiest": lambda backend: dict(backend.busiest().routes[0].counts),
    "sums of queues": lambda backend: dict(backend.busiest().queues[0].counts),
    "count": lambda backend: {state: backend.count(Query(states=(state,))).number for state in State},
    "count of a route": lambda backend: {
        state: backend.count(Query(queue="q", route="r", states=(state,))).number for state in State
    },
    "count_states": lambda backend: {
        state: found.number for state, found in backend.count_states(Query()).items()
    },
    "job_counts": lambda backend: {
        state: sum(one.counts[state] for one in backend.job_counts()) for state in State
    },
    "counts of jobs": lambda backend: {
        state: sum(backend.count(Query(job=job, states=(state,))).number for job in JOBS) for state in State
    },
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_right_beside_a_process_that_keeps_its_turn_to_write(
    backend: SQLiteBackend, path: Path, name: str
) -> None:
    settle_mixed(backend)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    found = COUNTS[name](backend)

    other.execute("ROLLBACK")
    other.close()
    assert {state: number for state, number in found.items() if number} == ENDED


@pytest.mark.parametrize("hours", [False, True])
def test_counters_are_right_beside_a_process_that_keeps_its_turn_to_write(
    virtual: SQLiteBackend, path: Path, clock: VirtualClock, *, hours: bool
) -> None:
    """Batches of two minutes, of which the first is counted and the others are noted."""
    clock.advance(3_600 - clock.now() % 3_600)
    for minute in range(3):
        clock.advance(60.0 * minute)
        virtual.enqueue([firing(job=job) for job in JOBS])
        lent = claim(virtual, len(JOBS))
        clock.advance(0.5)
        verdicts = (Verdict.ERROR, Verdict.COMPLETE, Verdict.COMPLETE, Verdict.RETRY)
        virtual.settle([settled(one, verdicts[number % 4]) for number, one in enumerate(lent)])
        if not minute:
            virtual.rows(Query(job="j0"))
    now = clock.now()
    assert rows_in(virtual, "unsorted") == 2

    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    before = virtual.counters([("q", "r")], now - 3_600, now + 60, hours=hours)
    by_job = virtual.counters([("q", "r")], now - 3_600, now + 60, hours=hours, jobs=True) + virtual.totals()
    minutes = virtual.minutes("q", "r", int(now // 60) - 60, int(now // 60) + 1)
    other.execute("ROLLBACK")
    other.close()
    virtual.rows(Query(job="j0"))

    assert rows_in(virtual, "unsorted") == 0
    after = virtual.counters([("q", "r")], now - 3_600, now + 60, hours=hours)
    assert [one.begin for one in before] == [one.begin for one in after]
    assert [one.values for one in before] == [pytest.approx(one.values) for one in after]
    jobs_again = (
        virtual.counters([("q", "r")], now - 3_600, now + 60, hours=hours, jobs=True) + virtual.totals()
    )
    assert [(one.job, one.begin) for one in by_job] == [(one.job, one.begin) for one in jobs_again]
    assert [one.values for one in by_job] == [pytest.approx(one.values) for one in jobs_again]
    again = virtual.minutes("q", "r", int(now // 60) - 60, int(now // 60) + 1)
    assert [one.values for one in minutes] == [pytest.approx(one.values) for one in again]
    assert sum(one.values["complete"] for one in before) == 30
    assert len(before) == (1 if hours else 3)


def test_busiest_route_is_the_one_that_has_most_left(backend: SQLiteBackend) -> None:
    """Nothing is left of the first, which no count knows yet."""
    backend.enqueue([firing(route="left", job="j0") for _ in range(len(JOBS) - 1)])
    run(backend, of_many_jobs())
    assert rows_in(backend, "unsorted") == 1

    assert [one.route for one in backend.busiest(limit=1).routes] == ["left"]


def test_counting_one_route_costs_the_same_beside_many(backend: SQLiteBackend) -> None:
    def cost() -> int:
        query = Query(queue="q", route="r", states=(State.PENDING,))
        return steps(backend, lambda: (backend.count(query), backend.route_page("q", "r", 1)))

    settle_mixed(backend)
    before = cost()
    # One by one, since each is counted by its route and job.
    backend.enqueue([firing(route=f"s{number}", job=job) for number in range(100) for job in JOBS[:5]])
    assert rows_in(backend, "unsorted") == 1

    assert cost() <= 1.5 * before + 20


def test_impossible_runs_of_many_jobs_leave_sums_finite(backend: SQLiteBackend) -> None:
    backend.enqueue([firing(job=job) for job in JOBS])
    outcomes = [replace(settled(one), took=float("inf")) for one in claim(backend, len(JOBS))]
    backend.settle(outcomes)
    assert {one.values["run"] for one in backend.totals()} == {rules.LONGEST_TIME}


def test_batch_of_many_jobs_is_listed_in_one_row(backend: SQLiteBackend) -> None:
    run(backend, of_many_jobs(5))
    assert rows_in(backend, "ended") == 1


def test_settling_many_jobs_costs_little_more_than_one(tmp_path: Path) -> None:
    def cost(name: str, jobs: list[str]) -> int:
        backend = open_at(tmp_path / name)
        for _ in range(3):
            run(backend, jobs)
        backend.enqueue([firing(job=job) for job in jobs])
        outcomes = [settled(one) for one in claim(backend, 100)]
        found = steps(backend, lambda: backend.settle(outcomes))
        backend.close()
        return found

    assert cost("many", of_many_jobs(5)) <= 1.2 * cost("one", ["j0"] * 100) + 10


def test_workers_sort_what_nobody_reads(backend: SQLiteBackend) -> None:
    for _ in range(120):
        run(backend, of_many_jobs())
    assert rows_in(backend, "unsorted") < 60
    assert rows_in(backend, "mixed") > 0


def test_so_many_firings_are_sorted_at_most_that_a_reader_does_not_wait_long(backend: SQLiteBackend) -> None:
    left = []
    for _ in range(20):
        run(backend, of_many_jobs(25))
        left.append(rows_in(backend, "unsorted"))

    assert left == [*range(1, 20), 0]


def test_jobs_of_mixed_batches_are_listed_in_the_order_of_finishing(backend: SQLiteBackend) -> None:
    order = []
    for number in range(12):
        jobs = of_many_jobs(2) if number % 3 else ["j7"] * 4
        random.Random(number).shuffle(jobs)  # noqa: S311 - no secret
        ids = run(backend, jobs)
        order.append(sorted(id_ for id_, job in zip(ids, jobs, strict=True) if job == "j7"))
    expected = [id_ for batch in order for id_ in batch]
    for newest in (True, False):
        seen: list[str] = []
        cursor = None
        while True:
            page = backend.rows(Query(job="j7", states=(State.COMPLETE,), newest=newest), 5, cursor)
            seen += [row.id for row in page.rows]
            cursor = page.next
            if cursor is None:
                break
        assert seen == (expected[::-1] if newest else expected)


def test_each_verdict_of_a_mixed_batch_is_counted(backend: SQLiteBackend) -> None:
    backend.enqueue([firing(job=job) for job in of_many_jobs(3)])
    lent = claim(backend, 60)
    verdicts = (Verdict.COMPLETE, Verdict.ERROR, Verdict.RETRY)
    backend.settle([settled(one, verdicts[number // 20]) for number, one in enumerate(lent)])
    for one in backend.totals():
        assert {name: one.values[name] for name in ("enqueued", "complete", "error", "retried")} == {
            "enqueued": 3,
            "complete": 1,
            "error": 1,
            "retried": 1,
        }
    (info,) = backend.routes()
    assert [info.counts[state] for state in (State.PENDING, State.COMPLETE, State.ERROR)] == [20, 20, 20]
    found = backend.rows(Query(error="Oops", states=(State.ERROR,), job="j4")).rows
    assert [row.job for row in found] == ["j4"]


def test_what_leaves_a_mixed_batch_is_found_by_its_job_no_more(backend: SQLiteBackend) -> None:
    ids = dict(zip(JOBS, run(backend, of_many_jobs()), strict=True))
    assert backend.delete([ids["j1"]]) == {ids["j1"]: State.COMPLETE}
    assert backend.requeue([ids["j2"]]) == [ids["j2"]]
    assert backend.prune(older=-1.0, limit=3) == 3
    left = Counter(row.job for row in backend.rows(Query(states=(State.COMPLETE,))).rows)
    assert sum(left.values()) == len(JOBS) - 5
    for job in JOBS:
        states = (State.COMPLETE,)
        assert len(backend.rows(Query(job=job, states=states)).rows) == complete_of(backend, job) == left[job]
    assert rows_in(backend, "mixed") == len(left)
    backend.prune(older=-1.0)
    assert rows_in(backend, "mixed") == rows_in(backend, "ended") == 0


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 50, 61, 137])
def test_all_rows_of_an_insert_go_in(count: int) -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
    rows = [(number, f"row {number}") for number in range(count)]
    insert(db, "INSERT INTO t (a, b)", rows)
    assert db.execute("SELECT a, b FROM t ORDER BY a").fetchall() == rows
    db.close()


def test_firings_of_many_jobs_put_in_together_keep_their_jobs(backend: SQLiteBackend) -> None:
    put = [firing(job=job, priority=number % 3) for number, job in enumerate(of_many_jobs(3))]
    backend.enqueue(put)
    rows = backend.rows(Query(states=(State.PENDING,)), 100).rows
    assert {row.id: row.job for row in rows} == {one.id: one.job for one in put}
    found = backend.rows(Query(states=(State.PENDING,), job="j5")).rows
    assert {row.id for row in found} == {one.id for one in put if one.job == "j5"}


def test_requeued_firings_leave_nothing_behind_in_the_listings_by_job(virtual: SQLiteBackend) -> None:
    ids = run(virtual, JOBS)
    assert rows_in(virtual, "unsorted") == 1

    assert virtual.requeue(ids) == ids

    # At the same moment, and so in a chunk of the same number.
    assert virtual.settle([settled(one) for one in claim(virtual, len(JOBS))]) == []
    assert virtual.routes()[0].counts[State.COMPLETE] == len(JOBS)
    assert {row.job for row in virtual.rows(Query(job="j3")).rows} == {"j3"}
    assert set(virtual.delete(ids).values()) == {State.COMPLETE}
    assert (rows_in(virtual, "mixed"), rows_in(virtual, "ended")) == (0, 0)


def test_row_that_an_older_version_left_in_the_listings_by_job_does_no_harm(
    virtual: SQLiteBackend, path: Path, clock: VirtualClock
) -> None:
    run(virtual, JOBS)
    now = clock.now()
    with sqlite3.connect(path) as db:
        number = db.execute("SELECT no FROM job WHERE name = 'j3'").fetchone()[0]
        db.execute("INSERT INTO mixed VALUES (?, 1, 2, ?, 0)", (number, now))
    db.close()

    assert virtual.routes()[0].counts[State.COMPLETE] == len(JOBS)

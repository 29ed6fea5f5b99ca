"""Firings that differ in ids and bodies alone are written by statements of their own, and nobody can tell."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.persistence.sqlite import firings
from skunkqueue.persistence.sqlite.statements import insert_alike
from skunkqueue.records import Firing
from tests.core.sqlite.makers import firing, many, open_at

TABLES = ("firing", "ready", "tally")
SHARED: list[dict[str, Any]] = [{}, {"priority": 9}, {"due": 5.0}, {"delay": 60.0}, {"job": "m:job"}]
APART: list[dict[str, Any]] = [
    {"queue": "other"},
    {"route": "other"},
    {"job": "m:other"},
    {"priority": 9},
    {"due": 5.0},
    {"delay": 60.0},
    {"expires": 5e9},
    {"expires_in": 60.0},
    {"key": "k"},
    {"target": "w"},
    {"schedule": "s"},
    {"parent": "p"},
    {"tags": ("t",)},
]


def rows_after(put: Callable[..., None], batch: list[Firing], folder: Path) -> dict[str, list[Any]]:
    """Put firings into a new store, and read what is in its tables."""
    with closing(open_at(folder / f"{put.__name__}.db", VirtualClock())) as backend:
        store, first = backend._store, batch[0]
        numbers = {(first.queue, first.route): store.route(first.queue, first.route)}
        jobs = store.jobs({first.job})
        store.writer.run(lambda db: put(db, batch, numbers, jobs, 1_000.0))

        def read(db: sqlite3.Connection) -> dict[str, list[Any]]:
            return {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}  # noqa: S608 - constants

        return store.readers.run(read)


@pytest.mark.parametrize("more", SHARED)
@pytest.mark.parametrize("count", [5, 10, 63])
def test_the_rows_of_firings_that_are_alike_are_those_of_any_batch(
    tmp_path: Path, count: int, more: dict[str, Any]
) -> None:
    batch = [firing(body=bytes([number]), **more) for number in range(count)]
    assert firings.are_alike(batch)
    alike, others = (rows_after(put, batch, tmp_path) for put in (firings.put_alike, firings.put))

    assert alike == others


@pytest.mark.parametrize("more", APART)
@pytest.mark.parametrize("at", [0, 7])
def test_one_that_differs_takes_the_batch_another_way(at: int, more: dict[str, Any]) -> None:
    batch: list[Firing] = many(8)
    batch[at] = firing(**more)

    assert not firings.are_alike(batch)


def test_of_firings_that_are_alike_a_known_one_stays_as_it_is(tmp_path: Path) -> None:
    with closing(open_at(tmp_path / "q.db")) as backend:
        first = many(20, body=b"first")
        backend.enqueue(first)
        again = [firing(id=one.id, body=b"second") for one in first[10:]] + many(10)

        assert backend.enqueue(again) == [one.id for one in again]
        assert [one.body for one in backend.get([first[15].id, again[15].id]) if one] == [b"first", b"body"]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 49, 50, 51, 112])
def test_any_number_of_rows_is_inserted(tmp_path: Path, count: int) -> None:
    names = [str(number) for number in range(count)]
    with closing(open_at(tmp_path / "q.db")) as backend:
        store = backend._store
        store.writer.run(lambda db: insert_alike(db, "INSERT INTO holder (seen, name)", (1.0,), names))
        found = store.readers.run(
            lambda db: db.execute("SELECT name, seen FROM holder ORDER BY no").fetchall()
        )

        assert found == [(name, 1.0) for name in names]

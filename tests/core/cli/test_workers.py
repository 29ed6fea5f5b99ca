"""``skunq workers`` and ``skunq stop``."""

from __future__ import annotations

import pytest

from skunkqueue.persistence.backend import Backend
from skunkqueue.pools import Process, Sample
from tests.core.cli.program import Skunq, fire, hire, open_pool


def test_workers_are_listed_with_what_they_do(store: Backend, skunq: Skunq) -> None:
    hire(store, "w-1", state="busy", current="f" * 24, done=12, rss=30 * 2**20, pid=77)

    (told,) = skunq.json("workers")["workers"]

    assert (told["id"], told["state"], told["current"], told["done"]) == ("w-1", "busy", "f" * 24, 12)
    assert (told["host"], told["pid"], told["rss"]) == ("here", 77, 30 * 2**20)
    assert "30.0 MiB" in skunq("workers")


def test_a_worker_that_runs_several_firings_shows_one_and_how_many_others(
    store: Backend, skunq: Skunq
) -> None:
    running = tuple(f"{number:024x}" for number in range(4))
    hire(store, "w-1", state="busy", current=running[0], running=running)
    hire(store, "w-2", state="busy", current=running[0], running=running, more=100)

    first, second = skunq.json("workers")["workers"]
    lines = skunq("workers").splitlines()

    assert (first["running"], first["more"], second["more"]) == (list(running), 0, 100)
    assert f"{running[0]} +3 " in lines[1]
    assert f"{running[0]} +103 " in lines[2]
    assert f"{running[0]} +103" in skunq("top", "--once")


def test_memory_is_what_the_pool_measured_last_where_a_worker_does_not_beat(
    store: Backend, skunq: Skunq
) -> None:
    hire(store, "w-1", rss=10 << 20)
    assert skunq.json("workers")["workers"][0]["rss"] == 10 << 20
    for at, rss in ((0.0, 10 << 20), (store.now() + 5.0, 70 << 20)):
        process = Process(
            worker="w-1",
            pid=1,
            route="foo",
            state="running",
            started=0.0,
            samples=(Sample(at, 70 << 20, 1.0),),
        )
        open_pool(store, "pool", processes=(process,))
        assert skunq.json("workers")["workers"][0]["rss"] == rss
    assert "70.0 MiB" in skunq("workers")
    assert "70.0 MiB" in skunq("top", "--once")


def test_memory_is_what_the_pool_measured_where_a_newer_beat_says_nothing_of_it(
    store: Backend, skunq: Skunq
) -> None:
    hire(store, "w-1")
    process = Process(
        worker="w-1",
        pid=1,
        route="foo",
        state="running",
        started=0.0,
        samples=(Sample(0.0, 70 << 20, 1.0),),
    )
    open_pool(store, "pool", processes=(process,))

    assert skunq.json("workers")["workers"][0]["rss"] == 70 << 20


def test_workers_of_one_queue_or_route_can_be_asked_for(store: Backend, skunq: Skunq) -> None:
    hire(store, "w-1")
    hire(store, "w-2", route="bar")
    hire(store, "w-3", queue="other", route="bar")

    assert [each["id"] for each in skunq.json("workers", "-q", "demo", "-r", "bar")["workers"]] == ["w-2"]


def test_no_workers_is_exit_code_1(store: Backend, skunq: Skunq) -> None:
    fire(store)

    assert "no workers" in skunq.error("workers", expect=1)
    assert skunq.json("workers", expect=1)["workers"] == []


@pytest.mark.parametrize(("words", "verb"), [([], "stop"), (["--rough"], "rough")])
def test_a_worker_is_told_to_stop(store: Backend, skunq: Skunq, words: list[str], verb: str) -> None:
    hire(store, "w-1")

    skunq("stop", "w-1", *words)

    assert [told.verb for told in store.listen("w-1", 0.0)] == [verb]


def test_the_start_of_an_id_is_enough(store: Backend, skunq: Skunq) -> None:
    hire(store, "abc-1")
    hire(store, "abd-2")

    skunq("stop", "abc")

    assert [told.verb for told in store.listen("abc-1", 0.0)] == ["stop"]
    assert store.listen("abd-2", 0.0) == []


def test_a_whole_id_means_that_worker_even_if_another_begins_so(store: Backend, skunq: Skunq) -> None:
    hire(store, "w-1")
    hire(store, "w-10")

    skunq("stop", "w-1")

    assert store.listen("w-10", 0.0) == []


def test_a_start_that_fits_several_stops_none(store: Backend, skunq: Skunq) -> None:
    hire(store, "w-1")
    hire(store, "w-2")

    told = skunq.error("stop", "w", expect=1)

    assert "w-1, w-2" in told
    assert store.listen("w-1", 0.0) == []


def test_one_mistyped_worker_among_several_stops_none(store: Backend, skunq: Skunq) -> None:
    hire(store, "w-1")

    assert "no live worker or pool 'x-9'" in skunq.error("stop", "w-1", "x-9", expect=1)
    assert store.listen("w-1", 0.0) == []

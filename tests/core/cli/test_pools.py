"""``skunq pools``, ``stop``, ``restart`` and ``quiet``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from skunkqueue.cli.text import iso
from skunkqueue.persistence.backend import Backend
from skunkqueue.pools import Process, Sample
from tests.core.cli.program import Skunq, fire, hire, open_pool


def test_pools_are_listed_with_their_workers_memory_and_cpu(store: Backend, skunq: Skunq) -> None:
    samples = (Sample(100.0, 10 << 20, 1.0), Sample(110.0, 30 << 20, 6.0))
    process = Process(worker="w-1", pid=7, route="foo", state="running", started=90.0, samples=samples)
    open_pool(store, "pool-1", workers=2, processes=(process,), version="9.9")

    (told,) = skunq.json("pools")["pools"]
    (row,) = skunq("pools").splitlines()[1:]

    assert (told["id"], told["workers"], told["live"], told["version"]) == ("pool-1", 2, 1, "9.9")
    assert told["processes"][0]["cpu_share"] == 0.5
    for part in ("1 of 2", "30.0 MiB", "50%", "running"):
        assert part in row


def test_pools_of_one_queue_or_route_can_be_asked_for(store: Backend, skunq: Skunq) -> None:
    open_pool(store, "pool-1")
    open_pool(store, "pool-2", routes=("bar",))
    open_pool(store, "pool-3", queue="other", routes=("bar",))

    assert [each["id"] for each in skunq.json("pools", "-q", "demo", "-r", "bar")["pools"]] == ["pool-2"]


def test_no_pools_is_exit_code_1(store: Backend, skunq: Skunq) -> None:
    fire(store)

    assert "no pools" in skunq.error("pools", expect=1)
    assert skunq.json("pools", expect=1)["pools"] == []


@pytest.mark.parametrize(
    ("words", "verb"),
    [
        (["stop", "pool-1"], "stop"),
        (["stop", "pool-1", "--rough"], "rough"),
        (["restart", "pool"], "restart"),
        (["quiet", "pool-1"], "quiet"),
        (["quiet", "pool-1", "--end"], "resume"),
    ],
)
def test_a_pool_is_told(store: Backend, skunq: Skunq, words: list[str], verb: str) -> None:
    open_pool(store, "pool-1")

    assert "told pool pool-1 to" in skunq(*words)

    (command,) = store.listen("pool-1", 0.0)
    assert (command.verb, command.worker) == (verb, None)


@pytest.mark.parametrize("verb", ["stop", "restart", "quiet"])
def test_what_is_for_a_worker_goes_to_its_pool(store: Backend, skunq: Skunq, verb: str) -> None:
    open_pool(store, "pool-1")
    hire(store, "w-1", pool="pool-1")

    skunq(verb, "w-1")

    (command,) = store.listen("pool-1", 0.0)
    assert (command.verb, command.worker) == (verb, "w-1")
    assert store.listen("w-1", 0.0) == []


def test_a_quiet_worker_goes_on(store: Backend, skunq: Skunq) -> None:
    open_pool(store, "pool-1")
    hire(store, "w-1", pool="pool-1")

    assert skunq("quiet", "w-1", "--end").strip() == "told w-1 to begin jobs again"

    (command,) = store.listen("pool-1", 0.0)
    assert (command.verb, command.worker) == ("resume", "w-1")


def test_nobody_is_quiet_who_is_not_there(store: Backend, skunq: Skunq) -> None:
    open_pool(store, "pool-1")

    assert "'w-1'" in skunq.error("quiet", "pool-1", "w-1", expect=1)
    assert store.listen("pool-1", 0.0) == []


def test_a_start_that_fits_a_pool_and_a_worker_stops_neither(store: Backend, skunq: Skunq) -> None:
    open_pool(store, "ab-1")
    hire(store, "ab-2")

    assert "several workers or pools begin with 'ab': ab-1, ab-2" in skunq.error("stop", "ab", expect=1)
    assert store.listen("ab-1", 0.0) == []


@pytest.fixture
def pool(store: Backend) -> Iterator[Callable[[str], None]]:
    """Begin a pool that hears one command, and says of it what it is told to say."""
    threads = []

    def obey(did: str) -> None:
        for command in store.listen("pool-1", 30.0):
            assert command.id is not None
            store.note_entry(command.id, heard=True)
            store.note_entry(command.id, did=did, done=True)

    def begin(did: str) -> None:
        open_pool(store, "pool-1")
        threads.append(threading.Thread(target=obey, args=(did,)))
        threads[-1].start()

    yield begin
    for thread in threads:
        thread.join()


def test_waiting_shows_that_it_is_heard_and_done(skunq: Skunq, pool: Callable[[str], None]) -> None:
    pool("3 workers ended")

    told = skunq("stop", "pool-1", "--wait", "--timeout", "30s")

    sent, heard, done = told.splitlines()
    assert sent == "told pool pool-1 to stop"
    assert heard.startswith("pool pool-1: heard after")
    assert done.startswith("pool pool-1: done after")
    assert done.endswith("3 workers ended")


FAILED = "failed: replaced 0, the others are kept: a new worker cannot start: exit code 78"


@pytest.mark.parametrize(
    ("did", "outcome"), [(FAILED, "failed"), ("nothing: the pool is stopping already", "nothing")]
)
def test_waiting_for_what_is_not_done_ends_with_exit_code_1(
    skunq: Skunq, pool: Callable[[str], None], did: str, outcome: str
) -> None:
    pool(did)

    told = skunq.error("restart", "pool-1", "--wait", "--timeout", "30s", expect=1)

    assert told.endswith(f": {did}\n")
    assert skunq.json("audit")["entries"][0]["outcome"] == outcome


def test_programs_read_the_receipt(store: Backend, skunq: Skunq, pool: Callable[[str], None]) -> None:
    pool(FAILED)

    (told,) = skunq.json("restart", "pool-1", "--wait", "--timeout", "30s", expect=1)["sent"]

    (entry,) = store.audit().entries
    assert (told["kind"], told["id"], told["verb"], told["entry"]) == ("pool", "pool-1", "restart", entry.id)
    assert (told["outcome"], told["did"], told["heard"]) == ("failed", FAILED, iso(entry.heard))


@pytest.mark.parametrize(
    ("words", "verb"),
    [
        (["stop"], "stop"),
        (["stop", "--rough"], "rough"),
        (["restart"], "restart"),
        (["quiet"], "quiet"),
        (["quiet", "--end"], "resume"),
    ],
)
def test_programs_read_what_was_sent(store: Backend, skunq: Skunq, words: list[str], verb: str) -> None:
    open_pool(store, "pool-1")
    hire(store, "w-1", pool="pool-1")

    sent = skunq.json(*words, "pool-1", "w-1")["sent"]

    unknown = dict.fromkeys(("heard", "done", "outcome", "did"))
    ids = [entry.id for entry in store.audit().entries][::-1]
    assert sent == [
        {"kind": "pool", "id": "pool-1", "verb": verb, "entry": ids[0], **unknown},
        {"kind": "worker", "id": "w-1", "verb": verb, "entry": ids[1], **unknown},
    ]


def test_waiting_for_what_nobody_hears_ends_with_exit_code_1(store: Backend, skunq: Skunq) -> None:
    open_pool(store, "pool-1")

    assert "not heard after" in skunq.error("quiet", "pool-1", "--wait", "--timeout", "0s", expect=1)

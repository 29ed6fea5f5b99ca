"""``skunq audit``, and that commands which change something are in it."""

from __future__ import annotations

import getpass
import socket
import time

import msgspec
import pytest

from skunkqueue.cli.audit import listed, progress_of
from skunkqueue.clock import VirtualClock
from skunkqueue.config import resolve
from skunkqueue.ids import new_id
from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.sqlite import SQLiteBackend
from skunkqueue.pools import Entry
from skunkqueue.records import Verdict
from tests.core.cli.program import Skunq, begin, finish, fire, hire, open_pool
from tests.core.cli.schedules import declare, strategies

__all__ = ["strategies"]


def test_an_order_is_in_the_log_with_who_and_why_and_what_it_did(store: Backend, skunq: Skunq) -> None:
    made = fire(store)
    skunq("kill", made, "--why", "sold twice")

    (entry,) = skunq.json("audit")["entries"]

    assert entry["who"] == f"{getpass.getuser()}@{socket.gethostname()}"
    assert (entry["verb"], entry["on"], entry["why"]) == ("kill", made, "sold twice")
    assert entry["did"] == "killed 1 of 1"
    assert "sold twice" in skunq("audit")


def test_every_command_that_changes_something_is_in_the_log(store: Backend, skunq: Skunq) -> None:
    hire(store, "w-1")
    given: list[tuple[str, ...]] = [
        ("kill", fire(store, route="a")),
        ("requeue", finish(store, route="b")),
        ("run", fire(store, queue="other", delay=60.0)),
        ("delete", finish(store, Verdict.ERROR, queue="third")),
        ("purge", "-q", "demo", "--yes"),
        ("pause", "-q", "demo"),
        ("resume", "-q", "demo"),
        ("prune",),
        ("stop", "w-1"),
        ("restart", "w-1"),
    ]
    for words in given:
        skunq(*words, "--why", words[0])

    entries = skunq.json("audit")["entries"]

    assert [entry["why"] for entry in reversed(entries)] == [words[0] for words in given]
    assert all(entry["did"] for entry in entries if entry["verb"] not in ("stop", "restart"))


@pytest.mark.usefixtures("strategies")
def test_what_is_done_to_schedules_is_in_the_log_with_who_and_why(store: Backend, skunq: Skunq) -> None:
    declare(store)

    for verb, more in (("pause", ()), ("resume", ()), ("run", ()), ("remove", ("--yes",))):
        skunq("schedule", verb, "tick", *more, "--why", f"to {verb} it")

    entries = skunq.json("audit")["entries"]
    assert {(entry["who"], entry["on"]) for entry in entries} == {
        (f"{getpass.getuser()}@{socket.gethostname()}", "schedule tick of queue demo")
    }
    assert [(entry["verb"], entry["why"], entry["did"]) for entry in reversed(entries)] == [
        ("pause_schedule", "to pause it", "paused"),
        ("resume_schedule", "to resume it", "resumed"),
        ("run_schedule", "to run it", "made due now"),
        ("remove_schedule", "to remove it", "removed"),
    ]


@pytest.mark.parametrize(("on", "words"), [("pool pool-1", "pool-1"), ("worker w-1", "w-1")])
def test_who_told_a_pool_or_worker_to_be_quiet_is_in_the_log_and_why(
    store: Backend, skunq: Skunq, on: str, words: str
) -> None:
    open_pool(store, "pool-1")
    hire(store, "w-1", pool="pool-1")

    skunq("quiet", words, "--why", "new tyres")
    skunq("quiet", words, "--end", "--why", "they are on")

    entries = skunq.json("audit")["entries"]
    assert [(entry["verb"], entry["on"], entry["why"]) for entry in reversed(entries)] == [
        ("quiet", on, "new tyres"),
        ("resume", on, "they are on"),
    ]
    assert {entry["who"] for entry in entries} == {f"{getpass.getuser()}@{socket.gethostname()}"}


def test_the_log_of_one_verb_or_person_can_be_asked_for_page_by_page(store: Backend, skunq: Skunq) -> None:
    for _ in range(3):
        skunq("kill", fire(store))
    skunq("prune")

    first = skunq.json("audit", "--verb", "kill", "--limit", "2")
    rest = skunq.json("audit", "--verb", "kill", "--limit", "2", "--after", first["next"])

    assert [entry["verb"] for entry in first["entries"] + rest["entries"]] == ["kill"] * 3
    assert rest["next"] is None
    assert "no such entries" in skunq.error("audit", "--who", "nobody@nowhere", expect=1)


def test_where_no_older_entry_is_there_it_does_not_say_that_none_is(store: Backend, skunq: Skunq) -> None:
    assert "nobody has done anything yet" in skunq.error("audit", expect=1)
    skunq("kill", fire(store))

    assert skunq.error("audit", "--after", "1:2", expect=1) == "no older entries\n"
    assert skunq.error("audit", "--after", "1:2", "--verb", "kill", expect=1) == "no more such entries\n"


def test_a_cursor_that_is_none_is_an_error_in_the_command_line(skunq: Skunq) -> None:
    assert "--after 'xx' is not a cursor of the audit log" in skunq.error("audit", "--after", "xx", expect=2)


def test_an_order_that_nobody_has_heard_says_so(store: Backend, skunq: Skunq) -> None:
    open_pool(store, "pool-1")
    skunq("stop", "pool-1")

    assert "sent, not heard yet" in skunq("audit")


def test_a_bulk_order_is_one_entry(store: Backend, skunq: Skunq) -> None:
    for _ in range(3):
        fire(store)
    begin(store)

    skunq("delete", "-q", "demo", "--state", "pending", "--yes")

    (entry,) = skunq.json("audit")["entries"]
    assert (entry["verb"], entry["did"]) == ("delete", "deleted 2 of 2")
    assert "queue=demo" in entry["on"]


def test_an_action_that_ended_half_way_is_not_shown_as_finished(store: Backend, skunq: Skunq) -> None:
    store.log_entry(Entry(id=new_id(), who="ann@here", verb="delete", on="all"))
    assert "not finished" in skunq("audit")

    store.note_entry(store.audit().entries[0].id, did="deleted 58000 of at least 10000")
    assert "deleted 58000 of at least 10000, not finished" in skunq("audit")


def test_a_command_to_a_pool_that_died_is_never_heard_or_never_done(store: Backend, skunq: Skunq) -> None:
    open_pool(store, "pool-1")
    for each in ("pool-1", "pool-2"):
        store.log_entry(Entry(id=new_id(), who="ann@here", verb="restart", on=f"pool {each}"))
    found = store.audit().entries
    assert "never" not in skunq("audit")
    old = [msgspec.structs.replace(entry, at=1.0) for entry in found]
    old += [msgspec.structs.replace(entry, heard=2.0) for entry in old]

    there = listed(store, old)

    assert [progress_of(entry, there) for entry in old] == [
        "never heard: the pool is gone",
        "sent, not heard yet",
        "heard after 1.0 s, never done: the pool is gone",
        "heard after 1.0 s, not done yet",
    ]


def test_what_is_too_old_in_the_log_is_pruned(store: Backend, url: str, skunq: Skunq) -> None:
    hundred_days_ago = VirtualClock(time.time() - 100 * 86_400.0)
    before = SQLiteBackend.open(resolve(conn_url=url), clock=hundred_days_ago)
    old, new = (Entry(id=new_id(), at=0.0, who="ada", verb="kill", on="it") for _ in range(2))
    before.log_entry(old)
    before.close()
    store.log_entry(new)

    skunq("prune")

    assert [one.verb for one in store.audit().entries] == ["prune", "kill"]
    assert [one.id for one in store.audit(verb="kill").entries] == [new.id]

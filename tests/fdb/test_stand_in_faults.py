"""Faults of the stand-in: they come where they were asked for, and what was done nevertheless is done."""

from __future__ import annotations

import pytest

from tests.fdb.bindings import Bound, of_stand_in
from tests.support.fdb_fixtures import NewStandIn
from tests.support.fdb_standin.faults import ENDLESS, SILENCE, Fault
from tests.support.fdb_standin.process import StandInServer
from tests.support.waiting import eventually


@pytest.fixture
def on(server: StandInServer, dbname: str) -> Bound:
    """Give a database there."""
    return of_stand_in(server, dbname)


def committing(on: Bound, name: str = "a", milliseconds: int = 20_000) -> int:
    """Write a key; give the code of what went wrong."""
    tr = on.begin()
    tr.options.set_timeout(milliseconds)
    tr.set(on.key(name), b"1")
    return on.refusal(lambda: tr.commit().wait())


@pytest.mark.parametrize(("landing", "there"), [("never", []), ("before", [("a", b"1")])])
def test_commit_that_fails_is_done_where_it_is_to_be(
    on: Bound, server: StandInServer, landing: str, there: list[tuple[str, bytes]]
) -> None:
    server.fail(Fault(call="commit", code=1021, landing="before" if landing == "before" else "never"))
    assert committing(on) == 1021
    assert on.all() == there
    assert committing(on) == 0
    assert server.clear_faults() == 1


def test_commit_may_be_done_after_its_failure(on: Bound, server: StandInServer) -> None:
    server.fail(Fault(call="commit", code=1031, landing="after", delay=0.2))
    assert committing(on) == 1031
    assert on.all() == []
    eventually(on.all, what="the commit lands")


def test_commit_that_comes_late_may_be_refused(on: Bound, server: StandInServer) -> None:
    late = server.statistics()["late"]
    server.fail(Fault(call="commit", code=1031, landing="after", delay=0.1))
    tr = on.begin()
    assert tr.get(on.key("a")).value is None
    tr.set(on.key("a"), b"late")
    assert on.refusal(lambda: tr.commit().wait()) == 1031
    on.put(a=b"early")
    eventually(lambda: server.statistics()["late"] > late, what="the commit comes")
    assert on.all() == [("a", b"early")]


def test_watches_fail_too(on: Bound, server: StandInServer) -> None:
    server.fail(Fault(call="watch", code=1032))
    tr = on.begin()
    watch = tr.watch(on.key("a"))
    tr.commit().wait()
    assert on.refusal(watch.wait) == 1032


def test_faults_come_after_so_many_calls_and_so_often(on: Bound, server: StandInServer) -> None:
    server.fail(Fault(call="commit", code=1020, skip=2, times=3))
    assert [committing(on) for _ in range(7)] == [0, 0, 1020, 1020, 1020, 0, 0]


def test_faults_without_end_end_when_told_to(on: Bound, server: StandInServer) -> None:
    server.fail(Fault(call="commit", code=1020, times=ENDLESS))
    assert {committing(on) for _ in range(20)} == {1020}
    assert server.clear_faults() == 20
    assert committing(on) == 0


def test_fault_is_for_some_keys(on: Bound, server: StandInServer) -> None:
    server.fail(Fault(call="commit", code=1020, prefix=on.key("b")))
    assert [committing(on, name) for name in "abb"] == [0, 1020, 0]


@pytest.mark.parametrize("call", ["read", "version"])
def test_reads_and_versions_fail_too(on: Bound, server: StandInServer, call: str) -> None:
    server.fail(Fault(call="read" if call == "read" else "version", code=1007))
    tr = on.begin()
    assert on.refusal(lambda: tr.get(on.key("a")).value) == 1007
    tr.on_error(1007).wait()
    assert on.refusal(lambda: tr.get(on.key("a")).value) == 0


def test_silence_lasts_as_long_as_one_waits(on: Bound, server: StandInServer) -> None:
    server.fail(Fault(call="commit", code=SILENCE, landing="before"))
    assert committing(on, milliseconds=200) == 1031
    assert on.all() == [("a", b"1")]


def test_versions_jump_and_nothing_begun_before_commits(new_stand_in: NewStandIn, dbname: str) -> None:
    server = new_stand_in()
    on = of_stand_in(server, dbname)
    tr = on.begin()
    before = tr.get_read_version().wait()
    tr.add_read_conflict_key(on.key("b"))
    tr.set(on.key("a"), b"1")
    server.jump(98.6)
    assert on.refusal(lambda: tr.commit().wait()) == 1007
    assert committing(on) == 0
    tr.reset()
    assert tr.get_read_version().wait() - before > 98_000_000


def test_statistics_are_counted(on: Bound, server: StandInServer) -> None:
    before = server.statistics()
    tr = on.begin()
    watch = tr.watch(on.key("a"))
    tr.commit().wait()
    assert committing(on, "b") == 0
    eventually(lambda: server.statistics()["watches"] > before["watches"], what="the watch is set")
    after = server.statistics()
    assert after["commits"] - before["commits"] == 1
    assert after["keys"] - before["keys"] == 1
    assert after["reads"] - before["reads"] == 1
    watch.cancel()
    eventually(lambda: server.statistics()["watches"] == before["watches"], what="the watch is gone")

"""What calls do while the server does not answer, and whom a cluster file leads to: on the binding and its stand-in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fdb.bindings import Bound, fdb_binding, of_fdb, of_stand_in
from tests.support.fdb_fixtures import NewFdbServer, NewStandIn
from tests.support.fdb_server import FdbServer
from tests.support.fdb_standin import binding as stand_in_binding
from tests.support.fdb_standin.process import StandInServer
from tests.support.waiting import pause

Paused = tuple[Bound, FdbServer | StandInServer]


@pytest.fixture(params=["stand-in", "fdb"])
def paused(request: pytest.FixtureRequest, dbname: str) -> Paused:
    """Give a database of a test's own whose server does not answer."""
    server: FdbServer | StandInServer
    if request.param == "fdb":
        new_server: NewFdbServer = request.getfixturevalue("new_fdb_server")
        fdb_binding()
        server = new_server()
        bound = of_fdb(server, dbname)
    else:
        new_stand_in: NewStandIn = request.getfixturevalue("new_stand_in")
        server = new_stand_in()
        bound = of_stand_in(server, dbname)
    bound.put(a=b"1")
    server.pause()
    return bound, server


def test_call_ends_with_its_time_and_goes_on_later(paused: Paused) -> None:
    bound, server = paused

    def begin() -> Any:
        tr = bound.database.create_transaction()
        tr.options.set_timeout(200)
        return tr

    reader, writer, both = begin(), begin(), begin()
    assert bound.refusal(lambda: reader.get(bound.key("a")).value) == 1031
    writer.set(bound.key("b"), b"")
    assert bound.refusal(lambda: writer.commit().wait()) == 1031
    assert bound.refusal(lambda: both.get_read_version().wait()) == 1031
    assert bound.refusal(lambda: both.commit().wait()) == 1031
    assert bound.refusal(lambda: both.on_error(1020).wait()) == 1031
    server.go_on()
    tr = bound.begin()
    assert tr.get(bound.key("a")).value == b"1"
    both.reset()
    both.options.set_timeout(20_000)
    assert both.get(bound.key("a")).value == b"1"


def test_cancel_wakes_who_waits(paused: Paused) -> None:
    bound, _ = paused
    calls: list[tuple[Callable[[Any, Any], object], int]] = [
        (lambda future, _: future.cancel(), 1101),
        (lambda _, tr: tr.cancel(), 1025),
    ]
    for cancel, code in calls:
        for begin in (reads, writes):
            tr, codes = bound.begin(), []
            future = begin(bound, tr)
            thread = threading.Thread(target=lambda: codes.append(bound.refusal(future.wait)))  # noqa: B023 - joined
            thread.start()
            pause(0.05)
            cancel(future, tr)
            thread.join(10)
            assert codes == [code]


def reads(bound: Bound, tr: Any) -> Any:
    """Begin to read."""
    return tr.get(bound.key("a"))


def writes(bound: Bound, tr: Any) -> Any:
    """Begin to commit."""
    tr.set(bound.key("b"), b"")
    return tr.commit()


FILES: list[tuple[str | None, int]] = [
    (None, 1515),
    ("", 2104),
    ("nothing", 2104),
    ("# nothing\n", 2104),
    ("a:b@127.0.0.1:4500\na:b@127.0.0.1:4500\n", 2104),
    ("a:b@127.0.0.1\n", 2104),
    ("a:b@127.0.0.1:1\n", 1031),
    ("a:b@nowhere.invalid:4500\n", 1031),
]


def refusal_of(bound: Bound, file: Path, milliseconds: int = 300) -> int:
    """Open a database by a cluster file, and read."""
    database = bound.binding.open(str(file))
    tr = database.create_transaction()
    tr.options.set_timeout(milliseconds)
    return bound.refusal(lambda: tr.get(b"a").value)


@pytest.mark.parametrize(("text", "code"), FILES)
def test_cluster_file_that_leads_to_nobody_is_an_error_of_the_first_call(
    bound: Bound, tmp_path: Path, text: str | None, code: int
) -> None:
    file = tmp_path / "fdb.cluster"
    if text is not None:
        file.write_text(text)
    assert refusal_of(bound, file) == code


def test_folder_is_no_cluster_file(bound: Bound, tmp_path: Path) -> None:
    assert refusal_of(bound, tmp_path) == 2104


def test_cluster_file_that_changes_is_read_again(bound: Bound, tmp_path: Path) -> None:
    file = tmp_path / "fdb.cluster"
    file.write_text("a:b@127.0.0.1:1\n")
    database = bound.binding.open(str(file))
    early = database.create_transaction()
    early.options.set_timeout(100)
    assert bound.refusal(lambda: early.get(b"a").value) == 1031
    file.write_text(bound.cluster_file.read_text())
    tr = database.create_transaction()
    tr.options.set_timeout(20_000)
    assert bound.refusal(lambda: tr.get(b"a").value) == 0


def test_stand_in_fails_loudly_in_a_forked_child(stand_in: StandInServer, dbname: str) -> None:
    bound = of_stand_in(stand_in, dbname)
    bound.database.way._pid += 1
    with pytest.raises(AssertionError, match="another process"):
        bound.begin()


def test_version_of_the_interface_is_chosen_once() -> None:
    chosen = stand_in_binding.get_api_version()
    stand_in_binding.api_version(chosen)
    with pytest.raises(RuntimeError, match="already loaded"):
        stand_in_binding.api_version(chosen - 10)

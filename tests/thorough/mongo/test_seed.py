"""The seed's examples as written: on MongoDB, at the place where one usually runs.

All in one test, since there is but one such place on a machine.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.project_folder import SEED, ProjectFolder
from tests.support.mongo_server import MongoServer
from tests.support.server_process import HOST
from tests.support.waiting import eventually

PORT = 27017
PATIENCE = 60.0
"""Seconds for which another run of these tests may have the port."""


def as_written(name: str) -> str:
    """Read an example of the seed's, whose text names MongoDB."""
    text = (SEED / name).read_text(encoding="utf-8")
    assert text.count("persistence.sqlite") == 1
    return text.replace("persistence.sqlite", "persistence.mongodb")


def is_free() -> bool:
    """Say whether nobody has the port, on any of the addresses that ``localhost`` may stand for."""
    for family, host in ((socket.AF_INET, HOST), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family) as probe:
                probe.settimeout(1.0)
                if probe.connect_ex((host, PORT)) == 0:
                    return False
        except OSError:
            # This machine has no such addresses.
            continue
    return True


@pytest.fixture
def usual_place(mongod_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """A server where ``default_cfg`` looks for it."""
    try:
        eventually(is_free, PATIENCE, every=0.5)
    except AssertionError:
        pytest.skip(
            f"NOT TESTED: port {PORT} is taken, where the seed's examples expect a store of their own"
        )
    server = MongoServer(mongod_binary, tmp_path_factory.mktemp("usual-place"))
    server.port = PORT
    try:
        server.start()
        yield server
    finally:
        server.close()


def stage_of(folder: Path, text: str) -> ProjectFolder:
    folder.mkdir()
    project = ProjectFolder(folder, SKUNKQUEUE_URL=f"mongodb://localhost:{PORT}/?dbname=skunkqueue")
    project.write("demo.py", text)
    return project


def test_the_seeds_examples_do_what_they_say(tmp_path: Path, usual_place: MongoServer) -> None:
    # What follows in a minute follows in a second, so that it can be seen.
    soon = as_written("decorator.py").replace("seconds=60", "seconds=1")
    with stage_of(tmp_path / "decorator", soon) as project:
        # Nothing but the script says where its store is.
        url = project.environment.pop("SKUNKQUEUE_URL")
        scripted = project.environment.copy()
        project.environment["SKUNKQUEUE_URL"] = url
        pool = project.work("-q", "demo", "-r", "foo").ready()
        project.environment = scripted

        assert project.run("demo.py").splitlines() == ["result 9", "state complete"]
        project.environment = {**scripted, "SKUNKQUEUE_URL": url}
        eventually(lambda: project.counts() == {"complete": 2}, every=0.2, what="both are complete")
        assert pool.stop() == 0

    usual_place.client().drop_database("skunkqueue")
    with stage_of(tmp_path / "mixin", as_written("mixin.py")) as project:
        pool = project.work("-q", "demo", "-r", "foo").ready()
        project.run("demo.py")
        pool.says("hello Jed !")
        assert pool.stop() == 0
        assert pool.lines("hello!", "hello Jed !") == ["hello!", "hello Jed !"]

    usual_place.client().drop_database("skunkqueue")
    with stage_of(tmp_path / "conjoined", as_written("conjoined.py")) as project:
        pool = project.work("-q", "demo", "-r", "foo").ready()
        project.run("demo.py")
        pool.says("hello Ian !")
        assert pool.stop() == 0
        assert pool.lines("hello!", "hello Ian !") == ["hello!", "hello Ian !"]

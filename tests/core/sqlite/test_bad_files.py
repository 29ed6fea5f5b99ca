"""Files that are no store of ours, or cannot be written: each is named with the problem and the way out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from skunkqueue.errors import BackendDamagedError, BackendError, BackendFullError
from skunkqueue.persistence.sqlite import SQLiteBackend, schema
from skunkqueue.records import State
from tests.core.sqlite.makers import CHILD, child, claim, done, firing, many, open_at, plain, result_of


def test_file_that_is_no_database(path: Path) -> None:
    path.write_bytes(b"dear diary, " * 500)
    with pytest.raises(BackendDamagedError, match=rf"{path}.*not an SQLite database.*move this one away"):
        open_at(path)
    assert path.read_bytes() == b"dear diary, " * 500


def test_short_file_that_is_no_database(path: Path) -> None:
    path.write_bytes(b"x")
    with pytest.raises(BackendDamagedError, match="not an SQLite database"):
        open_at(path)


def test_empty_file_becomes_a_store(path: Path) -> None:
    path.touch()
    backend = open_at(path)
    assert backend.enqueue([made := firing()]) == [made.id]
    backend.close()


def test_database_with_tables_of_another_program(path: Path) -> None:
    other = plain(path)
    other.execute("CREATE TABLE customer (name TEXT)")
    other.close()
    with pytest.raises(BackendDamagedError, match=rf"{path}.*customer"):
        open_at(path)


def test_database_with_another_application_id(path: Path) -> None:
    other = plain(path)
    other.execute("PRAGMA application_id = 252006673")
    other.close()
    with pytest.raises(BackendDamagedError, match="0x0f055111"):
        open_at(path)


def test_foreign_database_is_left_as_it_was(path: Path) -> None:
    other = plain(path)
    other.execute("CREATE TABLE customer (name TEXT)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(BackendDamagedError):
        open_at(path)
    assert path.read_bytes() == before


def test_store_of_a_newer_version(path: Path) -> None:
    open_at(path).close()
    other = plain(path)
    other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(BackendError, match=rf"{path}.*newer SkunkQueue \(schema 99.*pip install -U"):
        open_at(path)


def test_new_store_has_our_mark_and_version(path: Path) -> None:
    open_at(path).close()
    other = plain(path)
    found = [other.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
    other.close()
    assert found == [schema.APPLICATION_ID, len(schema.STEPS)]


def test_store_without_a_table_is_damaged(path: Path) -> None:
    open_at(path).close()
    other = plain(path)
    other.execute("DROP TABLE ready")
    other.close()
    backend = open_at(path)
    with pytest.raises(BackendDamagedError, match=rf"{path}.*no such table: ready.*backup"):
        backend.enqueue(many(10))
    backend.close()


def test_damaged_pages_are_told(path: Path) -> None:
    backend = open_at(path)
    backend.enqueue(many(2_000))
    backend.close()
    with path.open("r+b") as file:
        file.seek(4096 * 60)
        file.write(os.urandom(4096 * 20))
    backend = open_at(path)
    with pytest.raises(BackendDamagedError, match=r"damaged.*\.recover"):
        claim(backend, 2_000)
    backend.close()


@pytest.fixture
def shared() -> Iterator[Path]:
    """A path that other users may reach: pytest keeps its own folders to its user, whenever it starts."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "q.db"


def test_read_only_file(shared: Path) -> None:
    path = shared
    open_at(path).close()
    path.chmod(0o444)
    said = result_of(child("read_only", path))
    assert said.startswith(f"BackendReadOnlyError {path}: this user may not write")


def test_folder_that_may_not_be_written(shared: Path) -> None:
    path = shared
    open_at(path).close()
    path.chmod(0o666)
    path.parent.chmod(0o555)
    assert result_of(child("read_only", path)).startswith("BackendReadOnlyError")


def limit_pages(backend: SQLiteBackend, pages: int | None) -> None:
    """Let the file grow no further than by so many pages, as if the disk were full then."""

    def limit(db: object) -> None:
        execute = db.execute  # type: ignore[attr-defined] # a connection
        now = execute("PRAGMA page_count").fetchone()[0]
        execute(f"PRAGMA max_page_count = {1 << 30 if pages is None else now + pages}")

    backend._store.writer.alone(limit)


def test_full_disk_keeps_what_was_accepted_and_goes_on_when_there_is_room(backend: SQLiteBackend) -> None:
    kept = backend.enqueue(many(10))
    limit_pages(backend, 0)
    with pytest.raises(BackendFullError, match=r"disk is full.*accepted before is safe.*Make room"):
        backend.enqueue(many(500))
    assert [record.state for record in backend.get(kept) if record] == [State.PENDING] * 10
    limit_pages(backend, None)
    assert len(backend.enqueue(many(500))) == 500
    assert sum(info.counts[State.PENDING] for info in backend.routes()) == 510


def test_settling_on_a_full_disk_can_be_repeated(backend: SQLiteBackend) -> None:
    backend.enqueue(many(100))
    lent = claim(backend, 100)
    outcomes = [done(one, result=b"x" * 4_000) for one in lent]
    limit_pages(backend, 0)
    with pytest.raises(BackendFullError):
        backend.settle(outcomes)
    limit_pages(backend, None)
    assert backend.settle(outcomes) == []


def test_full_disk_can_be_read(tmp_path: Path) -> None:
    """What was put in one by one has to be filed to be seen, which writes."""
    assert on_small_disk(tmp_path, "read_on_full_disk") == "20 20\n"


def test_commands_show_a_store_on_a_full_disk_that_no_other_process_has_open(tmp_path: Path) -> None:
    opening, queues, pause = on_small_disk(tmp_path, "open_on_full_disk").splitlines()
    assert "so the store cannot be opened" in opening
    assert "accepted before is safe. Make room on the disk" in opening
    assert queues.startswith("0 ")
    assert '"pending": 20' in queues
    assert pause.startswith("3 skunq: error:")
    assert "so nothing was stored" in pause


def on_small_disk(tmp_path: Path, part: str) -> str:
    """Run a part of ``child.py`` on a disk of a megabyte; return what it prints."""
    small = tmp_path / "disk"
    small.mkdir()
    script = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"'
    call = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, str(small)]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*call, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("this system lets nobody have a small disk")
    said = subprocess.run(
        [*call, sys.executable, str(CHILD), part, str(small / "q.db")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stderr == ""
    return said.stdout


def test_closed_backend_says_so(path: Path) -> None:
    backend = open_at(path)
    backend.close()
    backend.close()
    for verb in (lambda: backend.enqueue([firing()]), lambda: claim(backend), backend.routes):
        with pytest.raises(BackendError, match="was closed"):
            verb()

"""Which file a URL means, its options, and places that are refused."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.errors import BackendError, ConfigError
from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.sqlite import SQLiteBackend, default_cfg
from skunkqueue.persistence.sqlite.location import _network_kind, location_of
from tests.core.sqlite.makers import firing, open_at


def path_of(url: str | None, **options: str) -> Path:
    return location_of(BackendConfig(backend="sqlite", url=url, options=options)).path


def test_four_slashes_name_an_absolute_path() -> None:
    assert path_of("sqlite:////var/lib/app.db") == Path("/var/lib/app.db")


def test_three_slashes_name_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert path_of("sqlite:///app.db") == tmp_path / "app.db"


def test_bare_path_is_taken_as_it_is(tmp_path: Path) -> None:
    assert path_of(str(tmp_path / "a?b%20.db")) == tmp_path / "a?b%20.db"


def test_url_may_have_percent_escapes() -> None:
    assert path_of("sqlite:////var/my%20app.db?durability=power") == Path("/var/my app.db")


def test_tilde_is_the_users_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert path_of("~/q.db") == tmp_path / "q.db"


@pytest.mark.parametrize(
    "url", ["sqlite://app.db", "redis://localhost", ":memory:", "sqlite:///:memory:", "a\0b"]
)
def test_what_is_no_file_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"sqlite:////|name a file"):
        path_of(url)


def test_power_is_synced_and_process_is_not() -> None:
    power = location_of(BackendConfig(backend="sqlite", url="/q.db", options={"durability": "power"}))
    process = location_of(BackendConfig(backend="sqlite", url="/q.db"))
    assert (power.synchronous, process.synchronous) == ("FULL", "NORMAL")


@pytest.mark.parametrize(("durability", "level"), [("process", 1), ("power", 2)])
def test_durability_reaches_sqlite(path: Path, durability: str, level: int) -> None:
    backend = open_at(path, durability=durability)
    found = backend._store.writer.alone(lambda db: db.execute("PRAGMA synchronous").fetchone())
    backend.close()
    assert found == (level,)


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ({"durability": "full"}, r"'full'.*'process'.*'power'"),
        ({"busy_timeout": "soon"}, r"'soon'.*seconds"),
        ({"busy_timeout": "nan"}, r"'nan'.*seconds"),
        ({"cache": "1"}, r"'cache'.*'1'.*durability"),
    ],
)
def test_bad_option_is_named_with_its_choices(option: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        path_of("/q.db", **option)


def test_options_of_the_url_are_read() -> None:
    found = location_of(BackendConfig(backend="sqlite", url="sqlite:////q.db?busy_timeout=2.5"))
    assert found.busy_timeout == 2.5


def test_nothing_given_means_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    backend = SQLiteBackend.open(BackendConfig(backend=default_cfg["backend"], dbname="mine"))
    backend.close()
    file = backend._opened.location.path
    assert file.name == "mine.db"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("dbname", ["", "../x", ".hidden", "a\0b"])
def test_dbname_that_is_no_file_name_is_refused(dbname: str) -> None:
    with pytest.raises(ConfigError, match="dbname="):
        location_of(BackendConfig(backend="sqlite", dbname=dbname))


def test_nobody_else_may_read_the_file_or_wake_its_waiters(backend: SQLiteBackend, path: Path) -> None:
    backend.enqueue([firing()])
    fifos = path.with_name("q.db-bells")
    assert any(stat.S_ISFIFO(found.stat().st_mode) for found in fifos.iterdir() if found.name != "probe")
    modes = [stat.S_IMODE(found.stat().st_mode) for found in (path, Path(f"{path}-wal"), *fifos.iterdir())]
    assert set(modes) == {0o600}
    assert stat.S_IMODE(fifos.stat().st_mode) == 0o700


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"{tmp_path}/no.*mkdir -p"):
        open_at(tmp_path / "no" / "q.db")


def test_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        open_at(tmp_path)


def test_special_file_is_refused(path: Path) -> None:
    path.symlink_to("/dev/null")
    with pytest.raises(BackendError, match=str(path)):
        open_at(path)


MOUNTS = [
    "/dev/sda1 / ext4 rw 0 0",
    "server:/home /home nfs4 rw 0 0",
    "tmpfs /home/me/local tmpfs rw 0 0",
    "//pc/share /mnt/my\\040share cifs rw 0 0",
]


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("/var/q.db", None),
        ("/home/me/q.db", "nfs4"),
        ("/home/me/local/q.db", None),
        ("/homely/q.db", None),
        ("/mnt/my share/q.db", "cifs"),
    ],
)
def test_network_file_systems_are_told_by_the_nearest_mount(file: str, kind: str | None) -> None:
    assert _network_kind(file, MOUNTS) == kind


def test_location_and_version_are_for_people(backend: SQLiteBackend, path: Path) -> None:
    assert backend.location() == f"sqlite:///{path}"
    assert backend.version().startswith("SQLite 3.")
    second = open_at(path_of(backend.location()))
    assert second.location() == backend.location()
    second.close()
    assert os.path.isabs(path)  # noqa: PTH117 - so the URL above has four slashes


def test_a_store_behind_a_link_to_nothing_yet_is_made_there(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    link = tmp_path / "q.db"
    link.symlink_to(disk / "real.db")

    open_at(link).close()

    assert "real.db" in {path.name for path in disk.iterdir()}
    assert [path.name for path in disk.iterdir() if path.name.startswith(".")] == []


def test_a_store_may_have_a_long_name(tmp_path: Path) -> None:
    open_at(tmp_path / ("x" * 235)).close()


def left_behind(folder: Path, age: float) -> Path:
    made = int((time.time() - age) * 1000)
    return folder / f".skunkqueue-{made:012x}{'0' * 12}"


def test_what_killed_openers_left_is_removed_when_a_store_is_made(tmp_path: Path) -> None:
    left, young = left_behind(tmp_path, 3_600.0), left_behind(tmp_path, 1.0)
    others = [
        tmp_path / ".skunkqueue-mine",
        tmp_path / f".skunkqueue-{'0' * 25}",
        left_behind(tmp_path, 7_200.0),
    ]
    for file in (left, young, *others):
        file.touch()
    others[-1].write_text("not empty")
    open_at(tmp_path / "q.db").close()

    assert not left.exists()
    assert [file.exists() for file in (young, *others)] == [True] * 4


def test_second_name_that_a_killed_opener_left_is_removed_by_a_sweep(
    virtual: SQLiteBackend, clock: VirtualClock, path: Path
) -> None:
    virtual.enqueue([firing()])
    left = left_behind(path.parent, 3_600.0)
    left.hardlink_to(path)
    clock.advance(3_600.0)
    virtual.sweep()

    assert not left.exists()
    assert len(virtual.enqueue([firing()])) == 1
    assert path.stat().st_nlink == 1

"""Opening a store: cluster files that lead nowhere, and bindings that do not fit, on the binding and on its stand-in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.errors import BackendError, BackendUnavailableError, ConfigError, StoreMissingError
from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.fdb import opening
from skunkqueue.persistence.fdb.binding import OLDEST, Binding, choose_version, load
from skunkqueue.persistence.fdb.opening import open_link
from skunkqueue.persistence.fdb.settings import settings_of
from skunkqueue.persistence.fdb.transactions import Link
from tests.fdb.bindings import Bound
from tests.support.certificates import issue_files
from tests.support.fdb_standin import binding as stand_in_binding
from tests.support.waiting import eventually, pause

NEWER = (
    "This version of the FoundationDB Python binding is not supported by the installed FoundationDB C library. The"
    " binding requires a library that supports API version 800, but the installed library supports a maximum version"
    " of 730."
)
"""What the binding of 8.0 says on a library of 7.3."""
NOBODY = 65_534
"""A user that owns nothing."""


class Door:
    """Opens the store of a test by a URL, and closes it again when the test ends."""

    def __init__(self, bound: Bound, dbname: str, stack: ExitStack) -> None:
        self._bound = bound
        self._dbname = dbname
        self._stack = stack

    def open(self, url: str, *, create: bool = True, **options: str) -> Link:
        settings = settings_of(BackendConfig(backend="fdb", url=url, dbname=self._dbname, options=options))
        link = open_link(settings, SYSTEM_CLOCK, cast("Binding", self._bound.binding), create=create)
        self._stack.callback(link.close)
        return link


@pytest.fixture
def door(bound: Bound, dbname: str) -> Iterator[Door]:
    with ExitStack() as stack:
        yield Door(bound, dbname, stack)


@pytest.mark.parametrize(
    "text",
    [None, "", "nothing", "# nothing\n", "a:b@127.0.0.1\n", "a:b@127.0.0.1:4500\na:b@127.0.0.1:4500\n"],
)
def test_cluster_file_that_cannot_be_used_is_named(door: Door, tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "fdb.cluster"
    if text is not None:
        file.write_text(text)
    began = time.monotonic()
    with pytest.raises(ConfigError, match=r"cluster file cannot be used.*DESCRIPTION:ID@HOST:PORT") as raised:
        door.open(f"fdb://{file}")
    assert str(file) in str(raised.value)
    # Nothing is waited for that cannot come.
    assert time.monotonic() - began < 10.0


def test_missing_cluster_file_is_told_from_one_that_makes_no_sense(door: Door, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        door.open(f"fdb://{tmp_path}/fdb.cluster")


def test_folder_is_no_cluster_file(door: Door, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=str(tmp_path)):
        door.open(f"fdb://{tmp_path}")


@contextmanager
def not_as_root() -> Iterator[None]:
    """Be somebody else for a while where this is root, who may read any file."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_cluster_file_that_may_not_be_read_is_named(door: Door, bound: Bound, tmp_path: Path) -> None:
    file = tmp_path / "fdb.cluster"
    file.write_text(bound.cluster_file.read_text())
    file.chmod(0)
    with not_as_root(), pytest.raises(ConfigError, match=rf"{file}: .*Permission denied.*this user can read"):
        door.open(f"fdb://{file}")


def test_cluster_file_in_a_folder_that_may_not_be_entered_is_named(
    door: Door, bound: Bound, tmp_path: Path
) -> None:
    file = tmp_path / "folder" / "fdb.cluster"
    file.parent.mkdir()
    file.write_text(bound.cluster_file.read_text())
    file.parent.chmod(0)
    with not_as_root(), pytest.raises(ConfigError, match=rf"{file}: .*Permission denied.*this user can read"):
        door.open(f"fdb://{file}")
    file.parent.chmod(0o700)


@pytest.mark.parametrize("host", ["127.0.0.1:1", "nowhere.invalid:4500"])
def test_cluster_that_nobody_serves_is_waited_for_and_named(door: Door, host: str) -> None:
    began = time.monotonic()
    with pytest.raises(BackendUnavailableError, match=r"does not answer after \d\.\d s") as raised:
        door.open(f"fdb://a:b@{host}", retry_for="0.5", timeout="0.3")
    assert host in str(raised.value)
    assert 0.4 < time.monotonic() - began < 10.0


def test_cluster_file_that_changes_is_followed(door: Door, bound: Bound, tmp_path: Path) -> None:
    file = tmp_path / "fdb.cluster"
    file.write_text("a:b@127.0.0.1:1\n")
    with pytest.raises(BackendUnavailableError):
        door.open(f"fdb://{file}", retry_for="0.3")
    file.write_text(bound.cluster_file.read_text())
    assert door.open(f"fdb://{file}", retry_for="20").time.now() == pytest.approx(time.time(), abs=60.0)


def test_content_of_a_cluster_file_is_a_url(door: Door, bound: Bound) -> None:
    said = bound.cluster_file.read_text().splitlines()[-1]
    assert layout_of(door.open(f"fdb://{said}"))


def test_content_of_a_cluster_file_is_one_file_however_often_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    files = opening._Files()
    file = Path(files.of("a:b@127.0.0.1:1"))
    assert file.read_text() == "a:b@127.0.0.1:1"
    file.write_text("# the client writes it where coordinators change\na:b@127.0.0.1:2")
    assert Path(files.of("a:b@127.0.0.1:1")) == file
    assert file.read_text().endswith("127.0.0.1:2")
    shutil.rmtree(file.parent)
    assert Path(files.of("a:b@127.0.0.1:1")).read_text() == "a:b@127.0.0.1:1"
    assert len(list(tmp_path.iterdir())) == 1


def test_threads_that_open_the_same_content_at_once_share_one_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    start = Barrier(4)

    def opened(files: opening._Files) -> tuple[str, str]:
        start.wait(60.0)
        file = Path(files.of("a:b@127.0.0.1:1"))
        return str(file), file.read_text()

    with ThreadPoolExecutor(4) as threads:
        for _ in range(200):
            files = opening._Files()
            found = {future.result() for future in [threads.submit(opened, files) for _ in range(4)]}
            assert [content for _, content in found] == ["a:b@127.0.0.1:1"]


def test_folder_that_takes_no_cluster_file_is_told_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    files = opening._Files()
    with pytest.raises(BackendError, match=r"missing, which cannot be written.*TMPDIR"):
        files.of("a:b@127.0.0.1:1")
    (tmp_path / "missing").mkdir()
    assert Path(files.of("a:b@127.0.0.1:1")).read_text() == "a:b@127.0.0.1:1"


def test_content_of_a_cluster_file_leaves_nothing_behind(tmp_path: Path) -> None:
    code = "from skunkqueue.persistence.fdb import opening; print(opening._files.of('a:b@127.0.0.1:1'))"
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(tmp_path) in told.stdout
    assert list(tmp_path.iterdir()) == []


def test_opening_a_store_sets_no_time_limit_for_the_application(door: Door, bound: Bound) -> None:
    tr = bound.database.create_transaction()
    # The binding has one database for each cluster file.
    door.open(f"fdb://{bound.cluster_file}", timeout="0.05")
    own = bound.database.create_transaction()
    began = time.monotonic()
    assert tr.get(bound.key("a")).value is None
    assert own.get(bound.key("a")).value is None
    eventually(lambda: time.monotonic() - began > 0.2, what="more than the store's time limit has passed")
    assert tr.get(bound.key("b")).value is None
    assert own.get(bound.key("b")).value is None


def layout_of(link: Link) -> bytes | None:
    """Read the layout of an open store."""
    return link.read(lambda transaction: transaction.get(link.keys.layout).value)


def test_store_that_is_not_there_is_told_and_not_made(door: Door, bound: Bound, dbname: str) -> None:
    url = f"fdb://{bound.cluster_file}"
    with pytest.raises(StoreMissingError, match=dbname):
        door.open(url, create=False)
    with pytest.raises(StoreMissingError, match=dbname):
        door.open(url, create=False)
    door.open(url)
    door.open(url, create=False)


def test_store_of_another_layout_is_left_alone(door: Door, bound: Bound) -> None:
    link = door.open(f"fdb://{bound.cluster_file}")
    bound.database[link.keys.layout] = b"99"
    with pytest.raises(BackendError, match="99"):
        door.open(f"fdb://{bound.cluster_file}")


@pytest.mark.parametrize("name", ["certificate", "key", "ca"])
@pytest.mark.parametrize("text", [None, "nothing"])
def test_certificate_that_cannot_be_used_is_named(
    door: Door, bound: Bound, tmp_path: Path, name: str, text: str | None
) -> None:
    files = issue_files(tmp_path)
    given = {
        "tls_certificate_file": files.certificate,
        "tls_key_file": files.key,
        "tls_ca_file": files.authority,
    }
    given[f"tls_{name}_file"].unlink()
    if text is not None:
        given[f"tls_{name}_file"].write_text(text)
    with pytest.raises(ConfigError, match=f"tls_{name}_file='{given[f'tls_{name}_file']}'.*cannot be used"):
        door.open(
            f"fdb://{bound.cluster_file}",
            tls_certificate_file=str(files.certificate),
            tls_key_file=str(files.key),
            tls_ca_file=str(files.authority),
        )


# --- bindings that do not fit -----------------------------------------------------------------------------


def of_binding(**changes: Any) -> Binding:
    """Make a binding that differs from the stand-in."""
    names = {name: getattr(stand_in_binding, name) for name in stand_in_binding.__all__}
    return cast("Binding", SimpleNamespace(**{**names, "is_api_version_selected": lambda: False, **changes}))


def raising(error: Exception) -> Any:
    """Make a choice of a version that fails."""

    def api_version(ver: int) -> None:
        del ver
        raise error

    return api_version


def test_binding_newer_than_the_library_is_told_with_the_command_that_helps() -> None:
    with pytest.raises(BackendError, match=r"newer than the client library.*7\.3") as raised:
        choose_version(of_binding(api_version=raising(RuntimeError(NEWER))))
    assert "pip install 'foundationdb>=7.3,<7.4'" in str(raised.value)


def test_missing_library_is_told_with_the_way_out() -> None:
    error = Exception("Unable to locate the FoundationDB API shared library!")
    with pytest.raises(BackendError, match="foundationdb-clients"):
        choose_version(of_binding(api_version=raising(error)))


def test_missing_binding_is_told_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fdb", None)
    with pytest.raises(BackendError, match=r"pip install 'skunkqueue\[fdb\]'"):
        load()


def test_version_is_chosen_once_by_threads_that_open_at_the_same_time() -> None:
    chosen: list[int] = []
    began = Barrier(8)

    def api_version(ver: int) -> None:
        assert not chosen, "it was chosen twice"
        # Whoever else did not wait would be in here by now.
        pause(0.05)
        chosen.append(ver)

    given = of_binding(
        api_version=api_version,
        is_api_version_selected=lambda: bool(chosen),
        get_api_version=lambda: chosen[0],
    )

    def choose(_: int) -> int:
        began.wait(10)
        return choose_version(given)

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(choose, range(8))) == {stand_in_binding.LATEST_API_VERSION}
    assert len(chosen) == 1


def test_version_that_the_application_chose_is_adopted() -> None:
    chosen = of_binding(is_api_version_selected=lambda: True, get_api_version=lambda: OLDEST + 10)
    assert choose_version(chosen) == OLDEST + 10


def test_version_that_is_too_old_for_us_is_told() -> None:
    chosen = of_binding(is_api_version_selected=lambda: True, get_api_version=lambda: 630)
    with pytest.raises(BackendError, match=f"630.*{OLDEST}"):
        choose_version(chosen)

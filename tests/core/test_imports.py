"""Nothing is imported for a stored name outside the user's own code."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from skunkqueue.errors import JobNotFoundError
from skunkqueue.imports import Gate, main_module_name, suppress_firing


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of user code, on the path as a worker has it; what it imports is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        del sys.modules[name]


def test_a_module_in_the_working_directory_is_imported(folder: Path) -> None:
    (folder / "mine_a.py").write_text("class Outer:\n    inner = 42\n")

    assert Gate().find("mine_a", "Outer.inner") == 42


def test_a_package_in_the_working_directory_is_imported(folder: Path) -> None:
    (folder / "mine_b").mkdir()
    (folder / "mine_b" / "__init__.py").touch()
    (folder / "mine_b" / "jobs.py").write_text("value = 1\n")

    assert Gate().find("mine_b.jobs", "value") == 1


def test_a_module_in_a_named_folder_is_imported(
    tmp_path_factory: pytest.TempPathFactory, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "mine_c.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(str(other))

    assert Gate([str(other)]).find("mine_c", "value") == 1
    del sys.modules["mine_c"]
    with pytest.raises(JobNotFoundError, match="--allow mine_c"):
        Gate().find("mine_c", "value")
    assert folder.exists()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("module", ["antigravity", "this", "idlelib.idle", "lib2to3"])
def test_a_module_of_python_itself_is_not_imported(module: str) -> None:
    before = set(sys.modules)

    with pytest.raises(JobNotFoundError):
        Gate().find(module, "anything")
    assert set(sys.modules) == before


def test_an_installed_package_is_not_imported_even_below_the_working_directory(folder: Path) -> None:
    installed = folder / ".venv" / "lib" / "site-packages"
    installed.mkdir(parents=True)
    (installed / "theirs_d.py").write_text("value = 1\n")
    sys.path.insert(0, str(installed))
    try:
        with pytest.raises(JobNotFoundError, match="--allow theirs_d"):
            Gate().find("theirs_d", "value")
        assert Gate(allow=["theirs_d"]).find("theirs_d", "value") == 1
    finally:
        sys.path.remove(str(installed))


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("module", ["", ".", "a..b", "a b", "../x", "a-b", "a.", "no_such_module_here"])
def test_a_module_that_cannot_be_is_refused(module: str) -> None:
    with pytest.raises(JobNotFoundError):
        Gate().find(module, "x")


def test_a_name_that_is_gone_is_told(folder: Path) -> None:
    (folder / "mine_e.py").touch()

    with pytest.raises(JobNotFoundError, match="has no 'gone'"):
        Gate().find("mine_e", "gone")


@pytest.mark.parametrize(
    "line", ["raise ValueError('broken')", "import no_such_thing", "import sys; sys.exit(3)", "1 +"]
)
def test_a_module_that_fails_to_import_is_told_with_the_reason(folder: Path, line: str) -> None:
    (folder / "mine_f.py").write_text(line + "\n")

    with pytest.raises(JobNotFoundError, match="'mine_f' cannot be imported"):
        Gate().find("mine_f", "x")


def test_firing_is_suppressed_only_while_a_worker_imports(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", time.sleep)  # put back whatever a worker's gate installs
    (folder / "mine_g.py").write_text(
        "from skunkqueue.imports import suppress_firing\nseen = [suppress_firing() for _ in range(3)]\n"
    )
    gate = Gate(worker=True)
    with caplog.at_level(logging.WARNING):
        assert gate.find("mine_g", "seen") == [True, True, True]

    assert not suppress_firing()
    assert len([record for record in caplog.records if "mine_g" in record.getMessage()]) == 1


def test_a_script_that_sleeps_after_firing_does_not_hold_up_a_worker(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", time.sleep)
    (folder / "mine_h.py").write_text(
        "from time import sleep\nfrom skunkqueue.imports import suppress_firing\n"
        "suppress_firing()\nsleep(3600)\ndone = True\n"
    )

    assert Gate(worker=True).find("mine_h", "done") is True


def test_sleep_works_again_in_jobs_of_an_imported_script(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    (folder / "mine_i.py").write_text(
        "from time import sleep\nfrom skunkqueue.imports import suppress_firing\nsleep(1)\nsuppress_firing()\nsleep(2)\n"
    )

    Gate(worker=True).find("mine_i", "sleep")
    sys.modules["mine_i"].sleep(3)

    assert slept == [1, 3]


def test_a_producers_import_fires_as_usual(folder: Path) -> None:
    (folder / "mine_j.py").write_text(
        "from skunkqueue.imports import suppress_firing\nseen = suppress_firing()\n"
    )

    assert Gate().find("mine_j", "seen") is False


def test_main_is_known_by_the_name_others_import_it_by(monkeypatch: pytest.MonkeyPatch) -> None:
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__spec__", None)
    monkeypatch.setattr(main, "__file__", "/srv/app/demo.py", raising=False)

    assert main_module_name() == "demo"
    assert Gate().find("demo", "__name__") == "__main__"

"""Nothing is imported for a stored name outside the user's own code."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from skunkqueue.errors import JobNotFoundError
from skunkqueue.imports import Gate, main_module_name, public_module_name, suppress_firing


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


def test_what_runs_firings_says_what_to_do_about_those_that_fail(folder: Path) -> None:
    (folder / "mine_n.py").write_text("1 / 0")
    (folder / "mine_o.py").write_text("")
    gate = Gate(runs=True)

    with pytest.raises(JobNotFoundError, match="fix it, then `skunq requeue` what failed for it"):
        gate.find("mine_n", "x")
    with pytest.raises(JobNotFoundError, match="deploy the same code to this process and restart it"):
        gate.find("mine_o", "x")


def test_a_module_that_is_to_be_imported_at_the_start_has_failed_nothing_yet(folder: Path) -> None:
    (folder / "mine_p.py").write_text("1 / 0")

    with pytest.raises(JobNotFoundError, match=r"division by zero; fix it$"):
        Gate(runs=True).load("mine_p")


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


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("module", ["this", "antigravity", "lib2to3", "idlelib.idle"])
def test_python_itself_is_nobodys_code_also_where_a_worker_is_started_at_the_root(module: str) -> None:
    with pytest.raises(JobNotFoundError):
        Gate(["/"]).find(module, "anything")
    assert module not in sys.modules


def test_looking_for_a_name_runs_no_code(folder: Path) -> None:
    (folder / "mine_k.py").write_text(
        "import os\nran = []\ndef __getattr__(name): ran.append(name); return 1\n"
        "class Thing:\n"
        "    @property\n    def look(self): ran.append('look')\n"
        "    def __getattr__(self, name): ran.append(name)\n"
        "thing = Thing()\n"
    )
    for name in ("gone", "thing.look", "thing.other", "os.path", "Thing.look.fget", "ran.append"):
        with pytest.raises(JobNotFoundError, match="has no"):
            Gate().find("mine_k", name)

    assert Gate().find("mine_k", "ran") == []


def test_a_static_member_of_a_class_is_found_also_where_it_is_inherited(folder: Path) -> None:
    (folder / "mine_l.py").write_text(
        "class Base:\n    @staticmethod\n    def one(): return 1\nclass Sub(Base):\n    class Inner(Base): pass\n"
    )
    found = Gate().find("mine_l", "Sub.Inner.one")

    assert callable(found)
    assert found() == 1


def test_a_script_that_waits_for_ever_at_its_top_level_does_not_hold_up_a_worker(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", time.sleep)
    (folder / "mine_m.py").write_text(
        "import time\nfrom skunkqueue.imports import suppress_firing\nsuppress_firing()\n"
        "while True:\n    try:\n        time.sleep(1)\n    except Exception:\n        pass\n"
    )

    with pytest.raises(JobNotFoundError, match="waits in a loop at its top level"):
        Gate(worker=True).find("mine_m", "anything")


@pytest.mark.parametrize("file", ["/srv/app/my-demo.py", "<stdin>", "", None])
def test_a_script_that_nobody_can_import_by_name_has_none(
    monkeypatch: pytest.MonkeyPatch, file: str | None
) -> None:
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__spec__", None)
    monkeypatch.setattr(main, "__file__", file, raising=False)

    assert main_module_name() is None


@pytest.mark.parametrize(
    ("run", "name"), [("pkg.__main__", "pkg.__main__"), ("pkg.demo", "pkg.demo"), ("__main__", None)]
)
def test_what_python_runs_as_a_module_keeps_its_whole_name(
    monkeypatch: pytest.MonkeyPatch, run: str, name: str | None
) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", ModuleSpec(run, None))

    assert main_module_name() == name


def test_the_script_is_known_by_its_name_in_children_of_multiprocessing_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    again = ModuleType("__mp_main__")
    again.__file__ = "/srv/app/demo.py"
    monkeypatch.setitem(sys.modules, "__mp_main__", again)

    assert public_module_name("__mp_main__") == "demo"


def test_what_is_typed_at_a_prompt_of_pythons_own_is_in_no_module() -> None:
    assert public_module_name("__console__") is None


def test_a_gate_needs_no_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert Gate().find("logging", "Logger") is logging.Logger

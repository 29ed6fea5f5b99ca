"""Where FoundationDB is not here, whatever is missing of it, that is said in one line; and its library is found beside its server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import fdb_server
from tests.support.binaries import on_path
from tests.support.fdb_server import LIBRARY, SEARCHED, is_here

ROOT = Path(__file__).parents[2]
SUITE = """
import pytest
from tests.fdb.bindings import fdb_binding
from tests.support.fdb_fixtures import fdb_cluster, fdb_server, new_fdb_server

@pytest.mark.parametrize("which", ["fdb_cluster", "fdb_server", "new_fdb_server"])
def test_server(request, which):
    found = request.getfixturevalue(which)
    if callable(found):
        found()

def test_binding():
    fdb_binding()
"""
NONE = "libfdb_c_none.so"
"""A name that no library has, for there may be one where the system looks."""
USE = "import fdb; fdb.api_version(710); print('used')"


def run(program: str, *arguments: str, path: Path | str, library: str = LIBRARY) -> str:
    """Run a program that finds no library by variables, and whose library has this name."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.support import fdb_server; "
    code += f"fdb_server.LIBRARY = {library!r}; {program}"
    environment = {name: value for name, value in os.environ.items() if name != SEARCHED}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**environment, "PATH": str(path)},
        cwd=arguments[-1] if arguments else None,
        capture_output=True,
        text=True,
        check=False,
    ).stdout


def put_programs(folder: Path, *names: str) -> None:
    """Put programs into a folder that do nothing."""
    for name in names:
        (folder / name).write_text("#!/bin/sh\nexit 1\n")
        (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("programs", "what"),
    [
        ((), "a FoundationDB server"),
        (("fdbserver",), "a FoundationDB server"),
        (("fdbserver", "fdbcli"), "FoundationDB's client library"),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: tuple[str, ...], what: str
) -> None:
    put_programs(tmp_path, *programs)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(fdb_server, "LIBRARY", NONE)
    with pytest.raises(pytest.skip.Exception, match=f"NOT TESTED: {what} is not here: put "):
        fdb_server.find_fdbserver()
    assert not fdb_server.is_here()


def test_server_without_its_library_is_said_in_one_line(tmp_path: Path) -> None:
    put_programs(tmp_path, "fdbserver", "fdbcli")
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    options = ["-p", "tests.support.binaries", "-p", "no:cacheprovider", "-q", str(tmp_path)]
    said = run("import pytest; pytest.main(sys.argv[1:])", *options, path=tmp_path, library=NONE)
    (line,) = [line for line in said.splitlines() if "NOT TESTED" in line]
    assert line.endswith(" (4 tests)")


def test_library_is_found_beside_the_server() -> None:
    if not is_here() or not (on_path("fdbserver")[0].parent / LIBRARY).exists():
        pytest.skip("no library is beside a server here")
    elsewhere = f"import subprocess; subprocess.run([sys.executable, '-c', {USE!r}], check=True)"
    said = run(f"fdb_server.is_here(); {USE}; {elsewhere}", path=os.environ["PATH"])
    assert said.split() == ["used", "used"]

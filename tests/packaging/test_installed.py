"""What works once core's wheel is installed, without the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packaging.environments import Environment


def test_the_package_comes_from_the_wheel(installed: Environment) -> None:
    place = installed.evaluate("import skunkqueue; print(skunkqueue.__file__)")

    assert place.startswith(str(installed.folder))


def test_every_public_name_is_there(installed: Environment) -> None:
    code = "import skunkqueue as s; print([n for n in s.__all__ if not hasattr(s, n)], 'SkunkQueue' in s.__all__)"

    assert installed.evaluate(code) == "[] True"


def test_every_entry_point_resolves(installed: Environment) -> None:
    code = """
from importlib.metadata import distribution
points = [p for p in distribution("skunkqueue").entry_points if p.group.startswith("skunkqueue.")]
for point in points:
    point.load()
print(sorted({point.group for point in points}))
"""

    assert (
        installed.evaluate(code) == "['skunkqueue.backends', 'skunkqueue.commands', 'skunkqueue.serializers']"
    )


def test_every_module_but_the_contract_kit_can_be_imported(installed: Environment) -> None:
    code = """
import importlib, pkgutil, skunkqueue
for module in pkgutil.walk_packages(skunkqueue.__path__, "skunkqueue."):
    if not module.name.startswith("skunkqueue.contract") and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print("all")
"""

    assert installed.evaluate(code) == "all"


@pytest.mark.parametrize("first", ["", "import skunkqueue.queue"])
def test_pytest_finds_the_fixture(installed: Environment, tmp_path: Path, first: str) -> None:
    (tmp_path / "test_fixture.py").write_text(
        "from skunkqueue import SkunkQueue\n"
        "def test_it(job_store): assert SkunkQueue('x').backend is job_store.backend\n"
    )
    code = f"""
import sys
{first}
import pytest
options = ["-q", "-W", "error", "-p", "no:schemathesis", "-p", "no:valkey", "-p", "no:cacheprovider"]
sys.exit(pytest.main([*options, {str(tmp_path)!r}]))
"""

    assert "1 passed" in installed.evaluate(code)


def test_the_command_answers(installed: Environment) -> None:
    assert "work" in installed.skunq("--help")
    assert "sqlite" in installed.skunq("plugins")


def test_the_demo_of_the_monitor_says_how_to_install_it(installed: Environment) -> None:
    code = """
import subprocess, sys
done = subprocess.run([sys.executable, "-m", "skunkqueue.cli", "demo", "--web"], capture_output=True, text=True)
print(done.returncode, done.stderr)
"""

    assert "skunkqueue[web]" in installed.evaluate(code)

"""Other distributions own folders below the package, whichever way they and core are installed.

``tests/thorough/packaging`` installs one as a wheel and the other editable.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.packaging.environments import CORE, Environment, build_wheel, run

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "skunkqueue-tiny"
version = "1"

[project.entry-points."skunkqueue.backends"]
tiny = "skunkqueue.persistence.tiny:TinyBackend"

[tool.hatch.build.targets.wheel]
packages = ["src/skunkqueue"]
"""
BACKEND = '''
"""A store of nobody."""

from skunkqueue.persistence import Backend


class TinyBackend(Backend):
    """Registered, never opened."""

    name = "tiny"
'''
IMPORTS = """
from importlib.metadata import entry_points
import skunkqueue.errors
from skunkqueue.persistence.tiny import TinyBackend
from skunkqueue.tinyweb import create_app
(point,) = entry_points(group="skunkqueue.backends", name="tiny")
print(point.load() is TinyBackend, create_app(), skunkqueue.errors.SkunkQueueError.__name__)
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A distribution that supplies skunkqueue/persistence/tiny/ and skunkqueue/tinyweb/, and nothing above."""
    folder = tmp_path_factory.mktemp("skunkqueue-tiny")
    package = folder / "src" / "skunkqueue"
    (package / "persistence" / "tiny").mkdir(parents=True)
    (package / "tinyweb").mkdir()
    (folder / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (package / "persistence" / "tiny" / "__init__.py").write_text(BACKEND, encoding="utf-8")
    (package / "tinyweb" / "__init__.py").write_text("def create_app(): return 'app'\n", encoding="utf-8")
    for place in ("persistence/tiny", "tinyweb"):
        (package / place / "py.typed").touch()
    return folder


def check_supplied(folder: Path, core: list[str | Path], plugin: list[str | Path]) -> None:
    """Fail where what the plugin supplies cannot be imported, with both installed so."""
    environment = Environment.made(folder / "environment")
    environment.install(*core, *plugin)

    assert environment.evaluate(IMPORTS) == "True app SkunkQueueError"


def test_a_plugin_supplies_modules(core_wheel: Path, plugin: Path, tmp_path: Path) -> None:
    check_supplied(tmp_path, [core_wheel], [build_wheel(plugin, tmp_path)])


def test_a_plugin_that_is_being_written_supplies_modules(plugin: Path, tmp_path: Path) -> None:
    check_supplied(tmp_path, ["-e", CORE], ["-e", plugin])


def test_a_type_checker_sees_a_plugin_from_its_wheel(core_wheel: Path, plugin: Path, tmp_path: Path) -> None:
    environment = Environment.made(tmp_path / "environment")
    environment.install(core_wheel, build_wheel(plugin, tmp_path))
    program = tmp_path / "program.py"
    program.write_text("from skunkqueue.persistence.tiny import TinyBackend\nTinyBackend.name.upper()\n")

    run(
        *(sys.executable, "-m", "mypy", "--python-executable", str(environment.python)),
        *("--cache-dir", str(tmp_path / "cache"), "--config-file", "", str(program)),
        cwd=tmp_path,
    )

"""What lies in the wheels."""

from __future__ import annotations

from collections import defaultdict
from email.parser import HeaderParser
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.packaging.environments import CORE, DISTRIBUTIONS, ROOT

EACH = pytest.mark.parametrize("distribution", [path.name for path in DISTRIBUTIONS])


def names_in(wheel: Path) -> list[str]:
    with ZipFile(wheel) as archive:
        return archive.namelist()


def read_metadata(wheel: Path, file: str) -> str:
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(f".dist-info/{file}"))
        return archive.read(name).decode()


@EACH
def test_a_wheel_says_that_it_is_typed(wheels: dict[str, Path], distribution: str) -> None:
    assert [name for name in names_in(wheels[distribution]) if name.endswith("/py.typed")]


@EACH
def test_a_wheel_has_its_licence(wheels: dict[str, Path], distribution: str) -> None:
    text = read_metadata(wheels[distribution], "licenses/LICENSE")
    metadata = HeaderParser().parsestr(read_metadata(wheels[distribution], "METADATA"))

    assert text == (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert metadata["License-Expression"] == "MIT"


@EACH
def test_a_wheel_holds_one_package_and_no_tests(wheels: dict[str, Path], distribution: str) -> None:
    strangers = [
        name
        for name in names_in(wheels[distribution])
        if not name.startswith(("skunkqueue/", "skunkqueue-", "skunkqueue_"))
        or name.rpartition("/")[2].startswith(("test_", "conftest"))
    ]

    assert strangers == []


@EACH
def test_a_wheel_holds_all_of_src(wheels: dict[str, Path], distribution: str) -> None:
    src = ROOT / distribution / "src"
    files = {
        str(path.relative_to(src))
        for path in src.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert files <= set(names_in(wheels[distribution]))


def test_no_two_wheels_ship_the_same_path(wheels: dict[str, Path]) -> None:
    owners: dict[str, list[str]] = defaultdict(list)
    for distribution, wheel in wheels.items():
        for name in names_in(wheel):
            owners[name].append(distribution)

    assert {name: those for name, those in owners.items() if len(those) > 1} == {}


def test_only_core_ships_the_files_that_join_the_package(wheels: dict[str, Path]) -> None:
    shared = {"skunkqueue/__init__.py", "skunkqueue/persistence/__init__.py"}

    for distribution, wheel in wheels.items():
        assert shared & set(names_in(wheel)) == (shared if distribution == CORE.name else set())


def test_the_contract_kit_asks_for_its_tools_in_an_extra(core_wheel: Path) -> None:
    metadata = HeaderParser().parsestr(read_metadata(core_wheel, "METADATA"))
    needed = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]

    assert "contract" in metadata.get_all("Provides-Extra", [])
    assert not [line for line in needed if line.startswith(("pytest", "hypothesis"))]

"""Some distributions as wheels and others editable; and what is left when one is taken out again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packaging.environments import CORE, Environment, build_wheel
from tests.packaging.test_namespace import check_supplied, plugin
from tests.packaging.test_stores import OTHERS, STORES, as_wheels, as_written, check_all

__all__ = ["plugin"]


def test_a_plugin_that_is_being_written_supplies_modules_to_a_wheel(
    core_wheel: Path, plugin: Path, tmp_path: Path
) -> None:
    check_supplied(tmp_path, [core_wheel], ["-e", plugin])


def test_a_plugin_supplies_modules_to_core_that_is_being_written(plugin: Path, tmp_path: Path) -> None:
    check_supplied(tmp_path, ["-e", CORE], [build_wheel(plugin, tmp_path)])


def test_all_can_be_written_beside_cores_wheel(wheels: dict[str, Path], tmp_path: Path) -> None:
    check_all(tmp_path, [*as_wheels(wheels, CORE.name), *as_written(*OTHERS)])


def test_all_can_be_had_beside_core_that_is_being_written(wheels: dict[str, Path], tmp_path: Path) -> None:
    check_all(tmp_path, [*as_written(CORE.name), *as_wheels(wheels, *OTHERS)])


def test_removing_a_plugin_leaves_core_whole(core_wheel: Path, plugin: Path, tmp_path: Path) -> None:
    environment = Environment.made(tmp_path / "environment")
    environment.install(core_wheel, build_wheel(plugin, tmp_path))
    environment.uninstall("skunkqueue-tiny")

    assert (
        environment.evaluate("import skunkqueue.persistence.backend, skunkqueue.errors; print('whole')")
        == "whole"
    )


@pytest.mark.parametrize("name", STORES)
def test_removing_a_store_leaves_the_others_and_core(
    wheels: dict[str, Path], tmp_path: Path, name: str
) -> None:
    environment = Environment.made(tmp_path / "environment")
    environment.install(wheels[CORE.name], *(wheels[store] for store in STORES))
    environment.uninstall(name)
    left = ", ".join(f"skunkqueue.persistence.{STORES[other]}" for other in STORES if other != name)

    code = f"import skunkqueue.persistence.sqlite, {left}; print('whole')"
    assert environment.evaluate(code) == "whole"

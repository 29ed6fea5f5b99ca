"""Wheels of the working tree, built once, and environments that have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packaging.environments import CORE, DISTRIBUTIONS, Environment, build_wheel, wheel_of
from tests.support.once import made_once


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel of each distribution, by the name of its folder."""

    def build(folder: Path) -> None:
        for distribution in DISTRIBUTIONS:
            build_wheel(distribution, folder)

    folder = made_once(tmp_path_factory, "wheels", build)
    return {distribution.name: wheel_of(distribution, folder) for distribution in DISTRIBUTIONS}


@pytest.fixture(scope="session")
def core_wheel(wheels: dict[str, Path]) -> Path:
    """The wheel of core."""
    return wheels[CORE.name]


@pytest.fixture(scope="session")
def installed(core_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with core's wheel; tests leave it as it is."""

    def install(folder: Path) -> None:
        Environment.made(folder).install(core_wheel)

    return Environment(made_once(tmp_path_factory, "installed", install))

"""The map of the house in CONTRIBUTING.md has every folder and every module, with its own first line."""

from __future__ import annotations

from tests.docs.house_map import BEGIN, tables
from tests.docs.pages import read


def test_the_map_is_what_the_modules_say_of_themselves() -> None:
    there = read("CONTRIBUTING.md").partition(BEGIN)[2]

    assert there.strip() == tables().strip(), "write it anew: nox -s map"


def test_every_module_says_what_it_is_for() -> None:
    assert "| ? |" not in tables()


def test_every_folder_of_the_repository_is_on_the_map() -> None:
    text = read("CONTRIBUTING.md")

    for folder in (
        "skunkqueue-core/",
        "skunkqueue-fdb/",
        "skunkqueue-mongo/",
        "skunkqueue-redis/",
        "skunkqueue-schedulers/",
        "skunkqueue-web/",
        "tests/",
        "docs/",
        "examples/",
        "changelog.d/",
        "noxfile.py",
    ):
        assert f"`{folder}`" in text

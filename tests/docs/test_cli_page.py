"""docs/cli.md tells of every command of skunq, with its options."""

from __future__ import annotations

import re
from importlib.metadata import distribution
from pathlib import Path

import click
import pytest

from tests.docs.pages import PAGES, headings, read

COMMANDS = {
    point.name: point
    for name in ("skunkqueue", "skunkqueue-web")
    for point in distribution(name).entry_points
    if point.group == "skunkqueue.commands"
}


def test_every_command_is_a_heading() -> None:
    documented = {heading.split()[1] for heading in headings("docs/cli.md") if heading.startswith("skunq ")}

    assert documented == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_is_told(name: str) -> None:
    page = read("docs/cli.md")
    (section,) = [
        part for part in page.split("\n## ")[1:] if part.split("`")[1].split()[:2] == ["skunq", name]
    ]
    command = COMMANDS[name].load()
    assert isinstance(command, click.Command)
    longest = [
        max(parameter.opts, key=len)
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden
    ]
    # Options that every command takes are told once, at the head of the page.
    head = page.split("\n## ", maxsplit=1)[0]

    assert [option for option in longest if f"`{option}" not in section and f"`{option}" not in head] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_of_a_command_come_after_it(page: Path) -> None:
    """Only ``--help`` and ``--version`` are options of ``skunq`` itself."""
    words = re.findall(r"\bskunq (-\S+)", page.read_text(encoding="utf-8"))

    assert [word for word in words if word.strip("`.,") not in {"--help", "--version", "-h"}] == []

"""The README's two commands are the ones that run, and its tables say what the code says."""

from __future__ import annotations

import re

from skunkqueue.policy import POLICY_FIELDS
from tests.docs.pages import ROOT, blocks, headings, read

COMMANDS = [block.code.strip() for block in blocks(ROOT / "README.md", "bash")]


def test_the_first_command_installs_and_shows_the_demo() -> None:
    assert COMMANDS[0].startswith("python3 -m venv ")
    assert COMMANDS[0].endswith("/bin/skunq demo")


def test_continuous_integration_runs_the_second_command_as_it_stands() -> None:
    assert COMMANDS[1].endswith("/bin/nox")
    assert COMMANDS[1] in read(".ci/run").splitlines()


def test_the_table_of_policies_has_them_all() -> None:
    table = read("README.md").partition("### Policies")[2].partition("\n### ")[0]
    names = {
        name
        for row in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)", row)
    }

    assert names == POLICY_FIELDS


def test_the_table_of_signals_is_the_one_that_was_asked_for() -> None:
    rows = re.findall(r"^\| (SIG\w+) +\| (\w+)", read("README.md"), re.MULTILINE)

    assert rows == [
        ("SIGHUP", "gentle"),
        ("SIGABRT", "gentle"),
        ("SIGQUIT", "gentle"),
        ("SIGTERM", "gentle"),
        ("SIGINT", "rough"),
        ("SIGKILL", "unhandled"),
    ]


def test_it_says_what_is_not_there_yet() -> None:
    assert "What is not there yet" in headings("README.md")

"""Code in the README and in docs/ is real: whole programs run, fragments compile, commands parse."""

from __future__ import annotations

import ast
import builtins
import os
import re
import shlex
import subprocess
import symtable
import sys
from importlib.metadata import distribution
from pathlib import Path

import click
import pytest

from tests.acceptance.project_folder import ProjectFolder
from tests.docs.pages import PAGES, Block, blocks

PYTHON = [block for page in PAGES for block in blocks(page, "python")]
PROGRAMS = [block for block in PYTHON if 'SkunkQueue("demo")' in block.code]
GUIDES = [block for block in PYTHON if block.page.startswith("docs/writing-a-")]
SHELL = [block for page in PAGES for block in blocks(page, "bash")]
CONSOLE = [
    Block(block.page, block.line, "console", line[2:])
    for page in PAGES
    for block in blocks(page, "console")
    for line in block.code.splitlines()
    if line.startswith("$ skunq ")
]
COMMANDS = {
    point.name: point
    for name in ("skunkqueue", "skunkqueue-web")
    for point in distribution(name).entry_points
    if point.group == "skunkqueue.commands"
}


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_compiles(block: Block) -> None:
    ast.parse(block.code)


@pytest.mark.parametrize("block", GUIDES, ids=str)
def test_a_guides_snippet_imports_what_it_uses(block: Block) -> None:
    top = symtable.symtable(block.code, str(block), "exec")
    made = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    assert _globals_of(top) - made - set(dir(builtins)) == set()


def _globals_of(table: symtable.SymbolTable) -> set[str]:
    """Name what a piece of code and all within it look for at the top."""
    top = table.get_type() == "module"
    found = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global() or top}
    return found.union(*map(_globals_of, table.get_children()))


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_shell_parses(block: Block) -> None:
    subprocess.run(["/bin/bash", "-n"], input=block.code, text=True, check=True)


@pytest.mark.parametrize("block", CONSOLE, ids=str)
def test_a_command_shown_is_one_that_exists(block: Block) -> None:
    _, name, *arguments = shlex.split(block.code, comments=True)
    command = COMMANDS[name].load()
    assert isinstance(command, click.Command)

    # Parses as the real call would, and runs nothing. The group's names for help are given along: click keeps
    # the option that it makes of them, and the command is shared with other tests.
    given = [argument for argument in arguments if argument != "…"]
    command.make_context(name, given, help_option_names=["-h", "--help"])


@pytest.mark.parametrize("page", sorted({block.page for block in PROGRAMS}))
def test_whole_programs_run_and_so_do_their_jobs(page: str, project: ProjectFolder) -> None:
    pool = project.work("-q", "demo", "-r", "foo", "default").ready(2)

    for block in PROGRAMS:
        if block.page == page:
            project.write(f"demo{block.line}.py", block.code)
            project.run(f"demo{block.line}.py")

    assert pool.stop() == 0
    # What the programs did not wait for runs now, up to what is not yet due.
    assert project.work("-q", "demo", "-r", "foo", "default", "--burst").process.wait(30) == 0
    counts = project.counts()
    assert counts["complete"] > 0
    assert counts.keys() <= {"complete", "pending"}


def test_the_tests_on_the_page_about_testing_pass(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    written = []
    for block in PYTHON:
        name = re.match(r"# (\w+\.py)\n", block.code)
        if block.page == "docs/testing.md":
            assert name is not None, f"{block}: its first line does not say which file it is"
            written.append(name[1])
            (tmp_path / name[1]).write_text(block.code)
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "SKUNKQUEUE"))}

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-W",
            "error",
            "-p",
            "no:schemathesis",
            "-p",
            "no:valkey",
            "-p",
            "no:randomly",
        ],
        cwd=tmp_path,
        env={**own, "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert len(written) == len(set(written)) > 1
    assert (
        f"{sum(block.code.count('def test_') for block in PYTHON if block.page == 'docs/testing.md')} passed"
        in done.stdout
    )
    assert list(home.iterdir()) == [], "something was put into the default store"

"""What holds of every command: help, errors of one line, exit codes, broken plugins."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from importlib.metadata import EntryPoint, distribution
from pathlib import Path

import click
import pytest

from skunkqueue.cli.short_helps import PUBLISHED, SHORT_HELPS
from skunkqueue.plugins import COMMANDS, registry
from tests.core.cli.program import Skunq
from tests.core.plugins.distributions import install

SKUNQ = Path(sysconfig.get_path("scripts")) / "skunq"

OWN = {
    point.name: point
    for name in ("skunkqueue", "skunkqueue-web")
    for point in distribution(name).entry_points
    if point.group == COMMANDS
}
"""The commands that the project publishes."""

EXTRA_COMMAND = """
    import gc

    import click

    @click.command()
    def extra():
        "Do something more."
        click.echo("more was done")

    @click.command()
    def garbage():
        click.echo(f"collected: {gc.isenabled()}")

    @click.command()
    def faulty():
        raise RuntimeError("first line\\nsecond line")
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the installed program, as a process."""
    return subprocess.run([SKUNQ, *words], capture_output=True, text=True, check=False, timeout=60)


def test_help_names_every_command_and_the_exit_codes(skunq: Skunq) -> None:
    told = skunq("--help")

    assert [name for name in registry.names(COMMANDS) if f"\n  {name} " not in told] == []
    assert "Exit codes:" in told


@pytest.mark.parametrize("name", registry.names(COMMANDS))
def test_every_command_has_help_with_h_too(skunq: Skunq, name: str) -> None:
    assert skunq(name, "-h") == skunq(name, "--help")


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import atexit, sys; from skunkqueue.cli import main; sys.argv = ['skunq', '--help'];"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr)); main()"
    )

    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    loaded = set(told.stderr.split())
    heavy = {"rich", "msgspec", "sqlite3", "asyncio", "platformdirs", "multiprocessing", "skunkqueue.queue"}
    modules = {point.module for point in OWN.values()}
    assert loaded & (heavy | modules) == set()


def test_completion_imports_no_command_of_the_project() -> None:
    program = (
        "import atexit, sys; from skunkqueue.cli import main;"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr)); main()"
    )
    asked = {"_SKUNQ_COMPLETE": "bash_complete", "COMP_WORDS": "skunq que", "COMP_CWORD": "1"}

    told = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.split() == ["plain,queues"]
    assert set(told.stderr.split()) & {point.module for point in OWN.values()} == set()


def test_the_short_helps_are_those_that_the_commands_say() -> None:
    of_plugins = {name: text for name, (_, text) in PUBLISHED.items()}

    assert {name: _short_help(point) for name, point in OWN.items()} == {**SHORT_HELPS, **of_plugins}


def test_a_command_that_two_distributions_bring_is_shown_as_unavailable(site: Path) -> None:
    install(site, "acme-web", COMMANDS, {"web": "acme_extra:extra"}, acme_extra=EXTRA_COMMAND)

    (line,) = [line for line in run("--help").stdout.splitlines() if line.startswith("  web ")]

    assert "unavailable: " in line


@pytest.mark.parametrize("name", sorted(OWN))
def test_a_short_help_is_cut_as_the_commands_own(name: str) -> None:
    texts = {**SHORT_HELPS, **{name: text for name, (_, text) in PUBLISHED.items()}}
    command, stand_in = OWN[name].load(), click.Command(name, help=texts[name])

    assert [stand_in.get_short_help_str(room) for room in range(10, 60)] == [
        command.get_short_help_str(room) for room in range(10, 60)
    ]


def _short_help(point: EntryPoint) -> str:
    command = point.load()
    assert isinstance(command, click.Command)
    return command.get_short_help_str(limit=1_000)


def test_a_broken_command_is_shown_as_unavailable_and_stops_no_other(site: Path) -> None:
    install(
        site,
        "acme-commands",
        COMMANDS,
        {"broken": "acme_broken:x", "noclick": "acme_noclick:x", "extra": "acme_extra:extra"},
        acme_broken="raise RuntimeError('no steam')",
        acme_noclick="x = 1",
        acme_extra=EXTRA_COMMAND,
    )

    told = run("--help")

    lines = {line.split()[0]: line for line in told.stdout.splitlines() if line.startswith("  ")}
    assert (told.returncode, told.stderr) == (0, "")
    assert "unavailable: " in lines["broken"]
    assert "unavailable: " in lines["noclick"]
    assert "Do something more." in lines["extra"]
    assert "work" in lines


def test_a_broken_command_fails_when_it_is_run_and_says_why(site: Path) -> None:
    install(site, "acme-commands", COMMANDS, {"broken": "acme_broken:x"}, acme_broken="import no_such_thing")

    told = run("broken", "--anything", "else")

    assert told.returncode == 2
    assert "unavailable" in told.stderr
    assert "No module named 'no_such_thing'" in told.stderr
    assert told.stderr.count("\n") == 1


def test_other_commands_run_beside_a_broken_one(site: Path) -> None:
    install(
        site,
        "acme-commands",
        COMMANDS,
        {"broken": "acme_broken:x", "extra": "acme_extra:extra"},
        acme_broken="raise SystemExit(7)",
        acme_extra=EXTRA_COMMAND,
    )

    assert run("extra").stdout == "more was done\n"


def test_a_fault_in_a_plugin_is_one_line_and_has_its_own_exit_code(site: Path) -> None:
    install(site, "acme-commands", COMMANDS, {"faulty": "acme_extra:faulty"}, acme_extra=EXTRA_COMMAND)

    told = run("faulty")

    assert told.returncode == 4
    assert "RuntimeError: first line second line" in told.stderr
    assert told.stderr.count("\n") == 1


def test_the_debug_setting_shows_the_traceback(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "acme-commands", COMMANDS, {"faulty": "acme_extra:faulty"}, acme_extra=EXTRA_COMMAND)
    monkeypatch.setenv("SKUNKQUEUE_DEBUG", "1")

    assert "Traceback" in run("faulty").stderr


def test_an_unknown_command_says_which_may_have_been_meant(skunq: Skunq) -> None:
    assert "did you mean 'queues'?" in skunq.error("queuse", expect=2)


@pytest.mark.parametrize(
    ("word", "command"),
    [("list", "jobs"), ("retry", "requeue"), ("revoke", "kill"), ("status", "queues"), ("worker", "work")],
)
def test_a_word_of_another_job_queue_is_answered_with_our_command(
    skunq: Skunq, word: str, command: str
) -> None:
    assert f"did you mean '{command}'?" in skunq.error(word, expect=2)


def test_a_command_of_a_distribution_that_is_missing_says_what_to_install(skunq: Skunq) -> None:
    if "web" in registry.names(COMMANDS):
        pytest.skip("web is installed")

    assert "pip install 'skunkqueue[web]'" in skunq.error("web", expect=2)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["queues", "--nope"], "--nope"),
        (["queues", "-b", "sqlight"], "no backend 'sqlight' is installed"),
        (["queues", "-b", "redis", "--url", "sqlite:///x.db"], "name different stores"),
        (["queues", "--url", "nosuch://here"], "no backend 'nosuch' is installed"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(skunq: Skunq, words: list[str], part: str) -> None:
    told = skunq.error(*words, expect=2)

    assert told.startswith("skunq: error: ")
    assert part in told
    assert told.count("\n") == 1


def test_a_store_that_is_none_of_ours_is_exit_code_3(skunq: Skunq, tmp_path: Path) -> None:
    (tmp_path / "letter.db").write_text("Dear Sir or Madam, " * 100)

    told = skunq.error("queues", "--url", f"sqlite:///{tmp_path / 'letter.db'}", expect=3)

    assert "letter.db" in told
    assert told.count("\n") == 1


def test_the_version_is_told(skunq: Skunq) -> None:
    assert skunq("--version").startswith("skunq, version ")


def test_the_module_is_the_program() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "skunkqueue.cli", "--version"], capture_output=True, text=True, check=True
    )

    assert told.stdout.startswith("skunq, version ")


def test_garbage_is_collected_while_a_command_runs(site: Path) -> None:
    install(site, "acme-garbage", COMMANDS, {"garbage": "acme_garbage:garbage"}, acme_garbage=EXTRA_COMMAND)

    assert run("garbage").stdout == "collected: True\n"

"""What holds of every command: help, errors of one line, exit codes, broken plugins."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from skunkqueue.plugins import COMMANDS, registry
from tests.core.cli.program import Skunq
from tests.core.plugins.distributions import install

SKUNQ = Path(sysconfig.get_path("scripts")) / "skunq"

EXTRA_COMMAND = """
    import click

    @click.command()
    def extra():
        "Do something more."
        click.echo("more was done")

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
    assert "skunkqueue.cli.work" in loaded
    assert loaded & heavy == set()


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

"""The ``skunq`` group: commands from entry points, errors of one line, exit codes.

Core's own commands are entry points like those of plugins. A command that cannot be loaded is shown as
unavailable and fails when it is run; the others still work. Help and completion import no command of the
project's own (``short_helps``), so a command's module imports what it needs at its top.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NoReturn, cast

import click
from click.shell_completion import CompletionItem

from skunkqueue.cli import exits
from skunkqueue.cli.short_helps import PUBLISHED, SHORT_HELPS
from skunkqueue.cli.text import one_line
from skunkqueue.errors import (
    ArgumentsError,
    BackendError,
    ConfigError,
    CursorInvalidError,
    NameInvalidError,
    PluginError,
    PolicyError,
    SkunkQueueError,
)
from skunkqueue.plugins import COMMANDS, registry
from skunkqueue.plugins.requirements import explain

ENV_DEBUG = "SKUNKQUEUE_DEBUG"

EPILOG = """\b
Exit codes:
  0    done
  1    nothing found, or a problem found
  2    the command line or a setting makes no sense
  3    the store cannot be reached, read or written
  4    a fault in skunq or in a plugin's command
  130  ended by Ctrl-C
  141  whoever read the output went away
`skunq work` ends with its pool's own exit code.

\b
Environment:
  SKUNKQUEUE_URL    where the store is, where --url does not say
  SKUNKQUEUE_DEBUG  1: show the traceback of an error
"""


_CODES: tuple[tuple[type[SkunkQueueError], int], ...] = (
    # It is a BackendError, so it comes first.
    (CursorInvalidError, exits.USAGE),
    (BackendError, exits.UNAVAILABLE),
    (ArgumentsError, exits.USAGE),
    (ConfigError, exits.USAGE),
    (NameInvalidError, exits.USAGE),
    (PluginError, exits.USAGE),
    (PolicyError, exits.USAGE),
)
"""Errors that are more than a problem found."""
_UNWRITTEN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What writing to standard output raises where the disk is full or fails."""


_ELSEWHERE = {
    "beat": "schedules",
    "cancel": "kill",
    "cron": "schedules",
    "dashboard": "web",
    "enqueue": "fire",
    "failed": "errors",
    "inspect": "workers",
    "list": "jobs",
    "ls": "jobs",
    "monitor": "top",
    "retry": "requeue",
    "revoke": "kill",
    "run-worker": "work",
    "show": "job",
    "start": "work",
    "status": "queues",
    "tasks": "jobs",
    "worker": "work",
}
"""What other job queues call a command of ours, where the spelling alone would suggest another command, or none."""


class Unavailable(click.Command):
    """Stands in for a command whose plugin is broken."""

    def __init__(self, name: str, reason: str) -> None:
        self.reason = one_line(reason)
        super().__init__(
            name,
            short_help=f"unavailable: {self.reason}",
            help=f"Unavailable: {self.reason}",
            context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
        )

    def invoke(self, ctx: click.Context) -> NoReturn:  # noqa: ARG002 - click's signature
        """Return why it cannot run."""
        msg = f"the command {self.name!r} is unavailable: {self.reason}"
        raise PluginError(msg)


class SkunqGroup(click.Group):
    """A click group whose commands are entry points."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Name all commands that are installed."""
        return registry.names(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; a stand-in where that fails."""
        if cmd_name not in self.list_commands(ctx):
            return None
        try:
            return cast("click.Command", registry.find(COMMANDS, cmd_name))
        except PluginError as error:
            return Unavailable(cmd_name, str(error))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands in the help, as click does."""
        shown = self._shown(ctx)
        room = formatter.width - 6 - max((len(name) for name, _ in shown), default=0)
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(room)) for name, command in shown])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command, or an option of ``skunq`` itself."""
        shown = self._shown(ctx, incomplete)
        commands = [CompletionItem(name, help=command.get_short_help_str()) for name, command in shown]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def _shown(self, ctx: click.Context, beginning: str = "") -> list[tuple[str, click.Command]]:
        """Return the commands that people see; for the project's own, stand-ins with name and short help."""
        found: list[tuple[str, click.Command]] = []
        for name in self.list_commands(ctx):
            if not name.startswith(beginning):
                continue
            known = _short_help(name)
            command = self.get_command(ctx, name) if known is None else click.Command(name, help=known)
            if command is not None and not command.hidden:
                found.append((name, command))
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown name is an error that suggests a similar one."""
        name, there = args[0], self.list_commands(ctx)
        if name in there or name.startswith("-"):
            found, command, rest = super().resolve_command(ctx, args)
            if command is not None and _is_ours(command):
                _refuse_bytes(ctx, rest)
            return found, command, rest
        meant = _ELSEWHERE.get(name)
        near = [meant] if meant in there else get_close_matches(name, there, n=1)
        if near:
            ctx.fail(f"no such command: {name!r}; did you mean {near[0]!r}?")
        try:
            registry.find(COMMANDS, name)
        except PluginError as error:
            ctx.fail(str(error))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and flush its output here, where an error of that can still be reported."""
        try:
            answer = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _drop_output()
            ctx.exit(exits.BROKEN_PIPE)
        return answer

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002 - click's signature
        **extra: Any,
    ) -> Any:
        """Run as a program: every error becomes one line and an exit code."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        # Some versions of click answer a lone `skunq` with an error that holds the whole help.
        args = (sys.argv[1:] if args is None else list(args)) or ["--help"]
        try:
            answer = super().main(args, "skunq", complete_var, standalone_mode=False, **extra)
        except Exception as error:  # every error is printed here
            if os.environ.get(ENV_DEBUG, "") not in ("", "0"):
                raise
            sys.exit(_report(error))
        # Exit codes given by `ctx.exit` come back as answers.
        sys.exit(answer if type(answer) is int else exits.OK)


def _short_help(name: str) -> str | None:
    """Return the short help of one of the project's own commands; ``None`` for the command of another plugin."""
    if name not in PUBLISHED:
        return SHORT_HELPS.get(name)
    distribution, text = PUBLISHED[name]
    found = registry.origins(COMMANDS, name)
    return text if len(found) == 1 and found[0].startswith(f"{distribution} ") else None


def _is_ours(command: click.Command) -> bool:
    """Return whether a command is core's. What a plugin's command accepts is not checked here."""
    return getattr(command.callback, "__module__", "").startswith(f"{__package__}.")


def _refuse_bytes(ctx: click.Context, words: Sequence[str]) -> None:
    """Refuse what is not UTF-8: names, ids and URLs are, and settings go to workers as UTF-8."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            # A URL may hold a password.
            told = "the URL" if "://" in word else repr(word)
            ctx.fail(f"{told} is not UTF-8: write it in UTF-8, or rename the file")


def _drop_output() -> None:
    """Keep Python's own flush at exit from raising the same error again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _report(error: Exception) -> int:
    """Print an error to standard error; return the exit code that goes with it."""
    message, code = _judge(error)
    if message:
        click.echo(f"skunq: error: {one_line(message)}", err=True)
    return code


def _judge(error: Exception) -> tuple[str, int]:  # noqa: PLR0911 - one return a kind of error
    match error:
        # The cause is not there at a question: click raises `from None`.
        case click.Abort(__context__=KeyboardInterrupt()):
            return "", exits.INTERRUPTED
        case click.Abort():
            return "aborted; nothing was changed", exits.NOTHING
        case click.UsageError():
            where = error.ctx.command_path if error.ctx else "skunq"
            return f"{error.format_message().rstrip('.')} (see `{where} --help`)", exits.USAGE
        case click.ClickException():
            return error.format_message(), error.exit_code
        case SkunkQueueError():
            return str(error), next((code for kind, code in _CODES if isinstance(error, kind)), exits.NOTHING)
        case OSError(filename=None) if error.errno in _UNWRITTEN:
            _drop_output()
            return f"the output cannot be written: {error.strerror}", exits.NOTHING
    told = explain(error)
    return f"a fault in skunq or a plugin: {told} ({ENV_DEBUG}=1 shows the traceback)", exits.FAULT


@click.group(
    cls=SkunqGroup,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="skunkqueue", prog_name="skunq")
def skunq() -> None:
    """Run and look after the jobs of SkunkQueue."""

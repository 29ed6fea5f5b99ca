"""The command itself: runs each check on its own, so that a check that fails does not hide the others."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

import click

from skunkqueue.cli import exits
from skunkqueue.cli.connection import connection_options, existing
from skunkqueue.cli.doctor import jobs, machine, schedules, store
from skunkqueue.cli.doctor.finding import NOTICE, OK, PROBLEM, Check, Finding
from skunkqueue.cli.output import document, json_option, on_terminal, say
from skunkqueue.cli.text import one_line, plural
from skunkqueue.config import open_backend, redact
from skunkqueue.errors import ConfigError, SkunkQueueError, StoreMissingError
from skunkqueue.plugins.requirements import explain


@click.command()
@connection_options
@json_option
@click.pass_context
def doctor(ctx: click.Context, url: str | None, backend: str | None, *, as_json: bool) -> None:
    """Find the usual mistakes and say the cure.

    The exit code is 1 if there is a problem.
    """
    findings = examine(url, backend)
    problems = [finding for finding in findings if finding.level == "problem"]
    if as_json:
        document({"problems": len(problems), "findings": [each.told() for each in findings]})
    else:
        for finding in findings:
            _tell(finding)
        say()
        say(f"{plural(len(problems), 'problem')} found" if problems else "no problem found")
    if problems:
        ctx.exit(exits.NOTHING)


def examine(url: str | None, backend: str | None) -> list[Finding]:
    """Run all checks; those of the store only where it can be opened."""
    findings = _run_all(machine.CHECKS)
    try:
        config = existing(url, backend, brief=True)
        opened = open_backend(config)
    except StoreMissingError as error:
        # No store was named, so perhaps none was ever used.
        level = NOTICE if url is None and config.url is None else PROBLEM
        cure = "fire a first job, or start `skunq work`; if your store is elsewhere, name it by --url or SKUNKQUEUE_URL"
        return [*findings, Finding("store", level, str(error), cure)]
    except SkunkQueueError as error:
        meant = redact(url) if url else backend or "the default store"
        findings.append(Finding("store", PROBLEM, f"{meant} cannot be opened: {error}", _cure(error)))
        return findings
    try:
        findings.append(Finding("store", OK, f"{opened.version()} at {opened.location()}"))
        checks = [*store.CHECKS, *jobs.CHECKS, *schedules.CHECKS]
        findings += _run_all([(name, lambda check=check: check(opened, config)) for name, check in checks])  # type: ignore[misc]  # mypy cannot type a lambda's default
    finally:
        opened.close()
    return findings


def _cure(error: SkunkQueueError) -> str:
    """Return what to do about a store that cannot be opened."""
    # How the library that looks for the home folder says that there is none.
    if isinstance(error, ConfigError) and isinstance(error.__cause__, RuntimeError):
        return "set HOME, or name a store: --url sqlite:////absolute/path.db, or SKUNKQUEUE_URL"
    return "fix what the finding says"


def _run_all(checks: Iterable[tuple[str, Check]]) -> list[Finding]:
    findings: list[Finding] = []
    for name, check in checks:
        try:
            findings += check()
        except Exception as error:  # noqa: BLE001 - a check that fails is a finding, and the next one still runs
            findings.append(Finding(name, PROBLEM, f"this check failed: {explain(error)}"))
    return findings


def _tell(finding: Finding) -> None:
    """Print a finding, and below it what to do."""
    lines = [f"{finding.level:<7}  {finding.check:<11}  {one_line(finding.line)}"]
    if finding.cure:
        lines.append(f"{'':<22}-> {one_line(finding.cure)}")
    if not on_terminal():
        say("\n".join(lines))
        return
    from skunkqueue.cli import drawing  # noqa: PLC0415 - rich is slow to import, and a pipe needs none of it

    style = "" if finding.level == "ok" else drawing.STYLES[finding.level]
    out = drawing.console()
    for line, look, indent in zip(lines, (style, ""), (22, 25), strict=False):
        # Paths and commands stay in one piece, so that they can be copied.
        wrapped = textwrap.wrap(
            line,
            max(out.width, 2 * indent),
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for part in wrapped:
            out.print(part, style=look, soft_wrap=True)

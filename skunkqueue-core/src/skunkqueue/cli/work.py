"""``skunq work``: start a pool of workers. Turns the command line into ``PoolSettings``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from skunkqueue.cli.connection import connection_options, resolved
from skunkqueue.cli.options import option
from skunkqueue.processes.log_config import read
from skunkqueue.processes.settings import LIMITS, ORDERS, PoolSettings
from skunkqueue.records import DEFAULT_ROUTE

_ROUTE_OPTIONS = ("-r", "--route", "--routes")


class WorkCommand(click.Command):
    """A command whose ``-r`` takes all the words that follow it, up to the next option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Spread ``-r a b`` into ``-r a -r b``, and refuse words that belong to no option."""
        rest = super().parse_args(ctx, _spread(ctx, args))
        words: Sequence[str] = ctx.params.pop("words", ())
        if words:
            routes = " ".join([*ctx.params.get("routes", ()), *words])
            ctx.fail(f"{words[0]!r} belongs to no option; if it is a route, write -r {routes}")
        ctx.params["routes"] = tuple(_together(ctx, word) for word in ctx.params.get("routes", ()))
        return rest


def _spread(ctx: click.Context, args: Sequence[str]) -> list[str]:
    spread: list[str] = []
    waiting = False  # for the first route after -r
    taking = False  # further routes
    for position, arg in enumerate(args):
        is_option = arg.startswith("-") and arg != "-"
        if waiting and is_option:
            break
        if arg == "--":
            return [*spread, *args[position:]]
        if arg in _ROUTE_OPTIONS:
            waiting = taking = True
        elif is_option:
            taking = False
            spread.append(arg)
        elif taking:
            waiting = False
            spread += ["-r", arg]
        else:
            spread.append(arg)
    if waiting:
        ctx.fail("-r needs at least one route: -r ROUTE [ROUTE ...]")
    return spread


def _together(ctx: click.Context, word: str) -> str | tuple[str, ...]:
    """Read ``mail,downloads``, the routes of one worker; a word without a comma is one route."""
    if "," not in word:
        return word
    routes = [part.strip() for part in word.split(",")]
    known = list(dict.fromkeys(route for route in routes if route)) or ["ROUTE", "ROUTE"]
    way_out = f"write -r {','.join(known)} for one worker of all of them"
    if len(known) > 1:
        way_out += f", or -r {' '.join(known)} for one worker each"
    if "" in routes:
        ctx.fail(f"-r {word!r} names an empty route: {way_out}")
    if len(known) < len(routes):
        twice = next(route for route in known if routes.count(route) > 1)
        ctx.fail(f"-r {word!r} names route {twice!r} twice: {way_out}")
    return tuple(routes)


def _whole(setting: str) -> click.IntRange:
    """Return the type of an option for a setting that is a whole number, with its limits."""
    low, high = LIMITS[setting]
    return click.IntRange(int(low), int(high))


def _at_least(setting: str) -> click.IntRange:
    """Do the same where the most is so much that help need not show it; ``PoolSettings.check`` looks at it."""
    return click.IntRange(int(LIMITS[setting][0]))


def _seconds(setting: str) -> click.FloatRange:
    """Return the type of an option for a setting in seconds, with its limits."""
    return click.FloatRange(*LIMITS[setting])


@click.command(cls=WorkCommand)
@click.argument("words", nargs=-1, metavar="")
@option(
    "-q",
    "--queue",
    required=True,
    metavar="QUEUE",
    way_out="a pool works on one queue; start one pool for each",
    help="The queue to work on.",
)
@click.option(
    "-r",
    "--route",
    "--routes",
    "routes",
    multiple=True,
    metavar="ROUTE [ROUTE ...]",
    help="Routes to listen on, one worker each; all words up to the next option. a,b: one worker for both. Default: default.",
)
@option(
    "--order",
    type=click.Choice(ORDERS),
    help="Of a worker's several routes, earlier ones get more turns, or all as many. Default: weighted.",
)
@option("-c", "--count", default=1, type=_whole("processes"), help="Workers on each route.", metavar="N")
@connection_options
@option("-l", "--logfile", type=click.Path(dir_okay=False), help="Log there, not to standard error.")
@option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error", "critical"], case_sensitive=False),
    help="The least that is logged, by workers and by jobs. Default: info.",
)
@option("--log-format", type=click.Choice(["text", "json"]), help="json: one object a line. Default: text.")
@option(
    "--log-config",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Configure logging by this file: JSON or TOML, as logging.config.dictConfig takes it.",
)
@option("-p", "--pidfile", type=click.Path(dir_okay=False), help="Write the pool's process id there.")
@click.option(
    "--path",
    "paths",
    multiple=True,
    type=click.Path(exists=True, file_okay=False),
    help="Folder of your jobs' code, beside the working directory; repeatable.",
)
@click.option(
    "--allow",
    multiple=True,
    metavar="PACKAGE",
    help="Installed package whose jobs may be run; repeatable.",
)
@click.option(
    "--import",
    "imports",
    multiple=True,
    metavar="MODULE",
    help="Module that each worker imports before it starts; repeatable.",
)
@click.option("--burst", is_flag=True, help="Stop when nothing is due.")
@option("--max-jobs", type=_at_least("max_jobs"), metavar="N", help="Replace a worker after N jobs.")
@option("--max-memory", type=_at_least("max_memory"), metavar="MIB", help="Replace a worker that uses more.")
@option(
    "--concurrency",
    type=_whole("concurrency"),
    metavar="N",
    help="Async jobs that a worker runs at a time.",
)
@option(
    "--threads",
    type=_whole("threads"),
    metavar="N",
    help="Other jobs that a worker runs at a time, each on a thread. Default: 1.",
)
@option(
    "--lease",
    type=_seconds("lease"),
    metavar="SECONDS",
    help="How long a silent worker keeps its firings.",
)
@option(
    "--grace",
    type=_seconds("grace"),
    metavar="SECONDS",
    help="How long a job may resist its interruption before its worker is killed.",
)
@option(
    "--stop-timeout",
    type=float,
    metavar="SECONDS",
    help="At a gentle stop or a restart, interrupt what still runs after so long, and give it back. Default: wait.",
)
@option(
    "--unknown-jobs-for",
    type=_seconds("unknown_jobs_for"),
    metavar="SECONDS",
    help="How long firings are given back whose job no worker knows, before they fail. Default: 600.",
)
@option(
    "--max-payload", type=_at_least("max_payload"), metavar="BYTES", help="The most bytes a result may have."
)
@click.option("--reload", is_flag=True, help="For development: start afresh when code changes.")
@click.option("-v", "--verbose", count=True, help="Log more.")
@click.pass_context
def work(ctx: click.Context, /, **given: Any) -> None:
    """Run the jobs of a queue's routes, until told to stop.

    \b
    skunq work -q demo -r foo bar     one worker for foo, one for bar
    skunq work -q demo -r foo,bar     one worker for both; foo gets more of its turns
    skunq work -q demo -r foo -c 4    four workers for foo

    HUP, ABRT, QUIT and TERM stop it gently: running jobs end first, or are given back after --stop-timeout.
    INT (Ctrl-C) stops it roughly.
    """  # noqa: D301 - click wants the control character, not a backslash
    # Half of the start-up, and completing options needs none.
    from skunkqueue.pool.supervisor import Supervisor  # noqa: PLC0415
    from skunkqueue.processes.signals import tell_crashes  # noqa: PLC0415

    settings = settings_of(**given)
    tell_crashes()
    ctx.exit(Supervisor(settings).run())


def settings_of(
    *,
    queue: str,
    routes: Sequence[str | tuple[str, ...]],
    count: int,
    url: str | None,
    backend: str | None,
    logfile: str | None,
    pidfile: str | None,
    paths: Sequence[str],
    imports: Sequence[str],
    log_config: str | None,
    **others: Any,
) -> PoolSettings:
    """Make the pool's settings from the command line; options that are not given keep the pool's defaults."""
    settings = PoolSettings(
        queue=queue,
        routes=tuple(dict.fromkeys(routes)) or (DEFAULT_ROUTE,),
        processes=count,
        config=resolved(url, backend),
        path=tuple(paths),
        imports=tuple(dict.fromkeys(imports)),
        logfile=logfile,
        pidfile=pidfile,
        log_config=None if log_config is None else _read(log_config),
        **{name: value for name, value in others.items() if value is not None},
    )
    settings.check()
    return settings


def _read(log_config: str) -> dict[str, Any]:
    return read(log_config)

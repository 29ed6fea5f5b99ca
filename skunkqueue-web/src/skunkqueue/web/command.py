"""``skunq web``: serve the monitor, and make the lines of its auth file."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import click

from skunkqueue.cli import exits
from skunkqueue.cli.connection import connection_options
from skunkqueue.cli.options import option
from skunkqueue.web import defaults

_RIGHTS = click.Choice(["view", "act", "admin"])


@click.command()
@connection_options
@option("--host", default=defaults.HOST, show_default=True, help="The address to listen on.")
@option(
    "--port",
    default=defaults.PORT,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="The port to listen on; 0: any that is free.",
)
@option("--auth-file", metavar="FILE", help="Logins and tokens, with what each may do.")
@option(
    "--add-login", metavar="NAME", help="Ask for a password, put NAME's line into the auth file, and end."
)
@option(
    "--print-token",
    metavar="NAME",
    help="Make a token for a program, put its line into the auth file, and end.",
)
@option("--right", type=_RIGHTS, help="What the new login or token may do.  [default: view]")
@click.option("--insecure", is_flag=True, help="Let everybody in who reaches the port, without a login.")
@click.option("--read-only", is_flag=True, help="Show everything, and change nothing, whatever the login.")
@click.option(
    "--allow-host", "hosts", multiple=True, metavar="NAME", help="A name by which browsers may reach it."
)
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    multiple=True,
    metavar="ADDRESS",
    help="A proxy, or a network of proxies, whose X-Forwarded headers are believed.",
)
@option(
    "--login-header",
    metavar="NAME",
    help="The header in which a trusted proxy names who has logged in there.",
)
@option("--login-header-right", type=_RIGHTS, default="act", show_default=True, help="What those may do.")
@option("--prefix", default="", metavar="PATH", help="The path below which it is reached, such as /jobs.")
@option("--session-hours", type=float, default=12.0, show_default=True, help="How long a log-in lasts.")
@option("--title", default="SkunkQueue", show_default=True, help="What its pages are headed.")
@option(
    "--refresh",
    "refresh_seconds",
    type=float,
    default=2.0,
    show_default=True,
    help="Seconds between looks at the store.",
)
@click.option(
    "--ready-worker",
    "ready_workers",
    multiple=True,
    metavar="QUEUE/ROUTE",
    help="A route that must have a live worker for /readyz to say yes.",
)
def web(
    add_login: str | None,
    print_token: str | None,
    right: str | None,
    auth_file: str | None,
    **options: Any,
) -> None:
    """Serve the web monitor, until Ctrl-C or TERM."""
    ctx = click.get_current_context()
    if add_login is not None and print_token is not None:
        ctx.fail("--add-login and --print-token are two things: run the command once for each")
    if add_login is not None:
        _add_login(add_login, right or "view", auth_file)
    elif print_token is not None:
        _print_token(print_token, right or "view", auth_file)
    elif right is not None:
        ctx.fail("--right belongs to --add-login or --print-token: say which login or token is meant")
    else:
        ctx.exit(_serve(options.pop("url"), auth_file=auth_file, **options))


def _serve(url: str | None, *, host: str, port: int, **options: Any) -> int:
    # Imported here so that `--help` need not wait for them.
    import logging  # noqa: PLC0415

    from skunkqueue.plugins import BACKENDS, registry  # noqa: PLC0415
    from skunkqueue.web.app import create_app  # noqa: PLC0415
    from skunkqueue.web.errors import location_of  # noqa: PLC0415
    from skunkqueue.web.installed import KEY as SURVEY  # noqa: PLC0415
    from skunkqueue.web.installed import survey_apart  # noqa: PLC0415
    from skunkqueue.web.live import events  # noqa: PLC0415
    from skunkqueue.web.memory import give_back, share_arenas  # noqa: PLC0415
    from skunkqueue.web.operations import KEY as OPERATIONS  # noqa: PLC0415
    from skunkqueue.web.server import Server, serve  # noqa: PLC0415
    from skunkqueue.web.source import KEY  # noqa: PLC0415

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("skunkqueue.web").setLevel(logging.INFO)
    share_arenas()
    app = create_app(url, host=host, port=port, **options)
    app.extensions[SURVEY] = survey_apart
    source = app.extensions[KEY]
    # A store that is away may come back, but a distribution that is not installed will not.
    registry.find(BACKENDS, source.config.backend)
    server = Server(app, host, port)
    give_back()
    click.echo(
        f"The monitor of {location_of(source.config)}: {server.address.url}{options['prefix']}/ (Ctrl-C ends it)"
    )
    if options["insecure"]:
        click.echo("Warning: --insecure lets everybody in who reaches this port, to do anything.", err=True)
    try:
        ended = serve(server, app.extensions[events.KEY].close)
    finally:
        # What is done in the background needs the store until the firings it is at are done.
        app.extensions[OPERATIONS].close()
        source.close()
    return exits.INTERRUPTED if ended == signal.SIGINT else exits.OK


def _add_login(name: str, right: str, auth_file: str | None) -> None:
    """Ask for a password and make its line."""
    from skunkqueue.web.access.logins import check_name, password_line  # noqa: PLC0415 - help need not wait for it

    check_name(name)
    password = click.prompt(f"Password for {name}", hide_input=True, confirmation_prompt=True, err=True)
    line = password_line(name, right, password)
    if auth_file is None:
        click.echo(line)
    else:
        _write(auth_file, line)
        click.echo(f"{name} may log in with the right to {right}: {auth_file}")


def _print_token(name: str, right: str, auth_file: str | None) -> None:
    """Make a token, and its line; the token is shown this once."""
    from skunkqueue.web.access.logins import new_token, token_line  # noqa: PLC0415 - help need not wait for it

    token = new_token()
    line = token_line(name, right, token)
    if auth_file is None:
        click.echo(f"The line of the auth file: {line}", err=True)
    else:
        _write(auth_file, line)
        click.echo(f"{name} has the right to {right}: {auth_file}. Its token is shown this once:", err=True)
    click.echo(token)


def _write(auth_file: str, line: str) -> None:
    from skunkqueue.errors import ConfigError  # noqa: PLC0415 - help need not wait for it
    from skunkqueue.web.access.logins import write_line  # noqa: PLC0415 - as above

    try:
        write_line(Path(auth_file), line)
    except OSError as error:
        msg = f"the auth file {auth_file} cannot be written: {error.strerror}"
        raise ConfigError(msg) from error

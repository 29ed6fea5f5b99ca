"""``skunq web``: serve the monitor."""

from __future__ import annotations

import click

from skunkqueue.cli.connection import connection_options
from skunkqueue.cli.options import option
from skunkqueue.web import defaults


@click.command()
@connection_options
@option("--host", default=defaults.HOST, show_default=True, help="The address to listen on.")
@option("--port", default=defaults.PORT, show_default=True, type=int, help="The port to listen on.")
def web(url: str | None, backend: str | None, host: str, port: int) -> None:
    """Serve the web monitor, until Ctrl-C."""
    # Imported here so that `--help` need not wait for it.
    from skunkqueue.web.app import create_app  # noqa: PLC0415
    from skunkqueue.web.server import serve  # noqa: PLC0415

    serve(create_app(url, backend=backend, host=host, port=port), host, port)

"""Outages for the contract kit: a proxy that lets nobody through. Knows no server."""

from __future__ import annotations

from typing import Any

from skunkqueue.contract import Outage
from skunkqueue.persistence import BackendConfig
from tests.support.proxy import TcpProxy


def outage_of(proxy: TcpProxy[Any], config: BackendConfig) -> Outage:
    """Make an outage of the store that a config opens through a proxy."""
    away = False

    def begin() -> None:
        nonlocal away
        away = True
        proxy.refuse()
        proxy.cut()

    def end() -> None:
        nonlocal away
        if away:
            away = False
            proxy.accept()

    return Outage(config, begin, end)

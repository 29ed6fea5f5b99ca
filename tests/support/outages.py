"""Outages for the contract kit: proxies that let nobody through. Knows no server."""

from __future__ import annotations

from typing import Any

from skunkqueue.contract import Outage
from skunkqueue.persistence import BackendConfig
from tests.support.proxy import TcpProxy


def outage_of(config: BackendConfig, *proxies: TcpProxy[Any]) -> Outage:
    """Make an outage of the store that a config opens through proxies."""
    away = False

    def begin() -> None:
        nonlocal away
        away = True
        for proxy in proxies:
            proxy.refuse()
            proxy.cut()

    def end() -> None:
        nonlocal away
        if away:
            away = False
            for proxy in proxies:
                proxy.accept()

    return Outage(config, begin, end)

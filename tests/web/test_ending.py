"""The server ends while answers are under way."""

from __future__ import annotations

import http.client
import logging
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

from skunkqueue.web.server import Server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def test_nobody_is_warned_of_an_answer_that_ends_with_the_process(caplog: pytest.LogCaptureFixture) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def app(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        begun.set()
        may_end.wait()
        start_response("200 OK", [])
        return []

    server = Server(app, "127.0.0.1", 0)
    serving = threading.Thread(target=server.run)
    serving.start()
    asking = http.client.HTTPConnection("127.0.0.1", server.address.port)
    asking.request("GET", "/")
    begun.wait()

    with caplog.at_level(logging.WARNING):
        server.close()
    assert [record.message for record in caplog.records if record.name.startswith("waitress")] == []

    may_end.set()
    asking.close()
    serving.join()

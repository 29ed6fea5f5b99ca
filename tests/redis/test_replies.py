"""How the reply to a wait and that of the claim after it are read, in whatever pieces they come."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from redis.exceptions import ConnectionError as UnreachableError
from redis.exceptions import NoScriptError, ResponseError
from redis.exceptions import TimeoutError as SilentError

from skunkqueue.persistence.redis.connections import PlainConnection

POPPED = b"*2\r\n$8\r\n{s}:g:q:\r\n$1\r\n1\r\n"
NONE_CAME = b"*-1\r\n"
CLAIMED = b"$9\r\nab\r\n$1\r\nx\r\n"
WAITS = {"an element": POPPED, "none": NONE_CAME}


@pytest.fixture
def ends() -> Iterator[tuple[PlainConnection, socket.socket]]:
    """A connection, and the server's end of it."""
    make: Any = PlainConnection  # redis-py leaves its arguments untyped
    connection: PlainConnection = make(socket_timeout=10.0)
    ours, theirs = socket.socketpair()
    ours.settimeout(10.0)
    connection._sock = ours
    yield connection, theirs
    connection.disconnect()
    theirs.close()
    ours.close()


def send(server: socket.socket, part: bytes) -> threading.Thread:
    """Send from another thread, while this one may be reading."""
    thread = threading.Thread(target=server.sendall, args=(part,))
    thread.start()
    return thread


@pytest.mark.parametrize("wait", WAITS)
def test_script_is_heard_in_whatever_pieces_it_comes(
    ends: tuple[PlainConnection, socket.socket], wait: str
) -> None:
    connection, server = ends
    whole = WAITS[wait] + CLAIMED
    for cut in range(len(whole) + 1):
        server.sendall(whole[:cut])
        sender = send(server, whole[cut:])
        assert connection.hear_popped(10.0) == b"ab\r\n$1\r\nx"
        sender.join()


def test_long_reply_is_heard_whole(ends: tuple[PlainConnection, socket.socket]) -> None:
    connection, server = ends
    body = bytes(range(256)) * 1_000
    sender = send(server, POPPED + b"$%d\r\n%b\r\n" % (len(body), body))
    assert connection.hear_popped(10.0) == body
    sender.join()


@pytest.mark.parametrize("wait", WAITS)
def test_script_that_the_server_forgot_leaves_the_connection_whole(
    ends: tuple[PlainConnection, socket.socket], wait: str
) -> None:
    connection, server = ends
    server.sendall(WAITS[wait] + b"-NOSCRIPT No matching script.\r\n")
    with pytest.raises(NoScriptError):
        connection.hear_popped(10.0)
    server.sendall(POPPED + CLAIMED)
    assert connection.hear_popped(10.0) == b"ab\r\n$1\r\nx"


def test_refused_wait_breaks_the_connection(ends: tuple[PlainConnection, socket.socket]) -> None:
    connection, server = ends
    server.sendall(b"-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n" + CLAIMED)
    with pytest.raises(ResponseError, match="UNBLOCKED"):
        connection.hear_popped(10.0)
    assert connection.fileno() == -1


def test_end_of_the_server_is_told(ends: tuple[PlainConnection, socket.socket]) -> None:
    connection, server = ends
    server.sendall((POPPED + CLAIMED)[:-4])
    server.close()
    with pytest.raises(UnreachableError):
        connection.hear_popped(10.0)
    assert connection.fileno() == -1


def test_silence_ends_with_its_time(ends: tuple[PlainConnection, socket.socket]) -> None:
    connection, _ = ends
    with pytest.raises(SilentError):
        connection.hear_popped(0.01)
    assert connection.fileno() == -1


def test_closed_connection_is_told(ends: tuple[PlainConnection, socket.socket]) -> None:
    connection, _ = ends
    connection.disconnect()
    with pytest.raises(UnreachableError):
        connection.hear_popped(10.0)

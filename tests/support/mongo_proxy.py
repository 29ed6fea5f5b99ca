"""A TCP proxy in front of one MongoDB server that counts commands, and cuts or loses replies between two writes.

Of the wire protocol it knows where a message ends, what command it is, and which reply belongs to it.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import final

from tests.support.proxy import CHUNK, Link, TcpProxy

WRITES = frozenset({"insert", "update", "delete", "findAndModify", "findandmodify", "bulkWrite"})
"""The commands that faults count."""
HEADER = struct.Struct("<iiii")
"""Length of the whole, id of this message, id of the one that it answers, kind."""
OP_MSG, OP_QUERY = 2013, 2004
MORE_TO_COME = 2
"""The flag of a request that wants no reply, and of a reply that others follow."""


@dataclass(frozen=True)
class _Message:
    data: bytes
    id: int
    answers: int
    """The ``id`` of the request that a reply belongs to."""
    kind: int

    @property
    def command(self) -> str:
        """The first key of the body: what the request wants."""
        if self.kind == OP_QUERY:  # only as the greeting of a new connection
            return "hello"
        if self.kind != OP_MSG:
            return f"kind {self.kind}"
        at = HEADER.size + 4
        while self.data[at]:  # sections of documents stand before the body
            at += 1 + int.from_bytes(self.data[at + 1 : at + 5], "little")
        # After the section's kind come the document's length and the type of its first value.
        begin = at + 1 + 4 + 1
        return self.data[begin : self.data.index(0, begin)].decode()

    @property
    def wants_reply(self) -> bool:
        """Say whether it is one that the server answers."""
        flags = int.from_bytes(self.data[HEADER.size : HEADER.size + 4], "little")
        return self.kind != OP_MSG or not flags & MORE_TO_COME


@dataclass(eq=False)
class _Link(Link):
    sent: bytearray = field(default_factory=bytearray)
    """What the client has sent of a message that is not whole yet."""
    answered: bytearray = field(default_factory=bytearray)
    """The same from the server."""
    open_writes: set[int] = field(default_factory=set)
    """The ids of the writes that the server has not answered."""
    losing: set[int] = field(default_factory=set)
    """Those of them whose replies are to be lost."""


@final
class MongoProxy(TcpProxy[_Link]):
    """Stands in front of the server on ``target``; clients connect to ``port`` with ``directConnection=true``.

    Compressed messages pass, but are nothing to it: a client that is to be cut must not ask for them.
    """

    def __init__(self, target: int, tls: ssl.SSLContext | None = None) -> None:
        self.commands: Counter[str] = Counter()
        """What has been passed on to the server, by name."""
        self.lost = 0
        """Replies that were lost on purpose."""
        self._left: int | None = None
        self._cut = False
        self._until_lost = 0
        self._late = 0.0
        super().__init__(target, tls)

    @property
    def writes(self) -> int:
        """How many write commands have been passed on to the server."""
        with self._state:
            return sum(self.commands[name] for name in WRITES)

    # --- faults -------------------------------------------------------------------------------------

    def cut_after(self, n: int) -> None:
        """Pass ``n`` more writes on, and their replies back; then close all, and refuse all until ``repair``."""
        with self._state:
            self._left = n
            self._cut = not n
        if not n:
            self.refuse()
            self.cut()

    @property
    def is_cut(self) -> bool:
        """Say whether it has come to what ``cut_after`` asked: nothing passes now."""
        return self._cut

    def repair(self) -> None:
        """Let everybody connect again, and everything pass; an order that has not come true is forgotten."""
        self.refuse()
        if self._cut:
            self.cut()
        with self._state:
            self._cut, self._left, self._until_lost = False, None, 0
        self.accept()

    def lose_reply(self, n: int = 1) -> None:
        """Have the ``n``-th write from now done, and close its connection instead of passing the reply on."""
        with self._state:
            self._until_lost = n

    def answer_late(self, seconds: float) -> None:
        """Have each reply come so much later from now on, as on a busy machine."""
        self._late = seconds

    def sever(self) -> None:
        """Close all connections that are open now; new ones are taken."""
        self.cut()

    # --- passing on ---------------------------------------------------------------------------------

    def _link(self, client: socket.socket, server: socket.socket) -> _Link:
        return _Link(client, server)

    def _request(self, link: _Link) -> bool:
        data = link.request()
        link.sent += data
        return bool(data) and all(self._ask(link, message) for message in _whole(link.sent))

    def _reply(self, link: _Link) -> bool:
        data = link.server.recv(CHUNK)
        link.closed.wait(self._late)
        link.answered += data
        return bool(data) and all(self._answer(link, message) for message in _whole(link.answered))

    def _ask(self, link: _Link, message: _Message) -> bool:
        with self._state:
            command = message.command
            write = command in WRITES
            if self._cut or (write and self._left == 0):
                # In the second case those before it are still being answered.
                return False
            self.commands[command] += 1
            if write and message.wants_reply:
                link.open_writes.add(message.id)
            if write and self._left is not None:
                self._left -= 1
            if write and self._until_lost:
                self._until_lost -= 1
                if not self._until_lost:
                    link.losing.add(message.id)
        link.server.sendall(message.data)
        return True

    def _answer(self, link: _Link, message: _Message) -> bool:
        with self._state:
            link.open_writes.discard(message.answers)
            lose = message.answers in link.losing
            self.lost += lose
            last = self._left == 0 and not any(other.open_writes for other in self._links)
            # Before the client has the reply, and asks for more.
            self._cut = self._cut or last
        if last:
            self.refuse()
        if not lose:
            link.client.sendall(message.data)
        if last:
            # Not waiting until they are, which this very thread is in the way of.
            self._close_links()
        return not lose


def _whole(data: bytearray) -> Iterator[_Message]:
    """Take the whole messages out of what has come so far."""
    while len(data) >= HEADER.size:
        length, number, answers, kind = HEADER.unpack_from(data)
        if len(data) < length:
            return
        message = _Message(bytes(data[:length]), number, answers, kind)
        del data[:length]
        yield message

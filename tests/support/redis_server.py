"""One Redis or Valkey server, as a test wants it: persistence, memory, passwords, users.

Knows the server's configuration file and how to ask it things; knows nothing of queues.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, final
from urllib.parse import quote, urlencode

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.redis_binaries import version
from tests.support.server_process import HOST, ServerProcess
from tests.support.waiting import eventually

Persistence = Literal["none", "aof", "rdb"]

PERSISTENCE: Mapping[Persistence, Mapping[str, str]] = {
    "none": {"save": '""', "appendonly": "no"},
    "aof": {"save": '""', "appendonly": "yes", "appendfsync": "always"},
    # Saved when stopped, and otherwise when a test asks.
    "rdb": {"save": "3600 1", "appendonly": "no"},
}
ONCE = Retry(NoBackoff(), 0)
"""For clients that are to report the first failure."""
NOTHING: Mapping[str, str] = {}


@final
class RedisServer(ServerProcess):
    """A server with a configuration of its own; see ``url`` for how to reach it.

    The user ``default`` may do everything, with ``password`` where one is given: the test's own looks use
    it. ``users`` are lines of an ACL file without the word ``user`` (``alice on >secret ~* +@read``).
    ``directives`` are lines of the configuration, and win over all else.
    """

    def __init__(
        self,
        binary: Path,
        folder: Path,
        *,
        persistence: Persistence = "none",
        password: str = "",
        users: Sequence[str] = (),
        directives: Mapping[str, str] = NOTHING,
        bus: int = 0,
    ) -> None:
        super().__init__(folder)
        self.binary = binary
        self.password = password
        self.bus = bus
        """The port of the cluster's bus, where it is a node of one."""
        self._users = users
        self.directives = {**PERSISTENCE[persistence], **directives}
        self._client: redis.Redis | None = None
        if bus:
            self.directives["cluster-port"] = str(bus)
        if version(binary) >= (7, 0):
            self.directives.setdefault("enable-debug-command", "local")

    def __repr__(self) -> str:
        return f"{self.binary.name} on port {self.port}"

    def url(
        self, dbname: str = "", *, user: str = "", password: str | None = None, port: int = 0, **options: str
    ) -> str:
        """Make the URL of a store there; ``password`` and ``port`` only where others are wanted."""
        secret = self.password if password is None else password
        login = f"{quote(user, safe='')}:{quote(secret, safe='')}@" if user or secret else ""
        query = urlencode({**({"dbname": dbname} if dbname else {}), **options})
        return f"redis://{login}{HOST}:{port or self.port}/0" + (f"?{query}" if query else "")

    def client(self) -> redis.Redis:
        """Give the test's own client, always the same; any thread may use it."""
        if self._client is None:
            self._client = redis.Redis(
                host=HOST, port=self.port, password=self.password or None, socket_timeout=30
            )
        return self._client

    def ask(self, *command: str | bytes | float) -> Any:
        """Run one command there as the test itself; the answer is read only where its name is one word."""
        return self.client().execute_command(*command)  # type: ignore[no-untyped-call]

    def info(self, section: str = "everything") -> dict[str, Any]:
        """Read what the server says of itself."""
        found: dict[str, Any] = self.ask("INFO", section)
        return found

    def set(self, directive: str, value: str) -> None:
        """Change the configuration of the running server."""
        self.ask("CONFIG", "SET", directive, value)

    def flush(self) -> None:
        """Forget all data."""
        self.ask("FLUSHALL", "SYNC")

    def restart_slowly(self, seconds: float = 1.5) -> None:
        """Start it again on its data (``rdb``) so that it takes this long to load, and answers meanwhile."""
        keys = 200
        # It looks up from its loading once for so many bytes.
        self.ask(
            "MSET", *(word for number in range(keys) for word in (f"ballast:{number}", os.urandom(2_048)))
        )
        delay = {
            "key-load-delay": f"{seconds / keys * 1e6:.0f}",
            "loading-process-events-interval-bytes": "1024",
        }
        self.stop()
        self.directives.update(delay)
        self.start(wait=False)
        for name in delay:
            del self.directives[name]
        eventually(self._loads, what=f"{self} loads its data")

    def loaded(self) -> None:
        """Wait until it has read its data."""
        eventually(self.answers, what=f"{self} has loaded its data")

    def command(self) -> list[str]:
        """Write ``server.conf``, so that no password stands in the list of processes."""
        lines = {
            "bind": HOST,
            "port": str(self.port),
            "daemonize": "no",
            "dir": str(self.folder),
            **({"requirepass": self.password} if self.password else {}),
            **self.directives,
        }
        users = [f"user {user}" for user in self._users]
        text = "\n".join([*(f"{name} {value}" for name, value in lines.items()), *users, ""])
        (self.folder / "server.conf").write_text(text, encoding="utf-8")
        return [str(self.binary), str(self.folder / "server.conf")]

    def answers(self) -> bool:
        """Ask for the process behind the port; a stranger's would have another id."""
        # Not the lasting client: a connection that failed would be tried again with waits between.
        with connect(self.port, self.password, timeout=1) as client, contextlib.suppress(redis.RedisError):
            found: dict[str, Any] = client.execute_command("INFO", "everything")
            return bool(found["process_id"] == self.pid and not found["loading"])
        return False

    def _loads(self) -> bool:
        with connect(self.port, self.password, timeout=1) as client, contextlib.suppress(redis.RedisError):
            found: dict[str, Any] = client.execute_command("INFO", "persistence")
            return bool(found["loading"])
        return False

    def close(self) -> None:
        """End it, and let go of the test's client."""
        if self._client is not None:
            self._client.close()
        super().close()


def connect(port: int, password: str = "", *, timeout: float = 30.0) -> redis.Redis:
    """Make a client that tries nothing again by itself."""
    return redis.Redis(host=HOST, port=port, password=password or None, socket_timeout=timeout, retry=ONCE)

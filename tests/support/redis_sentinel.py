"""A master with replicas and the sentinels that watch them, and failovers at will.

Knows the sentinels' commands and nothing of what is stored.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, final
from urllib.parse import urlencode

import redis

from tests.support.binaries import missing
from tests.support.redis_binaries import version
from tests.support.redis_server import RedisServer, connect
from tests.support.server_process import HOST, ServerProcess
from tests.support.waiting import eventually

NAME = "mymaster"
PATIENCE = 60.0


@final
class Sentinel(ServerProcess):
    """One sentinel; it writes what it learns into its configuration file, and reads it when restarted."""

    def __init__(self, binary: Path, folder: Path, master: RedisServer, quorum: int) -> None:
        super().__init__(folder)
        self.binary = binary
        self._master = master
        self._quorum = quorum
        self._client: redis.Redis | None = None

    def __repr__(self) -> str:
        return f"sentinel on port {self.port}"

    def command(self) -> list[str]:
        """Write ``sentinel.conf`` where this sentinel has none of this port yet."""
        path = self.folder / "sentinel.conf"
        if not path.exists() or f"port {self.port}\n" not in path.read_text(encoding="utf-8"):
            lines = [
                f"bind {HOST}",
                f"port {self.port}",
                "daemonize no",
                f"dir {self.folder}",
                f"sentinel monitor {NAME} {HOST} {self._master.port} {self._quorum}",
                f"sentinel down-after-milliseconds {NAME} 500",
                f"sentinel failover-timeout {NAME} 3000",
                f"sentinel parallel-syncs {NAME} 5",
            ]
            path.write_text("\n".join([*lines, ""]), encoding="utf-8")
        return [str(self.binary), str(path), "--sentinel"]

    def client(self) -> redis.Redis:
        """Give the test's own client."""
        if self._client is None:
            self._client = redis.Redis(host=HOST, port=self.port, socket_timeout=30)
        return self._client

    def ask(self, *command: str) -> Any:
        """Run one command there."""
        return self.client().execute_command(*command)  # type: ignore[no-untyped-call]

    def answers(self) -> bool:
        """Ask for the process behind the port."""
        with connect(self.port, timeout=1) as client, contextlib.suppress(redis.RedisError):
            found: dict[str, Any] = client.execute_command("INFO", "server")
            return bool(found["process_id"] == self.pid)
        return False

    def close(self) -> None:
        """End it, and let go of the test's client."""
        if self._client is not None:
            self._client.close()
        super().close()


@final
class RedisSentinels:
    """A master, ``replicas`` of it, and ``sentinels`` of which more than half must agree.

    One sentinel decides at once; several must elect a leader, which takes a second or two more.
    """

    def __init__(
        self, binary: Path, folder: Path, *, replicas: int = 1, sentinels: int = 1, **directives: str
    ) -> None:
        settings = {"repl-diskless-sync-delay": "0", "repl-timeout": "5", **directives}
        self.servers = [
            RedisServer(binary, folder / f"server{number}", directives=settings)
            for number in range(1 + replicas)
        ]
        self.sentinels = [
            Sentinel(binary, folder / f"sentinel{number}", self.servers[0], sentinels // 2 + 1)
            for number in range(sentinels)
        ]

    def url(self, dbname: str = "", **options: str) -> str:
        """Make the URL of a store there."""
        hosts = ",".join(f"{HOST}:{sentinel.port}" for sentinel in self.sentinels)
        query = urlencode({**({"dbname": dbname} if dbname else {}), **options})
        return f"redis+sentinel://{hosts}/{NAME}/0" + (f"?{query}" if query else "")

    def start(self) -> None:
        """Start all, and wait until the sentinels know the replicas and one another."""
        master, *replicas = self.servers
        master.start()
        for replica in replicas:
            replica.start()
            replica.ask("REPLICAOF", HOST, master.port)
        eventually(lambda: _linked(replicas), PATIENCE, what="the replicas follow the master")
        for sentinel in self.sentinels:
            sentinel.start()
            with contextlib.suppress(redis.ResponseError):
                # Ten times as talkative as usual, so that they find together sooner. Not in Redis 6.2.
                for period, milliseconds in {"info": 200, "publish": 100, "ask": 100}.items():
                    sentinel.ask("SENTINEL", "DEBUG", f"{period}-period", str(milliseconds))
        eventually(self._found_together, PATIENCE, what="the sentinels know all servers and one another")

    @property
    def master(self) -> RedisServer:
        """Whom the first sentinel takes for the master."""
        _, port = self.sentinels[0].ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
        return next(server for server in self.servers if server.port == int(port))

    def failover(self, *, coordinated: bool = False) -> RedisServer:
        """Have the sentinels make a replica the master, while the old one lives; return the new one.

        The old one takes writes until it hears of it, for which it may be too late. Where the failover is
        ``coordinated`` (Valkey 9), it stops first and lets the replica catch up.
        """
        old = self.master
        if coordinated and version(old.binary) < (9, 0):
            raise missing("Valkey 9", "older ones let no master step down in good order")
        how = ("COORDINATED",) if coordinated else ()
        # At first they may not have heard yet that the replica has caught up.
        eventually(lambda: self._begun(*how), PATIENCE, every=0.1, what="the sentinels begin to fail over")
        return self.wait_for_new_master(old)

    def kill_master(self) -> RedisServer:
        """Kill the master (SIGKILL); return it, for ``wait_for_new_master``."""
        old = self.master
        old.kill()
        return old

    def wait_for_new_master(self, old: RedisServer) -> RedisServer:
        """Wait until all sentinels name another master than ``old``, and it takes writes."""
        eventually(lambda: self._agreed_on_other_than(old), PATIENCE, what="the sentinels name a new master")
        new = self.master
        eventually(lambda: new.info("replication")["role"] == "master", PATIENCE, what=f"{new} is master")
        return new

    def close(self) -> None:
        """End all processes, the sentinels first, so that they decide nothing more."""
        for process in [*self.sentinels, *self.servers]:
            process.close()

    def _begun(self, *how: str) -> bool:
        with contextlib.suppress(redis.ResponseError):
            self.sentinels[0].ask("SENTINEL", "FAILOVER", NAME, *how)
            return True
        return False

    def _agreed_on_other_than(self, old: RedisServer) -> bool:
        named = {
            int(sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)[1])
            for sentinel in self.sentinels
            if sentinel.running
        }
        return len(named) == 1 and old.port not in named

    def _found_together(self) -> bool:
        replicas, others = len(self.servers) - 1, len(self.sentinels) - 1
        return all(
            len(sentinel.ask("SENTINEL", "REPLICAS", NAME)) == replicas
            and len(sentinel.ask("SENTINEL", "SENTINELS", NAME)) == others
            for sentinel in self.sentinels
        )


def _linked(replicas: list[RedisServer]) -> bool:
    return all(replica.info("replication").get("master_link_status") == "up" for replica in replicas)

"""A cluster of Valkey processes on loopback, and the moving of its slots.

Knows the cluster's commands and nothing of what is stored.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, final
from urllib.parse import quote, urlencode

import redis

from tests.support.binaries import missing
from tests.support.redis_binaries import version
from tests.support.redis_server import Persistence, RedisServer
from tests.support.server_process import HOST, free_port
from tests.support.waiting import eventually

SLOTS = 16_384
TOGETHER = 30.0
"""Seconds until nodes that do not find together are taken to have failed."""


@final
class RedisCluster:
    """Three masters that share the slots in three runs; with ``replicas=1`` each has a replica."""

    def __init__(
        self,
        binary: Path,
        folder: Path,
        *,
        replicas: int = 0,
        persistence: Persistence = "none",
        password: str = "",
    ) -> None:
        self.password = password
        self.masters = [
            _node(binary, folder / f"master{number}", persistence, password) for number in range(3)
        ]
        self.replicas = [
            _node(binary, folder / f"replica{number}", persistence, password)
            for number in range(3 * replicas)
        ]
        self.names: dict[RedisServer, str] = {}

    @property
    def nodes(self) -> list[RedisServer]:
        """All of them, masters first."""
        return [*self.masters, *self.replicas]

    @property
    def live(self) -> list[RedisServer]:
        """Those that have not been killed."""
        return [node for node in self.nodes if node.running]

    def url(self, dbname: str = "", *, ports: Iterable[int] = (), **options: str) -> str:
        """Make the URL of a store there; ``ports`` where they are others than those of the masters."""
        found = ports or [node.port for node in self.masters]
        hosts = ",".join(f"{HOST}:{port}" for port in found)
        login = f":{quote(self.password, safe='')}@" if self.password else ""
        query = urlencode({**({"dbname": dbname} if dbname else {}), **options})
        return f"redis+cluster://{login}{hosts}" + (f"?{query}" if query else "")

    def start(self) -> None:
        """Start all and wait until every node knows that every slot is served."""
        for node in self.nodes:
            node.start()
            self.names[node] = self._text(node, "CLUSTER", "MYID")
        for number, node in enumerate(self.masters):
            first, last = SLOTS * number // 3, SLOTS * (number + 1) // 3 - 1
            node.ask("CLUSTER", "ADDSLOTSRANGE", first, last)
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        first_node, *others = self.nodes
        for node in others:
            # The bus is not at its usual distance from the port, where it might not be free.
            first_node.ask("CLUSTER", "MEET", HOST, node.port, node.bus)
        self._settled("cluster_known_nodes", len(self.nodes))
        for number, node in enumerate(self.replicas):
            node.ask("CLUSTER", "REPLICATE", self.names[self.masters[number % 3]])
        for node in self.replicas:
            eventually(
                lambda: node.info("replication").get("master_link_status") == "up",  # noqa: B023 - asked at once
                TOGETHER,
                what=f"{node} follows its master",
            )
        self.ok()

    def ok(self) -> None:
        """Wait until every node says that the cluster is fine."""
        self._settled("cluster_state", "ok")
        self._settled("cluster_slots_ok", SLOTS)

    def close(self) -> None:
        """End all nodes."""
        for node in self.nodes:
            node.close()

    def send_clients_to(self, ports: Mapping[RedisServer, int]) -> None:
        """Have the cluster name other ports than its nodes' own to clients, those of proxies say."""
        for node, port in ports.items():
            node.set("cluster-announce-port", str(port))
        eventually(
            lambda: all(self._named(asked) == set(ports.values()) for asked in self.live),
            TOGETHER,
            what="all nodes name the ports that clients are to use",
        )

    # --- slots ------------------------------------------------------------------------------------

    def slot(self, key: str) -> int:
        """Tell the slot of a key, or of a hash tag in braces."""
        found: int = self.live[0].ask("CLUSTER", "KEYSLOT", key)
        return found

    def owner(self, slot: int) -> RedisServer:
        """Tell which master serves a slot."""
        return next(node for node in self.live if self._serves(node, node, slot))

    def begin_move(self, slot: int, to: RedisServer) -> RedisServer:
        """Open a slot for moving: from now on its old owner answers ASK for keys that it has not got."""
        owner = self.owner(slot)
        to.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", self.names[owner])
        owner.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", self.names[to])
        return owner

    def move_keys(self, slot: int, owner: RedisServer, to: RedisServer, count: int = 1_000) -> int:
        """Move up to ``count`` keys of a slot that is open; return how many."""
        keys = owner.ask("CLUSTER", "GETKEYSINSLOT", slot, count)
        if keys:
            owner.ask("MIGRATE", HOST, to.port, "", 0, 5_000, "KEYS", *keys)
        return len(keys)

    def end_move(self, slot: int, owner: RedisServer, to: RedisServer) -> None:
        """Move the keys that are left, and tell all who serves the slot: MOVED from now on."""
        while True:
            while self.move_keys(slot, owner, to):
                pass
            # The owner refuses as long as it has keys there: one may have come in between.
            with contextlib.suppress(redis.ResponseError):
                to.ask("CLUSTER", "SETSLOT", slot, "NODE", self.names[to])
                owner.ask("CLUSTER", "SETSLOT", slot, "NODE", self.names[to])
                break
        self._known_to_serve(slot, to)

    def move(self, slot: int, to: RedisServer | None = None) -> RedisServer:
        """Move a slot with all its keys to another master, which is returned."""
        owner = self.owner(slot)
        target = to or next(node for node in self.masters if node is not owner)
        self.begin_move(slot, target)
        self.end_move(slot, owner, target)
        return target

    def move_at_once(self, slot: int, to: RedisServer | None = None) -> RedisServer:
        """Move a slot as Valkey 9 can: all of it at one moment, after its data was copied."""
        owner = self.owner(slot)
        if version(owner.binary) < (9, 0):
            raise missing("Valkey 9", "older ones move slots key by key only")
        target = to or next(node for node in self.masters if node is not owner)
        owner.ask("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", self.names[target])
        self._known_to_serve(slot, target)
        return target

    # --- inner parts ------------------------------------------------------------------------------

    def _settled(self, what: str, value: object) -> None:
        eventually(
            lambda: all(self._state(node).get(what) == str(value) for node in self.live),
            TOGETHER,
            what=f"{what} is {value} on all nodes",
        )

    def _known_to_serve(self, slot: int, to: RedisServer) -> None:
        eventually(
            lambda: all(self._serves(node, to, slot) for node in self.live),
            TOGETHER,
            what=f"all know who serves slot {slot}",
        )

    def _state(self, node: RedisServer) -> dict[str, str]:
        return dict(_pairs(self._text(node, "CLUSTER", "INFO").splitlines()))

    def _serves(self, asked: RedisServer, node: RedisServer, slot: int) -> bool:
        ranges: Any = asked.ask("CLUSTER", "SLOTS")
        return any(first <= slot <= last and found[1] == node.port for first, last, found, *_ in ranges)

    @staticmethod
    def _named(asked: RedisServer) -> set[int]:
        ranges: Any = asked.ask("CLUSTER", "SLOTS")
        return {found[1] for _first, _last, found, *_ in ranges}

    @staticmethod
    def _text(node: RedisServer, *command: str) -> str:
        said = node.ask(*command)
        return said.decode() if isinstance(said, bytes) else str(said)


def _pairs(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        name, _, value = line.partition(":")
        yield name, value.strip()


def _node(binary: Path, folder: Path, persistence: Persistence, password: str) -> RedisServer:
    return RedisServer(
        binary,
        folder,
        persistence=persistence,
        password=password,
        bus=free_port(),
        directives={
            "cluster-enabled": "yes",
            "cluster-node-timeout": "2000",
            "cluster-config-file": "nodes.conf",
            "cluster-require-full-coverage": "yes",
            "repl-diskless-sync-delay": "0",
            **({"masterauth": password} if password else {}),
        },
    )

"""Drain 20,000 pending no-op firings with one worker, results stored: bare loops, ours, and the peers.

``python -m benchmarks.mongo.drain NAME COUNT`` is what the runner starts for a queue, with its libraries and
``MONGO_URL``; it prints JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from typing import Any

from benchmarks.children import ChildError, ask, say
from benchmarks.mongo.options import Options
from benchmarks.mongo.server import Server, clear
from benchmarks.peers.environments import interpreter
from benchmarks.support import ROOT
from benchmarks.tree import Tree

COUNT = 20_000
WARM = 500
LIMIT = 120.0
PATIENCE = 240.0
# What pip installs for those that need an environment of their own; the newest versions that take each other.
# Celery's extra pins pymongo 4.18.3 (5.7.0 does), dramatiq-mongodb 0.8.3 asks for dramatiq below 2.
CONTESTANTS: dict[str, tuple[str, ...]] = {
    "bare": (),
    "bare update_many": (),
    "skunkqueue": (),
    "celery": ("celery[mongodb]",),
    "dramatiq": ("dramatiq-mongodb",),
}
PEERS = ("celery", "dramatiq")


def measure(servers: list[Server], options: Options) -> dict[str, Any]:
    """Let all take turns, round by round, on each kind of server."""
    found: dict[str, Any] = {
        "about": {},
        **{server.kind: {"rates": {}, "failures": {}} for server in servers},
    }
    for number in range(1, options.rounds + 1):
        for server in servers:
            for name in options.only or CONTESTANTS:
                mine = found[server.kind]
                if name in mine["failures"]:
                    continue
                clear(server.url)
                try:
                    one = _one(name, server, options)
                except ChildError as error:
                    mine["failures"][name] = str(error)
                    say(f"{name}, {server.kind}: failed: {error}")
                    continue
                mine["rates"].setdefault(name, []).append(one.pop("rate"))
                found["about"][name] = one
                say(f"round {number}: {name}, {server.kind}: {mine['rates'][name][-1]:,.0f}/s")
    return found


def _one(name: str, server: Server, options: Options) -> dict[str, Any]:
    requirements = CONTESTANTS[name]
    python = interpreter(f"mongo-{name}", requirements)
    environment = {**os.environ, "MONGO_URL": server.url, "PYTHONPATH": str(ROOT)}
    if name.startswith("bare"):
        how = name.partition(" ")[2] or "bulk_write"
        arguments = ["benchmarks.mongo.bare", server.url, how, str(COUNT // options.share)]
    else:
        arguments = ["benchmarks.mongo.drain", name, str(options.share)]
    return ask([python, "-m", *arguments], environment, PATIENCE)


def main(name: str, share: str) -> None:
    """Warm a worker, and let it drain; end it even where the runner has lost patience."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    peer = importlib.import_module(f"benchmarks.mongo.peer_{name}").Adapter()
    count = max(peer.jobs // int(share), 200)
    warm = max(min(WARM, peer.jobs // 5) // int(share), 20)
    try:
        with Tree(peer.title, [peer.worker()]) as tree:
            peer.fill(warm)
            tree.until(lambda: peer.stored() >= warm, f"{warm} firings to warm it", 60, 0.1)
            rate = tree.drain(count, peer.fill, lambda _: peer.stored() - warm, LIMIT, peer.pause)
    finally:
        peer.close()
    about = {"versions": peer.versions(), "settings": peer.settings, "jobs": count}
    print(json.dumps({"rate": rate, **about}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

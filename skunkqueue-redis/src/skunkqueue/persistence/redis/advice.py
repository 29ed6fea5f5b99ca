"""What ``skunq doctor`` says of the server: its room, and whether it keeps what it is given.

On a cluster the node that answers speaks for all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from skunkqueue.errors import BackendError
from skunkqueue.persistence.backend import Remark
from skunkqueue.persistence.redis.link import Link

Level = Literal["ok", "notice", "problem"]

_SECTIONS = ("memory", "persistence")
_NEARLY_FULL, _FILLING = 0.95, 0.8
"""Shares of its memory that are in use."""
_MIB = 2**20


def look(link: Link) -> dict[str, str]:
    """Ask the server about itself; nothing where this user may not."""
    known: dict[str, str] = {}
    try:
        for section in _SECTIONS:
            for line in link.command("INFO", section).decode(errors="replace").splitlines():
                name, _, value = line.partition(":")
                known[name] = value
    except BackendError:
        return {}
    return known


def remarks(known: Mapping[str, str]) -> Iterator[Remark]:
    """Say what is worth saying of what ``INFO`` tells."""
    if known:
        yield from _room(known)
        yield from _persistence(known)


def _number(known: Mapping[str, str], name: str) -> int:
    value = known.get(name, "")
    return int(value) if value.isdigit() else 0


def _room(known: Mapping[str, str]) -> Iterator[Remark]:
    used, limit = _number(known, "used_memory"), _number(known, "maxmemory")
    room, whose = (
        (limit, "its maxmemory") if limit else (_number(known, "total_system_memory"), "its machine's memory")
    )
    share = used / room if room else 0.0
    text = f"{used // _MIB:,} MiB of memory are used"
    if room:
        text = f"{used // _MIB:,} of {room // _MIB:,} MiB of {whose} are used"
    level: Level = "problem" if share >= _NEARLY_FULL else "notice" if share >= _FILLING else "ok"
    cure = "prune (skunq prune), keep results for a shorter time, or give the server more memory: firing is refused once it is full"
    yield Remark(level=level, text=text, cure="" if level == "ok" else cure)
    policy = known.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        yield Remark(
            level="problem",
            text=f"the server's maxmemory-policy is {policy}, so it may throw firings away when its memory is full",
            cure="CONFIG SET maxmemory-policy noeviction, and in its configuration file",
        )


def _persistence(known: Mapping[str, str]) -> Iterator[Remark]:
    failed = [
        what
        for what, name in (
            ("append-only file", "aof_last_write_status"),
            ("snapshot", "rdb_last_bgsave_status"),
        )
        if known.get(name, "ok") != "ok"
    ]
    if failed:
        yield Remark(
            level="problem",
            text=f"the server could not write its {' and its '.join(failed)}",
            cure="look at the server's log and its disk: it may refuse writes until then",
        )
    if known.get("aof_enabled") == "0":
        yield Remark(
            level="notice",
            text="the server keeps no append-only file: what came since its last snapshot is lost when it ends suddenly",
            cure="CONFIG SET appendonly yes, and in its configuration file",
        )

"""Remarks on how a cluster is set up, and what to change, read from its status. Changes nothing itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from skunkqueue.persistence.backend import Remark
from skunkqueue.persistence.fdb import errors
from skunkqueue.persistence.fdb.settings import Settings
from skunkqueue.persistence.fdb.transactions import Transaction

_STATUS = b"\xff\xff/status/json"
LITTLE, SOME = 100 * 2**20, 2**30
"""Bytes left at which there is a problem, and at which that is worth a notice."""
SPREAD = 3
"""Machines from which on one copy of everything is a mistake."""
_FREELY = frozenset({"", "workload"})
"""What limits a cluster that is well: nothing but the work there is."""


class _ClusterFile(msgspec.Struct, frozen=True):
    path: str = ""
    up_to_date: bool = True


class _Coordinators(msgspec.Struct, frozen=True):
    coordinators: tuple[msgspec.Raw, ...] = ()


class _Client(msgspec.Struct, frozen=True):
    cluster_file: _ClusterFile = _ClusterFile()
    coordinators: _Coordinators = _Coordinators()


class _Configuration(msgspec.Struct, frozen=True):
    redundancy_mode: str = ""
    storage_engine: str = ""


class _Data(msgspec.Struct, frozen=True):
    least_operating_space_bytes_storage_server: int | None = None
    least_operating_space_bytes_log_server: int | None = None


class _Tolerance(msgspec.Struct, frozen=True):
    max_zone_failures_without_losing_data: int | None = None


class _Limit(msgspec.Struct, frozen=True):
    name: str = ""
    description: str = ""


class _Service(msgspec.Struct, frozen=True):
    performance_limited_by: _Limit = _Limit()


class _Process(msgspec.Struct, frozen=True):
    version: str = ""


class _Cluster(msgspec.Struct, frozen=True):
    configuration: _Configuration = _Configuration()
    data: _Data = _Data()
    fault_tolerance: _Tolerance = _Tolerance()
    qos: _Service = _Service()
    machines: dict[str, msgspec.Raw] = {}
    processes: dict[str, _Process] = {}


class Status(msgspec.Struct, frozen=True):
    """What we look at of the status of a cluster; what a release does not tell is left out."""

    client: _Client = _Client()
    cluster: _Cluster = _Cluster()


def look(tr: Transaction) -> Status | None:
    """Ask the cluster; ``None``: it tells nothing that we understand."""
    try:
        told = tr.raw.get(_STATUS).value
    except tr.link.error as error:
        if errors.code_of(error) in errors.AGAIN:
            raise
        return None
    try:
        return None if told is None else msgspec.json.decode(told, type=Status)
    except msgspec.MsgspecError:
        return None


def remarks(status: Status, settings: Settings) -> Iterator[Remark]:
    """Say what is worth saying."""
    cluster = status.cluster
    versions = sorted({process.version for process in cluster.processes.values()})
    how = cluster.configuration
    yield Remark(
        level="ok",
        text=f"FoundationDB {' and '.join(versions)}, {_many(len(cluster.processes), 'process', 'es')} on {_many(len(cluster.machines), 'machine')},"
        f" {how.redundancy_mode} {how.storage_engine}",
    )
    yield from _cluster_file(status.client, settings)
    yield from _copies(cluster)
    yield from _room(cluster)
    if how.storage_engine.startswith("memory"):
        yield Remark(
            level="notice",
            text="the engine is `memory`: all data must fit into the memory of its processes, and a restart reads it all",
            cure="fdbcli --exec 'configure ssd', for a store that may grow",
        )
    if len(versions) > 1:
        yield Remark(
            level="notice",
            text=f"servers are of several versions: {', '.join(versions)}",
            cure="bring all of them to the same release",
        )


def _many(number: int, what: str, ending: str = "s") -> str:
    return f"{number} {what}{'' if number == 1 else ending}"


def _cluster_file(client: _Client, settings: Settings) -> Iterator[Remark]:
    """Remark on a cluster file that cannot be written: it must be when coordinators change, by writing another beside it."""
    several = len(client.coordinators.coordinators) > 1
    if settings.connection is not None:
        if several:
            yield Remark(
                level="notice",
                text="the URL names the coordinators itself: once they have changed, new processes ask those that are gone",
                cure="name a cluster file, as in fdb:///etc/foundationdb/fdb.cluster",
            )
        return
    path = Path(client.cluster_file.path)
    if not client.cluster_file.up_to_date:
        yield Remark(
            level="problem",
            text=f"the cluster file {path} names other coordinators than the cluster has now",
            cure=f"let this user write {path} and its folder, and start once more",
        )
    elif not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        yield Remark(
            level="notice",
            text=f"this user cannot write the cluster file {path} and its folder: once coordinators have changed, new processes ask"
            " those that are gone",
            cure=f"give this user a copy of {path} in a folder of its own",
        )


def _copies(cluster: _Cluster) -> Iterator[Remark]:
    failures = cluster.fault_tolerance.max_zone_failures_without_losing_data
    if cluster.configuration.redundancy_mode == "single":
        spread = len(cluster.machines) >= SPREAD
        yield Remark(
            level="problem" if spread else "notice",
            text=f"the redundancy is `single`: all is lost with {'any machine' if spread else 'its disk'}",
            cure="fdbcli --exec 'configure double'" + ("" if spread else ", once there are three machines"),
        )
    elif failures is not None and failures < 1:
        yield Remark(
            level="problem",
            text="the cluster lacks copies: the next machine that is lost takes data with it",
            cure="bring lost machines back or add others, and look at `fdbcli --exec status`",
        )


def _room(cluster: _Cluster) -> Iterator[Remark]:
    data = cluster.data
    rooms = [
        room
        for room in (
            data.least_operating_space_bytes_storage_server,
            data.least_operating_space_bytes_log_server,
        )
        if room is not None
    ]
    # A process with the memory engine has about as much from the beginning as is little on a disk.
    some = LITTLE if cluster.configuration.storage_engine.startswith("memory") else SOME
    cure = "prune (skunq prune), add disks or processes, or see what else fills them"
    if rooms and min(rooms) < some:
        yield Remark(
            level="problem" if min(rooms) < LITTLE else "notice",
            text=f"only {max(min(rooms), 0) // 2**20} MiB are left to the fullest server",
            cure=cure,
        )
    limit = cluster.qos.performance_limited_by
    if limit.name not in _FREELY:
        yield Remark(
            level="problem" if "space" in limit.name else "notice",
            text=f"the cluster slows its clients down: {limit.description or limit.name}",
            cure=cure
            if "space" in limit.name
            else "see which server is busy: fdbcli --exec 'status details'",
        )

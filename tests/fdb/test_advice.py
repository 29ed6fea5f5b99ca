"""What ``skunq doctor`` says of a cluster: the usual mistakes, each with its cure."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from skunkqueue.persistence.backend import BackendConfig, Remark
from skunkqueue.persistence.fdb.advice import Status, remarks
from skunkqueue.persistence.fdb.settings import settings_of
from tests.core.cli.program import Skunq
from tests.fdb.test_opening import NEWER
from tests.support.fdb_fixtures import NewFdbServer
from tests.support.fdb_server import FdbServer
from tests.support.fdb_standin.backend import StandInBackend
from tests.support.fdb_standin.process import StandInServer
from tests.support.store_fixtures import ConfigOf
from tests.support.waiting import eventually

GIB = 2**30
MACHINES: dict[str, dict[str, str]] = {str(number): {} for number in range(3)}


def well(folder: Path) -> dict[str, Any]:
    """Give what a cluster says in which nothing is wrong."""
    return {
        "client": {
            "cluster_file": {"path": str(folder / "fdb.cluster"), "up_to_date": True},
            "coordinators": {"coordinators": [{"address": "10.0.0.1:4500"}] * 3},
        },
        "cluster": {
            "configuration": {"redundancy_mode": "double", "storage_engine": "ssd-2"},
            "data": {
                "least_operating_space_bytes_storage_server": 50 * GIB,
                "least_operating_space_bytes_log_server": 50 * GIB,
            },
            "fault_tolerance": {"max_zone_failures_without_losing_data": 1},
            "qos": {"performance_limited_by": {"name": "workload"}},
            "machines": MACHINES,
            "processes": {str(number): {"version": "7.3.79"} for number in range(3)},
        },
    }


@pytest.fixture
def status(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "fdb.cluster").write_text("a:b@10.0.0.1:4500\n", encoding="utf-8")
    return well(tmp_path)


def said(status: dict[str, Any], url: str = "fdb://") -> list[Remark]:
    """Return all but what is said in any case."""
    read = msgspec.json.decode(msgspec.json.encode(status), type=Status)
    first, *others = remarks(read, settings_of(BackendConfig(backend="fdb", url=url)))
    assert first.level == "ok"
    return others


def the_only(status: dict[str, Any], url: str = "fdb://") -> tuple[str, str]:
    (remark,) = said(status, url)
    assert remark.cure
    return remark.level, remark.text


def test_nothing_is_said_where_nothing_is_wrong(status: dict[str, Any]) -> None:
    assert said(status) == []


def test_one_copy_is_a_notice_on_one_machine_and_a_mistake_on_three(status: dict[str, Any]) -> None:
    status["cluster"]["configuration"]["redundancy_mode"] = "single"
    status["cluster"]["fault_tolerance"]["max_zone_failures_without_losing_data"] = 0

    assert the_only(status) == ("problem", "the redundancy is `single`: all is lost with any machine")
    status["cluster"]["machines"] = {"one": {}}
    assert the_only(status) == ("notice", "the redundancy is `single`: all is lost with its disk")


def test_lost_copies_are_a_problem(status: dict[str, Any]) -> None:
    status["cluster"]["fault_tolerance"]["max_zone_failures_without_losing_data"] = 0

    level, text = the_only(status)

    assert (level, "lacks copies" in text) == ("problem", True)


def test_the_memory_engine_is_a_notice(status: dict[str, Any]) -> None:
    status["cluster"]["configuration"]["storage_engine"] = "memory"
    status["cluster"]["data"]["least_operating_space_bytes_storage_server"] = GIB - 1

    level, text = the_only(status)

    assert (level, "must fit into the memory" in text) == ("notice", True)


@pytest.mark.parametrize("server", ["storage", "log"])
@pytest.mark.parametrize(("left", "level"), [(GIB - 1, "notice"), (5, "problem"), (-1, "problem")])
def test_little_room_on_either_kind_of_server_is_told(
    status: dict[str, Any], server: str, left: int, level: str
) -> None:
    status["cluster"]["data"][f"least_operating_space_bytes_{server}_server"] = left

    told, text = the_only(status)

    assert (told, "left to the fullest server" in text) == (level, True)


def test_a_cluster_that_slows_its_clients_down_says_why(status: dict[str, Any]) -> None:
    status["cluster"]["qos"]["performance_limited_by"] = {
        "name": "storage_server_min_free_space",
        "description": "Storage server running out of space.",
    }

    assert the_only(status) == (
        "problem",
        "the cluster slows its clients down: Storage server running out of space.",
    )


def test_a_cluster_file_in_a_folder_that_cannot_be_written_is_told(
    status: dict[str, Any], tmp_path: Path
) -> None:
    # Root may write everywhere, but not where there is nothing.
    status["client"]["cluster_file"]["path"] = str(tmp_path / "none" / "fdb.cluster")

    level, text = the_only(status)

    assert (level, "cannot write the cluster file" in text) == ("notice", True)


def test_a_cluster_file_that_was_left_behind_is_a_problem(status: dict[str, Any]) -> None:
    status["client"]["cluster_file"]["up_to_date"] = False

    level, text = the_only(status)

    assert (level, "names other coordinators" in text) == ("problem", True)


def test_a_url_that_names_several_coordinators_is_told(status: dict[str, Any]) -> None:
    url = "fdb://a:b@10.0.0.1:4500,10.0.0.2:4500,10.0.0.3:4500"

    level, text = the_only(status, url)
    assert (level, "the URL names the coordinators" in text) == ("notice", True)
    status["client"]["coordinators"]["coordinators"] = [{}]
    assert said(status, url) == []


def test_servers_of_several_versions_are_told(status: dict[str, Any]) -> None:
    status["cluster"]["processes"]["0"]["version"] = "7.3.80"

    assert the_only(status) == ("notice", "servers are of several versions: 7.3.79, 7.3.80")


def test_what_a_release_does_not_tell_is_left_out(tmp_path: Path) -> None:
    assert said({"client": {"cluster_file": {"path": str(tmp_path / "fdb.cluster")}}}) != []
    assert said({"cluster": {}}, "fdb://a:b@10.0.0.1:4500") == []


def test_a_store_that_tells_nothing_of_itself_has_no_remarks(
    stand_in: StandInServer, config_of: ConfigOf
) -> None:
    store = StandInBackend.open(config_of(stand_in.url()))

    assert store.remarks() == []
    store.close()


def doctor(url: str, check: str, *, expect: int) -> list[str]:
    told = Skunq().json("doctor", "--url", url, expect=expect)["findings"]
    return [f"{each['level']}: {each['text']}" for each in told if each["check"] == check]


def test_the_doctor_reads_the_status_of_a_real_cluster(fdb_server: FdbServer, dbname: str) -> None:
    Skunq()("work", "--url", fdb_server.url(dbname), "-q", "demo", "--burst")

    def is_known() -> list[str]:
        # A server that has just been started does not know its own machine yet.
        found = doctor(fdb_server.url(dbname), "server", expect=0)
        return found if " on 0 machines" not in found[0] else []

    told = eventually(is_known)

    assert told[0].startswith("ok: FoundationDB 7.")
    assert told[0].endswith(" 1 process on 1 machine, single memory")
    # A busy machine may give it more to say.
    assert any(line.startswith("notice: the redundancy is `single`") for line in told)
    assert any(line.startswith("notice: the engine is `memory`") for line in told)


def test_the_doctor_tells_of_a_locked_database(new_fdb_server: NewFdbServer, dbname: str) -> None:
    server = new_fdb_server()
    assert "locked" in server.cli("lock")

    (told,) = doctor(f"{server.url(dbname)}&retry_for=1", "store", expect=1)

    assert told.startswith("problem: ")
    assert "the database is locked" in told
    assert "`unlock UID` in `fdbcli`" in told


def test_the_doctor_tells_of_a_cluster_file_that_is_not_there(fdb_server: FdbServer, tmp_path: Path) -> None:
    fdb_server.url()  # where there is no server there is no library either

    (told,) = doctor(f"fdb://{tmp_path}/fdb.cluster", "store", expect=1)

    assert told.startswith("problem: ")
    assert "cluster file cannot be used" in told


def test_the_doctor_says_which_binding_to_install_where_it_is_newer_than_the_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: int) -> None:
        raise RuntimeError(NEWER)

    monkeypatch.setitem(
        sys.modules,
        "fdb",
        SimpleNamespace(is_api_version_selected=lambda: False, LATEST_API_VERSION=800, api_version=refuse),
    )

    (told,) = doctor("fdb://a:b@127.0.0.1:1", "store", expect=1)

    assert "newer than the client library of this machine, which is of version 7.3" in told
    assert "pip install 'foundationdb>=7.3,<7.4'" in told

"""Whether the monitor is well, for whoever keeps it running."""

from __future__ import annotations

from pathlib import Path

from skunkqueue.persistence import Backend
from skunkqueue.web import create_app
from tests.web.access.conftest import Monitor, bearer
from tests.web.crews import add_worker
from tests.web.monitor_client import MonitorClient


def test_the_process_is_well_also_while_its_store_is_away(tmp_path: Path) -> None:
    app = create_app(f"sqlite:///{tmp_path / 'none.db'}")

    assert app.test_client().get("/healthz").status_code == 200
    assert app.extensions["skunkqueue.source"]._backend is None


def test_it_is_not_ready_while_its_store_is_away(tmp_path: Path) -> None:
    place = tmp_path / "none.db"
    answer = create_app(f"sqlite:///{place}").test_client().get("/readyz")

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert str(place) not in answer.text


def test_neither_needs_a_login(locked: MonitorClient) -> None:
    assert locked.get("/healthz").status_code == 200
    assert locked.get("/readyz").status_code == 200


def test_it_is_ready_when_the_routes_that_were_named_have_workers(
    monitor: Monitor, store: Backend, auth_file: Path
) -> None:
    wanted = ("shop/default", "shop/a/b")
    client = monitor(ready_workers=wanted, auth_file=str(auth_file))
    add_worker(store)

    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "1 of the routes" in answer.text
    assert "a/b" not in answer.text
    assert "shop/a/b" in client.get("/readyz", headers=bearer("view")).text

    add_worker(store, route="a/b")
    ready = monitor(ready_workers=wanted, auth_file=str(auth_file))
    assert ready.get("/readyz").status_code == 200

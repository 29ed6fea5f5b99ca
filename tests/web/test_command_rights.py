"""Who may command workers and pools, and act on schedules: the server decides, whatever a page shows."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from skunkqueue.persistence import Backend
from skunkqueue.web import Login, Right, create_app
from tests.web.crews import add_pool, heard
from tests.web.firings import QUEUE
from tests.web.monitor_client import MonitorClient
from tests.web.schedules import declare, read

pytestmark = pytest.mark.usefixtures("strategies")


def client_of(url: str, right: Right) -> FlaskClient:
    login = Login(name="jed", right=right, by="site")
    app = create_app(url, authorize=lambda _: login)
    app.test_client_class = MonitorClient
    return app.test_client()


@pytest.mark.parametrize("right", [Right.VIEW, Right.ACT])
def test_only_an_admin_commands_workers_and_pools(url: str, store: Backend, right: Right) -> None:
    pool = add_pool(store)
    worker = pool.processes[0].worker
    client = client_of(url, right)

    told = [
        client.post("/do/worker", data={"verb": "stop", "id": worker}).status_code,
        client.post("/do/pool", data={"verb": "quiet", "id": pool.id}).status_code,
        client.get(f"/confirm/worker?verb=stop&id={worker}").status_code,
        client.get(f"/confirm/pool?verb=stop&id={pool.id}").status_code,
    ]

    assert told == [403] * 4
    assert heard(store, pool.id) == []
    assert store.audit().entries == ()


@pytest.mark.parametrize(
    ("right", "acts", "removes"), [(Right.VIEW, 403, 403), (Right.ACT, 303, 403), (Right.ADMIN, 303, 303)]
)
def test_schedules_are_paused_by_who_may_act_and_removed_by_an_admin(
    url: str, store: Backend, right: Right, acts: int, removes: int
) -> None:
    declare(store)
    named = {"queue": QUEUE, "name": "tick"}
    client = client_of(url, right)

    assert client.post("/do/schedule", data={"verb": "pause", **named}).status_code == acts
    assert read(store).paused == (acts == 303)
    assert client.post("/do/schedule/remove", data=named).status_code == removes
    assert (store.get_schedule(QUEUE, "tick") is None) == (removes == 303)


def test_no_button_is_shown_to_who_may_not_press_it(url: str, store: Backend) -> None:
    pool = add_pool(store)
    declare(store)
    client = client_of(url, Right.VIEW)

    pages = [
        client.get(path).text.partition("<main")[2].partition("</main>")[0]
        for path in (
            "/workers",
            f"/workers/{pool.processes[0].worker}",
            f"/pools/{pool.id}",
            "/schedules",
            f"/schedule?queue={QUEUE}&name=tick",
        )
    ]

    assert not any("<button" in page or "/confirm/" in page for page in pages)


def test_a_read_only_monitor_commands_nobody(url: str, store: Backend) -> None:
    pool = add_pool(store)
    app = create_app(url, read_only=True)
    app.test_client_class = MonitorClient

    answer = app.test_client().post("/do/pool", data={"verb": "stop", "id": pool.id})

    assert answer.status_code == 403
    assert heard(store, pool.id) == []

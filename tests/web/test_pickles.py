"""Pickles: the monitor never reads one, wherever it comes from, and whoever signed it."""

from __future__ import annotations

import base64
import os
import pickle
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from skunkqueue.payload import AttemptState, Body, Step, encode
from skunkqueue.persistence import Backend
from skunkqueue.records import ClaimRef, Outcome, Verdict
from skunkqueue.serializers.pickle import ENV_SECRET, PickleSerializer
from skunkqueue.web.access import sessions
from skunkqueue.web.api.endpoints import ENDPOINTS
from tests.web.everything import PAGES, Shown, fill
from tests.web.firings import QUEUE, claim, firing
from tests.web.schedules import declare

pytestmark = pytest.mark.usefixtures("strategies")


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.folder,)


@pytest.fixture
def crater(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the bombs of a test make. The monitor has the secret with which they are signed."""
    monkeypatch.setenv(ENV_SECRET, "a secret that signs bombs")
    return tmp_path / "crater"


@pytest.fixture
def ids(store: Backend, crater: Path) -> list[str]:
    """Firings with bombs in bodies, results, progress and attempt states, and a schedule of them."""
    raw, signed = pickle.dumps(Bomb(crater)), PickleSerializer().dumps(Bomb(crater), "the bomb")
    args = PickleSerializer().dumps(([Bomb(crater)], {}, {}), "the bomb")
    bodies = [
        raw,
        signed,
        *(
            encode(Body(steps=(Step("shop:send", each, serializer="pickle"),)))
            for each in (raw, signed, args)
        ),
        encode(Body(steps=(Step("shop:send", raw),))),
    ]
    declare(store, "bomb", route="bombs", after=-1.0, body=bodies[2], state=raw, strategy="nobody has it")
    put = []
    for body in bodies:
        for result in (raw, signed):
            made = firing(body=body, job="shop:send", route="bombs")
            put.append(made.id)
            store.enqueue([made])
            held = next(one for one in claim(store, "bombs", limit=20) if one.id == made.id)
            store.progress(ClaimRef(id=held.id, token=held.token), raw)
            outcome = Outcome(
                id=held.id,
                token=held.token,
                verdict=Verdict.COMPLETE if result is raw else Verdict.ERROR,
                began=held.claimed,
                took=0.1,
                result=result,
                attempt_state=encode(AttemptState(done=(raw,))) if body is raw else raw,
            )
            store.settle([outcome])
    return put


@pytest.fixture
def shown(store: Backend) -> Shown:
    return fill(store)


def test_a_bomb_goes_off_where_it_is_unpickled(crater: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(crater)))  # noqa: S301 - our own

    assert crater.is_dir()


def test_no_page_unpickles_what_is_in_the_store(
    client: FlaskClient, ids: list[str], shown: Shown, crater: Path
) -> None:
    # That of plugins shows nothing of the store, and takes long.
    addresses = [address(shown) for name, (_, address) in PAGES.items() if name != "plugins"]
    addresses += [f"/jobs/{id_}{whole}" for id_ in ids for whole in ("", "?whole=1")]
    addresses += ["/jobs?text=mkdir", "/find?q=mkdir", f"/schedule?queue={QUEUE}&name=bomb"]

    for address in addresses:
        assert client.get(address).status_code in (200, 404), address
    assert not crater.exists()


def test_the_api_does_not_unpickle_what_is_in_the_store(
    client: FlaskClient, ids: list[str], crater: Path
) -> None:
    addresses = [f"/jobs/{id_}{whole}" for id_ in ids for whole in ("", "?whole=true")]
    addresses += [f"/results?id={id_}" for id_ in ids]
    addresses += ["/jobs?text=mkdir", "/errors", "/schedules", f"/schedule?queue={QUEUE}&name=bomb"]

    for address in addresses:
        assert client.get(f"/api/v1{address}").status_code == 200, address
    assert not crater.exists()


@pytest.mark.parametrize("form", ["raw", "base64"])
def test_no_parameter_is_unpickled(client: FlaskClient, shown: Shown, crater: Path, form: str) -> None:
    del shown
    raw = pickle.dumps(Bomb(crater), protocol=0)
    given = raw.decode() if form == "raw" else base64.urlsafe_b64encode(raw).decode()
    addresses = [
        (f"/api/v1{each.path}", name, text)
        for each in ENDPOINTS
        if each.method == "GET" and each.query is not None and "{" not in each.path
        for name in each.query.__struct_fields__
        for text in ((f"n{given}", f"p{given}") if name == "cursor" else (given,))
    ]
    pages = ("/jobs", "/errors", "/queues", "/schedules", "/audit", "/operations")
    addresses += [(page, name, given) for page in pages for name in ("after", "before", "tag")]

    for path, name, text in addresses:
        assert client.get(path, query_string={name: text}).status_code < 500, (path, name)
    assert not crater.exists()


def test_no_cookie_is_unpickled(client: FlaskClient, shown: Shown, crater: Path) -> None:
    del shown
    raw = base64.urlsafe_b64encode(pickle.dumps(Bomb(crater))).decode()

    for value in (raw, f"{raw}.aaaa.bbbb", f".{raw}"):
        for name in (sessions.COOKIE, "session", "theme"):
            client.set_cookie(name, value)
        assert client.get("/queues").status_code == 200
        assert client.post("/do/route", data={"queue": QUEUE, "verb": "pause"}).status_code < 500
    assert not crater.exists()

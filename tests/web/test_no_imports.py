"""The monitor imports no module of the users, whatever in the store names one."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from skunkqueue.payload import Body, Step, encode
from skunkqueue.persistence import Backend
from skunkqueue.records import Outcome, Verdict
from skunkqueue.serializers.typed import TypedSerializer
from skunkqueue.web.api.endpoints import BASE
from skunkqueue.web.operations import Operations
from tests.web.api.reads import fill_and_act
from tests.web.everything import PAGES, Shown, fill
from tests.web.firings import claim, firing

pytestmark = pytest.mark.usefixtures("strategies")
MODULES = {"shop": "__init__.py", "shop.jobs": "jobs.py"}
"""Where the jobs of ``fill`` and of its schedules are."""
SOURCE = """
from dataclasses import dataclass
from pathlib import Path

Path({mark!r}).touch()

@dataclass
class Order:
    number: int
"""


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the modules on the path; give the file that they make when they are imported."""
    mark = tmp_path / "imported"
    package = tmp_path / "code" / "shop"
    package.mkdir(parents=True)
    for module, name in MODULES.items():
        (package / name).write_text(SOURCE.format(mark=str(mark)))
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.syspath_prepend(str(package.parent))
    return mark


@pytest.fixture
def ordered(store: Backend, mark: Path) -> str:
    """Return the id of a firing whose argument and result are of a class of these modules."""
    order = importlib.import_module("shop").Order(7)
    assert mark.exists(), "an import leaves no mark"
    serializer = TypedSerializer()
    step = Step(job="shop:send", args=serializer.dumps_call((order,), {}, None))
    made = firing(body=encode(Body(steps=(step,))), job="shop:send")
    store.enqueue([made])
    (held,) = claim(store)
    result = serializer.dumps(order, "the result")
    store.settle([Outcome(id=held.id, token=held.token, verdict=Verdict.COMPLETE, result=result)])
    del sys.modules["shop"]
    mark.unlink()
    return made.id


@pytest.fixture
def shown(store: Backend, ordered: str) -> Shown:
    del ordered
    return fill(store)


def test_no_page_imports_a_module_of_the_users(
    client: FlaskClient, shown: Shown, ordered: str, mark: Path
) -> None:
    # That of plugins shows nothing of the store, and takes long.
    pages = [address(shown) for name, (_, address) in PAGES.items() if name != "plugins"]
    for address in [*pages, f"/jobs/{ordered}?whole=1"]:
        assert client.get(address).status_code == 200, address

    assert "Order" in client.get(f"/jobs/{ordered}").text
    assert not mark.exists()
    assert not MODULES.keys() & sys.modules.keys()


def test_no_answer_of_the_api_imports_a_module_of_the_users(
    client: FlaskClient, store: Backend, ordered: str, mark: Path, known: Operations
) -> None:
    del known
    addresses = [address for all_ in fill_and_act(client, store).values() for address in all_]
    for address in [*addresses, f"/jobs/{ordered}?whole=true", f"/results?id={ordered}"]:
        assert client.get(f"{BASE}{address}").status_code == 200, address

    assert not mark.exists()
    assert not MODULES.keys() & sys.modules.keys()

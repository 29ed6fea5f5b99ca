"""``skunq fire``: a job is found, its arguments checked, and it is fired."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from click.testing import Result

from skunkqueue.cli.views import arguments
from skunkqueue.listings import Query
from skunkqueue.payload import decode_body
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.persistence.sqlite import SQLiteBackend
from skunkqueue.records import Record, State, Verdict
from tests.core.cli.program import WRONG, Skunq, end
from tests.support.waiting import eventually

JOBS = """
from skunkqueue import JobMixin, SkunkQueue

queue = SkunkQueue("demo")

@queue.job(routes=["foo"], tags=["shop"])
def sell(count, what="apples", *, gift=False):
    return count

@queue.job
class Buy(JobMixin):
    def work(self, count):
        return count

class Needy(JobMixin):
    def __init__(self, need):
        super().__init__()
        self.need = need

    def work(self):
        return self.need

def plain():
    pass

if __name__ != "__main__":
    sell(1).fire()
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module of jobs in the working folder, whose body fires one where no worker imports it."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "fired_shop.py").write_text(JOBS)
    monkeypatch.chdir(folder)
    before = sys.path[:]
    yield "fired_shop"
    sys.path[:] = before
    sys.modules.pop("fired_shop", None)


def record(store: Backend, made: str) -> Record:
    (found,) = store.get([made])
    assert found is not None
    return found


def given(found: Record) -> object:
    args = arguments(decode_body(found.body).steps[0])
    assert not isinstance(args, str)
    return args[:2]


def test_a_job_is_fired_with_arguments_of_json_and_words(store: Backend, skunq: Skunq, shop: str) -> None:
    told = skunq("fire", f"{shop}:sell", "4", "green apples", "--kwargs", '{"gift": true}')

    found = record(store, told.strip())
    assert (found.queue, found.route, found.state) == ("demo", "foo", State.PENDING)
    assert given(found) == ([4, "green apples"], {"gift": True})
    assert sum(info.counts[State.PENDING] for info in store.routes()) == 1


def test_a_string_that_looks_like_json_has_quotes_of_its_own(store: Backend, skunq: Skunq, shop: str) -> None:
    told = skunq("fire", f"{shop}:sell", '"4"', "[1, null]")

    assert given(record(store, told.strip())) == (["4", [1, None]], {})


def test_the_rules_of_a_firing_can_be_given(store: Backend, skunq: Skunq, shop: str) -> None:
    words = ("-q", "other", "-r", "bar", "--in", "2h", "--priority", "9", "--key", "once", "--tag", "eu")

    (made,) = skunq.json("fire", f"{shop}:sell", "1", *words)["ids"]

    found = record(store, made)
    assert (found.queue, found.route, found.priority, found.key) == ("other", "bar", 9, "once")
    assert 7_100 < found.due - found.enqueued < 7_300
    assert found.tags == ("eu",)


def test_a_firing_may_be_for_a_moment(store: Backend, skunq: Skunq, shop: str) -> None:
    told = skunq("fire", f"{shop}:sell", "1", "--at", "2100-01-01T00:00Z")

    assert record(store, told.strip()).due == 4_102_444_800.0
    assert "for a delay, write --in" in skunq.error("fire", f"{shop}:sell", "1", "--at", "2h", expect=2)


def test_a_class_is_fired_as_an_object_of_it(store: Backend, skunq: Skunq, shop: str) -> None:
    assert given(record(store, skunq("fire", f"{shop}:Buy", "3").strip())) == ([3], {})


@pytest.mark.parametrize(
    ("words", "part", "code"),
    [
        (["sell"], "'count' is missing", 2),
        (["sell", "1", "2", "3"], "3 are given by position", 2),
        (["sell", "1", "--kwargs", '{"price": 1}'], "'price' is not taken by name", 2),
        (["sell", "1", "--kwargs", "[1]"], "must be a JSON object", 2),
        (["sell", "1", "--kwargs", "{"], "--kwargs is not JSON", 2),
        (["sell", "[" * 20_000], "an argument is nested too deep", 2),
        (["sell", "1", "--kwargs", '{"price": ' + "[" * 20_000], "--kwargs is nested too deep", 2),
        (["plain"], "is not a job: mark the function with @queue.job", 1),
        (["gone"], "has no 'gone'", 1),
        (["Needy"], "fire it from Python", 1),
        (["sell", "1", "--in", "1h", "--at", "2100-01-01"], "either --in or --at", 2),
        (["sell", "1", "--in", "400d"], "(a year)", 2),
        (["sell", "1", "--at", "6000-01-01"], "before the year 5138", 2),
        (["sell", "1", "--tag", "a b"], "tag", 2),
        (["sell", "1", "--queue", ""], "queue name is empty", 2),
        (["sell", "1", "--route", ""], "route name is empty", 2),
        (["sell", "1", "--key", ""], "is empty", 2),
    ],
)
def test_what_cannot_be_fired_is_refused_before_anything_is(
    store: Backend, skunq: Skunq, shop: str, *, words: list[str], part: str, code: int
) -> None:
    name, *rest = words

    assert part in skunq.error("fire", f"{shop}:{name}", *rest, expect=code)
    assert store.routes() == []


def test_a_module_that_is_not_here_is_an_error_about_the_command_itself(skunq: Skunq) -> None:
    nowhere, elsewhere = (
        skunq.error("fire", f"{module}:x", expect=1) for module in ("nowhere_at_all", "this")
    )

    assert "start `skunq fire` in the folder of your code, or name that folder with --path" in nowhere
    assert "only if `skunq fire` is started with --allow this" in elsewhere


def test_what_cannot_be_found_here_comes_with_no_advice_for_workers(
    skunq: Skunq, shop: str, tmp_path: Path
) -> None:
    (tmp_path / "code" / "broken_shop.py").write_text("1 / 0")

    unknown = skunq.error("fire", f"{shop}:nope", expect=1)
    broken = skunq.error("fire", "broken_shop:sell", expect=1)

    assert "check the name, and that this is the code you mean" in unknown
    assert broken.endswith("division by zero; fix it\n")


def test_a_name_without_a_module_is_refused(skunq: Skunq) -> None:
    assert "write MODULE:JOB" in skunq.error("fire", "sell", expect=2)


def test_no_store_is_made_for_a_mistyped_path_in_the_environment(
    tmp_path: Path, skunq: Skunq, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "missing.db"
    monkeypatch.setenv("SKUNKQUEUE_URL", f"sqlite:///{missing}")
    Path(f"{shop}_typed.py").write_text(JOBS)

    skunq.error("fire", f"{shop}_typed:sell", "1", expect=3)

    assert not missing.exists()


def test_no_store_is_made_for_a_mistyped_path(tmp_path: Path, skunq: Skunq, shop: str) -> None:
    missing = tmp_path / "missing.db"

    skunq.error("fire", f"{shop}:sell", "1", "--url", f"sqlite:///{missing}", expect=3)

    assert not missing.exists()


def test_the_store_of_the_jobs_own_queue_is_made_as_by_any_firing(
    tmp_path: Path, skunq: Skunq, shop: str
) -> None:
    """A newcomer's first firing, where the code names a file that is not there yet."""
    path = tmp_path / "new.db"
    Path(f"{shop}_new.py").write_text(JOBS.replace('"demo"', f'"demo", conn_url="sqlite:///{path}"'))

    skunq("fire", f"{shop}_new:sell", "1")

    with closing(SQLiteBackend.open(BackendConfig(backend="sqlite", url=f"sqlite:///{path}"))) as made:
        assert [row.job for row in made.rows(Query()).rows] == [f"{shop}_new:sell"]


def test_who_fired_it_is_in_the_audit_log(skunq: Skunq, shop: str) -> None:
    made = skunq("fire", f"{shop}:sell", "1", "--why", "a test").strip()

    (entry,) = skunq.json("audit")["entries"]

    assert (entry["verb"], entry["on"]) == ("fire", f"{shop}:sell in queue demo")
    assert (entry["did"], entry["why"]) == (f"fired {made}", "a test")


def test_a_key_that_is_taken_is_not_said_to_be_fired(store: Backend, skunq: Skunq, shop: str) -> None:
    words = ["fire", f"{shop}:sell", "1", "--key", "only-once"]
    made = skunq(*words).strip()

    result = skunq.result(*words, expect=0)
    told = skunq.json(*words)

    assert result.stdout.strip() == made
    assert result.stderr == f"not fired: {made} was fired before with the same idempotency key\n"
    assert told == {"ids": [made], "fired_before": [made]}
    last, _, first = store.audit().entries
    assert (last.did, last.outcome) == (f"nothing: its idempotency key is that of {made}", "nothing")
    assert (first.did, first.outcome) == (f"fired {made}", "ok")


def test_programs_read_that_a_wait_was_in_vain(store: Backend, skunq: Skunq, shop: str) -> None:
    words = ["fire", f"{shop}:sell", "1", "--wait", "--timeout", "0s", "--json"]

    result = skunq.result(*words, expect=1)

    told = json.loads(result.stdout)
    assert told == {"id": told["id"], "state": "pending", "error": None, "result": None}
    assert record(store, told["id"]).state is State.PENDING
    assert "is still pending after 0 s" in result.stderr


def test_a_timeout_without_a_wait_is_refused(skunq: Skunq, shop: str) -> None:
    assert "add --wait" in skunq.error("fire", f"{shop}:sell", "1", "--timeout", "5s", expect=2)


def waited(
    store: Backend, skunq: Skunq, shop: str, *words: str, verdicts: dict[str, Verdict], expect: int
) -> Result:
    """Fire on these routes and wait, while each firing ends as its verdict says."""

    def work() -> None:
        for route, verdict in verdicts.items():
            (claim,) = eventually(partial(store.claim, "demo", route, "w", 1, 60.0), what="it is fired")
            end(store, claim, verdict)

    routes = [word for route in verdicts for word in ("-r", route)]
    with ThreadPoolExecutor() as threads:
        working = threads.submit(work)
        told = skunq.result("fire", f"{shop}:sell", "1", *routes, "--wait", *words, expect=expect)
        working.result()
    return told


def test_a_wait_for_one_firing_prints_its_result_alone(store: Backend, skunq: Skunq, shop: str) -> None:
    ends = {"a": Verdict.COMPLETE}

    plain = waited(store, skunq, shop, verdicts=ends, expect=0)
    told = json.loads(waited(store, skunq, shop, "--json", verdicts=ends, expect=0).stdout)

    assert (plain.stdout, plain.stderr) == ("9\n", "")
    assert told == {"id": told["id"], "state": "complete", "error": None, "result": 9}


def test_a_wait_for_several_firings_prints_a_result_of_each(store: Backend, skunq: Skunq, shop: str) -> None:
    told = waited(store, skunq, shop, verdicts={"a": Verdict.COMPLETE, "b": Verdict.COMPLETE}, expect=0)

    listed = [each["id"] for each in skunq.json("jobs")["jobs"]]
    assert sorted(told.stdout.splitlines()) == sorted(f"{id_}: 9" for id_ in listed)
    assert len(listed) == 2


@pytest.mark.parametrize("failing", ["a", "b"])
def test_a_wait_fails_if_any_of_several_firings_does(
    store: Backend, skunq: Skunq, shop: str, failing: str
) -> None:
    ends = {route: Verdict.ERROR if route == failing else Verdict.COMPLETE for route in ("a", "b")}

    plain = waited(store, skunq, shop, verdicts=ends, expect=1)
    told = json.loads(waited(store, skunq, shop, "--json", verdicts=ends, expect=1).stdout)["firings"]

    assert plain.stdout.endswith(": 9\n")
    assert f"is error: ValueError: {WRONG}" in plain.stderr
    found = {record(store, each["id"]).route: (each["state"], each["error"], each["result"]) for each in told}
    assert found.pop(failing) == ("error", f"ValueError: {WRONG}", None)
    assert list(found.values()) == [("complete", None, 9)]


def test_a_wait_for_several_firings_has_one_time_limit(store: Backend, skunq: Skunq, shop: str) -> None:
    words = ("-r", "a", "-r", "b", "--wait", "--timeout", "0.2s", "--json")

    result = skunq.result("fire", f"{shop}:sell", "1", *words, expect=1)

    told = json.loads(result.stdout)["firings"]
    assert [each["state"] for each in told] == ["pending", "pending"]
    assert {record(store, each["id"]).state for each in told} == {State.PENDING}
    assert result.stderr.splitlines() == [
        f"firing {each['id']} is still pending after 0.2 s: no worker listens on route {route!r} of queue 'demo'; "
        f"start one with `skunq work -q demo -r {route}`"
        for each, route in zip(told, ("a", "b"), strict=True)
    ]

"""The pages of workers and pools."""

from __future__ import annotations

import re

import msgspec
import pytest
from flask.testing import FlaskClient

from skunkqueue.cli.text import iso
from skunkqueue.persistence import Backend
from skunkqueue.pools import PoolRecord, Process, Sample
from skunkqueue.records import Outcome, Verdict, WorkerRecord
from skunkqueue.web import fleet
from skunkqueue.web.api.structs.fleet import WorkerAnswer
from tests.web.crews import add_pool, add_worker
from tests.web.firings import QUEUE, claim, firing


def times(html: str) -> list[str]:
    return re.findall(r'<time datetime="([^"]+)"', html)


def test_without_workers_the_page_says_how_to_start_some(client: FlaskClient) -> None:
    assert "skunq work -q QUEUE -r ROUTE" in client.get("/workers").text


def test_pools_are_shown_by_host_with_their_workers(client: FlaskClient, store: Backend) -> None:
    first = add_pool(store, workers=2, host="alpha")
    second = add_pool(store, host="beta")

    text = client.get("/workers").text

    assert text.index('id="host-alpha"') < text.index(first.id) < text.index('id="host-beta"')
    assert second.id in text
    assert all(process.worker in text for process in first.processes)
    assert "in 2 pools on 2 hosts" in text
    assert "64.0 MiB" in text
    assert "50 %" in text, "share of a CPU: 2.5 s within 5 s"


def test_what_a_worker_has_in_hand_is_shown_with_links(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing(job="shop:sell") for _ in range(5)])
    worker = add_worker(store)
    held = claim(store, limit=5, worker=worker)

    everything = client.get("/workers").text
    alone = client.get(f"/workers/{worker}").text

    assert everything.count(">sell</span>") == 1
    assert "and 4 more" in everything
    assert all(f'href="/jobs/{one.id}"' in alone for one in held)


def test_the_page_of_a_worker_says_where_it_is_and_since_when(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing(job="shop:sell")])
    now = store.now()
    worker = add_worker(store, host="mill", pid=4_711, started=now - 3_600)
    (held,) = claim(store, worker=worker)

    text = client.get(f"/workers/{worker}").text

    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text, re.DOTALL))
    (live,) = store.workers()
    (row,) = re.findall(rf'<tr id="firing-{held.id}">.*?</tr>', text, re.DOTALL)
    assert (facts["Host"], facts["Process"]) == ("mill", "4711")
    assert [times(facts[name]) for name in ("Started", "Heartbeat")] == [[iso(now - 3_600)], [iso(live.beat)]]
    assert times(row) == [iso(held.claimed)]


def test_the_api_says_where_a_worker_is_and_what_it_runs(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing(job="shop:sell")])
    now = store.now()
    worker = add_worker(store, host="mill", pid=4_711, started=now - 3_600)
    (held,) = claim(store, worker=worker)

    told = msgspec.json.decode(client.get(f"/api/v1/workers/{worker}").data, type=WorkerAnswer)

    (live,) = store.workers()
    assert told.beat is not None
    assert (told.host, told.pid, told.running) == ("mill", 4_711, [held.id])
    moments = told.started.timestamp(), told.beat.timestamp()
    assert moments == pytest.approx((now - 3_600, live.beat), abs=0.001)


def test_workers_of_one_queue_can_be_asked_for(client: FlaskClient, store: Backend) -> None:
    here = add_worker(store)
    there = add_worker(store, queue="other")

    text = client.get("/workers", query_string={"queue": QUEUE}).text

    assert here in text
    assert there not in text


def test_versions_that_differ_are_noted(client: FlaskClient, store: Backend) -> None:
    old = add_worker(store, version="0.9.0")
    new = add_worker(store, version="0.10.0")

    assert "0.9.0, 0.10.0" in client.get("/workers").text
    assert "others run 0.10.0" in client.get(f"/workers/{old}").text
    assert "others run" not in client.get(f"/workers/{new}").text


def test_the_page_of_a_pool_shows_it_and_its_workers(client: FlaskClient, store: Backend) -> None:
    pool = add_pool(store, workers=2, state="quiet")

    text = client.get(f"/pools/{pool.id}").text

    assert "state-quiet" in text
    assert "2 of 2" in text
    assert all(process.worker in text for process in pool.processes)


def test_a_worker_that_ended_has_a_page_with_what_it_held(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing(job="shop:sell")])
    (held,) = claim(store, worker="0123456789abcdef01234567")
    store.settle(
        [Outcome(id=held.id, token=held.token, verdict=Verdict.COMPLETE, queue=QUEUE, route="default")]
    )

    answer = client.get("/workers/0123456789abcdef01234567")

    assert answer.status_code == 200
    assert "has ended" in answer.text
    assert held.id in answer.text


def test_a_pool_that_ended_has_a_page(client: FlaskClient) -> None:
    answer = client.get("/pools/box:17:abcdef")

    assert answer.status_code == 200
    assert "has ended" in answer.text


def test_names_of_a_pool_are_shown_as_text(client: FlaskClient, store: Backend) -> None:
    pool = add_pool(store, host="<b>box</b>", routes=("<script>",), version="<i>1</i>")

    for url in ("/workers", f"/workers/{pool.processes[0].worker}"):
        text = client.get(url).text
        assert "<b>box" not in text
        assert "<script>:" not in text
        assert "<i>1" not in text
        assert "&lt;b&gt;box" in text


def test_a_long_name_of_a_queue_is_refused_with_its_name(client: FlaskClient) -> None:
    answer = client.get("/workers", query_string={"queue": "q" * 201})

    assert answer.status_code == 400
    assert "the parameter queue=" in answer.text


# --- what both lists say, put together ---------------------------------------------------------------


def pool_of(*processes: Process, beat: float = 100.0) -> PoolRecord:
    return PoolRecord(
        id="p",
        host="box",
        pid=1,
        queue=QUEUE,
        routes=("r",),
        workers=1,
        started=0,
        beat=beat,
        processes=processes,
    )


def process(worker: str = "w", state: str = "running", *samples: Sample) -> Process:
    return Process(worker=worker, pid=7, route="r", state=state, started=50.0, samples=samples)


def worker_of(**fields: object) -> WorkerRecord:
    known = {"id": "w", "queue": QUEUE, "route": "r", "pool": "p", "host": "box", "pid": 7, "started": 50.0}
    return WorkerRecord(**{**known, "beat": 100.0, "state": "busy", **fields})  # type: ignore[arg-type]  # its fields


def test_a_worker_whose_beat_is_old_is_late() -> None:
    beaten = [worker_of(id="a", beat=100.0), worker_of(id="b", beat=100.0 - fleet.LATE - 1)]

    everything = fleet.assemble([], beaten, None, now=100.0)

    assert {member.id: member.late for member in everything.members} == {"a": False, "b": True}


def test_a_process_that_is_not_listed_yet_is_starting() -> None:
    (member,) = fleet.assemble([pool_of(process())], [], None, now=100.0).members

    assert (member.state, member.beat, member.pid) == ("starting", None, 7)


@pytest.mark.parametrize("state", ["stopping", "stopped"])
def test_a_pool_knows_better_whether_its_worker_ends_or_was_stopped(state: str) -> None:
    (member,) = fleet.assemble([pool_of(process("w", state))], [worker_of()], None, now=100.0).members

    assert member.state == state


def test_a_worker_whose_pool_is_not_listed_is_shown_below_its_name() -> None:
    (group,) = fleet.assemble([], [worker_of()], None, now=100.0).groups

    assert (group.id, group.pool, group.host) == ("p", None, "box")


def test_what_a_worker_says_that_it_runs_counts_where_the_rows_do_not_tell_all() -> None:
    said = worker_of(running=("1", "2", "3"))
    whole = fleet.Running(rows={}, whole=True)
    part = fleet.Running(rows={}, whole=False)

    counts = [
        fleet.assemble([], [said], running, now=100.0).groups[0].running for running in (whole, part, None)
    ]

    assert counts == [0, 3, 3]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("busy", "idle"),
        ("idle", "idle"),
        ("quiet", "quiet"),
        ("disconnected", "disconnected"),
        ("deaf", "disconnected"),
    ],
)
def test_a_worker_is_busy_only_while_it_has_something_in_hand(said: str, shown: str) -> None:
    nothing = fleet.Running(rows={}, whole=True)

    (member,) = fleet.assemble([], [worker_of(state=said)], nothing, now=100.0).members

    assert member.state == shown


def test_versions_are_ordered_by_number() -> None:
    said = [worker_of(id=version, version=version) for version in ("0.10.0", "0.9.1", "0.9.0")]

    assert fleet.assemble([], said, None, now=100.0).versions == ("0.9.0", "0.9.1", "0.10.0")


def test_the_share_of_a_cpu_needs_two_samples_apart() -> None:
    assert fleet.share((Sample(1.0, 1, 1.0),)) is None
    assert fleet.share((Sample(1.0, 1, 1.0), Sample(1.0, 1, 2.0))) is None
    assert fleet.share((Sample(1.0, 1, 1.0), Sample(3.0, 1, 2.0))) == pytest.approx(0.5)


def test_blanks_around_the_name_of_a_queue_belong_to_it(client: FlaskClient, store: Backend) -> None:
    plain = add_worker(store)
    blank = add_worker(store, queue=f" {QUEUE}")

    text = client.get("/workers", query_string={"queue": f" {QUEUE}"}).text

    assert blank in text
    assert plain not in text

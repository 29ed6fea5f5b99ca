"""``skunq jobs`` with filters: what is listed, in which order, how far it looks, and what it reads."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta, timezone

import pytest

from skunkqueue.cli import rows as listing
from skunkqueue.cli import searching
from skunkqueue.listings import Query
from skunkqueue.payload import Progress, encode
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import ClaimRef, Firing, State, Verdict
from tests.core.cli.program import WORKER, Skunq, begin, body, end, finish, fire

PARENT = "f" * 24


def ids(listed: dict[str, list[dict[str, str]]]) -> list[str]:
    return [each["id"] for each in listed["jobs"]]


def pages(skunq: Skunq, *words: str, limit: int) -> list[str]:
    """Read a listing page by page."""
    found: list[str] = []
    more: tuple[str, ...] = ()
    while True:
        page = skunq.json("jobs", *words, "--limit", str(limit), *more)
        assert len(page["jobs"]) <= limit
        found += ids(page)
        if page["next"] is None:
            return found
        more = ("--after", page["next"])


@pytest.fixture
def shop(store: Backend) -> dict[str, str]:
    """Firings of which each has something that no other has."""
    made = {
        "job": finish(store, data=body("shop:buy")),
        "tag": finish(store, tags=("eu", "gold")),
        "key": finish(store, key="only-once"),
        "error": finish(store, Verdict.ERROR, error="TimeoutError: no answer"),
        "schedule": finish(store, schedule="nightly"),
        "parent": finish(store, parent=PARENT),
    }
    fire(store)
    made["worker"] = end(store, begin(store, worker="w-9"))
    finish(store)
    return made


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("job", "shop:buy"),
        ("tag", "gold"),
        ("key", "only-once"),
        ("error", "TimeoutError"),
        ("schedule", "nightly"),
        ("parent", PARENT),
        ("worker", "w-9"),
    ],
)
def test_each_filter_finds_its_firing(shop: dict[str, str], skunq: Skunq, name: str, value: str) -> None:
    assert ids(skunq.json("jobs", f"--{name}", value)) == [shop[name]]
    other = "a" * len(value)
    assert "no such firings" in skunq.error("jobs", f"--{name}", other, expect=1)


def test_parent_is_a_whole_id(shop: dict[str, str], skunq: Skunq) -> None:
    assert ids(skunq.json("jobs", "--parent", f" {PARENT.upper()}")) == [shop["parent"]]
    assert "is not a whole ID" in skunq.error("jobs", "--parent", PARENT[:6], expect=2)


def test_what_a_firing_fired_is_killed_alone(store: Backend, skunq: Skunq) -> None:
    wanted, other = fire(store, parent=PARENT), fire(store, parent="a" * 24)

    skunq("kill", "--parent", PARENT, "--yes")

    assert ids(skunq.json("jobs", "--state", "killed")) == [wanted]
    assert ids(skunq.json("jobs", "--state", "pending")) == [other]


def test_filters_together_must_all_fit(store: Backend, skunq: Skunq) -> None:
    wanted = fire(store, body("shop:buy"), tags=("eu",), route="bar")
    fire(store, body("shop:buy"), tags=("eu",))
    fire(store, body("shop:buy"), route="bar")
    fire(store, tags=("eu",), route="bar")

    assert ids(skunq.json("jobs", "--job", "shop:buy", "--tag", "eu", "-r", "bar")) == [wanted]


def test_the_line_through_time_has_two_ends(store: Backend, skunq: Skunq) -> None:
    first, second = finish(store), finish(store)
    running = fire(store)
    begin(store)
    next_, urgent = fire(store), fire(store, priority=9)
    line = [first, second, running, urgent, next_]

    assert ids(skunq.json("jobs", "--oldest")) == line
    assert ids(skunq.json("jobs", "--newest")) == line[::-1]
    for limit in (1, 2, 3, 5):
        assert pages(skunq, "--oldest", limit=limit) == line
        assert pages(skunq, "--newest", limit=limit) == line[::-1]


def ago(seconds: float) -> str:
    return (datetime.now(timezone.utc) - timedelta(seconds=seconds)).isoformat()


def test_times_go_by_the_end_of_what_is_finished_and_the_beginning_of_the_rest(
    store: Backend, skunq: Skunq
) -> None:
    done = finish(store)
    waiting = fire(store, delay=3_600.0)

    for order in ([], ["--newest"], ["--oldest"]):
        assert sorted(ids(skunq.json("jobs", "--since", "5m", *order))) == sorted([done, waiting])
        assert skunq.json("jobs", "--until", "5m", *order, expect=1)["jobs"] == []
    assert sorted(ids(skunq.json("jobs", "--since", ago(60), "--until", ago(-60)))) == sorted([done, waiting])


def test_pages_of_what_was_since_then_go_on_from_the_same_moment(store: Backend, skunq: Skunq) -> None:
    made = [finish(store) for _ in range(5)] + [fire(store) for _ in range(5)]

    assert sorted(pages(skunq, "--since", "1h", limit=3)) == sorted(made)


@pytest.mark.parametrize("typed", ["yesterday", "2x", "2026-13-01", "", "999999999d"])
def test_a_time_that_is_none_is_refused(skunq: Skunq, typed: str) -> None:
    assert "is not a moment" in skunq.error("jobs", f"--since={typed}", expect=2)


@pytest.mark.parametrize("typed", ["2026", "20251101", "20259999", "3600", "3600.5", "202511010930"])
@pytest.mark.parametrize("command", ["jobs", "errors", "stats", "kill", "delete", "requeue", "run"])
def test_a_bare_number_that_may_be_meant_as_a_date_is_refused(
    store: Backend, skunq: Skunq, command: str, typed: str
) -> None:
    fire(store)

    told = skunq.error(command, "--since", typed, expect=2)

    assert f"write {typed}s if you mean so many seconds ago, or a date as 2025-11-01" in told
    assert store.routes()[0].counts[State.PENDING] == 1


@pytest.mark.parametrize("command", ["jobs", "kill", "delete", "requeue", "run"])
def test_an_empty_text_is_refused_since_all_arguments_have_it(
    store: Backend, skunq: Skunq, command: str
) -> None:
    fire(store)
    yes = [] if command == "jobs" else ["--yes"]

    assert "--text is empty" in skunq.error(command, "-q", "demo", "--text", "", *yes, expect=2)
    assert store.routes()[0].counts[State.PENDING] == 1


@pytest.mark.parametrize(
    "typed", ["90", "3600s", "2h", "1d12h", "2020-01-01", "2020-01-01T10:00", "2020-01-01T10:00Z"]
)
def test_times_may_be_written_in_many_ways(store: Backend, skunq: Skunq, typed: str) -> None:
    made = fire(store)

    assert ids(skunq.json("jobs", "--since", typed)) == [made]


def test_a_cursor_of_other_filters_is_refused(store: Backend, skunq: Skunq) -> None:
    for _ in range(3):
        fire(store)
    cursor = skunq.json("jobs", "--limit", "1")["next"]

    told = skunq.error("jobs", "--limit", "1", "--after", cursor, "--tag", "eu", expect=2)

    assert "it belongs to one with other filters" in told


def test_a_cursor_with_a_strange_one_inside_is_refused(store: Backend, skunq: Skunq) -> None:
    for _ in range(3):
        fire(store)
    cursor = skunq.json("jobs", "--limit", "1")["next"]
    print_, span, places = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    changed = json.dumps([print_, span, [[part, "xx"] for part, _ in places]])

    told = skunq.error("jobs", "--after", base64.urlsafe_b64encode(changed.encode()).decode(), expect=2)

    assert "'xx' is not a cursor" in told


def test_what_a_pending_firing_waits_for_is_told(store: Backend, skunq: Skunq) -> None:
    fire(store)
    fire(store, delay=60.0)
    fire(store, route="shut")
    store.pause("demo", "shut")
    fire(store, route="snoring")
    end(store, begin(store, route="snoring"), Verdict.SNOOZE, result=b"", delay=60.0)
    fire(store, route="failing")
    end(store, begin(store, route="failing"), Verdict.RETRY, result=b"", delay=60.0)

    told = skunq.json("jobs", "--state", "pending")["jobs"]

    assert sorted(each["waits"] for each in told) == ["pause", "retry", "snooze", "time", "turn"]
    assert "waits for its retry" in skunq("jobs")


def test_a_row_tells_tags_and_numbers_of_progress(store: Backend, skunq: Skunq) -> None:
    fire(store, tags=("eu", "gold"))
    claim = begin(store)
    store.progress(ClaimRef(claim.id, claim.token), encode(Progress(3, 10, "sorting", store.now())))

    (told,) = skunq.json("jobs")["jobs"]

    assert (told["tags"], told["worker"]) == (["eu", "gold"], WORKER)
    assert told["progress"] == {"done": 3, "total": 10}
    assert "eu gold" in skunq("jobs")


def test_text_is_found_in_arguments_as_people_are_shown_them(store: Backend, skunq: Skunq) -> None:
    done = finish(store, data=body("shop:sell", pie="APPLES"))
    wanted = [fire(store, body("shop:sell", "Green Apples")), done]
    fire(store, body("shop:sell", "pears"))
    fire(store, b"\xffnot ours")

    assert ids(skunq.json("jobs", "--text", "apples")) == wanted
    assert ids(skunq.json("jobs", "--text", "apples", "--state", "complete")) == wanted[1:]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_of_a_text_miss_none(
    store: Backend, skunq: Skunq, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(listing, "AT_ONCE", 4)
    wanted = []
    for number in range(12):
        made = fire(store, body("shop:sell", "apples" if number % 3 else "pears"))
        wanted += [made] if number % 3 else []

    assert pages(skunq, "--text", "apples", limit=limit) == wanted


def test_a_look_for_text_is_bounded_and_says_so(
    store: Backend, skunq: Skunq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "AT_ONCE", 2)
    monkeypatch.setattr(listing, "MOST_READ", 4)
    for _ in range(6):
        fire(store, body("shop:sell", "pears"))
    wanted = fire(store, body("shop:sell", "apples"))

    told = skunq.error("jobs", "--text", "apples", expect=1)
    page = skunq.json("jobs", "--text", "apples", expect=1)

    assert "read the arguments of 4 firings, and not at the rest" in told
    assert page["read"] == 4
    assert ids(skunq.json("jobs", "--text", "apples", "--after", page["next"])) == [wanted]


def test_large_arguments_are_read_a_few_at_a_time(
    store: Backend, skunq: Skunq, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred of the largest would take more memory than many a machine has."""
    texts = [f"apples {'x' * 1_000 * number}" for number in (1, 1, 1, 1, 5, 1)]
    wanted = [fire(store, body("shop:sell", text)) for text in texts]
    rows = store.rows(Query(newest=False), 10).rows
    monkeypatch.setattr(searching, "MOST_BYTES", 3_800)

    assert [len(batch) for batch in searching.batches(rows)] == [3, 1, 1, 1]
    assert ids(skunq.json("jobs", "--text", "apples")) == wanted


def test_a_look_among_the_pending_is_bounded_and_says_so(
    store: Backend, skunq: Skunq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_LOOKED", 0)
    wanted = fire(store, tags=("eu",))

    told = skunq.error("jobs", "--tag", "eu", expect=1)
    monkeypatch.setattr(listing, "MOST_LOOKED", 100)

    assert "looked at 0 firings, and not at the rest: to go on, add --after" in told
    assert ids(skunq.json("jobs", "--tag", "eu", "--after", told.split()[-1])) == [wanted]


def test_firings_that_match_are_listed_up_to_the_limit_however_many_these_are(
    store: Backend, skunq: Skunq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 3)
    monkeypatch.setattr(listing, "MOST_LOOKED", 4)
    made = [fire(store) for _ in range(20)]

    assert ids(skunq.json("jobs", "--limit", "19")) == made[:19]


def test_a_filter_over_a_hundred_thousand_firings_does_not_read_them_all(
    store: Backend, skunq: Skunq
) -> None:
    """Nor any of their bodies: these would be 100 MB."""
    data = body("shop:sell", "x" * 1_000)
    for start in range(0, 100_000, 1_000):
        store.enqueue(
            [
                Firing(id=f"{number:024x}", queue="demo", route="foo", body=data, job="shop:sell")
                for number in range(start, start + 1_000)
            ]
        )
    wanted = finish(store, data=body("shop:buy"), route="bar")

    page = skunq.json("jobs", "--job", "shop:buy")
    first = skunq.json("jobs", "--limit", "10")

    assert ids(page) == [wanted]
    assert page["looked"] <= 51_000  # and fewer where a store finds pending ones by an index
    assert first["looked"] <= 100
    assert page["read"] == first["read"] == 0

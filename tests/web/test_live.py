"""What open pages are told, and how often the store is asked for them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from skunkqueue.persistence import Backend
from skunkqueue.web.live import streams as streams_module
from skunkqueue.web.live.events import KEY, live_mark
from skunkqueue.web.live.streams import MOST, Streams, mark_of
from skunkqueue.web.source import KEY as SOURCE
from skunkqueue.web.source import Source
from tests.support.waiting import eventually
from tests.web.firings import firing


class Store:
    """What is looked at, by hand."""

    def __init__(self) -> None:
        self.value: object = 0
        self.looks = 0
        self.changes = 0
        self.is_away = False

    def look(self) -> object:
        self.looks += 1
        if self.is_away:
            raise ConnectionError
        return self.value

    def note(self) -> None:
        self.changes += 1


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for each look at the store, which may take long on a busy machine."""
    monkeypatch.setattr(streams_module, "_LONG", 60.0)


@pytest.fixture
def seen() -> Store:
    return Store()


@pytest.fixture
def streams(seen: Store) -> Iterator[Streams]:
    streams = Streams(seen.look, seen.note, 0.01)
    yield streams
    streams.close()


def opened(streams: Streams) -> Iterator[str]:
    """Open a stream, and read its greeting."""
    stream = streams.open(lambda: False)
    assert stream is not None
    assert "event: hello" in next(stream)
    return stream


def test_a_stream_tells_of_a_change(streams: Streams, seen: Store) -> None:
    stream = opened(streams)
    eventually(lambda: seen.looks > 1)

    seen.value = 1

    assert "event: change" in next(stream)


def test_what_pages_share_is_read_again_after_a_change(streams: Streams, seen: Store) -> None:
    stream = opened(streams)
    eventually(lambda: seen.looks > 1)
    before = seen.changes

    seen.value = 1
    next(stream)

    assert seen.changes == before + 1


def test_a_page_that_is_as_the_store_is_not_told_to_fetch_itself(streams: Streams, seen: Store) -> None:
    stream = streams.open(lambda: seen.looks > 20, streams.mark())
    assert stream is not None

    assert [re.findall("event: (.*)", text) for text in stream] == [["hello"], ["bye"]]


def test_a_page_that_is_older_than_the_store_is_told_at_once(streams: Streams, seen: Store) -> None:
    mark = streams.mark()
    seen.value = 1

    stream = streams.open(lambda: False, mark)

    assert stream is not None
    assert "event: hello" in next(stream)
    assert "event: change" in next(stream)


def test_what_pages_share_may_not_be_older_than_their_mark(streams: Streams, seen: Store) -> None:
    eventually(streams.mark)
    before = seen.changes

    seen.value = 1
    eventually(lambda: streams.mark() == mark_of(1))

    assert seen.changes == before + 1


def test_while_the_store_is_away_a_page_has_no_mark(streams: Streams, seen: Store) -> None:
    seen.is_away = True

    assert streams.mark() is None


def test_a_page_is_told_to_fetch_itself_where_something_was_still_being_read(
    app: Flask, client: FlaskClient, store: Backend
) -> None:
    store.enqueue([firing(route="mail")])
    app.extensions[SOURCE].refresh = 3_600
    goes_on = threading.Event()

    with app.test_request_context("/queues", environ_base={"REMOTE_ADDR": "127.0.0.1"}):
        app.preprocess_request()
        app.extensions[SOURCE].latest("slow", 1.0, lambda: goes_on.wait(30))
        unfinished = live_mark()
    goes_on.set()

    assert unfinished is None
    assert "mark=" in client.get("/schedules").text


def test_after_a_look_that_took_long_no_page_waits_for_one(
    streams: Streams, seen: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams_module, "_LONG", 0.0)
    assert streams.mark() is not None
    looks = seen.looks

    assert streams.mark() is None
    assert seen.looks == looks


def test_all_streams_are_fed_by_one_thread(streams: Streams, seen: Store) -> None:
    several = [opened(streams) for _ in range(5)]
    eventually(lambda: seen.looks > 3)

    assert sum(thread.name == "live events" for thread in threading.enumerate()) == 1
    assert len(several) == streams.listening


def test_the_store_is_not_looked_at_while_nobody_listens(streams: Streams, seen: Store) -> None:
    opened(streams).close()  # type: ignore[attr-defined]  # WSGI servers close what they iterate over

    eventually(lambda: streams._producer is None)
    looks = seen.looks

    assert streams.listening == 0
    assert not any(thread.name == "live events" for thread in threading.enumerate())
    assert seen.looks == looks


def test_a_store_that_goes_away_and_comes_back_is_told(streams: Streams, seen: Store) -> None:
    stream = opened(streams)
    eventually(lambda: seen.looks > 1)

    seen.is_away = True
    assert "event: away" in next(stream)
    seen.is_away = False
    assert "event: change" in next(stream)


def test_a_store_that_hangs_is_told_while_it_hangs_and_once_it_answers(seen: Store) -> None:
    answers = threading.Event()
    hangs = False

    def look() -> object:
        if hangs:
            answers.wait(30)
        return seen.look()

    streams = Streams(look, seen.note, 0.01, hangs=0.2)
    stream = opened(streams)
    eventually(lambda: seen.looks > 1)

    hangs = True
    assert "event: away" in next(stream)
    hangs = False
    answers.set()
    assert "event: change" in next(stream)
    streams.close()


def test_one_stream_more_than_there_is_room_for_is_refused(streams: Streams) -> None:
    several = [opened(streams) for _ in range(MOST)]

    assert streams.open(lambda: False) is None

    several[0].close()  # type: ignore[attr-defined]  # as above
    assert streams.open(lambda: False) is not None


def test_a_stream_whose_browser_has_gone_ends(seen: Store) -> None:
    streams = Streams(seen.look, seen.note, 0.01)
    stream = streams.open(lambda: True)
    assert stream is not None

    assert ["hello" in text or "bye" in text for text in stream] == [True, True]
    assert streams.listening == 0


def test_a_stream_that_nobody_ever_read_leaves_its_place(streams: Streams) -> None:
    stream = streams.open(lambda: False)
    assert stream is not None

    stream.close()  # type: ignore[attr-defined]  # as above

    assert streams.listening == 0


def test_the_one_who_finds_no_room_is_answered_503(app: Flask, client: FlaskClient) -> None:
    streams = app.extensions[KEY]
    several = [opened(streams) for _ in range(MOST)]

    answer = client.get("/live/events")

    assert answer.status_code == 503
    assert len(several) == MOST
    streams.close()


def test_a_page_that_is_fetched_again_is_its_content_alone(client: FlaskClient, store: Backend) -> None:
    store.enqueue([firing(route="mail")])

    text = client.get("/queues", headers={"X-SkunkQueue-Live": "1"}).text

    assert "mail" in text
    assert "<nav" not in text
    assert len(text) < len(client.get("/queues").text) / 2


def test_pages_that_show_the_same_share_one_look_at_the_store(app: Flask) -> None:
    source: Source = app.extensions[SOURCE]
    source.refresh = 3_600
    reads: list[int] = []

    for _ in range(3):
        source.shared("key", lambda: reads.append(1))
    assert len(reads) == 1
    source.note_change()
    for _ in range(3):
        source.shared("key", lambda: reads.append(1))

    assert len(reads) == 2

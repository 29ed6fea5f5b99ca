"""What people do to live workers, pools and schedules in a browser, on whatever store a subclass says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Locator, Page, expect

from skunkqueue import SkunkQueue
from skunkqueue.payload import Body, Step, encode
from skunkqueue.records import Firing, State
from skunkqueue.scheduler import TimeScheduler
from skunkqueue.serializers.typed import TypedSerializer
from skunkqueue.web import create_app
from skunkqueue.web.live.events import KEY
from skunkqueue.web.source import KEY as SOURCE
from tests.acceptance.shop import Shop, ended
from tests.support.chromium import opened
from tests.support.waiting import eventually
from tests.web.everything import PAGES, Shown
from tests.web.everything import address as path_of
from tests.web.firings import firing
from tests.web.schedules import body, declare, read

PATIENCE = 60.0
QUICK = 0.2


class Controls:
    """Each test has a store of its own, at ``url``, with a pool that really works."""

    @pytest.fixture
    def shop(self, url: str, tmp_path: Path) -> Iterator[Shop]:
        with Shop(tmp_path, url) as made:
            yield made

    @pytest.fixture
    def app(self, url: str, shop: Shop) -> Iterator[Flask]:
        shop.backend.now()
        app = create_app(url, refresh_seconds=QUICK)
        yield app
        app.extensions[KEY].close()
        app.extensions[SOURCE].close()

    def test_a_worker_is_restarted_and_stopped(self, page: Page, shop: Shop) -> None:
        shop.work()
        (first,) = shop.backend.workers()
        page.goto("/workers")
        page.get_by_role("link", name=first.id).click()

        page.get_by_label("Reason").fill("it has grown")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Restart").click()
        expect(followed(page, "restart")).to_contain_text("done after", timeout=1_000 * PATIENCE)
        expect(main(page)).to_contain_text("This worker has ended")
        assert [(one.verb, one.why) for one in shop.backend.audit(5).entries] == [("restart", "it has grown")]

        second = eventually(lambda: [one for one in shop.backend.workers() if one.id != first.id], PATIENCE)[
            0
        ]
        page.goto(f"/workers/{second.id}")
        page.get_by_role("link", name=re.compile(r"^Stop worker \w+$")).click()
        expect(main(page)).to_contain_text("1 worker and 0 running firings are touched")
        page.get_by_label("Reason").fill("it is too old")
        page.get_by_role("button", name="Stop 1 worker").click()
        expect(followed(page, "stop")).to_contain_text("done after", timeout=1_000 * PATIENCE)

        eventually(lambda: not shop.backend.workers(), PATIENCE, what="no worker is left")
        newest = shop.backend.audit(1).entries[0]
        assert (newest.verb, newest.why) == ("stop", "it is too old")

    def test_a_pool_is_made_quiet_goes_on_and_is_restarted(self, page: Page, shop: Shop) -> None:
        shop.work()
        (first,) = shop.backend.workers()
        (pool,) = eventually(shop.backend.pools, PATIENCE)
        page.goto(f"/pools/{pool.id}")

        page.get_by_role("link", name="Quiet").click()
        expect(main(page)).to_contain_text("1 worker and 0 running firings are touched")
        page.get_by_role("button", name="Quiet 1 worker").click()
        # The page changes by itself.
        expect(followed(page, "quiet")).to_contain_text("done after", timeout=1_000 * PATIENCE)
        resume = page.get_by_role("button", name="Resume")
        expect(resume).to_be_visible()
        waiting = shop.fire("add", 4, 5)
        resume.click()
        expect(followed(page, "resume")).to_contain_text("done after", timeout=1_000 * PATIENCE)
        assert shop.result(waiting) == 9

        page.get_by_role("link", name="Restart").click()
        page.get_by_role("button", name="Restart 1 worker").click()
        expect(followed(page, "restart")).to_contain_text("done after", timeout=1_000 * PATIENCE)
        (second,) = eventually(shop.backend.workers, PATIENCE)
        assert second.id != first.id
        expect(page.locator(f"#worker-{second.id}")).to_be_visible()
        expect(page.locator(f"#worker-{first.id}")).to_have_count(0)

    def test_what_runs_is_killed_and_a_pool_is_stopped_roughly(self, page: Page, shop: Shop) -> None:
        pool = shop.work()
        (worker,) = shop.backend.workers()
        killed = shop.fire("sleep")
        shop.begun(killed)
        page.goto(f"/workers/{worker.id}")

        page.get_by_role("link", name=f"Kill {killed}").click()
        page.get_by_role("button", name="Kill").click()
        assert shop.settled(killed, PATIENCE).state is State.KILLED
        expect(page.locator(f"#held-{killed}")).to_contain_text("killed")
        assert [one.id for one in shop.backend.workers()] == [worker.id]

        interrupted = shop.fire("sleep")
        shop.begun(interrupted)
        page.goto("/workers")
        page.get_by_role("link", name=re.compile(r"^Stop pool .* roughly$")).click()
        expect(main(page)).to_contain_text("1 worker and 1 running firing are touched")
        page.get_by_role("button", name="Stop 1 worker roughly").click()
        expect(main(page)).to_contain_text("No worker is there", timeout=1_000 * PATIENCE)
        assert shop.settled(interrupted, PATIENCE).state is State.KILLED
        assert ended(pool, PATIENCE) == 130

    def test_a_worker_is_made_quiet_and_goes_on(self, page: Page, shop: Shop) -> None:
        shop.work()
        (worker,) = shop.backend.workers()
        page.goto(f"/workers/{worker.id}")

        page.get_by_role("button", name=f"Quiet worker {worker.id}").click()
        is_done(page, "quiet", worker.id)
        resume = page.get_by_role("button", name=f"Resume worker {worker.id}")
        expect(resume).to_be_visible()
        expect(page.locator("h1 .state-quiet")).to_be_visible()
        waiting = shop.fire("add", 4, 5)
        resume.click()
        is_done(page, "resume", worker.id)

        assert shop.result(waiting) == 9
        verbs = [(one.verb, one.outcome) for one in shop.backend.audit(5).entries]
        assert verbs == [("resume", "ok"), ("quiet", "ok")]

    def test_a_pool_is_stopped_after_its_jobs(self, page: Page, shop: Shop) -> None:
        pool = shop.work()
        (listed,) = eventually(shop.backend.pools, PATIENCE)
        held = shop.fire("hold", "go-on")
        shop.begun(held)
        page.goto(f"/pools/{listed.id}")

        page.get_by_role("link", name=f"Stop pool {listed.id}", exact=True).click()
        expect(main(page)).to_contain_text("1 worker and 1 running firing are touched")
        page.get_by_role("button", name="Stop 1 worker").click()
        expect(followed(page, "stop")).to_contain_text("heard after", timeout=1_000 * PATIENCE)
        expect(followed(page, "stop")).to_contain_text("not done yet")
        expect(page.locator("h1 .state-stopping")).to_be_visible(timeout=1_000 * PATIENCE)
        shop.touch("go-on")

        is_done(page, "stop", listed.id)
        expect(main(page)).to_contain_text("This pool has ended", timeout=1_000 * PATIENCE)
        assert shop.result(held) == 42
        assert ended(pool, PATIENCE) == 0

    def test_one_worker_is_stopped_roughly_and_the_others_work_on(self, page: Page, shop: Shop) -> None:
        shop.work("-c", "2", workers=2)
        interrupted = shop.fire("sleep")
        shop.begun(interrupted)
        busy = shop.record(interrupted).worker
        page.goto(f"/workers/{busy}")

        page.get_by_role("link", name=f"Stop worker {busy} roughly").click()
        expect(main(page)).to_contain_text("1 worker and 1 running firing are touched")
        page.get_by_role("button", name="Stop 1 worker roughly").click()
        is_done(page, "rough", str(busy))

        expect(main(page)).to_contain_text("This worker has ended", timeout=1_000 * PATIENCE)
        assert shop.settled(interrupted, PATIENCE).state is State.KILLED
        assert shop.result(shop.fire("add", 4, 5)) == 9
        assert len(shop.backend.workers()) == 1

    def test_a_schedule_is_run_paused_and_resumed(self, page: Page, shop: Shop, url: str) -> None:
        shop.work()
        with SkunkQueue("shop", conn_url=url) as queue:
            rule = TimeScheduler(queue, 3_600)
        run = body("jobs:which", "hourly", rule.strategy)
        declare(shop.backend, "hourly", strategy=rule.strategy, params=rule.params, body=run)
        page.goto("/schedules")
        page.get_by_role("link", name="hourly").click()
        expect(main(page)).to_contain_text("It has not run yet.")

        page.get_by_role("button", name="Run now").click()
        # The page changes by itself.
        expect(page.locator("tr[id^=run-]")).to_contain_text("complete", timeout=1_000 * PATIENCE)
        page.get_by_role("button", name="Pause").click()
        expect(main(page)).to_contain_text("None is planned until it is resumed.")
        assert read(shop.backend, "hourly").paused
        page.get_by_role("button", name="Resume").click()
        expect(page.locator("#ticks li")).to_have_count(5, timeout=1_000 * PATIENCE)
        assert not read(shop.backend, "hourly").paused

    def test_every_page_shows_a_pool_at_work(
        self, browser: Browser, address: str, shop: Shop, url: str
    ) -> None:
        shop.work()
        (worker,) = shop.backend.workers()
        (pool,) = eventually(shop.backend.pools, PATIENCE)
        with SkunkQueue("shop", conn_url=url) as queue:
            rule = TimeScheduler(queue, 3_600)
        run = body("jobs:which", "tick", rule.strategy)
        declare(shop.backend, "tick", strategy=rule.strategy, params=rule.params, body=run, after=-1.0)
        failed, done, reports = (
            shop.fire("complain_of_a_file"),
            shop.fire("add", 4, 5),
            shop.fire("report", "go-on"),
        )
        shop.backend.enqueue([waiting(number) for number in range(30)])
        shop.settled(failed, PATIENCE)
        shop.settled(done, PATIENCE)
        shop.begun(reports)
        shown = Shown(failed=failed, done=done, pool=pool.id, worker=worker.id)

        # It fails on what the console says, and on what the security policy refuses.
        with opened(browser, base_url=address) as page:
            contents = contents_of(shown, reports)
            for path in dict.fromkeys([*(of(shown) for _, of in PAGES.values()), *contents]):
                answer = page.goto(path)
                assert answer is not None, path
                assert answer.status == 200, path
                expect(page.locator("h1"), path).to_be_visible()
                assert page.locator(".error-page").count() == 0, path
                for place, text in contents.get(path, ()):
                    expect(page.locator(place).first, path).to_contain_text(text)
            page.goto("/jobs?text=jed&limit=25")
            expect(page.locator("main tbody tr")).to_have_count(25)
            page.get_by_role("link", name="After →").click()
            expect(page.locator("main tbody tr")).to_have_count(5)
            page.goto("/")
            expect(page.locator("#chart-flow svg").first).to_be_visible()
            expect(page.locator("#looking")).to_have_count(0)
            expect(page.locator("#attention")).not_to_contain_text(
                re.compile("the check .* failed", re.IGNORECASE)
            )
        shop.touch("go-on")


def waiting(number: int) -> Firing:
    """Make a firing on a route that no pool works on."""
    step = Step(job="jobs:add", args=TypedSerializer().dumps_call(("jed", number), {}, None))
    return firing(body=encode(Body(steps=(step,))), job=step.job, route="nobody")


def contents_of(shown: Shown, running: str) -> dict[str, list[tuple[str, str]]]:
    """List by address what is in which place on the page, beside the addresses of all pages some that ask for more."""
    return {
        f"/jobs/{running}": [(".progress", "3 of 10"), (".progress", "on the way")],
        f"/jobs/{shown.done}?whole=1": [("#call-1", "add(4, 5)")],
        "/jobs?state=running": [(f"#firing-{running}", "30%")],
        "/jobs?state=error&error=ValueError": [(f"#firing-{shown.failed}", "no such file")],
        "/errors?since=all": [(".failures", "ValueError")],
        "/?over=day": [(".choice [aria-current]", "Day")],
        path_of("/", job="jobs:add"): [("h1 + p", "Job jobs:add"), ("#tiles", "30")],
        path_of("/confirm", verb="kill", id=running): [("h1", "Kill 1 firing?"), (".examples", running)],
        "/workers": [(f"#worker-{shown.worker}", shown.worker)],
        f"/workers/{shown.worker}": [("h1", shown.worker), (f"#firing-{running}", "30%")],
        f"/pools/{shown.pool}": [(f"#worker-{shown.worker}", shown.worker)],
    }


def main(page: Page) -> Locator:
    return page.locator("#main")


def is_done(page: Page, verb: str, about: str) -> None:
    """Wait until the page has shown the whole way of a command: sent, heard, done."""
    way = followed(page, verb)
    expect(way).to_contain_text(about)
    expect(way.get_by_role("listitem")).to_have_text(
        [re.compile("^sent "), re.compile("^heard after "), re.compile("^done after ")],
        timeout=1_000 * PATIENCE,
    )


def followed(page: Page, verb: str) -> Locator:
    """Find what is shown of the command that was sent last."""
    return page.get_by_role("region", name="Command that was sent").filter(has_text=verb)

"""The page of one firing, in a browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from skunkqueue.payload import Body, Failure, Progress, Step, encode
from skunkqueue.persistence import Backend
from skunkqueue.records import ClaimRef, Outcome, Verdict
from skunkqueue.serializers.typed import TypedSerializer
from tests.web.firings import claim, firing


def put(store: Backend, *args: object) -> str:
    step = Step(job="shop:send", args=TypedSerializer().dumps_call(args, {}, None))
    made = firing(body=encode(Body(steps=(step,))), job="shop:send")
    store.enqueue([made])
    return made.id


def test_a_firing_is_followed_from_its_line_to_its_result(page: Page, store: Backend) -> None:
    id_ = put(store, "Jed")
    page.goto(f"/jobs/{id_}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("pending")

    (claimed,) = claim(store)
    ref = ClaimRef(id=claimed.id, token=claimed.token)
    store.progress(ref, encode(Progress(done=30, total=120, note="sorting", at=store.now())))
    expect(page.get_by_text("30 of 120")).to_be_visible()

    result = TypedSerializer().dumps({"mails": 42}, "result")
    done = Outcome(id=claimed.id, token=claimed.token, verdict=Verdict.COMPLETE, result=result, began=1.0)
    store.settle([done])
    expect(page.get_by_text("{'mails': 42}")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_contain_text("complete")


def copied(page: Page, name: str) -> str:
    """Press a button that copies, and return what it copied."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("region", name=name, exact=True).get_by_role(
        "button", name="Copy", exact=True
    ).first.click()
    expect(page.get_by_role("button", name="Copied", exact=True)).to_be_visible()
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_a_long_result_and_a_long_call_are_copied_whole(page: Page, store: Backend) -> None:
    given, returned = "g" * 3_000, {"mails": "r" * 5_000}
    id_ = put(store, given)
    (claimed,) = claim(store)
    result = TypedSerializer().dumps(returned, "result")
    store.settle([Outcome(id=id_, token=claimed.token, verdict=Verdict.COMPLETE, result=result, began=1.0)])
    page.goto(f"/jobs/{id_}")

    assert copied(page, "Call") == f"send({given!r})"
    page.reload()
    assert copied(page, "Result Copy") == repr(returned)


def test_what_a_job_was_given_and_raised_never_runs(page: Page, store: Backend) -> None:
    evil = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
    id_ = put(store, evil)
    (claimed,) = claim(store)
    failure = Failure("ValueError", evil, f'Traceback\n  File "{evil}", line 1, in f\n')
    raised = Outcome(
        id=claimed.id, token=claimed.token, verdict=Verdict.ERROR, result=encode(failure), error=f"{evil}: x"
    )
    store.settle([raised])

    page.goto(f"/jobs/{id_}")

    expect(page.get_by_text(evil).first).to_be_visible()
    assert page.locator("main img, main script").count() == 0
    assert page.title() != "run"

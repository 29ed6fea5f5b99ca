"""The scripts for the server: each is put together from its verb's file and the pieces that it names."""

from __future__ import annotations

from importlib.resources import files

import pytest

from skunkqueue.persistence.backend import FAILED_TTL
from skunkqueue.persistence.redis import scripts
from skunkqueue.persistence.redis.scripts import load

FOLDER = files(scripts)
VERBS = sorted(file.name.removesuffix(".lua") for file in FOLDER.iterdir() if file.name.endswith(".lua"))
PIECES = {
    file.name.removesuffix(".lua"): file.read_text(encoding="utf-8") for file in (FOLDER / "lib").iterdir()
}


def first_comment(name: str) -> str:
    """Return the line by which a piece is known."""
    return next(line for line in PIECES[name].splitlines() if line.startswith("-- "))


@pytest.mark.parametrize("verb", VERBS)
def test_a_script_names_no_piece_that_is_left_in_it(verb: str) -> None:
    assert b"--@" not in load(verb).source


def test_every_piece_is_in_some_script() -> None:
    whole = [load(verb).source.decode() for verb in VERBS]

    assert [name for name in PIECES if not any(first_comment(name) in text for text in whole)] == []


@pytest.mark.parametrize("verb", VERBS)
def test_a_script_has_no_piece_twice(verb: str) -> None:
    source = load(verb).source.decode()

    assert [name for name in PIECES if source.count(first_comment(name)) > 1] == []


@pytest.mark.parametrize(
    "name", ["inline_lease", "inline_claims", "inline_wake_others", "inline_nothing_due"]
)
def test_both_scripts_that_claim_share_what_is_the_same(name: str) -> None:
    assert all(first_comment(name) in load(verb).source.decode() for verb in ("claim", "claim_any"))


@pytest.mark.parametrize("verb", ["claim", "enqueue_plain"])
def test_the_hot_path_unpacks_no_request(verb: str) -> None:
    assert b"cmsgpack.unpack" not in load(verb).source


def test_what_a_script_kills_is_kept_as_long_as_what_failed() -> None:
    assert f", {FAILED_TTL:.0f}, " in PIECES["killed"]

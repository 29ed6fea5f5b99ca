"""How names are joined into keys."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from skunkqueue.persistence.redis.keys import names_in, place_of, quote, unquote

names = st.text(min_size=1, max_size=30)


@given(names)
def test_a_quoted_name_has_no_colon_and_comes_back(name: str) -> None:
    assert ":" not in quote(name)
    assert unquote(quote(name)) == name


@given(names, names)
def test_a_place_tells_both_its_names(queue: str, route: str) -> None:
    assert names_in(place_of(queue, route)) == (queue, route)


def test_what_looks_quoted_already_is_quoted_again() -> None:
    assert place_of("a%3Ab", "c:d") == "a%253Ab:c%3Ad"
    assert names_in("a%253Ab:c%3Ad") == ("a%3Ab", "c:d")

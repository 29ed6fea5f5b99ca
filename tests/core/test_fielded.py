"""The default serializer keeps paths, and objects that are their fields, without calling anything of their classes."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple

import attrs
import msgspec
import pydantic
import pytest

from skunkqueue.errors import DamagedPayloadError, UnsupportedTypeError
from skunkqueue.imports import Gate
from skunkqueue.serializers import get_serializer
from skunkqueue.serializers.unpacking import Opaque

WHAT = "argument 1 of job"
LABEL = "not a class"


class Point(NamedTuple):
    x: int
    y: tuple[str, ...] = ()


class Box(msgspec.Struct, frozen=True, tag="box"):
    side: int
    name: str = msgspec.field(default="b", name="label")


class Loud(msgspec.Struct):
    """Runs code of its own when it is made."""

    side: int

    def __post_init__(self) -> None:
        self.side += 1


@attrs.frozen
class Plan:
    steps: list[int]
    _owner: str = "me"


@attrs.define(slots=False)
class Open:
    steps: int


class Order(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow", frozen=True)

    cents: int
    note: str = "none"
    at: Point = Point(1)
    _secret: int = pydantic.PrivateAttr(default=3)

    @pydantic.field_validator("cents")
    @classmethod
    def _positive(cls, cents: int) -> int:
        if CHECKING:
            raise AssertionError("a validator runs")
        return cents


class Doubled(Point):
    """Shows another value than it has."""

    __slots__ = ()

    @property
    def x(self) -> int:
        return 2 * super().x

    def __len__(self) -> int:
        return 3


class Hidden:
    """Has a place that no subclass names as a field."""

    __slots__ = ("secret",)


class Veiled:
    """The same, under a name that Python changes."""

    __slots__ = ("__secret",)

    def veil(self) -> None:
        self.__secret = 5


@attrs.define
class HidingPlan(Hidden):
    steps: int


@dataclasses.dataclass
class HidingBox(Hidden):
    side: int


@dataclasses.dataclass
class VeiledBox(Veiled):
    side: int


@attrs.frozen(cache_hash=True)
class Hashed:
    steps: int


@attrs.frozen(cache_hash=True, slots=False)
class HashedOpenly:
    steps: int


@attrs.define
class Lazy:
    steps: int

    @functools.cached_property
    def twice(self) -> int:
        return 2 * self.steps


CHECKING: list[bool] = []


def there_and_back(value: object) -> Any:
    serializer = get_serializer("typed")
    return serializer.loads(serializer.dumps(value, WHAT), Gate())


@pytest.mark.parametrize(
    "value",
    [
        Path("/srv/a b/\u00e9.txt"),
        Path("relative"),
        Path("not utf-8 \udcff"),
        PurePosixPath("/a/b"),
        PureWindowsPath("C:\\a\\b"),
        {Path("/a"): [Path("b")]},
        Point(1, ("a",)),
        Box(3, "c"),
        Plan([1, 2], "you"),
        Order.model_validate({"cents": 5, "at": Point(2), "more": [1, Path("/a")]}),
        {"all": [Point(1), (Box(1), Plan([]))]},
    ],
    ids=repr,
)
def test_what_comes_back_equals_what_went_in_type_by_type(value: object) -> None:
    back = there_and_back(value)
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("kind", [Hashed, HashedOpenly])
def test_an_object_that_keeps_its_hash_can_be_hashed_again(kind: type[Any]) -> None:
    value = kind(1)
    assert hash(value)
    back = there_and_back(value)
    assert {back} == {value}


def test_what_a_class_caches_is_worked_out_again() -> None:
    lazy = Lazy(1)
    assert (lazy.twice, there_and_back(lazy).twice) == (2, 2)


def test_items_of_a_named_tuple_are_kept_whatever_its_class_shows() -> None:
    back = there_and_back(Doubled(1, ("a",)))
    assert (back.x, tuple.__getitem__(back, 0), back.y) == (2, 1, ("a",))


def test_a_model_keeps_what_was_given_and_what_is_private() -> None:
    order = Order.model_validate({"cents": 5, "more": 1})
    order._secret = 8
    back = there_and_back(order)
    assert (back.model_fields_set, back.model_extra, back._secret) == ({"cents", "more"}, {"more": 1}, 8)
    assert hash(back) == hash(order)


def test_no_validator_runs_where_a_model_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = get_serializer("typed").dumps(Order(cents=5), WHAT)
    monkeypatch.setattr(f"{__name__}.CHECKING", [True])
    assert get_serializer("typed").loads(stored, Gate()).cents == 5


def test_without_a_gate_the_fields_are_shown() -> None:
    stored = get_serializer("typed").dumps([Point(1), Box(2)], WHAT)
    assert get_serializer("typed").loads(stored, None) == [
        Opaque(f"{__name__}:Point", {"x": 1, "y": ()}),
        Opaque(f"{__name__}:Box", {"side": 2, "name": "b"}),
    ]


class Extended(Point):
    """Has room for what a named tuple does not name."""


def _extended() -> Extended:
    made = Extended(1)
    made.z = 3  # type: ignore[attr-defined]  # that is the point
    return made


def _opened() -> Open:
    made = Open(1)
    made.z = 3  # type: ignore[attr-defined]  # as above
    return made


def _hiding(kind: type[Any]) -> object:
    made = kind(1)
    made.secret = 3
    return made


def _veiled() -> object:
    made = VeiledBox(1)
    made.veil()
    return made


def _local() -> object:
    class Inner(NamedTuple):
        x: int

    return Inner(1)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (
            _extended,
            "the named tuple Extended and has the attribute 'z', which is not a field and would be lost",
        ),
        (_opened, "the attrs class Open and has the attribute 'z'"),
        (lambda: _hiding(HidingPlan), "the attrs class HidingPlan and has the attribute 'secret'"),
        (lambda: _hiding(HidingBox), "the dataclass HidingBox and has the attribute 'secret'"),
        (_veiled, "has the attribute '_Veiled__secret'"),
        (lambda: Loud(1), r"whose __post_init__ would run again"),
        (_local, "which others cannot import"),
        (lambda: Point(1, object()), r"argument 1 of job\.y is of type builtins\.object"),  # type: ignore[arg-type]  # as above
        (lambda: Order.model_validate({"cents": 1, "more": object()}), "of type builtins.object"),
    ],
)
def test_what_would_not_come_back_is_refused_with_its_place(make: Any, reason: str) -> None:
    with pytest.raises(UnsupportedTypeError, match=reason):
        get_serializer("typed").dumps(make(), WHAT)


@pytest.mark.parametrize(
    ("other", "why"),
    [("Noone", "cannot be found"), ("Order", "is not a named tuple"), ("LABEL", "is not a named tuple")],
)
def test_a_stored_name_that_leads_elsewhere_is_damage(other: str, why: str) -> None:
    # As many letters, since their number is stored as well.
    renamed = get_serializer("typed").dumps(Point(1), WHAT).replace(b"Point", other.encode())
    with pytest.raises(DamagedPayloadError, match=why):
        get_serializer("typed").loads(renamed, Gate())


def test_other_fields_than_when_it_was_stored_are_named() -> None:
    stored = get_serializer("typed").dumps(Point(1), WHAT).replace(b"\xa1y", b"\xa1z")
    with pytest.raises(DamagedPayloadError, match=r"has other fields than when it was stored: \['y', 'z'\]"):
        get_serializer("typed").loads(stored, Gate())

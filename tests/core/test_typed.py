"""The default serializer keeps a closed list of types exactly."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import enum
import functools
from decimal import Decimal
from typing import Any, Generic, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skunkqueue.errors import DamagedPayloadError, PayloadError, UnsupportedTypeError
from skunkqueue.imports import Gate
from skunkqueue.serializers import get_serializer
from skunkqueue.serializers.unpacking import Opaque


class Colour(enum.Enum):
    RED = 1
    BLUE = "b"


class Level(enum.IntEnum):
    LOW = 1


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    tags: tuple[str, ...] = ()
    made: int = dataclasses.field(init=False, default=7)


@dataclasses.dataclass
class Explosive:
    fuse: int

    def __post_init__(self) -> None:
        raise RuntimeError("built by a call")


class Wide(enum.Flag):
    LOW = 1 << 70
    HIGH = 1 << 71


class Lenient(enum.Enum):
    KNOWN = 1

    @classmethod
    def _missing_(cls, value: object) -> Any:
        made = object.__new__(cls)
        made._name_ = "UNKNOWN"
        made._value_ = value  # type: ignore[assignment]  # of any type, since it is unknown
        return made


@dataclasses.dataclass
class Cached:
    width: int

    @functools.cached_property
    def area(self) -> int:
        return self.width**2


@dataclasses.dataclass
class Secretive:
    width: int

    def __post_init__(self) -> None:
        self._area = self.width**2


@dataclasses.dataclass
class Unset:
    later: int = dataclasses.field(init=False)


@dataclasses.dataclass
class Code(Exception):  # noqa: N818 - its name does not matter
    number: int


Nameless = dataclasses.make_dataclass("NotItsNameHere", ["width"])
T = TypeVar("T")


@dataclasses.dataclass
class Box(Generic[T]):
    content: T


TYPED = get_serializer("typed")
GATE = Gate()

zones = st.sampled_from(
    [None, dt.timezone.utc, dt.timezone(dt.timedelta(hours=-3, minutes=7)), ZoneInfo("Europe/Berlin")]
)
atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(alphabet=st.characters(exclude_categories=()))
    | st.binary()
    | st.datetimes(timezones=zones)
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.sampled_from([Colour.RED, Colour.BLUE, Level.LOW, Rights.READ, Rights.READ | Rights.WRITE])
    | st.builds(Point, st.integers(), st.lists(st.text()).map(tuple))
)
keys = (
    st.integers()
    | st.text()
    | st.binary()
    | st.tuples(st.integers(), st.text())
    | st.frozensets(st.integers())
)
values = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(keys, inner)
        | st.sets(keys)
        | st.frozensets(keys)
    ),
    max_leaves=20,
)


def same(left: Any, right: Any) -> bool:
    """Equal, and of the same types all the way down."""
    if type(left) is not type(right) or left != right:
        return False
    if isinstance(left, (list, tuple)):
        return all(map(same, left, right))
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, (dt.datetime, dt.time)):
        return bool(left.tzinfo == right.tzinfo and left.fold == right.fold)
    return True


@given(values)
def test_what_goes_in_comes_out_with_the_same_types(value: Any) -> None:
    assert same(TYPED.loads(TYPED.dumps(value, "it"), GATE), value)


@pytest.mark.parametrize("value", ["\ud800", ("\ud800",), {"\ud800": ["\ud800"]}, {(1, "\ud800")}])
def test_lone_surrogates_survive_at_any_depth(value: Any) -> None:
    assert TYPED.loads(TYPED.dumps(value, "it"), GATE) == value


@pytest.mark.parametrize("value", [2**63, 2**64, -(2**63), -(2**63) - 1, float("inf"), -0.0])
def test_numbers_at_the_edges_survive(value: float) -> None:
    assert repr(TYPED.loads(TYPED.dumps(value, "it"), GATE)) == repr(value)


def test_an_int_of_five_thousand_digits_survives() -> None:
    value = 10**5_000

    assert TYPED.loads(TYPED.dumps(value, "it"), GATE) == value


def test_not_a_number_stays_one() -> None:
    back = TYPED.loads(TYPED.dumps(float("nan"), "it"), GATE)

    assert back != back  # noqa: PLR0124 - that is what makes it a NaN


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value", [object(), len, Colour, Text("a"), range(3), 1j, bytearray(b"a"), memoryview(b"a")]
)
def test_any_other_type_is_refused_by_name(value: object) -> None:
    with pytest.raises(UnsupportedTypeError, match=type(value).__name__):
        TYPED.dumps(value, "it")


def test_a_refusal_names_the_place_inside_the_value() -> None:
    with pytest.raises(
        UnsupportedTypeError, match=r"argument 1\['a'\]\[2\]\.tags\[0\] is of type builtins.object"
    ):
        TYPED.dumps({"a": [1, 2, Point(1, (object(),))]}, "argument 1")  # type: ignore[arg-type]  # wrong on purpose


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)

    with pytest.raises(UnsupportedTypeError, match="contains itself"):
        TYPED.dumps(loop, "it")


def test_a_class_inside_a_function_is_refused() -> None:
    @dataclasses.dataclass
    class Local:
        x: int

    with pytest.raises(UnsupportedTypeError, match="top of a module"):
        TYPED.dumps(Local(1), "it")


def test_a_dataclass_is_filled_without_being_called() -> None:
    made = object.__new__(Explosive)
    made.fuse = 3

    assert TYPED.loads(TYPED.dumps(made, "it"), GATE).fuse == 3


def test_without_a_gate_classes_are_only_shown() -> None:
    data = TYPED.dumps([Point(1), Colour.RED], "it")

    shown = TYPED.loads(data, None)

    assert [type(one) for one in shown] == [Opaque, Opaque]
    assert repr(shown) == f"[{__name__}:Point(x=1, tags=(), made=7), {__name__}:Colour.RED]"


def test_a_stored_class_name_must_be_a_dataclass_here() -> None:
    data = TYPED.dumps(Point(1), "it").replace(b"Point", b"Level")

    with pytest.raises(DamagedPayloadError, match="Level is not a dataclass"):
        TYPED.loads(data, GATE)


@given(st.binary(max_size=64))
def test_hand_made_bytes_are_a_value_or_damage_and_nothing_else(data: bytes) -> None:
    with contextlib.suppress(PayloadError):
        TYPED.loads(data, GATE)


@given(values, st.data())
def test_a_payload_cut_short_is_damage(value: Any, data: st.DataObject) -> None:
    whole = TYPED.dumps([value, "end"], "it")
    cut = data.draw(st.integers(0, len(whole) - 1))

    with pytest.raises(DamagedPayloadError):
        TYPED.loads(whole[:cut], GATE)


def test_deep_hand_made_nesting_is_damage_and_no_crash() -> None:
    with pytest.raises(DamagedPayloadError):
        TYPED.loads(b"\x91" * 100_000, GATE)


def test_uuid_and_decimal_keep_their_exact_form() -> None:
    value = [UUID(int=5), Decimal("1.10"), Decimal("sNaN123")]

    assert [str(one) for one in TYPED.loads(TYPED.dumps(value, "it"), GATE)] == [str(one) for one in value]


def test_flags_over_64_bits_survive_together() -> None:
    both = Wide.LOW | Wide.HIGH

    assert TYPED.loads(TYPED.dumps(both, "it"), GATE) is both


def test_a_member_that_no_enum_declares_is_refused_both_ways() -> None:
    with pytest.raises(UnsupportedTypeError, match="not a member that Lenient declares"):
        TYPED.dumps(Lenient(5), "it")
    stored = msgspec.msgpack.encode([__name__, "Lenient", None, 5])
    with pytest.raises(DamagedPayloadError, match="not a member of"):
        TYPED.loads(msgspec.msgpack.encode(msgspec.msgpack.Ext(12, stored)), GATE)


def test_a_named_time_zone_keeps_its_name() -> None:
    moment = dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1), "CET"))

    assert TYPED.loads(TYPED.dumps(moment, "it"), GATE).tzname() == "CET"


@pytest.mark.parametrize("value", [Cached(3), Box(3), Box[int](3)])
def test_what_python_adds_to_a_dataclass_is_no_hindrance(value: Any) -> None:
    getattr(value, "area", None)

    assert TYPED.loads(TYPED.dumps(value, "it"), GATE) == value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (Secretive(3), "'_area', which is not a field"),
        (Unset(), "'later' has no value"),
        (Code(3), "inherits more than fields"),
        (Nameless(3), "others cannot import"),
    ],
)
def test_a_dataclass_that_would_not_come_back_whole_is_refused(value: object, why: str) -> None:
    with pytest.raises(UnsupportedTypeError, match=why):
        TYPED.dumps(value, "it")

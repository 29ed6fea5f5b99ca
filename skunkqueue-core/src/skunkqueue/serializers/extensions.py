"""The numbers of our MessagePack extensions, one for each type that MessagePack does not know."""

from __future__ import annotations


class Ext:
    """They are stored: add, never change."""

    BIG_INT = 1
    TUPLE = 2
    DICT = 3
    SET = 4
    FROZENSET = 5
    DATETIME = 6
    DATE = 7
    TIME = 8
    TIMEDELTA = 9
    DECIMAL = 10
    UUID = 11
    ENUM = 12
    DATACLASS = 13
    SURROGATES = 14
    FIELDED = 15
    PATH = 16

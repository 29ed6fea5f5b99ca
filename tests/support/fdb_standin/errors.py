"""The errors of the binding, by their codes."""

from __future__ import annotations

from collections.abc import Mapping

DESCRIPTIONS: Mapping[int, str] = {
    1007: "Transaction is too old to perform reads or be committed",
    1009: "Request for future version",
    1020: "Transaction not committed due to conflict with another transaction",
    1021: "Transaction may or may not have committed",
    1025: "Operation aborted because the transaction was cancelled",
    1031: "Operation aborted because the transaction timed out",
    1032: "Too many watches currently set",
    1036: "Read or wrote an unreadable key",
    1037: "Storage process does not have recent mutations",
    1101: "Asynchronous operation cancelled",
    1515: "Unable to find cluster file",
    2000: "Invalid API call",
    2004: "Key outside legal range",
    2005: "Range begin key larger than end key",
    2006: "Option set with an invalid value",
    2101: "Transaction exceeds byte limit",
    2102: "Key length exceeds limit",
    2017: "Operation issued while a commit was outstanding",
    2021: "Transaction is read-only and therefore does not have a commit version",
    2103: "Value length exceeds limit",
    2104: "Connection string invalid",
}
MAYBE_COMMITTED = frozenset({1021, 1039})
NOT_COMMITTED = frozenset({1007, 1009, 1020, 1037, 1038, 1042, 1051, 1078, 1213})


class FDBError(Exception):
    """What went wrong, as a code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    @property
    def description(self) -> str:
        return DESCRIPTIONS.get(self.code, "Unknown error")

    def __str__(self) -> str:
        return f"{self.description} ({self.code})"

    def __repr__(self) -> str:
        return f"FDBError({self.code})"


class Predicates:
    """What to think of an error."""

    def is_retryable(self, error: FDBError) -> bool:
        return error.code in MAYBE_COMMITTED | NOT_COMMITTED

    def is_maybe_committed(self, error: FDBError) -> bool:
        return error.code in MAYBE_COMMITTED

    def is_retryable_not_committed(self, error: FDBError) -> bool:
        return error.code in NOT_COMMITTED

"""The options of the binding that mean something here; others are taken and forgotten, as they change nothing."""

from __future__ import annotations

import time

MILLISECOND = 1e-3


class NetworkOptions:
    """What is set before the first database is opened; nothing of it matters here."""

    def __init__(self) -> None:
        self.given: list[tuple[str, object]] = []

    def set_knob(self, setting: str) -> None:
        self.given.append(("knob", setting))

    def set_trace_enable(self, folder: str | None = None) -> None:
        self.given.append(("trace_enable", folder))

    def set_tls_cert_path(self, path: str | bytes) -> None:
        self.given.append(("tls_cert_path", path))

    def set_tls_key_path(self, path: str | bytes) -> None:
        self.given.append(("tls_key_path", path))

    def set_tls_ca_path(self, path: str | bytes) -> None:
        self.given.append(("tls_ca_path", path))

    def set_tls_verify_peers(self, rule: bytes) -> None:
        if not isinstance(rule, bytes):
            msg = "Value must be of type bytes"
            raise TypeError(msg)
        self.given.append(("tls_verify_peers", rule))

    def set_tls_password(self, password: str | bytes) -> None:
        self.given.append(("tls_password", password))


class Settings:
    """What the options of a database or of a transaction have come to."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.timeout = 0.0
        """Seconds; 0: none."""
        self.retries = -1
        self.size = 10_000_000
        self.read_your_writes = True
        self.system_keys = False
        self.watches = 10_000

    @property
    def deadline(self) -> float | None:
        """When the transaction is to have ended."""
        return self.begun + self.timeout if self.timeout else None

    def anew(self) -> Settings:
        """Make those of a new transaction, which begins with these."""
        made = Settings()
        made.timeout, made.retries, made.size = self.timeout, self.retries, self.size
        return made


class DatabaseOptions:
    """What holds for all transactions of a database."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def set_transaction_timeout(self, milliseconds: int) -> None:
        self._settings.timeout = milliseconds * MILLISECOND

    def set_transaction_retry_limit(self, limit: int) -> None:
        self._settings.retries = limit

    def set_transaction_size_limit(self, limit: int) -> None:
        self._settings.size = limit

    def set_transaction_max_retry_delay(self, milliseconds: int) -> None:
        del milliseconds

    def set_max_watches(self, limit: int) -> None:
        self._settings.watches = limit

    def set_location_cache_size(self, size: int) -> None:
        del size

    def set_datacenter_id(self, name: str) -> None:
        del name

    def set_machine_id(self, name: str) -> None:
        del name


class TransactionOptions:
    """What holds for one transaction."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.silence_next_write = False

    def set_timeout(self, milliseconds: int) -> None:
        self._settings.timeout = milliseconds * MILLISECOND

    def set_retry_limit(self, limit: int) -> None:
        self._settings.retries = limit

    def set_size_limit(self, limit: int) -> None:
        self._settings.size = limit

    def set_max_retry_delay(self, milliseconds: int) -> None:
        del milliseconds

    def set_read_system_keys(self) -> None:
        self._settings.system_keys = True

    def set_read_your_writes_disable(self) -> None:
        self._settings.read_your_writes = False

    def set_next_write_no_write_conflict_range(self) -> None:
        self.silence_next_write = True

    def set_causal_read_risky(self) -> None:
        return

    def set_causal_write_risky(self) -> None:
        return

    def set_priority_system_immediate(self) -> None:
        return

    def set_priority_batch(self) -> None:
        return

    def set_debug_transaction_identifier(self, name: str) -> None:
        del name

    def set_log_transaction(self) -> None:
        return

    def set_auto_throttle_tag(self, tag: str) -> None:
        del tag

    def set_tag(self, tag: str) -> None:
        del tag

    def set_read_lock_aware(self) -> None:
        return

    def set_used_during_commit_protection_disable(self) -> None:
        return

"""Monitors with logins, for metrics as well."""

from __future__ import annotations

from tests.web.access.conftest import auth_file, locked, monitor

__all__ = ["auth_file", "locked", "monitor"]

"""Rules of addresses that were compiled once are not compiled again for each test's own app."""

from __future__ import annotations

from typing import Any

from werkzeug.routing import Rule

_COMPILED: dict[tuple[object, ...], dict[str, Any]] = {}


class RememberedRule(Rule):
    """A rule as Flask's own; what compiling adds to it comes from the first rule that reads the same.

    An app has 150 of them. To compile them takes nearly all of the time in which an app is made.
    """

    def compile(self) -> None:
        defaults = tuple(sorted((self.defaults or {}).items()))
        key = (self.rule, defaults, self.subdomain, self.host, self.merge_slashes, self.map.host_matching)
        if key not in _COMPILED:
            before = set(vars(self))
            super().compile()
            made = set(vars(self)) - before | {"_parts", "_trace", "_converters", "arguments"}
            _COMPILED[key] = {name: getattr(self, name) for name in made}
        vars(self).update(_COMPILED[key])

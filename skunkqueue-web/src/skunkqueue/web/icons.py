"""Small drawings of the pages' frame: paths in a box of 16 by 16, drawn as lines."""

from __future__ import annotations

ICONS: dict[str, tuple[str, ...]] = {
    "overview": ("M2.5 13.5v-4M6.2 13.5v-9M9.8 13.5v-6M13.5 13.5v-11",),
    "queues": ("M2.5 3.5h11v3h-11zM2.5 9.5h11v3h-11z",),
    "jobs": ("M6 4h7.5M6 8h7.5M6 12h7.5M2.5 4h.5M2.5 8h.5M2.5 12h.5",),
    "errors": ("M8 2.2 14.2 13.2H1.8z", "M8 6.2v3.3M8 11.4v.1"),
    "workers": (
        "M4.5 4.5h7v7h-7z",
        "M6.5 2v2.5M9.5 2v2.5M6.5 11.5V14M9.5 11.5V14M2 6.5h2.5M2 9.5h2.5M11.5 6.5H14M11.5 9.5H14",
    ),
    "schedules": ("M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2z", "M8 4.8V8l2.3 1.6"),
    "plugins": ("M6 2v3.5M10 2v3.5M3.8 5.5h8.4V8a4.2 4.2 0 0 1-8.4 0zM8 12.2V14.5",),
    "audit": ("M4 2h6l2.5 2.5V14H4z", "M6.3 7h4M6.3 10h4"),
    "more": ("M3 3h4v4H3zM9 3h4v4H9zM3 9h4v4H3zM9 9h4v4H9z",),
    "theme": ("M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2z", "M8 2v12M8 4.5l4.3-.8M8 8h6M8 11.5l4.3.8"),
    "keys": ("M1.8 4h12.4v8H1.8z", "M4.5 6.7h.1M7 6.7h.1M9.5 6.7h.1M11.8 6.7h.1M5 9.5h6"),
    "back": ("M9.5 3.5 5 8l4.5 4.5",),
}
"""Names, and the paths of each."""

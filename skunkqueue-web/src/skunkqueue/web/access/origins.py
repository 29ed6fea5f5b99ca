"""What requests that a page of another site has made may not do."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Request

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OURS = (None, "same-origin", "none")
_FRAMES = ("object", "embed", "iframe", "frame", "fencedframe")


def is_unsafe(request: Request) -> bool:
    """Return whether a request may change something."""
    return request.method not in SAFE_METHODS


def complaint(request: Request) -> str | None:
    """Return why a request is refused for where it comes from; ``None``: it is not."""
    site = request.headers.get("Sec-Fetch-Site")
    if is_unsafe(request):
        if site not in _OURS:
            return f"this request comes from a page of another site (Sec-Fetch-Site: {site[:40]})"
        origin = request.headers.get("Origin")
        if origin is not None and not _is_same(origin, request):
            return f"this request comes from a page of another site (Origin: {origin[:200]})"
        return None
    if site in _OURS:
        return None
    # Other sites may link to the monitor, but not show a page of it within their own.
    mode, dest = request.headers.get("Sec-Fetch-Mode"), request.headers.get("Sec-Fetch-Dest")
    if mode == "navigate" and dest not in _FRAMES:
        return None
    return "a page of another site wants to use this as a part of its own"


def is_link_from_elsewhere(request: Request) -> bool:
    """Return whether the visitor has followed a link of another site; browsers send no strict cookie then."""
    return request.method == "GET" and request.headers.get("Sec-Fetch-Site") not in _OURS


def _is_same(origin: str, request: Request) -> bool:
    """Compare host and port. The scheme is not known behind a proxy that ends TLS."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return False
    default = {"http": ":80", "https": ":443"}[parts.scheme]
    ours = (request.headers.get("Host") or "").lower()
    return parts.netloc.lower().removesuffix(default) == ours.removesuffix(default)

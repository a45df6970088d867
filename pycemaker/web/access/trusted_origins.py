"""Trusted origins: tells requests of other sites' pages from those of our own pages, of named origins and of programs.

Browsers name the page's site in `Sec-Fetch-Site`, but not to a plain-http name; there `Origin` does, which no page
can leave out of a POST or of a request whose answer it reads, or `Referer`, which a page can leave out. Without all of
them, `Mozilla/` and `Accept-Language` tell a browser from a program.
"""

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from pycemaker.errors import ForeignOrigin

_PORTS = {"http": 80, "https": 443}
_EMBEDDED = re.compile(
    r"\s*(?:image|audio|video|font|text/css|text/javascript|application/javascript)\b", re.IGNORECASE
)
"""The beginning of `Accept` where a page wants a picture, a style sheet or a script."""


class TrustedOrigins:
    """The pages that may have a browser act here.

    Args:
        public_url: this server's URL for readers; its pages are our own.
        origins: the entries of CORS_ORIGINS; those that name one origin let it act, `*` lets none.
    """

    def __init__(self, public_url: str | None, origins: Sequence[str]) -> None:
        known = [entry for entry in origins if "*" not in entry]
        self._known = {_origin(urlsplit(entry)) for entry in (*known, public_url or "")} - {None}

    def may_act(self, environ: Mapping[str, Any]) -> bool:
        """True for a program, our own pages and named origins; False where a person followed a link from elsewhere.

        Raises:
            ForeignOrigin: a browser asks for another site's page, or nobody can tell whose page it is.
        """
        site = environ.get("HTTP_SEC_FETCH_SITE", "").lower()
        source = environ.get("HTTP_ORIGIN") or environ.get("HTTP_REFERER")
        if site == "same-origin" or (source and self._is_ours(source, "" if site else environ.get("HTTP_HOST", ""))):
            return True
        if site:
            is_meant = _is_navigation(environ, site)
        elif source or _EMBEDDED.match(environ.get("HTTP_ACCEPT", "")):
            is_meant = False
        elif _is_browser(environ):
            is_meant = _wants_page(environ)
        else:
            return True
        if not is_meant:
            raise ForeignOrigin(origin=_origin_text(source))
        return False

    def may_preflight(self, environ: Mapping[str, Any]) -> bool:
        """True where the origin of a preflight may act; one without an origin is no browser's."""
        source = environ.get("HTTP_ORIGIN")
        return not source or self._is_ours(source, environ.get("HTTP_HOST", ""))

    def _is_ours(self, source: str, host: str) -> bool:
        """True where the address is of a named origin, or of this server where `host` is a name that only it can have.

        A site whose own name suddenly means this machine (DNS rebinding) is asked for under that name, and no
        browser says `same-origin` to a plain-http name: of those count addresses, `localhost` and names without a dot.
        """
        try:
            parts, own = urlsplit(source), urlsplit(f"//{host}")
            origin = _origin(parts)
            is_own = origin is not None and origin[1:] == (own.hostname, own.port or _PORTS[parts.scheme])
        except ValueError:
            return False
        return origin in self._known or (is_own and _is_private(own.hostname or ""))


def _origin(parts: SplitResult) -> tuple[str, str, int] | None:
    if parts.scheme not in _PORTS or not parts.hostname:
        return None
    return parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]


def _is_private(name: str) -> bool:
    """True where nobody else can have the DNS say that the name is this server's."""
    try:
        ip_address(name)
    except ValueError:
        return "." not in name or name.endswith(".localhost")
    return True


def _is_navigation(environ: Mapping[str, Any], site: str) -> bool:
    """True where a person opens this address in a window: by a link, or (`none`) by hand, bookmark or program."""
    is_window = environ.get("HTTP_SEC_FETCH_MODE") == "navigate" and environ.get("HTTP_SEC_FETCH_DEST") == "document"
    is_meant = environ.get("HTTP_SEC_FETCH_USER") == "?1" or site == "none"
    return is_window and is_meant and environ["REQUEST_METHOD"] == "GET" and not environ.get("HTTP_ORIGIN")


def _is_browser(environ: Mapping[str, Any]) -> bool:
    return "HTTP_ACCEPT_LANGUAGE" in environ and str(environ.get("HTTP_USER_AGENT", "")).startswith("Mozilla/")


def _wants_page(environ: Mapping[str, Any]) -> bool:
    return environ["REQUEST_METHOD"] == "GET" and str(environ.get("HTTP_ACCEPT", "")).lower().startswith("text/html")


def _origin_text(source: str | None) -> str:
    """The origin of a URL, `null` without one; never its path."""
    try:
        parts = urlsplit(source or "")
    except ValueError:
        return "null"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"[:100] if parts.netloc else "null"

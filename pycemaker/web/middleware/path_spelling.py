"""Normalizes paths: no slash at the end, no two in a row, no prefix of a proxy.

It stands in front of everything that reads the path, rules about who may read what included.
"""

import re
from collections.abc import Iterable, Set
from urllib.parse import unquote

from pycemaker.web.wsgi import Application, Environ, StartResponse

_SLASHES = re.compile("//+")


def normalize_paths(application: Application, base_path: str = "", own_names: Set[str] = frozenset()) -> Application:
    """The application, with normalized paths.

    Args:
        application: routes of which none ends in a slash.
        base_path: what readers' URLs have before a route (`/pycemaker`); a proxy may take it away or leave it.
        own_names: first segments of routes. A base path that begins with one is not removed: it could be a route.
    """
    prefix = unquote(base_path).encode().decode("latin-1")  # WSGI has a path's bytes as latin-1
    if prefix.strip("/").partition("/")[0] in own_names:
        prefix = ""

    def plain(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path[-1:] == "/" or "//" in path:
            path = _SLASHES.sub("/", path).rstrip("/") or "/"
        if prefix and (path == prefix or path.startswith(f"{prefix}/")):
            path = path[len(prefix) :] or "/"
        environ["PATH_INFO"] = path
        return application(environ, start_response)

    return plain

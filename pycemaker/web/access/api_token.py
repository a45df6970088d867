"""The API token of a request: in a header, never in the URL.

Proxies, browsers and logs keep URLs, and `Referer` passes them to other sites. So a token in the query is refused even
where it is right, and its holder learns that it has to be changed.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from pycemaker.errors import TokenInUrl

_NAMES = {"token", "access_token", "api_token", "api_key", "apikey", "x_api_key", "authorization", "password"}


def given(environ: Mapping[str, Any], *, as_password: bool = False) -> bytes:
    """The token of the request, as `Bearer` or in `X-Api-Key`; empty without one.

    Args:
        environ: the request's, of WSGI, whose headers are Latin-1; the bytes that came are returned.
        as_password: whether the password of `Basic` counts. A browser asks its user for one and sends it from then on
            with whatever request another site has it make: good to read with, and not to act.
    """
    scheme, _, credentials = environ.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return _bytes(credentials.strip())
    if scheme.lower() == "basic" and as_password:
        try:
            return base64.b64decode(_bytes(credentials.strip()), validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return b""
    return _bytes(environ.get("HTTP_X_API_KEY", "").strip())


def add(environ: dict[str, Any], token: str) -> None:
    """Add the token of a form's field to the request, in place of `X-Api-Key`; nothing where the field is empty."""
    if token:
        environ["HTTP_X_API_KEY"] = token.encode().decode("latin-1")


def is_correct(given_token: bytes, token: str) -> bool:
    """True where the given token is right, compared in constant time."""
    return hmac.compare_digest(given_token, token.encode())


def refuse_in_url(environ: Mapping[str, Any], token: str | None) -> None:
    """Let a request pass whose query has no token in it, neither by name nor by value. Raises TokenInUrl: it has."""
    for name, text in parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True, encoding="latin-1"):
        is_named = name.lower().replace("-", "_") in _NAMES
        if is_named or (token is not None and hmac.compare_digest(text.encode("latin-1"), token.encode())):
            raise TokenInUrl


def _bytes(text: str) -> bytes:
    return text.encode("latin-1", "replace")

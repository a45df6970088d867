"""The token that the report routes take, and how it is given: in a header, never in an address.

An address is written down by proxies, browsers and logs, and handed on in `Referer`; so a token in the query is refused
even where it is right, and whoever put it there knows that it has to be changed.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from pycemaker.errors import TokenInUrl

_NAMES = {"token", "access_token", "api_token", "api_key", "apikey", "x_api_key", "authorization", "password"}


def given(environ: Mapping[str, Any], *, as_password: bool = False) -> bytes:
    """What the request gives for a token: as `Bearer` or in `X-Api-Key`; nothing where it gives none.

    Args:
        environ: the request's, of WSGI, which hands headers on as Latin-1; these are the bytes that came.
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


def is_right(told: bytes, token: str) -> bool:
    """Whether it is the token, compared in a time that does not depend on how much of it is right."""
    return hmac.compare_digest(told, token.encode())


def refuse_in_url(environ: Mapping[str, Any], token: str | None) -> None:
    """Let a request pass whose query has no token in it, by name or by what it is.

    Raises:
        TokenInUrl: it has.
    """
    for name, text in parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True, encoding="latin-1"):
        is_named = name.lower().replace("-", "_") in _NAMES
        if is_named or (token is not None and hmac.compare_digest(text.encode("latin-1"), token.encode())):
            raise TokenInUrl


def _bytes(text: str) -> bytes:
    return text.encode("latin-1", "replace")

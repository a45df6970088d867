"""Answers of a given size and nothing else: what the HTTP server and the loopback take by themselves.

`/<bytes>` in one piece, `/0` a 304, `/<bytes>/<pieces>` streamed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any


@cache
def _body(size: int) -> bytes:
    return b"x" * size


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    size, _, pieces = environ["PATH_INFO"][1:].partition("/")
    if not size.isdigit():
        start_response("404 Not Found", [])
        return [b""]
    if size == "0":
        start_response("304 Not Modified", [("ETag", '"x"'), ("Cache-Control", "no-cache"), ("Vary", "Accept")])
        return []
    if pieces:
        start_response("200 OK", [("Content-Type", "application/json")])
        return iter([_body(int(size) // int(pieces))] * int(pieces))
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", size)])
    return [_body(int(size))]

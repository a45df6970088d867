"""Request ids: one for each request, in its log lines, its record and its mail."""

import os
import random
import re
from contextvars import ContextVar

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that this thread works on; empty outside of one."""

PATTERN = r"[A-Za-z0-9][A-Za-z0-9._:=+/-]{0,127}"
"""A valid id: nothing that a log, a header or JSON would have to escape."""

_SANE = re.compile(PATTERN, re.ASCII)
_random = random.Random(os.urandom(16))  # noqa: S311 - ids have to differ; they keep nothing secret


def request_id_from(given: str | None) -> str:
    """The caller's id where it is valid; else a new one of 16 hexadecimal digits."""
    return given if given and _SANE.fullmatch(given) else f"{_random.getrandbits(64):016x}"

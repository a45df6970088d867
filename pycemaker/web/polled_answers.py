"""Answers to polls: an ETag, 304 where the caller has it, and the same answer for some seconds.

`middleware/response_cache` gives both again out of memory, before any route.
"""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any

from bottle import request, response

from pycemaker.web import etags, response_bodies
from pycemaker.web.answer_formats import MEDIA_TYPES
from pycemaker.web.middleware.response_cache import IS_VALID
from pycemaker.web.services import SHORT_SECONDS, Services

LIVE_SECONDS, MINUTE_SECONDS = 2.0, 5.0
"""Time for which an answer about now is given again, and one about whole minutes."""


def is_not_modified(etag: str, media_type: str, more: Mapping[str, str]) -> bool:
    """True where the caller has the answer, and gets a 304; sets the headers in any case."""
    response.content_type = media_type
    for name, text in {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept", **more}.items():
        response.set_header(name, text)
    if not etags.matches(request.environ.get("HTTP_IF_NONE_MATCH"), etag):
        return False
    response.status = 304
    return True


def polled(content: Any, seconds: float) -> bytes:
    """The content as JSON, or nothing with 304. For so long the same request gets the same answer out of memory."""
    return polled_body(response_bodies.json_bytes(content), seconds, MEDIA_TYPES["json"])


def polled_body(body: bytes, seconds: float, media_type: str) -> bytes:
    """The same for a body of another media type."""
    until = time.monotonic() + seconds
    request.environ[IS_VALID] = lambda: time.monotonic() < until
    return b"" if is_not_modified(etags.etag_of_body(body), media_type, {}) else body


def build_slot(services: Services, seconds: float) -> AbstractContextManager[None]:
    """A slot for building an answer out of so many seconds of samples; a short one is built at once."""
    return nullcontext() if seconds <= SHORT_SECONDS else services.in_flight.build_slot()


def whole_minute(instant_utc: datetime) -> datetime:
    """The last whole minute."""
    return instant_utc.replace(second=0, microsecond=0)

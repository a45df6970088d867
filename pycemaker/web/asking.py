"""What a request says about itself: its query, its key."""

from __future__ import annotations

import re
from typing import Any

from pycemaker import errors

_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


def query(request: Any) -> dict[str, str]:
    """The query's parameters; one that is given twice is refused, since nobody knows which was meant.

    Raises:
        InvalidRequest, InvalidParameter.
    """
    try:
        given = request.query.decode()
    except UnicodeError:
        raise errors.InvalidRequest from None
    for name in given:
        if len(given.getall(name)) > 1:
            raise errors.InvalidParameter(field=name[:40], reason="given more than once")
    return dict(given)


def idempotency_key(request: Any) -> str | None:
    """What a POST calls itself, so that asking again is asking once; None without it.

    Raises:
        InvalidParameter: it is no printable ASCII of 1 to 255 characters.
    """
    text = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if text is None or request.method != "POST":
        return None
    if not _KEY.fullmatch(text):
        takes = "1 a 255 caracteres ASCII visíveis"
        raise errors.InvalidParameter(field="Idempotency-Key", reason="not 1 to 255 visible characters", takes=takes)
    return str(text)

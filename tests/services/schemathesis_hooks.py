"""Hooks for schemathesis: requests that the schema of /openapi.json allows and the calendar, or a notebook, does not."""

from __future__ import annotations

from typing import Any

import schemathesis
from schemathesis.generation import GenerationMode

NOT_IN_A_SCHEMA = {
    "invalid_date",  # 29/02 of a common year, and an interval that would start before 1970
    "invalid_address",  # one of over 254 characters, or over 64 before the @
    "invalid_parameter",  # one of another notebook than the one that was named
    "invalid_samples",  # a reading that its unit cannot have, a time to come
}


@schemathesis.check  # type: ignore[untyped-decorator]
def accepts_what_the_schema_takes(_context: Any, response: Any, case: Any) -> None:
    """As schemathesis's own check, but for those refusals."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE or case.method == "HEAD":
        return
    if response.status_code == 400 and response.json()["error"] not in NOT_IN_A_SCHEMA:
        raise AssertionError(f"refused, although the schema takes it: {response.text}")

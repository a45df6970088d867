"""Hooks for schemathesis: answers that are right although the schema of /openapi.json alone does not say why."""

from __future__ import annotations

from typing import Any

import schemathesis
from hypothesis import strategies
from schemathesis.generation import GenerationMode

_OF_PATTERNS: dict[Any, Any] = {}
_from_regex = strategies.from_regex


def _kept_from_regex(regex: Any, *, fullmatch: bool = False, alphabet: Any = None) -> Any:
    """The strategy of a pattern, made once: half of a run was to make those of addresses again and again."""
    key = (regex, fullmatch, repr(alphabet))
    if key not in _OF_PATTERNS:
        made = _from_regex(regex, fullmatch=fullmatch, alphabet=alphabet)
        _OF_PATTERNS[key] = strategies.deferred(lambda: made)  # a filter wraps it, and makes a lazy one anew
    return _OF_PATTERNS[key]


strategies.from_regex = _kept_from_regex

NOT_IN_A_SCHEMA = {
    "invalid_date",  # 29/02 of a common year, and an interval that would start before 1970
    "invalid_address",  # one of over 254 characters, or over 64 before the @
    "invalid_parameter",  # one of another notebook than the one that was named
    "invalid_samples",  # a reading that its unit cannot have, a time to come
}
NOT_KNOWN_YET = {"not_enough_history", "no_current_reading"}


@schemathesis.check  # type: ignore[untyped-decorator]
def accepts_what_the_schema_takes(_context: Any, response: Any, case: Any) -> None:
    """As schemathesis's own check, but for those refusals."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE or case.method == "HEAD":
        return
    is_page = "text/html" in response.headers.get("content-type", [""])[0]  # a form's fields are not in the schema
    if response.status_code == 400 and not is_page and response.json()["error"] not in NOT_IN_A_SCHEMA:
        raise AssertionError(f"refused, although the schema takes it: {response.text}")


@schemathesis.check  # type: ignore[untyped-decorator]
def is_no_fault_of_the_server(_context: Any, response: Any, case: Any) -> None:
    """As schemathesis's own check, but for health and forecasts, which are a 503 until there are samples enough."""
    if response.status_code < 500 or (response.status_code == 503 and case.method == "HEAD"):
        return
    if response.status_code != 503 or response.json()["error"] not in NOT_KNOWN_YET:
        raise AssertionError(f"a fault of the server: {response.text}")

"""Parameters of a request, out of its query and body, and its Idempotency-Key."""

import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from pycemaker import errors
from pycemaker.parsing.setting_values import is_utf8
from pycemaker.window import parse_instant

LONGEST_PARAMETERS_BYTES = 64 * 1024
_FORM = "application/x-www-form-urlencoded"
_BODY_TAKES = 'um objeto JSON, como {"limit": 0.8}, ou um formulário'
_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


def query(request: Any) -> dict[str, str]:
    """The query's parameters. One that is given twice is refused, since either may be meant.

    Raises:
        InvalidRequest, InvalidParameter.
    """
    if not request.environ.get("QUERY_STRING"):
        return {}
    try:
        given = request.query.decode()
    except UnicodeError:
        raise errors.InvalidRequest from None
    for name in given:
        if len(given.getall(name)) > 1:
            raise errors.InvalidParameter(field=name[:40], reason="given more than once")
    return dict(given)


@dataclass(frozen=True)
class RequestParameters:
    """Parameters of a request: `texts` of its query and of a form, `values` of a JSON object."""

    texts: dict[str, str]
    values: dict[str, Any]

    @property
    def every(self) -> dict[str, Any]:
        """All of them by name, wherever they came from."""
        return self.texts | self.values

    def pop(self, name: str, default: Any) -> Any:
        """Remove and return the parameter; the default where it was not given."""
        return self.values.pop(name) if name in self.values else self.texts.pop(name, default)


def parameters(request: Any) -> RequestParameters:
    """The parameters of the query and of the body. No body gives none.

    A body that begins as an object is read as JSON whatever its Content-Type: curl sends a form's, fetch a text's.

    Raises:
        InvalidRequest: the query cannot be read; InvalidParameter: one is given twice, or the body is neither an object
            of JSON nor a form.
    """
    texts, content = query(request), request.environ["wsgi.input"].read(LONGEST_PARAMETERS_BYTES + 1)
    request.environ["wsgi.input"] = io.BytesIO(content)  # for the next reader
    if len(content) > LONGEST_PARAMETERS_BYTES:
        _refuse_body(f"of more than {LONGEST_PARAMETERS_BYTES} bytes")
    form: dict[str, str] = {}
    values: dict[str, Any] = {}
    if content.lstrip().startswith(b"{"):
        values = _json_object(content)
    elif content.strip():
        form = _form(content, request.environ.get("CONTENT_TYPE", ""))
    for name in {**form, **values}:
        if name in texts:
            raise errors.InvalidParameter(field=name[:40], reason="given in the query and in the body")
    return RequestParameters(texts | form, values)


def refuse_unknown(given: Iterable[str], known: Sequence[str]) -> None:
    """Raises InvalidParameter: one of the names that are given is none of the known ones."""
    for name in given:
        if name not in known:
            raise errors.InvalidParameter(field=name[:40], reason="there is no such parameter", known=list(known))


def instant(name: str, text: object, zone: ZoneInfo, now_utc: datetime, takes: str = "ISO 8601 com fuso") -> datetime:
    """The instant of a parameter. Raises InvalidParameter: it is none."""
    try:
        return parse_instant(str(text), zone=zone, now_utc=now_utc)
    except errors.InvalidDate:
        raise errors.InvalidParameter(field=name, reason="not an instant", takes=takes) from None


def _refuse_body(reason: str) -> NoReturn:
    raise errors.InvalidParameter(field="body", reason=reason, takes=_BODY_TAKES)


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        values = dict(json.loads(content, object_pairs_hook=_once_each, parse_constant=_refuse_body))
    except (ValueError, RecursionError):
        _refuse_body("no JSON")
    if not is_utf8(json.dumps(values, ensure_ascii=False)):  # half of a surrogate pair, which JSON lets one write
        _refuse_body("no UTF-8")
    return values


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The pairs by name, in one pass: a body may have thousands, the last one of them twice."""
    content: dict[str, Any] = {}
    for name, value in pairs:
        if not is_utf8(name):
            _refuse_body("no UTF-8")
        if name in content:
            raise errors.InvalidParameter(field=name[:40], reason="given more than once")
        content[name] = value
    return content


def _form(content: bytes, content_type: str) -> dict[str, str]:
    if content_type.partition(";")[0].strip().lower() != _FORM:
        _refuse_body("neither an object of JSON nor a form")
    try:
        pairs = parse_qsl(content.decode(), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        _refuse_body("no form")
    return _once_each(list(pairs))


def idempotency_key(request: Any) -> str | None:
    """The key of a POST, which makes repeated requests one; None without a key.

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

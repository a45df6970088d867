"""The fields of a schedule as callers write them, checked; each wrong one is refused by its name."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pycemaker.errors import (
    InvalidAddress,
    InvalidDate,
    InvalidParameter,
    InvalidRequest,
    RecipientNotAllowed,
    UnknownNotebook,
)
from pycemaker.parsing.application_names import is_application
from pycemaker.parsing.values import Value
from pycemaker.reports.attachments.kinds import parse_kinds
from pycemaker.reports.notebook_catalogue import DEFAULT_NOTEBOOK, find_notebook
from pycemaker.schedules.calendar_period import PERIODS
from pycemaker.schedules.recurrence import Recurrence, is_cron
from pycemaker.settings import NOTEBOOKS, Settings
from pycemaker.window import parse_instant, to_iso_text

Fields = dict[str, Any]
_PING_PATH = re.compile(r"[A-Za-z0-9._~/-]{1,200}", re.ASCII)
FIELDS = (
    *("name", "cron", "every_hours", "start_at", "timezone", "hours", "period", "recipients", "application"),
    *("notebook", "parameters", "attach", "only_if", "missed", "spread_minutes", "until", "paused", "owner"),
    "ping_url",
)
"""The names of the fields."""
VALUES = {
    "every_hours": Value(int, 1, 8784),
    "period": Value(str, choices=tuple(PERIODS)),
    "only_if": Value(str, choices=("always", "finding", "critical")),
    "missed": Value(str, choices=("latest", "none", "all")),
    "spread_minutes": Value(int, 0, 59),
    "paused": Value(bool),
}
"""What plain fields take; of `hours` the settings say the longest."""
_DEFAULTS: Fields = {
    "hours": 24,
    "notebook": DEFAULT_NOTEBOOK,
    "application": "",
    "parameters": {},
    "attach": [],
    "only_if": "always",
    "missed": "latest",
    "spread_minutes": 0,
    "paused": False,
}
_INSTEAD = {
    "cron": ("every_hours", "start_at"),
    "every_hours": ("cron",),
    "period": ("hours",),
    "hours": ("period",),
}
"""The fields that a new value of another one replaces."""


class _Refused(Exception):
    """A value that a field does not take; the message says in Portuguese what it takes."""


@dataclass(frozen=True)
class FieldReader:
    """Reads the fields of schedules.

    Attributes:
        settings: zone, longest interval, allow-list, whom may be pinged.
        notebooks: the folder of the notebooks.
    """

    settings: Settings
    notebooks: Path = NOTEBOOKS

    def read(self, given: Mapping[str, Any], required: Sequence[str] = ("name", "recipients")) -> Fields:
        """Every field, checked, with its default where it is absent, null or a blank text.

        Instants are aware UTC, `timezone` is a name, lists are lists.

        Args:
            given: values by name, of JSON or texts.
            required: the fields that must be there.

        Raises:
            InvalidParameter: a field is unknown, missing, wrong or contradicts another one; names it.
            RecipientNotAllowed: the allow-list does not name a recipient or the owner.
        """
        readers = self._readers()
        for name in given:
            if name not in readers:
                raise _invalid(name[:40], "unknown", known=sorted(FIELDS))
        present = {name: value for name, value in given.items() if value not in (None, "")}
        zone = present.get("timezone", self.settings.timezone.key)
        fields: Fields = dict.fromkeys(FIELDS) | _DEFAULTS | {"timezone": zone}
        for name in sorted(present, key=lambda each: (each != "timezone", each == "parameters")):
            fields[name] = _checked(name, readers[name], present[name], fields)
        for name in required:
            if not fields[name]:
                raise _invalid(name, "missing")
        _check_together(fields, present, self.settings.max_range_hours)
        if fields["application"]:
            find_notebook(fields["notebook"], self.notebooks).check_application(fields["application"])
        return fields

    def read_changed(self, schedule: Mapping[str, Any], changes: Mapping[str, Any]) -> Fields:
        """The fields of a stored schedule after these changes. Raises as `read`."""
        given = {name: schedule[name] for name in FIELDS if name != "hours" or not schedule["period"]}
        given = {name: to_iso_text(each) if isinstance(each, datetime) else each for name, each in given.items()}
        replaced = {other for name in changes if changes[name] for other in _INSTEAD.get(name, ())}
        return self.read({name: each for name, each in given.items() if name not in replaced} | dict(changes))

    def read_recipients(self, name: str, value: Any) -> tuple[str, ...]:
        """Addresses, as a field of that name. Raises as `read`."""
        return tuple(_checked(name, lambda each, _fields: self._recipients(each), value, {}))

    def _readers(self) -> dict[str, Callable[[Any, Fields], Any]]:
        """By each field's name the function that checks its value, `timezone` being checked already."""
        values = VALUES | {"hours": Value(int, 1, self.settings.max_range_hours)}
        return {
            "name": _name,
            "timezone": _zone,
            "cron": _cron,
            "start_at": self._instant,
            **{name: _reader(name, value) for name, value in values.items()},
            "recipients": lambda value, _fields: list(self._recipients(value)),
            "application": _application,
            "notebook": lambda value, _fields: find_notebook(_text(value), self.notebooks).name,
            "parameters": self._parameters,
            "attach": lambda value, _fields: list(parse_kinds(_joined(value))),
            "until": self._instant,
            "owner": self._owner,
            "ping_url": self._ping_url,
        }

    def _instant(self, value: Any, fields: Fields) -> datetime:
        try:
            zone = ZoneInfo(fields["timezone"])
            return parse_instant(_text(value), zone=zone, now_utc=datetime.now(UTC))
        except InvalidDate:
            raise _Refused("ISO 8601 com fuso, ou dd-mm-aaaa-HH-MM-SS na hora de timezone") from None

    def _recipients(self, value: Any) -> tuple[str, ...]:
        return self.settings.read_recipients(_joined(value))

    def _owner(self, value: Any, _fields: Fields) -> str:
        addresses = self._recipients(_text(value))
        if len(addresses) != 1:
            raise _Refused("um endereço de e-mail")
        return addresses[0]

    def _parameters(self, value: Any, fields: Fields) -> dict[str, Any]:
        try:
            values = json.loads(value) if isinstance(value, str) else value
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict):
            raise _Refused('um objeto JSON, como {"limit": 0.8}')
        return find_notebook(fields["notebook"], self.notebooks).read_values(values)

    def _ping_url(self, value: Any, _fields: Fields) -> str:
        text, allowed = _text(value), self.settings.ping_urls
        rest = next((text.removeprefix(each) for each in allowed if text.startswith(each)), "")
        if _PING_PATH.fullmatch(rest) and ".." not in rest:  # nothing may lead out of what the operator has named
            return text
        raise _Refused(f"um endereço que comece com {' ou '.join(allowed)} (PING_URLS)")


def recurrence_of(fields: Mapping[str, Any]) -> Recurrence:
    """The recurrence of checked fields."""
    zone, step = ZoneInfo(fields["timezone"]), fields["every_hours"] or 1
    return Recurrence(zone, fields["cron"], step, fields["start_at"], fields["until"])


def _check_together(fields: Fields, present: Mapping[str, Any], longest: int) -> None:
    """Return where the fields go together. Raises InvalidParameter."""
    if fields["cron"] and fields["every_hours"]:
        raise _invalid("every_hours", "beside cron", takes="nada, onde há cron")
    if not fields["cron"] and not fields["every_hours"]:
        raise _invalid("cron", "missing", takes="cinco campos, ou every_hours e start_at em seu lugar")
    if (fields["start_at"] is None) == bool(fields["every_hours"]):
        raise _invalid("start_at", "not with every_hours", takes="o primeiro instante, com every_hours e só com ele")
    if fields["period"] and "hours" in present:
        raise _invalid("period", "beside hours", takes="nada, onde há hours")
    if fields["period"] and PERIODS[fields["period"]] > longest:
        raise _invalid("period", "too long", takes=f"um período de até {longest} horas (MAX_RANGE_HOURS)")


def _checked(name: str, read: Callable[[Any, Fields], Any], value: Any, fields: Fields) -> Any:
    try:
        return read(value, fields)
    except _Refused as refusal:
        raise _invalid(name, "not taken", takes=str(refusal)) from None
    except RecipientNotAllowed as error:
        raise RecipientNotAllowed(**error.facts, field=name) from None
    except InvalidAddress as error:
        raise _invalid(name, str(error), takes="endereços como ana@exemplo.com, até 50") from None
    except UnknownNotebook:
        raise _invalid(name, "no such notebook", takes="um nome de /notebooks") from None
    except InvalidParameter as error:
        if name != "parameters":
            raise
        raise InvalidParameter(**error.facts | {"field": f"parameters.{error.facts['field']}"}) from None
    except InvalidRequest as error:
        raise _invalid(name, str(error)) from None


def _invalid(field: str, reason: str, **facts: Any) -> InvalidParameter:
    return InvalidParameter(field=field, reason=reason, **facts)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Refused("um texto")
    return value.strip()


def _joined(value: Any) -> str:
    """Texts by commas, also out of a JSON array."""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ",".join(value)
    return _text(value)


def _reader(name: str, value: Value) -> Callable[[Any, Fields], Any]:
    return lambda given, _fields: value.read(name, given)


def _name(value: Any, _fields: Fields) -> str:
    text = _text(value)
    if not 1 <= len(text) <= 80 or not text.isprintable():
        raise _Refused("um texto de 1 a 80 caracteres, em uma linha")
    return text


def _zone(value: Any, _fields: Fields) -> str:
    try:
        return ZoneInfo(_text(value)).key
    except (KeyError, ValueError, OSError):  # a folder of the zones' files is an OSError
        raise _Refused("um fuso da IANA, como America/Sao_Paulo") from None


def _cron(value: Any, fields: Fields) -> str:
    text = " ".join(_text(value).split())
    if not is_cron(text, ZoneInfo(fields["timezone"])):
        raise _Refused("cinco campos: minuto, hora, dia do mês, mês e dia da semana, como 0 8 * * 1")
    return text


def _application(value: Any, _fields: Fields) -> str:
    text = _text(value)
    if not is_application(text):
        raise _Refused("letras minúsculas, dígitos, ponto, hífen e sublinhado, até 64")
    return text

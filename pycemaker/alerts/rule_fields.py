"""The fields of a rule as callers write them, checked; each wrong one is refused by its name."""

import math
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pycemaker.alerts.default_rules import DEFAULT_RULES
from pycemaker.alerts.rule import Rule
from pycemaker.errors import InvalidParameter, UnknownMetric
from pycemaker.metrics import find_metric
from pycemaker.monitor.alert_history import FORECAST, HEALTH, NO_DATA, THRESHOLD
from pycemaker.parsing.values import Value

KINDS = (THRESHOLD, NO_DATA, FORECAST, HEALTH)
_COMMON = ("kind", "metric", "for_seconds", "clear_seconds", "enabled")
_FIELDS = {
    THRESHOLD: ("enter", "leave"),
    HEALTH: ("enter", "leave"),
    FORECAST: ("limit", "within_hours"),
    NO_DATA: (),
}
FIELDS = (*_COMMON, "enter", "leave", "limit", "within_hours")
"""The names of the fields."""

_SECONDS = Value(int, 0, 86_400)
VALUES = {
    **dict.fromkeys(("enter", "leave", "limit"), Value(float)),
    "within_hours": Value(int, 1, 168),
    **dict.fromkeys(("for_seconds", "clear_seconds"), _SECONDS),
    "enabled": Value(bool),
}
"""What the fields take but for `kind` and `metric`. Bounds of thresholds and limits are the metric's."""

_LIKE = {rule.kind: rule for rule in DEFAULT_RULES}
_DEFAULT_IDS = {rule.id for rule in DEFAULT_RULES}


def fields_of(rule: Rule) -> dict[str, Any]:
    """A rule as callers see it."""
    names = [name for name in FIELDS if name in _COMMON or name in _FIELDS[rule.kind]]
    values = {name: rule.enter if name == "limit" else getattr(rule, name) for name in names}
    return {"id": rule.id, "default": rule.id in _DEFAULT_IDS} | values


def read_rule(given: Mapping[str, Any], rule: Rule | None = None) -> Rule:
    """A rule of these fields: a new one, or the one with these changes.

    Fields that a new one lacks are those of the default rules of its kind, but for thresholds and limits of its own.

    Raises:
        InvalidParameter: a field is unknown, missing, wrong, or no rule of that kind has it; names it.
    """
    present = {name: value for name, value in given.items() if value not in (None, "")}
    for name in present:
        if name not in FIELDS:
            raise InvalidParameter(field=name[:40], reason="unknown", known=sorted(FIELDS))
    kind = _kind(present.get("kind", rule.kind if rule else None))
    if rule and kind != rule.kind:
        raise InvalidParameter(field="kind", reason="another kind is another rule", takes=rule.kind)
    for name in present:
        if name not in (*_COMMON, *_FIELDS[kind]):
            raise InvalidParameter(field=name, reason=f"a rule of {kind} has none", known=[*_COMMON, *_FIELDS[kind]])
    like = rule or _LIKE[kind]
    metric = _metric(kind, present.get("metric", rule.metric if rule else None))
    low, high = (0.0, 1.0) if kind == HEALTH else find_metric(metric).bounds
    number = Value(float, low if math.isfinite(low) else None, high if math.isfinite(high) else None)
    enter, leave, within_hours = like.enter, like.leave, like.within_hours
    if kind == FORECAST:
        default = rule.enter if rule else find_metric(metric).limit
        enter = number.read("limit", present.get("limit", default))
        within_hours = VALUES["within_hours"].read("within_hours", present.get("within_hours", within_hours))
    elif kind != NO_DATA:
        has_defaults = rule is not None or kind == HEALTH
        enter = number.read("enter", present.get("enter", enter if has_defaults else None))
        leave = number.read("leave", present.get("leave", leave if has_defaults else None))
        if enter == leave or (kind == HEALTH and enter > leave):
            raise InvalidParameter(field="leave", reason="not on the good side of enter", takes="outro valor que enter")
    lasting = replace(_SECONDS, low=60) if kind == NO_DATA else _SECONDS
    return Rule(
        rule.id if rule else secrets.token_urlsafe(9),
        kind,
        metric,
        enter,
        leave,
        lasting.read("for_seconds", present.get("for_seconds", like.for_seconds)),
        _SECONDS.read("clear_seconds", present.get("clear_seconds", like.clear_seconds)),
        within_hours,
        VALUES["enabled"].read("enabled", present.get("enabled", rule.enabled if rule else True)),
    )


def read_stored_rule(document: Mapping[str, Any]) -> Rule:
    """The rule of a document of `alert_rules`, checked as a caller's. Raises InvalidParameter."""
    rule_id, kind = document["_id"].get("rule"), _kind(document.get("kind"))
    if not isinstance(rule_id, str):
        raise InvalidParameter(field="rule", reason="no text")
    values = {**document, "limit": document.get("enter")}
    given = {name: values[name] for name in (*_COMMON, *_FIELDS[kind]) if name in values}
    return replace(read_rule(given), id=rule_id)


def _kind(value: Any) -> str:
    if value not in KINDS:
        raise InvalidParameter(field="kind", reason="missing or unknown", known=list(KINDS))
    return str(value)


def _metric(kind: str, value: Any) -> str:
    if kind == HEALTH:
        if value not in (None, HEALTH):
            raise InvalidParameter(field="metric", reason="a rule of health watches the health", takes=HEALTH)
        return HEALTH
    try:
        return find_metric(str(value or "")).id
    except UnknownMetric as error:
        raise InvalidParameter(field="metric", reason="missing or unknown", known=error.facts["known"]) from None

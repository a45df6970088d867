"""The pages below `/alerts/rules`: the choice of what to watch, and the form of a rule. Portuguese, no script.

People write per cent and minutes; the fields of a rule are shares and seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pycemaker.alerts.default_rules import DEFAULT_RULES, default_id
from pycemaker.alerts.rule import Rule
from pycemaker.alerts.rule_fields import KINDS, fields_of
from pycemaker.alerts.rule_store import RuleStore
from pycemaker.errors import PycemakerError
from pycemaker.metrics import METRICS, find_metric
from pycemaker.monitor.alert_history import HEALTH, Alert, AlertHistory
from pycemaker.settings import Settings
from pycemaker.web.pages.alert_list import alert_row, rule_row, shared
from pycemaker.web.pages.templating import render

TURN_ON, TURN_OFF, RESET = "ligar", "desligar", "padrao"
"""The values of this form's own buttons."""

_UNITS = {"ratio": (100.0, "%"), "seconds": (1.0, "segundos"), "requests": (1.0, "por segundo")}
_LATEST, _SHOWN = 200, 10


def choice_page(application: str, settings: Settings) -> str:
    """The page that asks what a new rule is to watch."""
    return render("alert_rule_new.html", metrics=METRICS, **shared(application, settings))


def form_page(
    application: str,
    rule: Rule,
    store: RuleStore,
    settings: Settings,
    texts: Mapping[str, str],
    *,
    checked: tuple[Rule, Sequence[Alert]] | None = None,
    error: PycemakerError | None = None,
) -> str:
    """The form of a rule; one without an id is new.

    Args:
        application: the empty text is the default application.
        rule: as it is stored; a new one as it is by default, where a threshold may still be missing.
        store: the rules' states.
        settings: zone, paths, whether a token is needed.
        texts: what was typed into the fields.
        checked: the rule of a form that was checked, which can then be saved, and what it would have given, oldest
            first.
        error: the reason why the form was refused.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    now, watched = store.now(), store.watched(application)
    default = next((each for each in DEFAULT_RULES if each.id == rule.id), None)
    known = AlertHistory(store.database).latest(application, _LATEST) if rule.id else []
    given = list(checked[1])[::-1] if checked else []
    scale, unit = _unit(rule.metric)
    return render(
        "alert_rule.html",
        rule=rule_row(rule, watched, now, settings),
        label="Saúde da aplicação" if rule.kind == HEALTH else find_metric(rule.metric).label,
        is_default=default is not None,
        is_changed=default not in (None, rule),
        unit=unit,
        is_percent=scale == 100,
        values={**_values(rule), **texts},
        wrong=str(error.facts.get("field", error.field) or "") if error else "",
        message=error.in_portuguese() if error else "",
        takes="",
        checked=checked and rule_row(checked[0], watched, now, settings),
        count=len(given),
        previewed=[alert_row(alert, now, settings) for alert in given[:_SHOWN]],
        latest=[alert_row(alert, now, settings) for alert in known if alert.rule == rule.id][:_SHOWN],
        **shared(application, settings),
    )


def from_form(rule: Rule, texts: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a rule of this kind and metric out of the form's texts; a blank one is refused by its name."""
    given = {"kind": rule.kind, "metric": rule.metric}
    for name, scale in _scales(rule).items():
        try:
            number = float(texts.get(name, "").strip().removesuffix("%").replace(",", "."))
            given[name] = f"{number / scale:.10g}"
        except ValueError:
            given[name] = "?"
    return given


def new_rule(texts: Mapping[str, str]) -> Rule | None:
    """The rule to begin with: as by default, where there is such a one; None of an unknown `kind` or `metric`."""
    kind = texts.get("kind", "")
    metric = HEALTH if kind == HEALTH else texts.get("metric", "")
    if (
        kind not in KINDS
        or metric not in {HEALTH, *(each.id for each in METRICS)}
        or (metric == HEALTH) != (kind == HEALTH)
    ):
        return None
    like = next(rule for rule in DEFAULT_RULES if rule.kind == kind)
    default = next((rule for rule in DEFAULT_RULES if rule.id == default_id(kind, metric)), None)
    return replace(default or replace(like, metric=metric, enter=None, leave=None), id="")


def _values(rule: Rule) -> dict[str, str]:
    """The texts of the form's fields before anybody has edited them."""
    fields = {name: (fields_of(rule)[name], scale) for name, scale in _scales(rule).items()}
    return {name: f"{v * scale:.10g}".replace(".", ",") for name, (v, scale) in fields.items() if v is not None}


def _scales(rule: Rule) -> dict[str, float]:
    """The form's fields of a rule of this kind: how many of the form's unit one of the field's is."""
    scale = _unit(rule.metric)[0]
    readings = dict.fromkeys(("enter", "leave", "limit"), scale)
    every = readings | dict.fromkeys(("for_seconds", "clear_seconds"), 1 / 60) | {"within_hours": 1.0}
    return {name: every[name] for name in fields_of(rule) if name in every}


def _unit(metric: str) -> tuple[float, str]:
    """How many of the form's unit one of the metric's is, and the form's unit."""
    unit = "ratio" if metric == HEALTH else find_metric(metric).unit
    return _UNITS.get(unit, (1.0, unit))

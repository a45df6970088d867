"""Alerts and rules as callers see them."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from pycemaker.alerts import alert_actions
from pycemaker.alerts.alert_lifecycle import AT_EASE, Watched
from pycemaker.alerts.rule import Rule
from pycemaker.alerts.rule_fields import fields_of
from pycemaker.alerts.rule_store import RuleStore
from pycemaker.errors import InvalidRequest
from pycemaker.i18n.language import speaking
from pycemaker.monitor.alert_history import FORECAST, Alert
from pycemaker.presentation import alert_wording
from pycemaker.settings import Settings
from pycemaker.web.pages.alert_link_page import ACKNOWLEDGE, MUTES, UNMUTE
from pycemaker.window import to_iso_text

_INSTANTS = ("since", "fired_at", "ended_at", "acknowledged_at")


def alert_view(alert: Alert, watched: Mapping[str, Watched], settings: Settings) -> dict[str, Any]:
    """An alert: its fields, the state of its rule while it is open, until when that is muted, and a sentence."""
    own = watched.get(alert.rule, AT_EASE) if alert.is_open else AT_EASE
    fields = asdict(alert) | {name: instant_text(getattr(alert, name)) for name in _INSTANTS}
    if alert.kind == FORECAST:
        fields |= {"limit": fields["enter"], "enter": None}
    with speaking(settings.report_language):
        text = alert_wording.headline(alert, settings.timezone)
    state = own.state.state if alert.is_open else "ended"
    return fields | {"state": state, "muted_until": instant_text(own.muted_until), "text": text}


def rule_view(rule: Rule, watched: Mapping[str, Watched]) -> dict[str, Any]:
    """A rule: its fields, its state, and until when it is muted."""
    own = watched.get(rule.id, AT_EASE)
    return fields_of(rule) | {"state": own.state.state, "muted_until": instant_text(own.muted_until)}


def press(store: RuleStore, application: str, rules: Iterable[str], button: str | None) -> None:
    """Acknowledge the open alerts of these rules, or mute them, as the button says. Raises InvalidRequest: unknown."""
    if button == ACKNOWLEDGE:
        alert_actions.acknowledge(store, application, rules, store.now())
    elif hours := MUTES.get(button or ""):
        alert_actions.mute(store, application, rules, store.now() + timedelta(hours=hours))
    elif button == UNMUTE:
        alert_actions.mute(store, application, rules, None)
    else:
        raise InvalidRequest


def instant_text(instant: Any) -> str | None:
    """An instant in ISO 8601; None without one."""
    return None if instant is None else to_iso_text(instant)

"""The page at `/alerts`: what is wrong now and since when, what was, and the rules in words. Portuguese, no script."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pycemaker import i18n
from pycemaker.alerts.alert_lifecycle import AT_EASE, Watched
from pycemaker.alerts.evaluation_rounds import LATE_SECONDS, EvaluationRounds
from pycemaker.alerts.rule import Rule
from pycemaker.alerts.rule_state import FIRING, OK, PENDING, RECOVERING, SILENT
from pycemaker.alerts.rule_store import RuleStore
from pycemaker.monitor.alert_history import FORECAST, NO_DATA, Alert, AlertHistory
from pycemaker.parsing.route_paths import ALERTS_PATH, application_path
from pycemaker.presentation import alert_wording
from pycemaker.settings import Settings
from pycemaker.web.pages.alert_link_page import MUTES
from pycemaker.web.pages.message_page import ACTION, TOKEN
from pycemaker.web.pages.templating import render

_STATES = {
    OK: ("sem alerta", "quiet"),
    PENDING: ("em observação", "warning"),
    FIRING: ("em alerta", "critical"),
    RECOVERING: ("voltando ao normal", "warning"),
    SILENT: ("sem amostras", "notice"),
}
_OFF = ("desligada", "off")
_LATEST, _MOST_ENDED = 50, 10


def page(application: str, store: RuleStore, open_counts: Mapping[str, int], settings: Settings) -> str:
    """The page of an application's alerts.

    Args:
        application: the empty text is the default application.
        store: rules and states.
        open_counts: the number of open alerts of each application, this one included.
        settings: zone, paths, recipients, whether a token is needed.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    history, now = AlertHistory(store.database), store.now()
    late_seconds = EvaluationRounds(store.database).late_seconds()
    watched, latest = store.watched(application), history.latest(application, _LATEST)
    ended = [alert_row(alert, now, settings) for alert in latest if not alert.is_open]
    choices = [(name, len_open, f"{_path(name, settings)}{ALERTS_PATH}") for name, len_open in open_counts.items()]
    return render(
        "alert_list.html",
        open=[_open_row(each, watched.get(each.rule, AT_EASE), now, settings) for each in history.open(application)],
        ended=ended[:_MOST_ENDED],
        rules=[rule_row(rule, watched, now, settings) for rule in store.rules(application)],
        late="" if late_seconds is None else i18n.duration(late_seconds),
        is_late=late_seconds is None or late_seconds > LATE_SECONDS,
        choices=sorted(choices, key=lambda each: (each[0] != application, -each[1], each[0])),
        recipients=len(settings.alert_recipients),
        zone=settings.timezone.key,
        **shared(application, settings),
    )


def shared(application: str, settings: Settings) -> dict[str, Any]:
    """What the templates of alerts have in common."""
    token_field, path = TOKEN if settings.api_token else "", _path(application, settings)
    common = {"application": application, "path": path, "base_path": settings.base_path, "mutes": MUTES}
    return common | {"action": ACTION, "token_field": token_field}


def rule_row(rule: Rule, watched: Mapping[str, Watched], now: datetime, settings: Settings) -> dict[str, Any]:
    """A rule in words, with its state, for the templates."""
    own = watched.get(rule.id, AT_EASE)
    state, level = _STATES[own.state.state] if rule.enabled else _OFF
    what = alert_wording.condition(rule.alert("", now, now))
    shown = {"id": rule.id, "kind": rule.kind, "what": what, "how": _hold_times(rule, now)}
    return shown | {"state": state, "level": level, "is_on": rule.enabled, "muted": _muted(own, now, settings)}


def alert_row(alert: Alert, now: datetime, settings: Settings) -> dict[str, str]:
    """An alert, for the templates: what it is, when, how long and how bad."""
    times = alert_wording.span(alert, settings.timezone, now)
    when = times if alert.ended_at else f"desde {times}"
    return {"what": alert_wording.condition(alert), "when": when, "lasting": alert_wording.lasting(alert, now)}


def _open_row(alert: Alert, own: Watched, now: datetime, settings: Settings) -> dict[str, str]:
    """An open alert, for the template: what next too, and what somebody has done about it."""
    state, level = _STATES[own.state.state]
    return alert_row(alert, now, settings) | {
        "rule": alert.rule,
        "advice": alert_wording.advice(alert, settings.timezone, now),
        "state": state,
        "level": level,
        "acknowledged": _clock(alert.acknowledged_at, settings),
        "muted": _muted(own, now, settings),
    }


def _hold_times(rule: Rule, now: datetime) -> str:
    """How long something must last until it fires, and what ends it."""
    wrong, well = (i18n.duration(seconds) for seconds in (rule.for_seconds, rule.clear_seconds))
    if rule.kind == NO_DATA:
        return f"depois de {wrong}; termina após {well} com amostras"
    if rule.kind == FORECAST:
        return f"depois de {wrong} com essa previsão; termina após {well} sem ela"
    back = alert_wording.reading_text(rule.alert("", now, now), rule.leave or 0.0)
    return f"depois de {wrong} seguidos; termina após {well} em {back} ou {'menos' if rule.is_above else 'mais'}"


def _muted(watched: Watched, now: datetime, settings: Settings) -> str:
    """The instant until which a rule is muted; empty where it is not."""
    return _clock(watched.muted_until, settings) if watched.is_muted(now) else ""


def _clock(instant: datetime | None, settings: Settings) -> str:
    return i18n.clock(instant, settings.timezone, "dd/MM HH:mm") if instant else ""


def _path(application: str, settings: Settings) -> str:
    return settings.base_path + application_path(application)

"""The routes `/alerts` and those of what people do about alerts: acknowledge one, mute a rule."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bottle import Bottle, request

from pycemaker import errors
from pycemaker.alerts import alert_actions
from pycemaker.monitor.alert_history import AlertHistory
from pycemaker.parsing.application_names import DEFAULT_APPLICATION
from pycemaker.parsing.route_paths import ALERTS_PATH, ONE_ALERT_RULE, with_application
from pycemaker.web.alert_answers import alert_view
from pycemaker.web.pages.home import prefers_html
from pycemaker.web.polled_answers import MINUTE_SECONDS, polled
from pycemaker.web.request_parameters import parameters
from pycemaker.web.routes.alert_form_routes import alerts_page
from pycemaker.web.routes.alert_rule_routes import admit, rule_answer
from pycemaker.web.services import Services
from pycemaker.window import parse_instant

MOST_ENDED = 50
_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(days=31)


def add_alerts(app: Bottle, services: Services) -> None:
    """Add the routes, before the metric routes, whose paths look alike."""
    store = services.evaluator.store

    @app.get(with_application(ALERTS_PATH))  # type: ignore[untyped-decorator]
    def alerts(application: str = DEFAULT_APPLICATION) -> bytes:
        services.store.for_application(application)
        if prefers_html(request.environ.get("HTTP_ACCEPT", "")):
            return alerts_page(services, application)
        return polled(read_alerts(services, application), MINUTE_SECONDS)

    @app.post(with_application(ONE_ALERT_RULE + "/acknowledge"))  # type: ignore[untyped-decorator]
    def acknowledge(rule_id: str, application: str = DEFAULT_APPLICATION) -> bytes:
        admit(services, application)
        store.rule(application, rule_id)
        alert_actions.acknowledge(store, application, [rule_id], store.now())
        return rule_answer(services, application, rule_id)

    @app.post(with_application(ONE_ALERT_RULE + "/mute"))  # type: ignore[untyped-decorator]
    def mute(rule_id: str, application: str = DEFAULT_APPLICATION) -> bytes:
        admit(services, application)
        store.rule(application, rule_id)
        until = _until(services)
        alert_actions.mute(store, application, [rule_id], until)
        return rule_answer(services, application, rule_id)


def read_alerts(services: Services, application: str) -> dict[str, Any]:
    """The open alerts of an application, and the latest ones that have ended."""
    latest = AlertHistory(services.store.database)
    watched, settings = services.evaluator.store.watched(application), services.settings
    ended = [alert for alert in latest.latest(application, MOST_ENDED) if not alert.is_open]
    return {
        "open": [alert_view(alert, watched, settings) for alert in latest.open(application)],
        "ended": [alert_view(alert, watched, settings) for alert in ended],
    }


def _until(services: Services) -> datetime | None:
    """The instant of `until`, the only parameter, at most a month from now; None, which ends a mute, without it."""
    values = parameters(request).every
    text = values.pop("until", None)
    if values:
        raise errors.InvalidParameter(field=min(values)[:40], reason="unknown", known=["until"])
    if text in (None, ""):
        return None
    now, takes = services.evaluator.store.now(), "um instante dos próximos 31 dias, em ISO 8601 com fuso"
    try:
        until = parse_instant(str(text), zone=services.settings.timezone, now_utc=now)
    except errors.InvalidDate:
        raise errors.InvalidParameter(field="until", reason="not an instant", takes=takes) from None
    if not now + _SHORTEST <= until <= now + _LONGEST:
        raise errors.InvalidParameter(field="until", reason="in the past, or too far away", takes=takes)
    return until

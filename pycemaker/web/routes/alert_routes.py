"""The routes `/alerts` and below: alerts, rules, what a rule would have given, and what people do about alerts."""

from datetime import datetime, timedelta
from typing import Any

from bottle import Bottle, request, response

from pycemaker.alerts import alert_actions
from pycemaker.alerts.rule_fields import read_rule
from pycemaker.alerts.rule_preview import DAYS
from pycemaker.errors import InvalidParameter
from pycemaker.monitor.alert_history import Alert, AlertHistory
from pycemaker.parsing.application_names import DEFAULT_APPLICATION
from pycemaker.parsing.route_paths import (
    ALERT_RULES_PATH,
    ALERTS_PATH,
    ONE_ALERT_RULE,
    application_path,
    with_application,
)
from pycemaker.web.alert_answers import alert_view, instant_text, rule_view
from pycemaker.web.error_handlers import fresh_json
from pycemaker.web.polled_answers import MINUTE_SECONDS, polled, whole_minute
from pycemaker.web.request_parameters import instant, parameters, refuse_unknown
from pycemaker.web.routes.alert_form_routes import alerts_page, post_rule_form, preview_now, rule_page
from pycemaker.web.services import Services
from pycemaker.web.wsgi import prefers_html

MOST_ENDED = 50
_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(days=31)


def add_alerts(app: Bottle, services: Services) -> None:
    """Add the routes, before the metric routes, whose paths look alike."""

    @app.get(with_application(ALERTS_PATH))  # type: ignore[untyped-decorator]
    def alerts(application: str = DEFAULT_APPLICATION) -> bytes:
        services.store.for_application(application)
        if prefers_html(request.environ):
            return alerts_page(services, application)
        return polled(_read_alerts(services, application), MINUTE_SECONDS)

    _add_rules(app, services)
    _add_one_rule(app, services)


def _add_rules(app: Bottle, services: Services) -> None:
    store = services.evaluator.store

    @app.get(with_application(ALERT_RULES_PATH))  # type: ignore[untyped-decorator]
    def rules(application: str = DEFAULT_APPLICATION) -> bytes:
        services.store.for_application(application)
        watched = store.watched(application)
        return fresh_json({"rules": [rule_view(rule, watched) for rule in store.rules(application)]})

    @app.post(with_application(ALERT_RULES_PATH))  # type: ignore[untyped-decorator]
    def create(application: str = DEFAULT_APPLICATION) -> bytes:
        _admit(services, application)
        rule = read_rule(parameters(request).every)
        store.save_rule(application, rule)
        response.status = 201
        path = f"{services.settings.base_path}{application_path(application)}{ALERT_RULES_PATH}/{rule.id}"
        response.set_header("Location", path)
        return fresh_json(rule_view(rule, {}))

    @app.post(with_application(ALERT_RULES_PATH + "/preview"))  # type: ignore[untyped-decorator]
    def preview_rule(application: str = DEFAULT_APPLICATION) -> bytes:
        _admit(services, application)
        rule, until = read_rule(parameters(request).every), whole_minute(services.clock())
        alerts = preview_now(services, application, rule)
        since = instant_text(until - timedelta(days=DAYS))
        episodes = [_episode(each) for each in alerts]
        return fresh_json({"fired": len(alerts), "episodes": episodes, "since": since, "until": instant_text(until)})


def _add_one_rule(app: Bottle, services: Services) -> None:
    store = services.evaluator.store

    @app.get(with_application(ONE_ALERT_RULE))  # type: ignore[untyped-decorator]
    def rule(rule_id: str, application: str = DEFAULT_APPLICATION) -> bytes:
        services.store.for_application(application)
        if prefers_html(request.environ):
            return rule_page(services, application, store.rule(application, rule_id), {})
        return _rule_answer(services, application, rule_id)

    @app.post(with_application(ONE_ALERT_RULE))  # type: ignore[untyped-decorator]
    def post_form(rule_id: str, application: str = DEFAULT_APPLICATION) -> Any:
        return post_rule_form(services, application, rule_id)

    @app.route(with_application(ONE_ALERT_RULE), method="PATCH")  # type: ignore[untyped-decorator]
    def change(rule_id: str, application: str = DEFAULT_APPLICATION) -> bytes:
        _admit(services, application)
        store.save_rule(application, read_rule(parameters(request).every, store.rule(application, rule_id)))
        return _rule_answer(services, application, rule_id)

    @app.delete(with_application(ONE_ALERT_RULE))  # type: ignore[untyped-decorator]
    def remove(rule_id: str, application: str = DEFAULT_APPLICATION) -> bytes:
        _admit(services, application)
        store.remove_rule(application, rule_id)
        return fresh_json({"msg": "Regra removida."})

    @app.post(with_application(ONE_ALERT_RULE + "/acknowledge"))  # type: ignore[untyped-decorator]
    def acknowledge(rule_id: str, application: str = DEFAULT_APPLICATION) -> bytes:
        _admit(services, application)
        store.rule(application, rule_id)
        alert_actions.acknowledge(store, application, [rule_id], store.now())
        return _rule_answer(services, application, rule_id)

    @app.post(with_application(ONE_ALERT_RULE + "/mute"))  # type: ignore[untyped-decorator]
    def mute(rule_id: str, application: str = DEFAULT_APPLICATION) -> bytes:
        _admit(services, application)
        store.rule(application, rule_id)
        alert_actions.mute(store, application, [rule_id], _until(services))
        return _rule_answer(services, application, rule_id)


def _admit(services: Services, application: str) -> None:
    """Let a request pass that may change something of an application."""
    services.access_control.check_token(request.environ)
    services.store.for_application(application)


def _rule_answer(services: Services, application: str, rule_id: str) -> bytes:
    store = services.evaluator.store
    return fresh_json(rule_view(store.rule(application, rule_id), store.watched(application)))


def _read_alerts(services: Services, application: str) -> dict[str, Any]:
    """The open alerts of an application, and the latest ones that have ended."""
    history = AlertHistory(services.store.database)
    watched, settings = services.evaluator.store.watched(application), services.settings
    ended = [alert for alert in history.latest(application, MOST_ENDED) if not alert.is_open]
    return {
        "open": [alert_view(alert, watched, settings) for alert in history.open(application)],
        "ended": [alert_view(alert, watched, settings) for alert in ended],
    }


def _episode(alert: Alert) -> dict[str, Any]:
    instants = {name: instant_text(getattr(alert, name)) for name in ("since", "fired_at", "ended_at")}
    return instants | {"worst": alert.worst}


def _until(services: Services) -> datetime | None:
    """The instant of `until`, the only parameter, at most a month from now; None, which ends a mute, without it."""
    values = parameters(request).every
    refuse_unknown(values, ("until",))
    text, now = values.get("until"), services.evaluator.store.now()
    if text in (None, ""):
        return None
    takes = "um instante dos próximos 31 dias, em ISO 8601 com fuso"
    until = instant("until", text, services.settings.timezone, now, takes)
    if not now + _SHORTEST <= until <= now + _LONGEST:
        raise InvalidParameter(field="until", reason="in the past, or too far away", takes=takes)
    return until

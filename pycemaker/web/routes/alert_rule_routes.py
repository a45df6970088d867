"""The routes `/alerts/rules` and below: the rules of alerts, and what a rule would have given."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bottle import Bottle, request, response

from pycemaker.alerts.rule_fields import read_rule
from pycemaker.alerts.rule_preview import DAYS
from pycemaker.monitor.alert_history import Alert
from pycemaker.parsing.application_names import DEFAULT_APPLICATION
from pycemaker.parsing.route_paths import ALERT_RULES_PATH, ONE_ALERT_RULE, application_path, with_application
from pycemaker.web.alert_answers import instant_text, rule_view
from pycemaker.web.error_handlers import fresh_json
from pycemaker.web.pages.home import prefers_html
from pycemaker.web.polled_answers import whole_minute
from pycemaker.web.request_parameters import parameters
from pycemaker.web.routes.alert_form_routes import post_rule_form, preview_now, rule_page
from pycemaker.web.services import Services


def add_alert_rules(app: Bottle, services: Services) -> None:
    """Add the routes, before the metric routes, whose paths look alike."""
    store = services.evaluator.store

    @app.get(with_application(ALERT_RULES_PATH))  # type: ignore[untyped-decorator]
    def rules(application: str = DEFAULT_APPLICATION) -> bytes:
        services.store.for_application(application)
        watched = store.watched(application)
        return fresh_json({"rules": [rule_view(rule, watched) for rule in store.rules(application)]})

    @app.post(with_application(ALERT_RULES_PATH))  # type: ignore[untyped-decorator]
    def create(application: str = DEFAULT_APPLICATION) -> bytes:
        admit(services, application)
        rule = read_rule(parameters(request).every)
        store.save_rule(application, rule)
        response.status = 201
        path = f"{services.settings.base_path}{application_path(application)}{ALERT_RULES_PATH}/{rule.id}"
        response.set_header("Location", path)
        return fresh_json(rule_view(rule, {}))

    @app.post(with_application(ALERT_RULES_PATH + "/preview"))  # type: ignore[untyped-decorator]
    def preview_rule(application: str = DEFAULT_APPLICATION) -> bytes:
        admit(services, application)
        rule, until = read_rule(parameters(request).every), whole_minute(services.clock())
        alerts = preview_now(services, application, rule)
        since = instant_text(until - timedelta(days=DAYS))
        episodes = [_episode(each) for each in alerts]
        return fresh_json({"fired": len(alerts), "episodes": episodes, "since": since, "until": instant_text(until)})

    @app.get(with_application(ONE_ALERT_RULE))  # type: ignore[untyped-decorator]
    def rule(rule_id: str, application: str = DEFAULT_APPLICATION) -> bytes:
        services.store.for_application(application)
        if prefers_html(request.environ.get("HTTP_ACCEPT", "")):
            return rule_page(services, application, rule_id)
        return rule_answer(services, application, rule_id)

    @app.post(with_application(ONE_ALERT_RULE))  # type: ignore[untyped-decorator]
    def post_form(rule_id: str, application: str = DEFAULT_APPLICATION) -> Any:
        return post_rule_form(services, application, rule_id)

    @app.route(with_application(ONE_ALERT_RULE), method="PATCH")  # type: ignore[untyped-decorator]
    def change(rule_id: str, application: str = DEFAULT_APPLICATION) -> bytes:
        admit(services, application)
        changed = read_rule(parameters(request).every, store.rule(application, rule_id))
        store.save_rule(application, changed)
        return rule_answer(services, application, rule_id)

    @app.delete(with_application(ONE_ALERT_RULE))  # type: ignore[untyped-decorator]
    def remove(rule_id: str, application: str = DEFAULT_APPLICATION) -> bytes:
        admit(services, application)
        store.remove_rule(application, rule_id)
        return fresh_json({"msg": "Regra removida."})


def admit(services: Services, application: str) -> None:
    """Let a request pass that may change something of an application. Raises as `check_token`; UnknownApplication."""
    services.access_control.check_token(request.environ)
    services.store.for_application(application)


def rule_answer(services: Services, application: str, rule_id: str) -> bytes:
    """A rule and its state, as JSON. Raises UnknownRule."""
    store = services.evaluator.store
    return fresh_json(rule_view(store.rule(application, rule_id), store.watched(application)))


def _episode(alert: Alert) -> dict[str, Any]:
    instants = {name: instant_text(getattr(alert, name)) for name in ("since", "fired_at", "ended_at")}
    return instants | {"worst": alert.worst}

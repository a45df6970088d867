"""The pages of `/alerts` and of one rule, and the actions of their buttons."""

from collections import Counter
from typing import Any

from bottle import Bottle, request, response

from pycemaker.alerts.rule import Rule
from pycemaker.alerts.rule_fields import read_rule
from pycemaker.alerts.rule_preview import DAYS, preview
from pycemaker.cache.newest_by_application import read_newest
from pycemaker.errors import PycemakerError, TooManyStreams
from pycemaker.monitor.alert_history import FORECAST, Alert, AlertHistory
from pycemaker.parsing.application_names import DEFAULT_APPLICATION
from pycemaker.parsing.route_paths import ALERT_RULES_PATH, ALERTS_PATH, application_path, with_application
from pycemaker.web.alert_answers import press
from pycemaker.web.error_handlers import html_response
from pycemaker.web.middleware.in_flight import BUILD_SLOT_SECONDS
from pycemaker.web.pages import alert_form, alert_list
from pycemaker.web.pages.message_page import CHECK, REMOVE, SAVE
from pycemaker.web.polled_answers import build_slot, whole_minute
from pycemaker.web.posted_forms import answer_form, see_other
from pycemaker.web.request_parameters import query
from pycemaker.web.services import PREVIEWS, Services


def add_alert_forms(app: Bottle, services: Services) -> None:
    """Add the form of a new rule; before the routes of one rule, whose paths look alike."""

    @app.get(with_application(ALERT_RULES_PATH + "/new"))  # type: ignore[untyped-decorator]
    def new(application: str = DEFAULT_APPLICATION) -> bytes:
        services.store.for_application(application)
        return rule_page(services, application, alert_form.new_rule(query(request)), {})

    @app.post(with_application(ALERT_RULES_PATH + "/new"))  # type: ignore[untyped-decorator]
    def post_new(application: str = DEFAULT_APPLICATION) -> Any:
        return post_rule_form(services, application, None)


def alerts_page(services: Services, application: str) -> bytes:
    """The page of an application's alerts."""
    counts = Counter(alert.application for alert in AlertHistory(services.store.database).open())
    names = dict.fromkeys([*read_newest(services.store), *counts, application])
    page = alert_list.page(
        application, services.evaluator.store, {name: counts[name] for name in names}, services.settings
    )
    return html_response(page)


def post_rule_form(services: Services, application: str, rule_id: str | None) -> Any:
    """A redirect after the action, or the form again: to be saved, or with the field that is wrong."""

    def act(button: str, texts: dict[str, str]) -> Any:
        services.store.for_application(application)
        rule = services.evaluator.store.rule(application, rule_id) if rule_id else alert_form.new_rule(texts)
        try:
            if rule and (not rule_id or button in (CHECK, SAVE)):
                return _check_or_save(services, application, rule, texts, saves=button == SAVE)
            if rule:
                return see_other(services, application_path(application) + _do(services, application, rule, button))
        except PycemakerError as error:
            response.status = error.status
            return rule_page(services, application, rule, texts, error=error)
        response.status = 400
        return rule_page(services, application, None, texts)

    return answer_form(services, act)


def preview_now(services: Services, application: str, rule: Rule) -> list[Alert]:
    """What a rule would have given until the last whole minute. Raises TooManyStreams, UnknownApplication."""
    store = services.store.for_application(application)
    if not services.previews.acquire(timeout=BUILD_SLOT_SECONDS):
        raise TooManyStreams(streaming=PREVIEWS, retry_after_seconds=2)
    try:  # each forecast takes a slot of its own
        with build_slot(services, 0 if rule.kind == FORECAST else DAYS * 86_400):
            return preview(store, services.forecasts, rule, whole_minute(services.clock()))
    finally:
        services.previews.release()


def _check_or_save(services: Services, application: str, rule: Rule, texts: dict[str, str], *, saves: bool) -> Any:
    changed = read_rule(alert_form.from_form(rule, texts), rule if rule.id else None)
    if not saves:
        return rule_page(
            services, application, rule, texts, checked=(changed, preview_now(services, application, changed))
        )
    services.evaluator.store.save_rule(application, changed)
    return see_other(services, f"{application_path(application)}{ALERT_RULES_PATH}/{changed.id}")


def _do(services: Services, application: str, rule: Rule, button: str) -> str:
    """Do the action of a button; the path of the page after it, below the application's. Raises InvalidRequest."""
    store, path = services.evaluator.store, f"{ALERT_RULES_PATH}/{rule.id}"
    if button in (alert_form.TURN_ON, alert_form.TURN_OFF):
        store.save_rule(application, read_rule({"enabled": button == alert_form.TURN_ON}, rule))
        return path
    if button == alert_form.RESET:
        store.reset_rule(application, rule.id)
        return path
    if button == REMOVE:
        store.remove_rule(application, rule.id)
    else:
        press(store, application, [rule.id], button)
    return ALERTS_PATH


def rule_page(services: Services, application: str, rule: Rule | None, texts: dict[str, str], **more: Any) -> bytes:
    """The form of a rule, with the texts that were typed into it; of none the choice of what to watch."""
    if rule is None:
        return html_response(alert_form.choice_page(application, services.settings))
    store, settings = services.evaluator.store, services.settings
    return html_response(alert_form.form_page(application, rule, store, settings, texts, **more))

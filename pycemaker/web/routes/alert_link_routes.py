"""The route `/alerts/links/<token>`: GET shows the alerts of a mail, POST acknowledges or mutes them."""

from bottle import Bottle, request, response

from pycemaker.alerts.alert_mail import LINK_PURPOSE
from pycemaker.errors import InvalidRequest, UnknownAlertLink, UnknownLink, UnknownReport
from pycemaker.i18n.language import speaking
from pycemaker.mail import signed_token
from pycemaker.mail.signing_keys import SigningKeys
from pycemaker.monitor.alert_history import Alert, AlertHistory
from pycemaker.parsing.route_paths import ALERT_LINK_PREFIX
from pycemaker.web.alert_answers import press
from pycemaker.web.error_handlers import html_response
from pycemaker.web.pages import alert_link_page, message_page
from pycemaker.web.route_methods import ActionPolicy
from pycemaker.web.services import Services
from pycemaker.web.wsgi import prefers_html


def add_alert_links(app: Bottle, services: Services) -> None:
    """Add the page of the link in each mail of an open alert; its form posts to the same path."""
    settings = services.settings

    @app.get(ALERT_LINK_PREFIX + "<token>")  # type: ignore[untyped-decorator]
    def show(token: str) -> bytes:
        try:
            return _page(services, _alerts(services, token))
        except UnknownAlertLink:
            if not prefers_html(request.environ):
                raise
            response.status = 404
            with speaking(settings.report_language):
                return html_response(alert_link_page.unknown_link(), "no-referrer")

    @app.post(ALERT_LINK_PREFIX + "<token>", acts=ActionPolicy(by_link=True))  # type: ignore[untyped-decorator]
    def act(token: str) -> bytes:
        alerts = _alerts(services, token)
        if not 0 < request.content_length <= message_page.LONGEST_FORM_BYTES:
            raise InvalidRequest
        rules = [alert.rule for alert in alerts if alert.is_open]
        press(services.evaluator.store, alerts[0].application, rules, request.forms.get(message_page.ACTION))
        return _page(services, AlertHistory(services.store.database).get(alert.id for alert in alerts))


def _alerts(services: Services, token: str) -> list[Alert]:
    """The alerts of the mail with this link. Raises UnknownAlertLink: it is not ours, or its report is gone."""
    database = services.store.database
    try:
        job = services.report_service.job_store.get(signed_token.read(token, SigningKeys(database), LINK_PURPOSE))
    except (UnknownLink, UnknownReport):
        raise UnknownAlertLink from None
    alerts = AlertHistory(database).get(job["parameters"].get("alerts", []))
    if not alerts:
        raise UnknownAlertLink
    return alerts


def _page(services: Services, alerts: list[Alert]) -> bytes:
    store, settings = services.evaluator.store, services.settings
    watched = store.watched(alerts[0].application)
    muted = [watched[alert.rule].muted_until for alert in alerts if alert.rule in watched]
    until = max((each for each in muted if each and each > store.now()), default=None)
    with speaking(settings.report_language):
        return html_response(alert_link_page.page(alerts, until, settings.timezone), "no-referrer")

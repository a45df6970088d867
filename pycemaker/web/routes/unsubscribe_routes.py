"""The route `/unsubscribe/<token>`: GET shows, POST acts, idempotently. The token suffices (RFC 8058)."""

from bottle import Bottle, request, response

from pycemaker.errors import InvalidRequest, NotebookUnusable, UnknownLink, UnknownNotebook, UnknownSchedule
from pycemaker.i18n.language import speaking
from pycemaker.mail import unsubscribe
from pycemaker.mail.signing_keys import SigningKeys
from pycemaker.mail.suppressions import EVERY_REPORT, RECIPIENT, Suppressions, schedule_of
from pycemaker.mail.unsubscribe import Subscription
from pycemaker.parsing.route_paths import UNSUBSCRIBE_PREFIX
from pycemaker.reports.notebook_catalogue import find_notebook
from pycemaker.web.error_handlers import html_response, json_response
from pycemaker.web.pages import message_page, unsubscribe_page
from pycemaker.web.route_methods import ActionPolicy
from pycemaker.web.services import Services
from pycemaker.web.wsgi import prefers_html

_ONE_CLICK = "List-Unsubscribe"


def add_unsubscribe(app: Bottle, services: Services) -> None:
    """Add the page of the link in each mail; its form and a mail program's button post to the same path."""
    keys = SigningKeys(services.store.database)
    suppressions = Suppressions(services.store.database)

    @app.get(UNSUBSCRIBE_PREFIX + "<token>")  # type: ignore[untyped-decorator]
    def show(token: str) -> bytes:
        try:
            return _page(services, unsubscribe.read_token(token, keys), suppressions)
        except UnknownLink:
            if not prefers_html(request.environ):
                raise
            response.status = 404
            with speaking(services.settings.report_language):
                return html_response(unsubscribe_page.unknown_link(), "no-referrer")

    @app.post(UNSUBSCRIBE_PREFIX + "<token>", acts=ActionPolicy(by_link=True))  # type: ignore[untyped-decorator]
    def act(token: str) -> bytes:
        subscription = unsubscribe.read_token(token, keys)
        if not 0 < request.content_length <= message_page.LONGEST_FORM_BYTES:
            raise InvalidRequest
        if request.forms.get(_ONE_CLICK) == "One-Click":
            suppressions.add(subscription.address, subscription.notebook, by=RECIPIENT)
            return json_response({"msg": "Recebimento cancelado."})
        _change(suppressions, subscription, request.forms.get(message_page.ACTION))
        return _page(services, subscription, suppressions)


def _change(suppressions: Suppressions, subscription: Subscription, action: str | None) -> None:
    """Do what a button of the form says. Raises InvalidRequest: no button of ours."""
    address, notebook = subscription.address, subscription.notebook
    if action == unsubscribe_page.LEAVE:
        suppressions.add(address, notebook, by=RECIPIENT)
    elif action == unsubscribe_page.LEAVE_ALL:
        suppressions.add(address, EVERY_REPORT, by=RECIPIENT)
    elif action == unsubscribe_page.RETURN:
        for name in (notebook, EVERY_REPORT):
            suppressions.remove(address, name, by=RECIPIENT)
    else:
        raise InvalidRequest


def _page(services: Services, subscription: Subscription, suppressions: Suppressions) -> bytes:
    schedule_id = schedule_of(subscription.notebook)
    try:
        if schedule_id:
            title = str(services.scheduler.store.get(schedule_id)["name"])
        else:
            title = find_notebook(subscription.notebook, services.notebooks).title
    except (UnknownNotebook, NotebookUnusable, UnknownSchedule):  # it may have been removed since
        title = schedule_id or subscription.notebook
    active = suppressions.of(subscription.address, subscription.notebook)
    with speaking(services.settings.report_language):
        return html_response(unsubscribe_page.page(subscription, title, active), "no-referrer")

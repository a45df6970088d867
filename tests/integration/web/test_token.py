"""The token: where it may stand, where not, and the limit of wrong ones."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

import server
from pycemaker.cache.sample_store import Store
from pycemaker.errors import DatabaseUnreachable, NotAuthenticated, TokenInUrl, TooManyRequests
from pycemaker.mongo.database import Database
from pycemaker.mongo.rate_limits import COLLECTION, RateLimits
from pycemaker.settings import from_mapping
from pycemaker.web.access.access_control import AccessControl
from pycemaker.web.services import Services
from tests.services.browser import CHROMIUM, chromium
from tests.services.listening import listening
from tests.services.report_service import service_of

TOKEN = "çorrect h0rse: battery"
ON_THE_WIRE = TOKEN.encode().decode("latin-1")  # as WSGI hands it on
OTHER = "192.0.2.9"


@pytest.fixture
def access_control(database: Database) -> AccessControl:
    return AccessControl(from_mapping({"API_TOKEN": TOKEN}), RateLimits(database))


def check(
    access_control: AccessControl,
    peer: str = "192.0.2.1",
    query: str = "",
    *,
    asks_browser: bool = False,
    **headers: str,
) -> None:
    told = {f"HTTP_{name.upper()}": text for name, text in headers.items()}
    access_control.check_token({"REMOTE_ADDR": peer, "QUERY_STRING": query, **told}, asks_browser=asks_browser)


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {ON_THE_WIRE}"},
        {"authorization": f"bearer  {ON_THE_WIRE} "},
        {"x_api_key": ON_THE_WIRE},
    ],
)
def test_it_is_taken_from_a_header(access_control: AccessControl, headers: dict[str, str]) -> None:
    check(access_control, **headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ON_THE_WIRE},
        {"authorization": "Bearer"},
        {"authorization": f"Bearer {ON_THE_WIRE}x"},
        {"authorization": f"Bearer {ON_THE_WIRE[:-1]}"},
        {"authorization": basic(TOKEN)},  # another site may make a browser send it
        {"authorization": "Bearer wrong", "x_api_key": ON_THE_WIRE},
        {"x_api_key": "\x00"},
        {"cookie": f"token={ON_THE_WIRE}"},
    ],
)
def test_anything_else_is_refused(access_control: AccessControl, headers: dict[str, str]) -> None:
    with pytest.raises(NotAuthenticated):
        check(access_control, **headers)


def test_for_what_is_only_shown_a_browser_may_ask_for_it(access_control: AccessControl) -> None:
    check(access_control, asks_browser=True, authorization=basic(TOKEN))
    for wrong in (basic(""), basic(TOKEN + "x"), "Basic ====", "Basic á", ""):
        with pytest.raises(NotAuthenticated) as caught:
            check(access_control, asks_browser=True, authorization=wrong)
        assert caught.value.facts == {"asks_browser": True}


@pytest.mark.parametrize("query", ["token=x", "a=1&API_KEY=x", "access_token", "x-api-key=", f"limit={quote(TOKEN)}"])
def test_in_an_address_it_is_refused_though_it_be_right_beside(access_control: AccessControl, query: str) -> None:
    with pytest.raises(TokenInUrl) as caught:
        check(access_control, query=query, x_api_key=ON_THE_WIRE)
    assert caught.value.facts == {}
    check(access_control, query="notebook=capacity&limit=0.8", x_api_key=ON_THE_WIRE)


def test_whoever_guesses_is_not_listened_to_for_a_while_and_others_are(
    access_control: AccessControl, database: Database
) -> None:
    for number in range(10):
        with pytest.raises(NotAuthenticated):
            check(access_control, x_api_key=f"guess {number}")
    for headers in ({"x_api_key": "guess 11"}, {"x_api_key": ON_THE_WIRE}):
        with pytest.raises(TooManyRequests) as caught:
            check(access_control, **headers)
        assert 290 < caught.value.facts["retry_after_seconds"] <= 300
    check(access_control, peer=OTHER, x_api_key=ON_THE_WIRE)
    assert sum(len(document["hits"]) for document in database[COLLECTION].find()) == 10


def test_a_request_without_a_token_is_no_guess(access_control: AccessControl) -> None:
    for _ in range(20):
        with pytest.raises(NotAuthenticated):
            check(access_control)
    check(access_control, x_api_key=ON_THE_WIRE)


def test_while_it_is_not_known_who_guesses_nobody_is_let_in() -> None:
    away = Database("mongodb://127.0.0.1:9/x")
    with pytest.raises(DatabaseUnreachable):
        check(AccessControl(from_mapping({"API_TOKEN": TOKEN}), RateLimits(away)), x_api_key=ON_THE_WIRE)
    check(AccessControl(from_mapping({}), RateLimits(away)))
    away.close()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_a_browser_asks_its_user_for_the_token_as_a_password(store: Store, database: Database) -> None:
    settings = from_mapping({"API_TOKEN": "a-token"})
    app = server.create_app(Services(settings, store, service_of(database, {})))
    with listening(app) as port, chromium() as browser:
        context = browser.new_context(http_credentials={"username": "any", "password": "a-token"})
        answer = context.new_page().goto(f"http://127.0.0.1:{port}/reports")
        assert answer is not None
        assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")

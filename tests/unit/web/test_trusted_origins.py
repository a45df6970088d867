"""Cross-site requests, by the headers that browsers and programs send."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from pycemaker.errors import ForeignOrigin
from pycemaker.web.access.trusted_origins import TrustedOrigins

PANEL, EVIL = "https://panel.example.com", "https://evil.example.com"
FIREFOX = {"user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101", "accept_language": "pt-BR"}
PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PICTURE = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
FOLLOWED = {"sec_fetch_mode": "navigate", "sec_fetch_dest": "document", "sec_fetch_user": "?1"}


def environ(method: str, headers: dict[str, str], host: str) -> dict[str, Any]:
    return {"REQUEST_METHOD": method, "HTTP_HOST": host, **{f"HTTP_{name.upper()}": headers[name] for name in headers}}


def ask(headers: dict[str, str], method: str = "GET", host: str = "127.0.0.1:5000", public: str | None = None) -> bool:
    return TrustedOrigins(public, ("*", PANEL, "https://*.pages.example.com")).may_act(environ(method, headers, host))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"user_agent": "curl/8.5.0", "accept": "*/*"},
        {"user_agent": "Wget/1.21.4", "accept": "*/*", "accept_encoding": "identity"},
        {"user_agent": "Java/17", "accept": "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"},
        {"user_agent": "Mozilla/5.0 (Windows NT; Windows NT 10.0; pt-BR) WindowsPowerShell/5.1.19041.4"},
        {"user_agent": "python-requests/2.32", "accept": "*/*", "origin": "", "referer": ""},
        {"sec_fetch_site": "same-origin", "origin": "null"},
        {"sec_fetch_site": "cross-site", "origin": PANEL},
        {"sec_fetch_site": "cross-site", "referer": f"{PANEL}/"},
        {"origin": PANEL},
        {"origin": "http://127.0.0.1:5000"},
        {"referer": "http://127.0.0.1:5000/report/now/6/a@b.com"},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_programs_our_own_pages_and_named_origins_act(headers: dict[str, str], method: str) -> None:
    assert ask(headers, method) is True


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "sec_fetch_mode": "cors", "origin": "http://127.0.0.1:3000"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"},
        {"sec_fetch_site": "cross-site", **FOLLOWED, "sec_fetch_dest": "iframe"},
        {"sec_fetch_site": "none", "sec_fetch_mode": "cors", "origin": "chrome-extension://abc"},
        {"sec_fetch_site": "anything"},
        {"origin": EVIL},
        {"origin": "null"},
        {"origin": "https://a.pages.example.com"},
        {"origin": f"{PANEL}.evil.example.com"},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": "http://[::1"},
        {"referer": f"{EVIL}/{PANEL}"},
        {"referer": "about:blank"},
        {"accept": PICTURE},
        {"accept": "text/css,*/*;q=0.1"},
        {"accept": "video/webm,video/ogg,video/*;q=0.9,*/*;q=0.5"},
        {"accept": "*/*", **FIREFOX},
        {"accept": "application/json", **FIREFOX, "accept_language": ""},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_no_other_page_acts(headers: dict[str, str], method: str) -> None:
    with pytest.raises(ForeignOrigin):
        ask(headers, method)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site", **FOLLOWED},
        {"sec_fetch_site": "same-site", **FOLLOWED, "referer": f"{EVIL}/"},
        {"sec_fetch_site": "none", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"},
        {"accept": PAGE, **FIREFOX},
    ],
    ids=str,
)
def test_who_follows_a_link_is_asked_and_a_form_of_another_page_is_refused(headers: dict[str, str]) -> None:
    assert ask(headers) is False
    with pytest.raises(ForeignOrigin):
        ask(headers, "POST")


@pytest.mark.parametrize(
    ("host", "own", "public", "acts"),
    [
        ("pycemaker:5000", "http://pycemaker:5000", None, True),
        ("pycemaker", "http://pycemaker", None, True),
        ("10.0.0.5", "https://10.0.0.5", None, True),
        ("[fd00::5]:5000", "http://[fd00::5]:5000", None, True),
        ("api.localhost:5000", "http://api.localhost:5000", None, True),
        ("rebound.example.com:5000", "http://rebound.example.com:5000", None, False),
        ("api.example.com", "http://api.example.com", "http://api.example.com", True),
        ("127.0.0.1:5000", "https://api.example.com", "https://api.example.com/pycemaker", True),
        ("pycemaker:5000", "http://pycemaker:3000", None, False),
    ],
)
def test_our_own_name_is_one_that_no_other_site_can_make_point_here(
    host: str, own: str, public: str | None, acts: bool
) -> None:
    with nullcontext() if acts else pytest.raises(ForeignOrigin):
        assert ask({"origin": own}, "POST", host, public) is True


def test_an_error_names_the_origin_and_no_path_or_password() -> None:
    with pytest.raises(ForeignOrigin) as caught:
        ask({"referer": "https://user:secret@evil.example.com/private?x=1"})
    assert caught.value.facts == {"origin": "https://evil.example.com"}

"""Who may ask, and how often: the token, and the limits per caller and per recipient.

Whoever gives wrong tokens is not listened to for a while, right ones included: else the answer would tell which of many
guesses was right. They are known by their address, so that behind a proxy TRUSTED_PROXIES has to be set for one caller
not to shut out the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pycemaker.errors import AskedTooOften, NotAuthenticated, TooManyRequests
from pycemaker.mail.suppressions import inbox
from pycemaker.settings import Settings
from pycemaker.web.access import api_token
from pycemaker.web.access.client_address import client_address, is_on_this_machine
from pycemaker.web.access.rate_limits import Admission, LimitExceeded, RateLimit, RateLimits

_HOUR = 3600
_WRONG_TOKENS = RateLimit("wrong token", most=10, seconds=300)
_TOKEN_HOLDER = "token"  # noqa: S105 - a word, no token


class AccessControl:
    """Lets requests in that may, under the settings.

    Args:
        settings: the token, the limits, the proxies.
        limits: where requests are counted.
    """

    def __init__(self, settings: Settings, limits: RateLimits) -> None:
        self._settings = settings
        self._limits = limits
        self._per_caller = RateLimit("caller", settings.report_limit_per_caller, _HOUR)
        self._per_recipient = RateLimit("recipient", settings.report_limit_per_recipient, _HOUR)

    def check_token(self, environ: Mapping[str, Any], *, asks_browser: bool = False) -> None:
        """Let a request pass that has the token, where one is set.

        Args:
            environ: the request's, of WSGI.
            asks_browser: whether a browser may ask its user for the token (`Basic`), for what only shows something.

        Raises:
            TokenInUrl: there is one in the query.
            NotAuthenticated: it is missing or wrong.
            TooManyRequests: so many wrong ones came from this address lately that none is looked at.
            DatabaseUnreachable: it is not known how many came.
        """
        expected = self._settings.api_token
        api_token.refuse_in_url(environ, expected)
        if expected is None:
            return
        address = client_address(environ, self._settings.trusted_proxies)
        refused = self._limits.look(_WRONG_TOKENS, address)
        told = api_token.given(environ, as_password=asks_browser)
        if refused is None and api_token.is_right(told, expected):
            return
        if refused is None and told:  # a browser asks without one first, and that is no guess
            answer = self._limits.admit([(_WRONG_TOKENS, address)])
            refused = answer if isinstance(answer, LimitExceeded) else None
        if refused is not None:
            raise TooManyRequests(caller=address, retry_after_seconds=refused.retry_after_seconds)
        raise NotAuthenticated(asks_browser=asks_browser)

    def knows(self, environ: Mapping[str, Any]) -> bool:
        """Whether who passed `check_token` may learn whom reports were for: by the token, or by being here."""
        return self._settings.api_token is not None or is_on_this_machine(environ, self._settings.trusted_proxies)

    def admit(self, environ: Mapping[str, Any], recipients: Iterable[str]) -> Admission:
        """Count one report for the caller, and one for each recipient; give it back where it is refused after all.

        Whoever holds the token is one caller, wherever they ask from; without a token each address is one.

        Raises:
            TooManyRequests: the caller has asked for as many as they may. Nothing is counted.
            AskedTooOften: one of the recipients has been sent as many as they may. Nothing is counted.
            DatabaseUnreachable: MongoDB is away.
        """
        caller = self._caller(environ)
        inboxes = [(inbox(address), address) for address in recipients]
        wanted = [(self._per_caller, caller), *((self._per_recipient, key) for key, _ in inboxes)]
        answer = self._limits.admit(wanted)
        if isinstance(answer, Admission):
            return answer
        if answer.limit is self._per_caller:
            raise TooManyRequests(caller=caller, retry_after_seconds=answer.retry_after_seconds)
        raise AskedTooOften(address=dict(inboxes)[answer.key], retry_after_seconds=answer.retry_after_seconds)

    def _caller(self, environ: Mapping[str, Any]) -> str:
        if self._settings.api_token is not None:
            return _TOKEN_HOLDER
        return client_address(environ, self._settings.trusted_proxies)

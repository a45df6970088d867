"""Access control of the report routes: the token, and the limits per caller and per recipient.

A route that needs the token calls `check_token` itself. After ten wrong tokens an address is refused for a while, right
tokens included: else the answer would show which of many guesses was right. Behind a proxy TRUSTED_PROXIES has to be
set, or one caller shuts out all others.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pycemaker.errors import AskedTooOften, NotAuthenticated, TokenInUrl, TooManyRequests
from pycemaker.mail.suppressions import inbox
from pycemaker.mongo.rate_limits import Admission, LimitExceeded, RateLimit, RateLimits
from pycemaker.settings import Settings
from pycemaker.web.access import api_token
from pycemaker.web.access.client_address import client_address, is_local

_HOUR = 3600
_WRONG_TOKENS = RateLimit("wrong token", most=10, seconds=300)
_TOKEN_HOLDER = "token"  # noqa: S105 - a word, no token


class AccessControl:
    """Admits or refuses requests, by the settings."""

    def __init__(self, settings: Settings, limits: RateLimits) -> None:
        self._settings = settings
        self._limits = limits
        self._per_caller = RateLimit("caller", settings.report_limit_per_caller, _HOUR)
        self._per_recipient = RateLimit("recipient", settings.report_limit_per_recipient, _HOUR)

    def check_token(self, environ: Mapping[str, Any], *, asks_browser: bool = False) -> None:
        """Let a request pass that has the token, where one is set.

        Args:
            asks_browser: whether a browser may ask its user for the token (`Basic`), for what only shows something.

        Raises:
            TokenInUrl: there is one in the query; NotAuthenticated: it is missing or wrong; TooManyRequests: too many
                wrong ones came from this address lately; DatabaseUnreachable: the count of wrong ones is unknown.
        """
        expected = self._settings.api_token
        api_token.refuse_in_url(environ, expected)
        if expected is None:
            return
        address = client_address(environ, self._settings.trusted_proxies)
        refused = self._limits.look(_WRONG_TOKENS, address)
        token = api_token.given(environ, as_password=asks_browser)
        if refused is None and api_token.is_correct(token, expected):
            return
        if refused is None and token:  # a browser asks without one first, and that is no guess
            answer = self._limits.admit([(_WRONG_TOKENS, address)])
            refused = answer if isinstance(answer, LimitExceeded) else None
        if refused is not None:
            raise TooManyRequests(caller=address, retry_after_seconds=refused.retry_after_seconds)
        raise NotAuthenticated(asks_browser=asks_browser)

    def sees_all(self, environ: Mapping[str, Any]) -> bool:
        """True where the caller may see recipients and messages: `check_token` lets it pass, and `may_see_addresses`.

        Raises:
            DatabaseUnreachable: the count of wrong tokens is unknown.
        """
        try:
            self.check_token(environ, asks_browser=True)
        except (NotAuthenticated, TokenInUrl, TooManyRequests):
            return False
        return self.may_see_addresses(environ)

    def may_see_addresses(self, environ: Mapping[str, Any]) -> bool:
        """True where a caller past `check_token` may see recipients: one with the token, or on this machine."""
        return self._settings.api_token is not None or is_local(environ, self._settings.trusted_proxies)

    def admit(self, environ: Mapping[str, Any], recipients: Iterable[str]) -> Admission:
        """Count one report for the caller and each recipient; `release` the admission where it is refused after all.

        All holders of the token are one caller; without a token each address is one.

        Raises:
            TooManyRequests, AskedTooOften: the caller or a recipient has reached its limit, and nothing is counted;
                DatabaseUnreachable: MongoDB is away.
        """
        has_token = self._settings.api_token is not None
        caller = _TOKEN_HOLDER if has_token else client_address(environ, self._settings.trusted_proxies)
        inboxes = [(inbox(address), address) for address in recipients]
        wanted = [(self._per_caller, caller), *((self._per_recipient, key) for key, _ in inboxes)]
        answer = self._limits.admit(wanted)
        if isinstance(answer, Admission):
            return answer
        if answer.limit is self._per_caller:
            raise TooManyRequests(caller=caller, retry_after_seconds=answer.retry_after_seconds)
        raise AskedTooOften(address=dict(inboxes)[answer.key], retry_after_seconds=answer.retry_after_seconds)

"""Who may ask, and how often: the token, and the limits per caller and per recipient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pycemaker.data.limits import Admission, Limit, Limits
from pycemaker.errors import AskedTooOften, TooManyRequests
from pycemaker.settings import Settings
from pycemaker.web.caller import caller_address

_HOUR = 3600
_TOKEN_HOLDER = "token"  # noqa: S105 - a word, no token


class Gate:
    """Lets requests in that may, under the settings.

    Args:
        settings: the token, the limits, the proxies.
        limits: where requests are counted.
    """

    def __init__(self, settings: Settings, limits: Limits) -> None:
        self._settings = settings
        self._limits = limits
        self._per_caller = Limit("caller", settings.report_limit_per_caller, _HOUR)
        self._per_recipient = Limit("recipient", settings.report_limit_per_recipient, _HOUR)

    def admit(self, environ: Mapping[str, Any], recipients: Iterable[str]) -> Admission:
        """Count one report for the caller, and one for each recipient; give it back where it is refused after all.

        Whoever holds the token is one caller, wherever they ask from; without a token each address is one.

        Raises:
            TooManyRequests: the caller has asked for as many as they may. Nothing is counted.
            AskedTooOften: one of the recipients has been sent as many as they may. Nothing is counted.
            DatabaseUnreachable: MongoDB is away.
        """
        caller = self._caller(environ)
        inboxes = [(_inbox(address), address) for address in recipients]
        wanted = [(self._per_caller, caller), *((self._per_recipient, inbox) for inbox, _ in inboxes)]
        answer = self._limits.admit(wanted)
        if isinstance(answer, Admission):
            return answer
        if answer.limit is self._per_caller:
            raise TooManyRequests(caller=caller, retry_after_seconds=answer.retry_after_seconds)
        raise AskedTooOften(address=dict(inboxes)[answer.key], retry_after_seconds=answer.retry_after_seconds)

    def _caller(self, environ: Mapping[str, Any]) -> str:
        if self._settings.api_token is not None:
            return _TOKEN_HOLDER
        return caller_address(environ, self._settings.trusted_proxies)


def _inbox(address: str) -> str:
    """Where mail to the address arrives: `Ana+x@b.com` and `ana+y@b.com` are one inbox with most providers."""
    local, _, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0] or local}@{domain}"

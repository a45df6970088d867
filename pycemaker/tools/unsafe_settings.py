"""Dangerous and misspelt settings, and versions of MongoDB past their end: warnings of the start and of `doctor`."""

import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import date
from difflib import get_close_matches
from ipaddress import IPv4Network, ip_address
from pathlib import Path

from pycemaker.parsing import env_file
from pycemaker.settings import ROOT, Settings, variable_of

SHORTEST_TOKEN = 16
_WIDEST_V4, _WIDEST_V6 = 8, 16
_SECOND_LEVEL = re.compile(r"@(?:[a-z]{2,}|(?:com|co|net|org|gov|edu|ac|or|ne|mil|ltd|plc)\.[a-z]{2})")
"""A public suffix by its shape: a top-level domain, or a country's `com.br`."""

_KNOWN = [variable_of(each) for each in fields(Settings)]
_ALIKE, _SHORTEST_NAME = 0.87, 6
"""The least likeness (difflib) of a misspelt name: API_TOKN has 0.94, DB_PASSWORD 0.84. Shorter names are a letter away
from too many words."""

_END_OF_LIFE = {
    "4.4": date(2024, 2, 29),
    "5.0": date(2024, 10, 31),
    "6.0": date(2025, 7, 31),
    "7.0": date(2027, 8, 31),
    "8.0": date(2029, 10, 31),
}
"""The last day of MongoDB's lines, as https://www.mongodb.com/legal/support-policy/lifecycles says."""

GET_MONGODB = "https://www.mongodb.com/try/download/community: a mongod on PATH is used, or set MONGO_DB_URL"


def of_settings(settings: Settings) -> list[str]:
    """One sentence for each dangerous setting, its name in brackets."""
    return [*_of_callers(settings), *_of_recipients(settings), *_of_proxies(settings)]


def of_env_file(root: Path = ROOT) -> list[str]:
    """One sentence for each name in `.env` that is nearly a setting's, the setting in brackets.

    Other names are other programs' and stay without a word.

    Raises:
        InvalidSettings: see `env_file.read`.
    """
    nearest = {name: nearest_setting(name) for name in env_file.read(root / ".env") if name not in _KNOWN}
    said = "in .env has no effect: the setting has another name"
    return [f"{name} {said} ({near})" for name, near in nearest.items() if near]


def nearest_setting(name: str) -> str | None:
    """The setting that a name is probably meant to be, whatever its case; None where it is like none of them."""
    near = get_close_matches(name.upper().replace("-", "_"), _KNOWN, 1, _ALIKE)
    return near[0] if near and len(name) >= _SHORTEST_NAME else None


def of_mongodb(version: str, today: date) -> str | None:
    """A sentence where this version's line has ended, or is one that MongoDB has never had; None where it lives."""
    line = ".".join(version.split(".")[:2])
    ended = _END_OF_LIFE.get(line)
    if ended is None or today <= ended:
        return None
    return f"MongoDB {version} has had no security fixes since {ended:%Y-%m-%d}; a newer one: {GET_MONGODB}"


def is_loopback(host: str) -> bool:
    """True if only this machine reaches the host."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _of_callers(settings: Settings) -> Iterator[str]:
    if settings.api_token is None and not is_loopback(settings.host):
        yield "anyone who reaches HOST may ask for reports (API_TOKEN)"
    if settings.api_token is not None and len(settings.api_token) < SHORTEST_TOKEN:
        yield f"the token has fewer than {SHORTEST_TOKEN} characters and may be guessed (API_TOKEN)"


def _of_recipients(settings: Settings) -> Iterator[str]:
    if settings.mails and "*" in settings.report_recipients:
        yield "anyone may be mailed (REPORT_RECIPIENTS)"
    suffixes = [entry for entry in settings.report_recipients if _SECOND_LEVEL.fullmatch(entry)]
    if suffixes:
        yield f"{', '.join(suffixes)} is nobody's own domain (REPORT_RECIPIENTS)"
    if settings.password and settings.smtp_security == "none" and not is_loopback(settings.smtp_host):
        yield "the mail account's password travels in the clear (SMTP_SECURITY)"


def _of_proxies(settings: Settings) -> Iterator[str]:
    for network in settings.trusted_proxies:
        widest = _WIDEST_V4 if isinstance(network, IPv4Network) else _WIDEST_V6
        if network.prefixlen < widest:
            yield f"whoever calls from {network} may say that they are somebody else (TRUSTED_PROXIES)"

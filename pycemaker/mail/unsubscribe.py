"""The link by which a recipient leaves a report: in each mail's headers, signed, for one click (RFC 2369, RFC 8058).

The link names address and report, and an HMAC keeps anybody from making one for somebody else. It does not expire:
mail is kept for years, leaving has to work from any of it, and all that a link can do is to stop mail, and to ask for
it again, for the very address that it was mailed to. Who must break links that are out makes a new key and forgets the
old ones (`python -m pycemaker suppressions new-key --forget`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass

from pycemaker.errors import UnknownLink
from pycemaker.mail.signing_keys import SigningKey, SigningKeys
from pycemaker.parsing.route_paths import UNSUBSCRIBE_PREFIX

_PURPOSE = "pycemaker unsubscribe 1"
_NUMBER_BYTES = 4
_MAC_BYTES = 16
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32,700}", re.ASCII)


@dataclass(frozen=True)
class Subscription:
    """One address and one report, by its notebook's name."""

    address: str
    notebook: str


def make_token(subscription: Subscription, key: SigningKey) -> str:
    """What stands for the subscription in a path: a MAC, the key's number, address and notebook, in base64url."""
    told = key.number.to_bytes(_NUMBER_BYTES, "big") + _told(subscription)
    return base64.urlsafe_b64encode(_mac(told, key) + told).rstrip(b"=").decode()


def read_token(token: str, keys: SigningKeys) -> Subscription:
    """The subscription of a token.

    Raises:
        UnknownLink: it is none, or none of ours, or its key was forgotten. Which of these is not said.
        DatabaseUnreachable: the key cannot be looked up.
    """
    mac, told = _taken_apart(token)
    key = keys.find(int.from_bytes(told[:_NUMBER_BYTES], "big"))
    if key is None or not hmac.compare_digest(mac, _mac(told, key)):
        raise UnknownLink
    address, _, notebook = told[_NUMBER_BYTES:].decode().partition("\n")
    return Subscription(address, notebook)


class UnsubscribeHeaders:
    """Makes the headers that let a mail program offer "unsubscribe" beside the sender.

    Args:
        keys: to sign with.
        public_url: this API as readers reach it; without one there is nothing to link to, and no header.
    """

    def __init__(self, keys: SigningKeys, public_url: str | None) -> None:
        self._keys = keys
        self._public_url = public_url

    def for_recipient(self, address: str, notebook: str) -> dict[str, str]:
        """`List-Unsubscribe`, and over https `List-Unsubscribe-Post`: RFC 8058 has one click for https alone.

        Raises:
            DatabaseUnreachable: the key cannot be read.
        """
        if self._public_url is None:
            return {}
        token = make_token(Subscription(address.lower(), notebook), self._keys.newest())
        headers = {"List-Unsubscribe": f"<{self._public_url}{UNSUBSCRIBE_PREFIX}{token}>"}
        if self._public_url.startswith("https://"):
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return headers


def _taken_apart(token: str) -> tuple[bytes, bytes]:
    if not _TOKEN.fullmatch(token):
        raise UnknownLink
    try:
        content = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except binascii.Error:
        raise UnknownLink from None
    if base64.urlsafe_b64encode(content).rstrip(b"=").decode() != token:  # one spelling for each token
        raise UnknownLink
    return content[:_MAC_BYTES], content[_MAC_BYTES:]


def _told(subscription: Subscription) -> bytes:
    """Address and notebook: neither has a line break in it."""
    return f"{subscription.address}\n{subscription.notebook}".encode()


def _mac(told: bytes, key: SigningKey) -> bytes:
    return hmac.digest(key.derived(_PURPOSE), told, hashlib.sha256)[:_MAC_BYTES]

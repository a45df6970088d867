"""Unsubscribe links: in each mail's headers, signed, for one click (RFC 2369, RFC 8058).

A link names address and report; an HMAC keeps others from making one. It does not expire: people keep mail for years,
unsubscribing has to work from any of it, and a link can only stop or resume mail to the address that it was sent to. To
break all links, make a new key and delete the older ones (`python -m pycemaker suppressions new-key --forget`).
"""

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
    """The token of a subscription in a path: a MAC, the key's number, address and notebook, in base64url."""
    names = f"{subscription.address}\n{subscription.notebook}"  # neither has a line break in it
    payload = key.number.to_bytes(_NUMBER_BYTES, "big") + names.encode()
    return base64.urlsafe_b64encode(_mac(payload, key) + payload).rstrip(b"=").decode()


def read_token(token: str, keys: SigningKeys) -> Subscription:
    """The subscription of a token.

    Raises:
        UnknownLink: it is malformed, not signed by us, or its key was deleted; callers do not learn which;
            DatabaseUnreachable: the key cannot be looked up.
    """
    mac, payload = _split_token(token)
    key = keys.find(int.from_bytes(payload[:_NUMBER_BYTES], "big"))
    if key is None or not hmac.compare_digest(mac, _mac(payload, key)):
        raise UnknownLink
    address, _, notebook = payload[_NUMBER_BYTES:].decode().partition("\n")
    return Subscription(address, notebook)


class UnsubscribeHeaders:
    """Makes the headers with which a mail program offers "unsubscribe" beside the sender.

    Args:
        public_url: this API as readers reach it; None makes no header.
    """

    def __init__(self, keys: SigningKeys, public_url: str | None) -> None:
        self._keys = keys
        self._public_url = public_url

    def for_recipient(self, address: str, notebook: str) -> dict[str, str]:
        """`List-Unsubscribe`, and over https `List-Unsubscribe-Post`: RFC 8058 allows one click over https only.

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


def _split_token(token: str) -> tuple[bytes, bytes]:
    if not _TOKEN.fullmatch(token):
        raise UnknownLink
    try:
        content = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except binascii.Error:
        raise UnknownLink from None
    if base64.urlsafe_b64encode(content).rstrip(b"=").decode() != token:  # one spelling for each token
        raise UnknownLink
    return content[:_MAC_BYTES], content[_MAC_BYTES:]


def _mac(payload: bytes, key: SigningKey) -> bytes:
    return hmac.digest(key.derived(_PURPOSE), payload, hashlib.sha256)[:_MAC_BYTES]

"""Signed tokens for links in mails: a MAC, the key's number and a text, in base64url.

An HMAC keeps others from making one. It does not expire: people keep mail for years. To break all links, make a new key
and delete the older ones (`python -m pycemaker suppressions new-key --forget`).
"""

import base64
import binascii
import hashlib
import hmac
import re

from pycemaker.errors import UnknownLink
from pycemaker.mail.signing_keys import SigningKey, SigningKeys

_NUMBER_BYTES = 4
_MAC_BYTES = 16
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32,700}", re.ASCII)


def sign(text: str, key: SigningKey, purpose: str) -> str:
    """The token of a text; it is valid for this purpose alone."""
    payload = key.number.to_bytes(_NUMBER_BYTES, "big") + text.encode()
    return base64.urlsafe_b64encode(_mac(payload, key, purpose) + payload).rstrip(b"=").decode()


def read(token: str, keys: SigningKeys, purpose: str) -> str:
    """The text of a token.

    Raises:
        UnknownLink: it is malformed, not signed by us for this purpose, or its key was deleted; callers do not learn
            which; DatabaseUnreachable: the key cannot be looked up.
    """
    mac, payload = _split(token)
    key = keys.find(int.from_bytes(payload[:_NUMBER_BYTES], "big"))
    if key is None or not hmac.compare_digest(mac, _mac(payload, key, purpose)):
        raise UnknownLink
    return payload[_NUMBER_BYTES:].decode()


def _split(token: str) -> tuple[bytes, bytes]:
    if not _TOKEN.fullmatch(token):
        raise UnknownLink
    try:
        content = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except binascii.Error:
        raise UnknownLink from None
    if base64.urlsafe_b64encode(content).rstrip(b"=").decode() != token:  # one spelling for each token
        raise UnknownLink
    return content[:_MAC_BYTES], content[_MAC_BYTES:]


def _mac(payload: bytes, key: SigningKey, purpose: str) -> bytes:
    return hmac.digest(key.derived(purpose), payload, hashlib.sha256)[:_MAC_BYTES]

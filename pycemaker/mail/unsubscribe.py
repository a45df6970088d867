"""Unsubscribe links: in each mail's headers, signed, for one click (RFC 2369, RFC 8058).

A link names address and report. It can only stop or resume mail to the address that it was sent to.
"""

from dataclasses import dataclass

from pycemaker.mail import signed_token
from pycemaker.mail.signing_keys import SigningKey, SigningKeys
from pycemaker.parsing.route_paths import UNSUBSCRIBE_PREFIX

_PURPOSE = "pycemaker unsubscribe 1"


@dataclass(frozen=True)
class Subscription:
    """One address and one report, by its notebook's name."""

    address: str
    notebook: str


def make_token(subscription: Subscription, key: SigningKey) -> str:
    """The token of a subscription in a path."""
    names = f"{subscription.address}\n{subscription.notebook}"  # neither has a line break in it
    return signed_token.sign(names, key, _PURPOSE)


def read_token(token: str, keys: SigningKeys) -> Subscription:
    """The subscription of a token. Raises as `signed_token.read`."""
    address, _, notebook = signed_token.read(token, keys, _PURPOSE).partition("\n")
    return Subscription(address, notebook)


def unsubscribe_headers(keys: SigningKeys, public_url: str | None, address: str, notebook: str) -> dict[str, str]:
    """The headers with which a mail program offers "unsubscribe" beside the sender.

    `List-Unsubscribe`, and over https `List-Unsubscribe-Post`: RFC 8058 allows one click over https only.

    Args:
        public_url: this API as readers reach it; None makes no header.

    Raises:
        DatabaseUnreachable: the key cannot be read.
    """
    if public_url is None:
        return {}
    token = make_token(Subscription(address.lower(), notebook), keys.newest())
    headers = {"List-Unsubscribe": f"<{public_url}{UNSUBSCRIBE_PREFIX}{token}>"}
    if public_url.startswith("https://"):
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers

"""Masks secrets in log lines, errors and notebooks, in every form in which a text may carry them.

A secret is found as it stands, escaped, quoted for a URL, and in base64.
"""

import base64
import html
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

SHORTEST_SECRET = 4  # Shorter ones are not masked: they are part of half of all words
_MASK = "***"
_PERCENT = re.compile("%[0-9A-F]{2}")
_CREDENTIALS = re.compile(r"\b([a-z][a-z0-9+.-]{0,30}://)[^\s/@\"']+@", re.IGNORECASE)


class Masker:
    """Masks secrets in texts. `secrets`: their values."""

    def __init__(self, secrets: Iterable[str]) -> None:
        shapes = {shape for secret in secrets for part in secret_parts(secret) for shape in _shapes(part)}
        longest_first = sorted(shapes, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        """The text without secrets, and without the credentials of any URL."""
        clean = self._known.sub(_MASK, text) if self._known else text
        return _CREDENTIALS.sub(rf"\1{_MASK}@", clean)


def secret_parts(secret: str) -> Iterable[str]:
    """The parts to mask: the whole secret, the lines of a private key, the password of a URL."""
    candidates = [secret, *(line for line in secret.splitlines() if len(line) >= 16 and not line.startswith("-----"))]
    if "://" in secret:
        try:
            password = urlsplit(secret).password or ""
        except ValueError:
            password = ""
        candidates += [password, unquote(password), unquote_plus(password)]
    return [part for part in dict.fromkeys(candidates) if len(part) >= SHORTEST_SECRET]


def _shapes(text: str) -> Iterable[str]:
    escaped = (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1])
    markup = html.escape(text)
    in_html = (markup, html.escape(text, quote=False), markup.replace("&quot;", "&#34;").replace("&#x27;", "&#39;"))
    quoted = {quote(text, safe=""), quote(text), quote_plus(text), quote_plus(text, safe="/")}
    lower = (_PERCENT.sub(lambda match: match[0].lower(), each) for each in quoted)
    in_base64 = (encode(text.encode()).decode() for encode in (base64.b64encode, base64.urlsafe_b64encode))
    return (text, *escaped, *in_html, *quoted, *lower, *in_base64)

"""Values of settings out of their texts. Each parser raises ValueError or KeyError for a text that it does not take."""

import json
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pycemaker.errors import InvalidAddress
from pycemaker.parsing.hosts import parse_host
from pycemaker.parsing.origins import parse_origin

_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", re.ASCII)
_T = TypeVar("_T")


@dataclass(frozen=True)
class FirebaseKey:
    """A service account's key. Its `repr` shows the project alone."""

    project_id: str
    content: dict[str, Any] = field(repr=False)


class SettingReader:
    """Reads variables one by one and remembers what is wrong with each."""

    def __init__(self, given: Mapping[str, str | None]) -> None:
        self._given = given
        self.problems: list[str] = []

    def text(self, name: str) -> str | None:
        """The variable's text; None where it is absent or blank."""
        text = (self._given.get(name) or "").strip()
        if "\0" in text or not is_utf8(text):
            self._note(f"{name} takes UTF-8 text without NUL")
            return None
        return text or None

    def read(self, name: str, parse: Callable[[str], _T], takes: str, default: _T) -> _T:
        """The parsed value, or the default where the variable is absent or wrong."""
        text = self.text(name)
        if text is None:
            return default
        try:
            return parse(text)
        except (ValueError, OSError, KeyError, RecursionError, InvalidAddress):
            self._note(f"{name} takes {takes}")
            return default

    def _note(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def is_utf8(text: str) -> bool:
    """True where the text can be written as UTF-8; the environment's bytes that are none become half characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def one_of(*words: str) -> Callable[[str], str]:
    """A parser of these words, in any case."""

    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(text)
        return text.lower()

    return parse


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """A parser of whole numbers in ASCII digits, both ends included."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ValueError(text)
        return int(text)

    return parse


def mongo_url(text: str) -> str:
    """A URL of MongoDB; what comes after its scheme is looked at where it is used."""
    if not text.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError(text)
    return text


def host_name(text: str) -> str:
    """A host's name or address."""
    if not re.fullmatch(r"[A-Za-z0-9._:\[\]-]{1,253}", text):
        raise ValueError(text)
    return text


def bucket_name(text: str) -> str:
    """The bare name; a console's `gs://` and trailing slash are forgiven."""
    bare = text.removeprefix("gs://").rstrip("/")
    if not _BUCKET_NAME.fullmatch(bare):
        raise ValueError(text)
    return bare


def web_url(text: str) -> str:
    """An http or https URL without slashes at its end."""
    if not re.fullmatch(r"https?://[^\s/\"<>]+[^\s\"<>]*", text):
        raise ValueError(text)
    _check_authority(text)
    return text.rstrip("/")


def _check_authority(text: str) -> None:
    """Raise ValueError for a URL without a host, or with brackets or a port that no client takes."""
    url = urlsplit(text)
    host = (url.hostname or "").removesuffix(".")
    if "[" in url.netloc or ":" in host:
        IPv6Address(host)
    else:
        parse_host(host)
    url.port  # noqa: B018 - a property that raises


def url_prefixes(text: str) -> tuple[str, ...]:
    """The beginnings of URLs, by commas; each ends in a slash, so that it holds a whole host."""
    return tuple(f"{public_url(entry)}/" for entry in _entries(text))


def public_url(text: str) -> str:
    """A URL to which a path can be added; slashes in a row are one, as on the way in."""
    url = urlsplit(web_url(text))
    if url.query or url.fragment or "@" in url.netloc or text.endswith(("?", "#")) or url.port == 0:
        raise ValueError(text)
    return f"{url.scheme}://{url.netloc}{re.sub('/+', '/', url.path)}"


def dask_address(text: str) -> str:
    """The address of a Dask scheduler."""
    url = urlsplit(text)
    if not re.fullmatch(r"(tcp|tls)://[^/@?#\s]+:[0-9]+", text) or not url.port:
        raise ValueError(text)
    _check_authority(text)
    return text


def point_count(text: str) -> int:
    """A number of documents, 2 to 10000; 0 for all."""
    return 0 if text == "0" else whole_number(2, 10_000)(text)


def _entries(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def origins(text: str) -> tuple[str, ...]:
    """Origins between commas, one at least."""
    entries = _entries(text)
    if not entries:
        raise ValueError(text)
    return tuple(map(parse_origin, entries))


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Addresses and networks between commas."""
    return tuple(ip_network(entry) for entry in _entries(text))


def folder(text: str, root: Path) -> Path:
    """A folder's path; a relative one starts at `root`."""
    try:
        return (root / text).resolve()
    except RuntimeError:  # a circle of links
        raise ValueError(text) from None


def existing_file(text: str, root: Path) -> Path:
    """A file's path; a relative one starts at `root`."""
    if not (root / text).is_file():
        raise ValueError(text)
    return (root / text).resolve()


def certificates(text: str, root: Path) -> Path:
    """The path of a file of certificates (PEM); a relative one starts at `root`."""
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(root / text)
    return (root / text).resolve()


def firebase_key(text: str, root: Path) -> FirebaseKey | None:
    """The key out of its JSON or of the file of this path; None for `none`."""
    if text == "none":
        return None
    content = json.loads(text if text.startswith("{") else (root / text).read_text(encoding="utf-8-sig"))
    if not isinstance(content, dict) or not {"project_id", "client_email", "private_key"} <= content.keys():
        raise ValueError("incomplete key")
    if not all(isinstance(content[name], str) for name in ("project_id", "client_email", "private_key")):
        raise ValueError("a part of the key is no text")
    return FirebaseKey(str(content["project_id"]), content)

"""One frozen `Settings`, built from a mapping. The only place that knows the names of environment variables."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pycemaker.errors import InvalidAddress, InvalidSettings
from pycemaker.i18n.language import DEFAULT as DEFAULT_LANGUAGE
from pycemaker.i18n.language import LANGUAGES
from pycemaker.parsing import env_file
from pycemaker.parsing.addresses import parse_address, parse_allowed
from pycemaker.parsing.hosts import is_local
from pycemaker.parsing.origins import parse_origin

PACKAGE = Path(__file__).resolve().parent
ROOT_VARIABLE = "PYCEMAKER_ROOT"


def _root() -> Path:
    """The source tree; of an installed package the folder in PYCEMAKER_ROOT, else the current one."""
    if (PACKAGE.parent / "server.py").is_file():
        return PACKAGE.parent
    return Path(os.environ.get(ROOT_VARIABLE) or Path.cwd()).resolve()


ROOT = _root()
"""The folder of `.env`, `firebase-settings.json` and a relative `DATA_DIR`."""

_OWN, _SHIPPED = ROOT / "notebooks", PACKAGE / "notebooks"
NOTEBOOKS = _OWN if _OWN.is_dir() else _SHIPPED
"""The folder of the notebooks: `notebooks/` at the root, else those that come with the package."""

TEMPLATES = (_OWN if (_OWN / "templates").is_dir() else _SHIPPED) / "templates"
"""The folder of the mail's and the page's templates and of `brand.json`, likewise."""

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", re.ASCII)
_T = TypeVar("_T")


@dataclass(frozen=True)
class FirebaseKey:
    """A service account's key. Its `repr` shows the project alone."""

    project_id: str
    content: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """Everything that can be set; `.env.example` says what each one means. Secrets stay out of the `repr`."""

    mongo_db_url: str | None = field(repr=False)
    email_from: str | None
    password: str | None = field(repr=False)
    smtp_host: str
    smtp_port: int
    smtp_security: str
    firebase_key: FirebaseKey | None
    firebase_bucket: str | None
    timezone: ZoneInfo
    report_language: str
    report_recipients: tuple[str, ...]
    api_token: str | None = field(repr=False)
    report_limit_per_caller: int
    report_limit_per_recipient: int
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    report_timeout_seconds: int
    report_workers: int
    report_queue: int
    report_memory_mb: int
    report_repeat_seconds: int
    report_retry_seconds: int
    report_retention_days: int
    public_url: str | None
    dashboard_url: str | None
    cors_origins: tuple[str, ...]
    max_range_hours: int
    default_max_points: int
    cache_mb: int
    host: str
    port: int
    data_dir: Path
    log_format: str

    @property
    def own_url(self) -> str:
        """This API as readers reach it; where that is not set, as this machine does."""
        host = f"[{self.host.strip('[]')}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"

    @property
    def base_path(self) -> str:
        """The path under which readers reach this API, such as `/pycemaker`; empty at the root of a host."""
        return urlsplit(self.public_url or "").path.rstrip("/")

    @property
    def outbox_dir(self) -> Path:
        """The outbox: messages as files, where no mail account is set."""
        return self.data_dir / "outbox"

    @property
    def mails(self) -> bool:
        """Whether reports go to a mail server; otherwise they are written to the outbox."""
        return self.email_from is not None

    @property
    def has_own_relay(self) -> bool:
        """Whether mail goes to a relay of one's own network, which may know hosts without a dot."""
        return self.mails and (self.password is None or is_local(self.smtp_host))

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must never be shown: the values a log or an error is cleaned of."""
        key = self.firebase_key.content.get("private_key", "") if self.firebase_key else ""
        return tuple(secret for secret in (self.password, self.api_token, self.mongo_db_url, key) if secret)

    def allows_recipient(self, address: str) -> bool:
        """Whether reports may go to `address`, compared without regard to case."""
        plain = address.lower()
        domain = "@" + plain.rpartition("@")[2]
        return any(entry in ("*", plain, domain) for entry in self.report_recipients)


WITHOUT_SECRETS = {"PASSWORD": "", "EMAIL_FROM": "", "API_TOKEN": "", "FIREBASE_SETTINGS": "none"}
"""Variables for a process that has no use for the secrets: they win over the environment's own and over `.env`."""


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables but those of WITHOUT_SECRETS: what a process may start with whose environment others can read."""
    return {name: text for name, text in environment.items() if name not in WITHOUT_SECRETS}


def secrets_of(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that `without_secrets` leaves out."""
    return {name: text for name, text in environment.items() if name in WITHOUT_SECRETS}


_NO_SECRETS: Mapping[str, str] = {}


class _Reader:
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
        except (ValueError, OSError, KeyError, InvalidAddress):
            self._note(f"{name} takes {takes}")
            return default

    def _note(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def is_utf8(text: str) -> bool:
    """Whether the text can be written as UTF-8; the environment's bytes that are none become half characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def from_mapping(given: Mapping[str, str | None], *, root: Path = ROOT) -> Settings:
    """Settings out of variables by name.

    Args:
        given: the environment, or a test's own dict. Blank counts as absent.
        root: where relative paths start.

    Raises:
        InvalidSettings: names every wrong variable and what it takes; never shows a value.
    """
    reader = _Reader(_with_default_key(given, root))
    data_dir = reader.read(
        "DATA_DIR", lambda text: _folder(text, root), "a path of a folder", (root / "data").resolve()
    )
    email_from = reader.read("EMAIL_FROM", partial(parse_address, single_label=True), "a mail address", None)
    security = reader.read("SMTP_SECURITY", _one_of("ssl", "starttls", "none"), "ssl, starttls or none", "ssl")
    key = reader.read("FIREBASE_SETTINGS", lambda text: _firebase_key(text, root), _KEY_TAKES, None)
    recipients = reader.read("REPORT_RECIPIENTS", parse_allowed, "addresses, @domains or *, separated by commas", None)
    settings = Settings(
        mongo_db_url=reader.read("MONGO_DB_URL", _mongo_url, "a mongodb:// or mongodb+srv:// URL", None),
        email_from=email_from,
        password=reader.text("PASSWORD"),
        smtp_host=reader.read("SMTP_HOST", _host, "a host name", "smtp.gmail.com"),
        smtp_port=reader.read("SMTP_PORT", _whole(1, 65535), "a port, 1 to 65535", 465),
        smtp_security=security,
        firebase_key=key,
        firebase_bucket=reader.read("FIREBASE_BUCKET", _bucket, "a bucket's name", _default_bucket(key)),
        timezone=reader.read("TIMEZONE", ZoneInfo, "an IANA zone, such as America/Sao_Paulo", _DEFAULT_ZONE),
        report_language=reader.read("REPORT_LANGUAGE", _language, " or ".join(LANGUAGES), DEFAULT_LANGUAGE),
        report_recipients=recipients or _default_recipients(email_from),
        api_token=reader.text("API_TOKEN"),
        report_limit_per_caller=reader.read("REPORT_LIMIT_PER_CALLER", _whole(0, 1000), _LIMIT_TAKES, 120),
        report_limit_per_recipient=reader.read("REPORT_LIMIT_PER_RECIPIENT", _whole(0, 1000), _LIMIT_TAKES, 30),
        trusted_proxies=reader.read("TRUSTED_PROXIES", _networks, "addresses or networks (10.0.0.0/8), by commas", ()),
        report_timeout_seconds=reader.read(
            "REPORT_TIMEOUT_SECONDS", _whole(1, 86400), "whole seconds, 1 to 86400", 120
        ),
        report_workers=reader.read("REPORT_WORKERS", _whole(1, 64), "whole reports at a time, 1 to 64", 1),
        report_queue=reader.read("REPORT_QUEUE", _whole(1, 10_000), "whole reports, 1 to 10000", 20),
        report_memory_mb=reader.read("REPORT_MEMORY_MB", _whole(256, 1_048_576), "whole megabytes, 256 or more", 2048),
        report_repeat_seconds=reader.read("REPORT_REPEAT_SECONDS", _whole(0, 86400), "whole seconds, 0 to 86400", 60),
        report_retry_seconds=reader.read(
            "REPORT_RETRY_SECONDS", _whole(1, 604_800), "whole seconds, 1 to 604800", 14_400
        ),
        report_retention_days=reader.read("REPORT_RETENTION_DAYS", _whole(1, 36_500), "whole days, 1 to 36500", 90),
        public_url=reader.read("PUBLIC_URL", _public_url, "an http:// or https:// URL without ? and #", None),
        dashboard_url=reader.read("DASHBOARD_URL", _web_url, "an http:// or https:// URL", None),
        cors_origins=reader.read(
            "CORS_ORIGINS", _origins, "* or origins (https://host, https://*.example.com), by commas", ("*",)
        ),
        max_range_hours=reader.read("MAX_RANGE_HOURS", _whole(1, 8784), "whole hours, 1 to 8784", 744),
        default_max_points=reader.read("DEFAULT_MAX_POINTS", _points, "whole documents, 2 to 10000, 0 for all", 0),
        cache_mb=reader.read("CACHE_MB", _whole(0, 1_048_576), "whole megabytes, 0 for none", 256),
        host=reader.read("HOST", _host, "an address to listen on", "127.0.0.1"),
        port=reader.read("PORT", _whole(1, 65535), "a port, 1 to 65535", 5000),
        data_dir=data_dir,
        log_format=reader.read("LOG_FORMAT", _one_of("text", "json"), "text or json", "text"),
    )
    problems = reader.problems + _contradictions(reader, settings)
    if problems:
        raise InvalidSettings(problems=problems)
    return settings


def load(root: Path = ROOT, secrets: Mapping[str, str] = _NO_SECRETS) -> Settings:
    """Settings of this process: its environment, and `.env` at the root for what the environment lacks.

    Args:
        root: where `.env` is.
        secrets: variables that did not come in the environment, which others can read.

    Raises:
        InvalidSettings: see `from_mapping` and `env_file.read`.
    """
    return from_mapping({**env_file.read(root / ".env"), **os.environ, **secrets}, root=root)


_DEFAULT_ZONE = ZoneInfo("America/Sao_Paulo")
_LIMIT_TAKES = "reports an hour, 1 to 1000, 0 for no limit"
_KEY_TAKES = "a service-account key: its JSON, a path to it, or none"


def _with_default_key(given: Mapping[str, str | None], root: Path) -> Mapping[str, str | None]:
    """The variables, with the key file at the root standing in for an absent FIREBASE_SETTINGS."""
    if (given.get("FIREBASE_SETTINGS") or "").strip() or not (root / "firebase-settings.json").exists():
        return given
    return {**given, "FIREBASE_SETTINGS": "firebase-settings.json"}


def _contradictions(reader: _Reader, settings: Settings) -> list[str]:
    """What no variable alone is wrong about."""
    sender, password = reader.text("EMAIL_FROM"), reader.text("PASSWORD")
    if password and not sender:
        return ["EMAIL_FROM is missing: mail needs both EMAIL_FROM and PASSWORD (the outbox needs neither)"]
    if sender and not password and settings.smtp_security != "none":
        return [
            "PASSWORD is missing: mail needs both EMAIL_FROM and PASSWORD (the outbox needs neither); a relay that "
            f"wants no login takes SMTP_SECURITY=none, and it is {settings.smtp_security}"
        ]
    if settings.email_from and "." not in settings.email_from.rpartition("@")[2] and not settings.has_own_relay:
        return ["EMAIL_FROM takes a host without a dot only where SMTP_HOST is a relay of your own network"]
    return []


def _default_recipients(email_from: str | None) -> tuple[str, ...]:
    return (email_from.lower(),) if email_from else ("*",)


def _default_bucket(key: FirebaseKey | None) -> str | None:
    return f"{key.project_id}.appspot.com" if key else None


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(text)
        return text.lower()

    return parse


def _language(text: str) -> str:
    """The tag as it is published, however it is spelt: `pt_br` is `pt-BR`."""
    return {tag.lower(): tag for tag in LANGUAGES}[text.lower().replace("_", "-")]


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ValueError(text)
        return int(text)

    return parse


def _mongo_url(text: str) -> str:
    if not text.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError(text)
    return text


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._:\[\]-]{1,253}", text):
        raise ValueError(text)
    return text


def _bucket(text: str) -> str:
    """The bare name; a console's `gs://` and trailing slash are forgiven."""
    bare = text.removeprefix("gs://").rstrip("/")
    if not _BUCKET.fullmatch(bare):
        raise ValueError(text)
    return bare


def _web_url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/\"<>]+[^\s\"<>]*", text):
        raise ValueError(text)
    return text.rstrip("/")


def _public_url(text: str) -> str:
    """A URL to which a path can be added; slashes in a row are one, as on the way in."""
    url = urlsplit(_web_url(text))
    if url.query or url.fragment or "@" in url.netloc or text.endswith(("?", "#")):
        raise ValueError(text)
    return f"{url.scheme}://{url.netloc}{re.sub('/+', '/', url.path)}"


def _points(text: str) -> int:
    return 0 if text == "0" else _whole(2, 10_000)(text)


def _listed(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def _origins(text: str) -> tuple[str, ...]:
    entries = _listed(text)
    if not entries:
        raise ValueError(text)
    return tuple(map(parse_origin, entries))


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(entry) for entry in _listed(text))


def _folder(text: str, root: Path) -> Path:
    try:
        return (root / text).resolve()
    except RuntimeError:  # a circle of links
        raise ValueError(text) from None


def _firebase_key(text: str, root: Path) -> FirebaseKey | None:
    if text == "none":
        return None
    content = json.loads(text if text.startswith("{") else (root / text).read_text(encoding="utf-8-sig"))
    if not isinstance(content, dict) or not {"project_id", "client_email", "private_key"} <= content.keys():
        raise ValueError("incomplete key")
    return FirebaseKey(str(content["project_id"]), content)

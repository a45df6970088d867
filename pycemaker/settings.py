"""One frozen `Settings`, built from a mapping. The only place that knows the names of environment variables."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from functools import partial
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pycemaker.errors import InvalidSettings, RecipientNotAllowed
from pycemaker.i18n.language import DEFAULT as DEFAULT_LANGUAGE
from pycemaker.i18n.language import LANGUAGES
from pycemaker.parsing import env_file
from pycemaker.parsing.addresses import parse_address, parse_recipients
from pycemaker.parsing.allowed_recipients import is_allowed, parse_allowed
from pycemaker.parsing.hosts import is_local
from pycemaker.parsing.setting_values import (
    FirebaseKey,
    SettingReader,
    bucket_name,
    certificates,
    dask_address,
    existing_file,
    firebase_key,
    folder,
    host_name,
    mongo_url,
    networks,
    one_of,
    origins,
    point_count,
    public_url,
    url_prefixes,
    web_url,
    whole_number,
)

PACKAGE = Path(__file__).resolve().parent
ROOT_VARIABLE = "PYCEMAKER_ROOT"


def module_command(environment: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """The start of a command that runs a module of this package, and its variables.

    Nothing is imported from the current folder (`-P`): in an installed package cells may write there.
    """
    search_path = os.pathsep.join([str(PACKAGE.parent), *filter(None, [environment.get("PYTHONPATH")])])
    return [sys.executable, "-P", "-m"], {**environment, "PYTHONPATH": search_path}


def _root() -> Path:
    """The source tree; of an installed package the folder in PYCEMAKER_ROOT, else the current one."""
    if (PACKAGE.parent / "server.py").is_file():
        return PACKAGE.parent
    return Path(os.environ.get(ROOT_VARIABLE) or Path.cwd()).resolve()


ROOT = _root()  # The folder of `.env`, `firebase-settings.json` and a relative `DATA_DIR`

_OWN, _SHIPPED = ROOT / "notebooks", PACKAGE / "notebooks"
NOTEBOOKS = _OWN if _OWN.is_dir() else _SHIPPED
"""The folder of the notebooks: `notebooks/` at the root, else those that come with the package."""

TEMPLATES = (_OWN if (_OWN / "templates").is_dir() else _SHIPPED) / "templates"
"""The folder of the mail's and the page's templates and of `brand.json`, likewise."""


def _setting(parse: Callable[..., Any], takes: str, default: object = None, **more: Any) -> Any:
    """A field of `Settings`: the parser of its text, the form that a problem names, and its default.

    Its variable is the field's name in capitals, unless `variable` says another. A default that is a function gets the
    values of the fields before it. An empty list counts as absent. With `from_root` the parser gets the root beside the
    text, and the default is a text too. With `is_secret` it stays out of the `repr`.
    """
    return field(repr=not more.get("is_secret"), metadata={"parse": parse, "takes": takes, "default": default, **more})


def _language_tag(text: str) -> str:
    """The tag as it is published, in any spelling: `pt_br` is `pt-BR`."""
    return {tag.lower(): tag for tag in LANGUAGES}[text.lower().replace("_", "-")]


def _default_recipients(values: Mapping[str, Any]) -> tuple[str, ...]:
    return (values["email_from"].lower(),) if values["email_from"] else ("*",)


def _default_bucket(values: Mapping[str, Any]) -> str | None:
    return f"{values['firebase_key'].project_id}.appspot.com" if values["firebase_key"] else None


_REPORTS_AN_HOUR = "reports an hour, 1 to 1000, 0 for no limit"


@dataclass(frozen=True)
class Settings:
    """Everything that can be set, declared once; `.env.example` explains each. Secrets stay out of the `repr`."""

    mongo_db_url: str | None = _setting(mongo_url, "a mongodb:// or mongodb+srv:// URL", is_secret=True)
    email_from: str | None = _setting(partial(parse_address, single_label=True), "a mail address")
    password: str | None = _setting(str, "a password", is_secret=True)
    smtp_host: str = _setting(host_name, "a host name", "smtp.gmail.com")
    smtp_port: int = _setting(whole_number(1, 65535), "a port, 1 to 65535", 465)
    smtp_security: str = _setting(one_of("ssl", "starttls", "none"), "ssl, starttls or none", "ssl")
    ssl_cert_file: Path | None = _setting(certificates, "a file of certificates (PEM)", from_root=True)
    firebase_key: FirebaseKey | None = _setting(
        firebase_key,
        "a service-account key: its JSON, a path to it, or none",
        "none",
        from_root=True,
        variable="FIREBASE_SETTINGS",
    )
    firebase_bucket: str | None = _setting(bucket_name, "a bucket's name", _default_bucket)
    timezone: ZoneInfo = _setting(ZoneInfo, "an IANA zone, such as America/Sao_Paulo", ZoneInfo("America/Sao_Paulo"))
    report_language: str = _setting(_language_tag, " or ".join(LANGUAGES), DEFAULT_LANGUAGE)
    report_recipients: tuple[str, ...] = _setting(
        parse_allowed, "addresses, @domains or *, separated by commas", _default_recipients
    )
    api_token: str | None = _setting(str, "a token", is_secret=True)
    report_limit_per_caller: int = _setting(whole_number(0, 1000), _REPORTS_AN_HOUR, 120)
    report_limit_per_recipient: int = _setting(whole_number(0, 1000), _REPORTS_AN_HOUR, 30)
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = _setting(
        networks, "addresses or networks (10.0.0.0/8), by commas", ()
    )
    report_timeout_seconds: int = _setting(whole_number(1, 86400), "whole seconds, 1 to 86400", 120)
    report_workers: int = _setting(whole_number(0, 64), "whole reports at a time, 0 to 64", 1)
    dask_scheduler: str | None = _setting(dask_address, "tcp://host:port or tls://host:port")
    report_queue: int = _setting(whole_number(1, 10_000), "whole reports, 1 to 10000", 20)
    report_memory_mb: int = _setting(whole_number(256, 1_048_576), "whole megabytes, 256 or more", 2048)
    report_repeat_seconds: int = _setting(whole_number(0, 86400), "whole seconds, 0 to 86400", 60)
    report_retry_seconds: int = _setting(whole_number(1, 604_800), "whole seconds, 1 to 604800", 14_400)
    report_retention_days: int = _setting(whole_number(1, 36_500), "whole days, 1 to 36500", 90)
    alert_recipients: tuple[str, ...] = _setting(
        partial(parse_recipients, single_label=True), "addresses by commas", ()
    )
    alert_limit_per_hour: int = _setting(whole_number(0, 1000), "mails an hour, 1 to 1000, 0 for no limit", 12)
    ping_urls: tuple[str, ...] = _setting(url_prefixes, "beginnings of URLs, by commas", ("https://hc-ping.com/",))
    public_url: str | None = _setting(public_url, "an http:// or https:// URL without ? and #")
    dashboard_url: str | None = _setting(web_url, "an http:// or https:// URL")
    cors_origins: tuple[str, ...] = _setting(
        origins, "* or origins (https://host, https://*.example.com), by commas", ("*",)
    )
    max_range_hours: int = _setting(whole_number(1, 8784), "whole hours, 1 to 8784", 744)
    default_max_points: int = _setting(point_count, "whole documents, 2 to 10000, 0 for all", 0)
    cache_mb: int = _setting(whole_number(0, 1_048_576), "whole megabytes, 0 for none", 256)
    host: str = _setting(host_name, "an address to listen on", "127.0.0.1")
    port: int = _setting(whole_number(1, 65535), "a port, 1 to 65535", 5000)
    data_dir: Path = _setting(folder, "a path of a folder", "data", from_root=True)
    collect_file: Path | None = _setting(existing_file, "a file of sources (TOML)", from_root=True)
    log_format: str = _setting(one_of("text", "json"), "text or json", "text")

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
        """True where reports go to a mail server; otherwise they are written to the outbox."""
        return self.email_from is not None

    @property
    def has_own_relay(self) -> bool:
        """True where mail goes to a relay of one's own network, which may know hosts without a dot."""
        return self.mails and (self.password is None or is_local(self.smtp_host))

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must never be shown: the values a log or an error is cleaned of."""
        key = self.firebase_key.content.get("private_key", "") if self.firebase_key else ""
        return tuple(secret for secret in (self.password, self.api_token, self.mongo_db_url, key) if secret)

    def allows_recipient(self, address: str) -> bool:
        """True where reports may go to `address`: see `parsing.allowed_recipients`."""
        return is_allowed(address, self.report_recipients)

    def read_recipients(self, text: str) -> tuple[str, ...]:
        """The recipients that a text names, by commas or semicolons.

        Raises:
            InvalidAddress: one is no address, or there are too many; RecipientNotAllowed: the allow-list does not name
                one.
        """
        recipients = parse_recipients(text, single_label=self.has_own_relay)
        for address in recipients:
            if not self.allows_recipient(address):
                raise RecipientNotAllowed(address=address)
        return recipients


WITHOUT_SECRETS = {"PASSWORD": "", "EMAIL_FROM": "", "API_TOKEN": "", "FIREBASE_SETTINGS": "none"}
"""Variables for a process that has no use for the secrets: they win over the environment's own and over `.env`."""


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables but those of WITHOUT_SECRETS: what a process may start with whose environment others can read."""
    return {name: text for name, text in environment.items() if name not in WITHOUT_SECRETS}


def secrets_of(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that `without_secrets` leaves out."""
    return {name: text for name, text in environment.items() if name in WITHOUT_SECRETS}


_NO_SECRETS: Mapping[str, str] = {}


def from_mapping(given: Mapping[str, str | None], *, root: Path = ROOT) -> Settings:
    """Settings out of variables by name.

    Args:
        given: the environment, or a test's own dict. Blank counts as absent.
        root: where relative paths start.

    Raises:
        InvalidSettings: names every wrong variable and what it takes; never shows a value.
    """
    reader = SettingReader(_with_default_key(given, root))
    values: dict[str, Any] = {}
    for each in fields(Settings):
        values[each.name] = _read(reader, each, values, root)
    settings = Settings(**values)
    problems = reader.problems + _contradictions(reader, settings)
    if problems:
        raise InvalidSettings(problems=problems)
    return settings


def load(root: Path = ROOT, secrets: Mapping[str, str] = _NO_SECRETS) -> Settings:
    """Settings of this process: its environment, and `.env` at the root for what that lacks. It gets SSL_CERT_FILE.

    Args:
        secrets: variables that did not come in the environment, which others can read.

    Raises:
        InvalidSettings: see `from_mapping` and `env_file.read`.
    """
    settings = from_mapping({**env_file.read(root / ".env"), **os.environ, **secrets}, root=root)
    if settings.ssl_cert_file:  # OpenSSL reads it there, in child processes too
        os.environ["SSL_CERT_FILE"] = str(settings.ssl_cert_file)
    return settings


def variable_of(setting: Field[Any]) -> str:
    """The environment variable of a field of `Settings`."""
    return str(setting.metadata.get("variable") or setting.name.upper())


def _read(reader: SettingReader, setting: Field[Any], values: Mapping[str, Any], root: Path) -> Any:
    parse, default = setting.metadata["parse"], setting.metadata["default"]
    if setting.metadata.get("from_root"):
        parse = partial(parse, root=root)
        default = default and parse(default)
    elif callable(default):
        default = default(values)
    value = reader.read(variable_of(setting), parse, setting.metadata["takes"], default)
    return default if value == () else value


def _with_default_key(given: Mapping[str, str | None], root: Path) -> Mapping[str, str | None]:
    """The variables, with the key file at the root standing in for an absent FIREBASE_SETTINGS."""
    if (given.get("FIREBASE_SETTINGS") or "").strip() or not (root / "firebase-settings.json").exists():
        return given
    return {**given, "FIREBASE_SETTINGS": "firebase-settings.json"}


def _contradictions(reader: SettingReader, settings: Settings) -> list[str]:
    """Problems of variables that are right each and do not go together."""
    if settings.dask_scheduler and find_spec("distributed") is None:
        return ["DASK_SCHEDULER needs the package distributed: pip install 'pycemaker[dask]'"]
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
    if not all(map(settings.allows_recipient, settings.alert_recipients)):
        return ["ALERT_RECIPIENTS has an address that REPORT_RECIPIENTS does not allow"]
    return []

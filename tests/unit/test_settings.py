from __future__ import annotations

import json
import re
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from pycemaker.errors import InvalidAddress, InvalidSettings
from pycemaker.parsing.addresses import parse_address, parse_recipients
from pycemaker.settings import ROOT, WITHOUT_SECRETS, Settings, from_mapping, load

KEY = {"project_id": "demo", "client_email": "x@demo.iam.gserviceaccount.com", "private_key": "hidden-key"}


def test_nothing_set_gives_the_defaults_of_the_contract(tmp_path: Path) -> None:
    settings = from_mapping({}, root=tmp_path)
    assert settings.mongo_db_url is None
    assert not settings.mails
    assert (settings.smtp_host, settings.smtp_port, settings.smtp_security) == ("smtp.gmail.com", 465, "ssl")
    assert settings.timezone.key == "America/Sao_Paulo"
    assert settings.report_recipients == ("*",)
    assert (settings.host, settings.port, settings.max_range_hours) == ("127.0.0.1", 5000, 744)
    assert settings.report_timeout_seconds == 120
    assert settings.cors_origins == ("*",)
    assert settings.data_dir == tmp_path / "data"


@pytest.mark.parametrize(
    ("name", "text"),
    [("MONGO_DB_URL", "http://x"), ("EMAIL_FROM", "not an address"), ("SMTP_PORT", "70000"), ("SMTP_PORT", "x"),
     ("SMTP_SECURITY", "tls"), ("SMTP_HOST", "a b"), ("FIREBASE_SETTINGS", "no-such-file.json"),
     ("FIREBASE_SETTINGS", "{not json"), ("FIREBASE_SETTINGS", '{"project_id": "x", "client_email": "x", "private_key": 1}'), ("FIREBASE_SETTINGS", "{\"a\":" * 100_000), ("PUBLIC_URL", "http://host:99999"), ("PUBLIC_URL", "http://host:abc"), ("FIREBASE_SETTINGS", "{}"), ("FIREBASE_BUCKET", "a/b"),
     ("TIMEZONE", "Mars/Olympus"), ("TIMEZONE", "../../etc/passwd"), ("TIMEZONE", "America"), ("REPORT_LANGUAGE", "fr"), ("REPORT_LANGUAGE", "../en"),
     ("REPORT_RECIPIENTS", "a@b.c, nonsense"), ("REPORT_TIMEOUT_SECONDS", "0"), ("PUBLIC_URL", "ftp://x"),
     ("DASHBOARD_URL", "javascript:alert(1)"),
     *((name, url) for name in ("DASHBOARD_URL", "PUBLIC_URL") for url in ("http://[x", "http://é[/", "http://[v1.x]/", "https://]", "http://a:b/", "http://:80/", "http://a..b/")), ("CORS_ORIGINS", "panel.example.com"), ("MAX_RANGE_HOURS", "-1"), ("CACHE_MB", "1.5"),
     *(("DASK_SCHEDULER", text) for text in ("10.0.0.20:8786", "http://host:8786", "tcp://host", "tcp://host:0", "tcp://host:99999", "tcp://user@host:1", "tcp://host:1/x", "tcp://:8786", "inproc://host:1")),
     ("LOG_FORMAT", "xml"), ("DEFAULT_MAX_POINTS", "1"), ("DEFAULT_MAX_POINTS", "10001"), ("REPORT_RECIPIENTS", "é@b.com"), ("REPORT_RECIPIENTS", ";"), ("PORT", "0"), ("PORT", "5000.5"), ("HOST", "a b")],
)  # fmt: skip
def test_a_wrong_value_is_named_with_what_it_takes_and_not_shown(name: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as caught:
        from_mapping({name: text, **({"PASSWORD": "secret"} if name == "EMAIL_FROM" else {})}, root=tmp_path)
    assert re.search(rf"^  {name} takes ", str(caught.value), re.MULTILINE)
    assert "secret" not in str(caught.value)
    assert "nonsense" not in str(caught.value)


def test_every_wrong_variable_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as caught:
        from_mapping({"PORT": "x", "TIMEZONE": "x", "PASSWORD": "x"}, root=tmp_path)
    assert [problem.split()[0] for problem in caught.value.facts["problems"]] == ["TIMEZONE", "PORT", "EMAIL_FROM"]


def test_blank_counts_as_absent(tmp_path: Path) -> None:
    assert from_mapping({"PORT": "  ", "PASSWORD": ""}, root=tmp_path).port == 5000


def test_a_firebase_key_is_its_json_or_a_path_and_names_the_default_bucket(tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text(json.dumps(KEY))
    for text in (json.dumps(KEY), "key.json", str(tmp_path / "key.json")):
        settings = from_mapping({"FIREBASE_SETTINGS": text}, root=tmp_path)
        assert settings.firebase_bucket == "demo.appspot.com"


def test_the_key_file_at_the_root_is_found_by_itself(tmp_path: Path) -> None:
    (tmp_path / "firebase-settings.json").write_text(json.dumps(KEY))
    settings = from_mapping({"FIREBASE_BUCKET": "gs://other.firebasestorage.app/"}, root=tmp_path)
    assert settings.firebase_key is not None
    assert settings.firebase_bucket == "other.firebasestorage.app"


def test_no_secret_is_in_the_repr(tmp_path: Path) -> None:
    settings = from_mapping(
        {
            "EMAIL_FROM": "team@example.com",
            "PASSWORD": "hidden-password",
            "API_TOKEN": "hidden-token",
            "MONGO_DB_URL": "mongodb://user:hidden-mongo@host/x",
            "FIREBASE_SETTINGS": json.dumps(KEY),
        },
        root=tmp_path,
    )
    assert "hidden" not in repr(settings)
    assert sum("hidden" in secret for secret in settings.secrets) == 4


@pytest.mark.parametrize("text", ["tcp://10.0.0.20:8786", "tls://dask.example.com:8786", "tcp://[::1]:8786"])
def test_the_address_of_a_dask_scheduler_is_taken(text: str) -> None:
    assert from_mapping({"DASK_SCHEDULER": text}).dask_scheduler == text


def test_a_dask_scheduler_needs_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InvalidSettings, match=r"DASK_SCHEDULER needs .* pip install 'pycemaker\[dask\]'"):
        from_mapping({"DASK_SCHEDULER": "tcp://10.0.0.20:8786"})


@pytest.mark.parametrize(
    ("listed", "address", "allowed"),
    [("a@b.com", "A@B.com", True), ("a@b.com", "c@b.com", False), ("@b.com", "anyone@b.com", True),
     ("@b.com", "anyone@x.b.com", False), ("@b.com", "anyone@evilb.com", False), ("*", "x@y.z", True),
     ("a@b.com,@c.org", "d@c.org", True)],
)  # fmt: skip
def test_recipients_are_addresses_domains_or_everybody(listed: str, address: str, allowed: bool) -> None:
    assert from_mapping({"REPORT_RECIPIENTS": listed}).allows_recipient(address) is allowed


def test_with_mail_set_up_only_the_account_itself_may_receive() -> None:
    settings = from_mapping({"EMAIL_FROM": "Team@example.com", "PASSWORD": "x"})
    assert settings.allows_recipient("team@example.com")
    assert not settings.allows_recipient("other@example.com")


@pytest.mark.parametrize("text", ["a@b.com", "first.last+tag@mail.example.co", "o'neil@x-y.org"])
def test_addresses_in_use_are_taken(text: str) -> None:
    assert parse_address(text) == text


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ana@exämple.com", "ana@xn--exmple-cua.com"),
        ("ana@EXÄMPLE.com", "ana@xn--exmple-cua.com"),
        ("ana@café.com.br", "ana@xn--caf-dma.com.br"),
        ("ana@例え.jp", "ana@xn--r8jz45g.jp"),
        ("Ana@xn--caf-dma.com.br", "Ana@xn--caf-dma.com.br"),
    ],
)
def test_a_domain_beyond_ascii_travels_in_punycode(text: str, address: str) -> None:
    assert parse_address(text) == address
    assert from_mapping({"REPORT_RECIPIENTS": f"@{text.partition('@')[2]}"}).allows_recipient(address)
    assert from_mapping({"REPORT_RECIPIENTS": text}).allows_recipient(address)


@pytest.mark.parametrize("text", ["a@b.com;c@d.com", "a@b.com; c@d.com", "a@b.com,c@d.com;A@B.com"])
def test_recipients_stand_between_commas_or_semicolons(text: str) -> None:
    assert parse_recipients(text) == ("a@b.com", "c@d.com")


@pytest.mark.parametrize("text", ["a@b.com;", ";a@b.com", "a@b.com;;c@d.com", "a@b.com|c@d.com", "a@b.com c@d.com"])
def test_a_list_with_a_gap_or_another_separator_is_none(text: str) -> None:
    with pytest.raises(InvalidAddress):
        parse_recipients(text)


RELAY = {"EMAIL_FROM": "reports@example.com", "SMTP_HOST": "mailhost", "SMTP_SECURITY": "none"}


@pytest.mark.parametrize(
    ("given", "is_own"),
    [
        (RELAY, True),
        (RELAY | {"SMTP_HOST": "relay.example.com"}, True),
        (RELAY | {"PASSWORD": "x", "SMTP_HOST": "10.0.0.5"}, True),
        (RELAY | {"PASSWORD": "x", "SMTP_HOST": "mail.corp.internal"}, True),
        (RELAY | {"PASSWORD": "x", "SMTP_HOST": "[::1]"}, True),
        (RELAY | {"PASSWORD": "x", "SMTP_HOST": "smtp.example.com"}, False),
        (RELAY | {"PASSWORD": "x", "SMTP_HOST": "8.8.8.8"}, False),
        ({}, False),
    ],
)
def test_a_relay_is_ones_own_by_its_address_or_where_it_wants_no_login(given: dict[str, str], is_own: bool) -> None:
    assert from_mapping(given).has_own_relay is is_own


def test_mail_without_a_password_needs_a_relay_without_tls_and_the_start_says_so() -> None:
    assert from_mapping(RELAY).mails
    with pytest.raises(InvalidSettings) as caught:
        from_mapping(RELAY | {"SMTP_SECURITY": "starttls"})
    assert caught.value.facts["problems"] == [
        "PASSWORD is missing: mail needs both EMAIL_FROM and PASSWORD (the outbox needs neither); a relay that wants no "
        "login takes SMTP_SECURITY=none, and it is starttls"
    ]


def test_a_sender_without_a_dot_is_taken_by_ones_own_relay_alone() -> None:
    assert from_mapping(RELAY | {"EMAIL_FROM": "reports@monitor"}).allows_recipient("reports@monitor")
    with pytest.raises(InvalidSettings) as caught:
        from_mapping({"EMAIL_FROM": "reports@monitor", "PASSWORD": "x"})
    assert "EMAIL_FROM takes a host without a dot only where SMTP_HOST" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "url", "base_path"),
    [
        ("https://ops.example.com/pycemaker", "https://ops.example.com/pycemaker", "/pycemaker"),
        ("https://ops.example.com/a//b/", "https://ops.example.com/a/b", "/a/b"),
        ("https://ops.example.com/", "https://ops.example.com", ""),
        ("http://[::1]:8080/x", "http://[::1]:8080/x", "/x"),
    ],
)
def test_a_public_url_may_have_a_path(text: str, url: str, base_path: str) -> None:
    settings = from_mapping({"PUBLIC_URL": text})
    assert (settings.public_url, settings.base_path) == (url, base_path)


@pytest.mark.parametrize(
    "text",
    ["https://x.example.com/?a=1", "https://x.example.com/#a", "https://u:p@x.example.com", "https://x.example.com?"],
)
def test_a_public_url_to_which_no_path_can_be_added_stops_the_start(text: str) -> None:
    with pytest.raises(InvalidSettings, match="PUBLIC_URL takes an http:// or https:// URL without"):
        from_mapping({"PUBLIC_URL": text})


@pytest.mark.parametrize(
    "text",
    ["", "a", "a@", "@b.com", "a@b", "a@b..com", "a b@c.com", "a@b.com\nBcc: x@y.z", "a@b.com,c@d.com", "a@-b.com",
     ".a@b.com", "a..b@c.com", "á@b.com", "a@b.com\x00", "a" * 65 + "@b.com", "a@" + "b" * 250 + ".com",
     "<a@b.com>", "a@[127.0.0.1]", '"a"@b.com', "x" * 10_000],
)  # fmt: skip
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        parse_address(text)
    assert len(caught.value.facts["text"]) <= 40


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("PORT=6001\nHOST=0.0.0.0\n")
    monkeypatch.setenv("PORT", "6002")
    settings = load(tmp_path)
    assert (settings.port, settings.host) == (6002, "0.0.0.0")  # noqa: S104 - a value, nothing listens


def test_a_process_without_secrets_gets_none_from_the_file_either() -> None:
    file = {"EMAIL_FROM": "a@b.com", "PASSWORD": "s3cret", "API_TOKEN": "s3cret", "FIREBASE_SETTINGS": json.dumps(KEY)}
    for split in (file, {"PASSWORD": "s3cret"}, {"EMAIL_FROM": "a@b.com"}):
        settings = from_mapping({**split, **WITHOUT_SECRETS})
        assert settings.secrets == ()
        assert not settings.mails


def names_of_settings() -> set[str]:
    return {field.name.upper().replace("FIREBASE_KEY", "FIREBASE_SETTINGS") for field in fields(Settings)}


def test_the_example_file_names_every_setting_and_no_other() -> None:
    example = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(example) == sorted(names_of_settings())


def test_the_example_file_is_itself_usable() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))
    assert from_mapping(given) == from_mapping({})

"""Settings that are said aloud, and those that are not."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pycemaker.settings import from_mapping
from pycemaker.telemetry.check_runner import WARN
from pycemaker.tools import unsafe_settings
from pycemaker.tools.machine_checks import check_settings

MAIL = {"EMAIL_FROM": "a@example.com", "PASSWORD": "p"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"HOST": "0.0.0.0"}, "anyone who reaches HOST may ask for reports (API_TOKEN)"),  # noqa: S104
        ({"HOST": "::"}, "anyone who reaches HOST may ask for reports (API_TOKEN)"),
        ({"HOST": "10.0.0.5"}, "anyone who reaches HOST may ask for reports (API_TOKEN)"),
        ({"API_TOKEN": "fifteen-letters"}, "the token has fewer than 16 characters and may be guessed (API_TOKEN)"),
        ({**MAIL, "REPORT_RECIPIENTS": "*"}, "anyone may be mailed (REPORT_RECIPIENTS)"),
        ({"REPORT_RECIPIENTS": "@com"}, "@com is nobody's own domain (REPORT_RECIPIENTS)"),
        ({"REPORT_RECIPIENTS": "@com.br,@co.uk"}, "@com.br, @co.uk is nobody's own domain (REPORT_RECIPIENTS)"),
        (
            {"TRUSTED_PROXIES": "0.0.0.0/0"},
            "whoever calls from 0.0.0.0/0 may say that they are somebody else (TRUSTED_PROXIES)",
        ),
        ({"TRUSTED_PROXIES": "::/0"}, "whoever calls from ::/0 may say that they are somebody else (TRUSTED_PROXIES)"),
        (
            {**MAIL, "SMTP_SECURITY": "none"},
            "the mail account's password travels in the clear (SMTP_SECURITY)",
        ),
    ],
)
def test_a_dangerous_setting_is_reported(given: dict[str, str], message: str) -> None:
    assert unsafe_settings.of_settings(from_mapping(given)) == [message]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"HOST": "localhost"},
        {"HOST": "[::1]"},
        {"HOST": "0.0.0.0", "API_TOKEN": "sixteen-letters."},  # noqa: S104
        {"REPORT_RECIPIENTS": "@example.com,@example.com.br,a@b.com"},
        {"TRUSTED_PROXIES": "10.0.0.0/8,fd00::/16"},
        {**MAIL, "SMTP_SECURITY": "none", "SMTP_HOST": "127.0.0.1"},
    ],
)
def test_others_are_not(given: dict[str, str]) -> None:
    assert unsafe_settings.of_settings(from_mapping(given)) == []


def test_a_mongodb_past_its_end_is_reported_and_one_that_lives_is_not() -> None:
    message = unsafe_settings.of_mongodb("6.0.5", date(2025, 8, 1))
    assert message is not None
    assert message.startswith("MongoDB 6.0.5 has had no security fixes since 2025-07-31")
    assert unsafe_settings.of_mongodb("6.0.5", date(2025, 7, 31)) is None
    assert unsafe_settings.of_mongodb("8.0.1", date(2026, 1, 1)) is None
    assert unsafe_settings.of_mongodb("9.3.0", date(2040, 1, 1)) is None


def test_a_misspelt_name_in_env_is_told_and_another_program_s_is_not(tmp_path: Path) -> None:
    assert unsafe_settings.of_env_file(tmp_path) == []
    (tmp_path / ".env").write_text("API_TOKN=s3cret\nDB_PASSWORD=x\nPORT=6001\nexport TIME_ZONE=UTC\n")
    assert unsafe_settings.of_env_file(tmp_path) == [
        "API_TOKN in .env has no effect: the setting has another name (API_TOKEN)",
        "TIME_ZONE in .env has no effect: the setting has another name (TIMEZONE)",
    ]
    finding = check_settings(from_mapping({}), tmp_path)
    assert (finding.level, "API_TOKN in .env" in finding.message, "s3cret" in finding.message) == (WARN, True, False)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("API_TOKN", "API_TOKEN"),
        ("api_token", "API_TOKEN"),
        ("API-TOKEN", "API_TOKEN"),
        ("EMAIL_FORM", "EMAIL_FROM"),
        ("MAIL_FROM", "EMAIL_FROM"),
        ("PASWORD", "PASSWORD"),
        ("MONGODB_URL", "MONGO_DB_URL"),
        ("MONGO_DB_URI", "MONGO_DB_URL"),
        ("TIME_ZONE", "TIMEZONE"),
        ("REPORT_RECIPENT", "REPORT_RECIPIENTS"),
        ("SSL_CERTFILE", "SSL_CERT_FILE"),
        ("CORS_ORIGIN", "CORS_ORIGINS"),
    ],
)
def test_a_name_a_letter_or_two_away_is_told_with_what_was_meant(name: str, meant: str) -> None:
    assert unsafe_settings.nearest_setting(name) == meant


@pytest.mark.parametrize(
    "name",
    ["DB_PASSWORD", "PGPORT", "PGHOST", "POSTGRES_PASSWORD", "HTTP_HOST", "HOSTNAME", "COST", "REDIS_URL", "LOG_LEVEL",
     "SMTP_USER", "SMTP_PASSWORD", "TZ", "PATH", "AWS_REGION", "NODE_ENV", "SECRET_KEY", "GF_SERVER_ROOT_URL", ""],
)  # fmt: skip
def test_variables_of_other_programs_stay_without_a_word(name: str) -> None:
    assert unsafe_settings.nearest_setting(name) is None

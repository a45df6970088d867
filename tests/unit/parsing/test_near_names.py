"""Names of settings that were probably meant, and names of other programs that were not."""

from __future__ import annotations

from dataclasses import fields

import pytest

from pycemaker.parsing.near_names import near_name
from pycemaker.settings import Settings

KNOWN = [each.metadata["name"] for each in fields(Settings)]


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
    assert near_name(name, KNOWN) == meant


@pytest.mark.parametrize(
    "name",
    ["DB_PASSWORD", "PGPORT", "PGHOST", "POSTGRES_PASSWORD", "HTTP_HOST", "HOSTNAME", "COST", "REDIS_URL", "LOG_LEVEL",
     "SMTP_USER", "SMTP_PASSWORD", "TZ", "PATH", "AWS_REGION", "NODE_ENV", "SECRET_KEY", "GF_SERVER_ROOT_URL", ""],
)  # fmt: skip
def test_variables_of_other_programs_stay_without_a_word(name: str) -> None:
    assert near_name(name, KNOWN) is None


def test_no_setting_is_nearly_another() -> None:
    assert {name: near_name(name, [each for each in KNOWN if each != name]) for name in KNOWN} == dict.fromkeys(KNOWN)

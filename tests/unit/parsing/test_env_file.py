"""`.env`, brand.json and the key file as they come: one message for each that cannot be used."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme

from pycemaker import brand
from pycemaker.errors import InvalidSettings
from pycemaker.settings import ROOT, from_mapping, load


def problems(root: Path) -> list[str]:
    with pytest.raises(InvalidSettings) as caught:
        load(root)
    return list(caught.value.facts["problems"])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"PORT=6001\nPASSWORD=sen\xe7a\n", ".env takes UTF-8 text; line 2 is none"),
        ("PORT=6001\n".encode("utf-16"), ".env takes UTF-8 text; line 1 is none"),
        ("PORT=6001\n".encode("utf-16-le"), ".env takes UTF-8 text; it has NUL bytes, as UTF-16 does"),
        (b"PORT=6001\n\nAPI_TOKEN 'a b'\n", ".env takes NAME=value; line 3 is none"),
    ],
)
def test_what_is_no_settings_file_is_an_error(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / ".env").write_bytes(content)
    assert problems(tmp_path) == [problem]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT", raising=False)
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfPORT=6001\n")
    assert load(tmp_path).port == 6001


def test_a_folder_and_a_link_to_nothing_are_errors(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert problems(tmp_path) == [".env cannot be read (Is a directory)"]
    (tmp_path / ".env").rmdir()
    (tmp_path / ".env").symlink_to(tmp_path / "nothing")
    assert problems(tmp_path) == [".env leads to a file that is not there"]


@pytest.mark.skipif(sys.platform == "win32", reason="no modes of files there")
def test_a_file_that_may_not_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=6001\n")
    (tmp_path / ".env").chmod(0)
    tmp_path.chmod(0o755)
    code = (
        "import os, sys, pathlib; from pycemaker.settings import load; from pycemaker.errors import InvalidSettings\n"
    )
    code += "if os.getuid() == 0: os.setuid(65534)\n"
    code += "try: load(pathlib.Path('.'))\nexcept InvalidSettings as error: print(error)"
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ".env cannot be read (Permission denied)" in found.stdout


@pytest.mark.parametrize("name", ["PASSWORD", "API_TOKEN", "DATA_DIR", "HOST"])
@pytest.mark.parametrize("text", ["a\0b", b"a\xff".decode("utf-8", "surrogateescape")])
def test_a_variable_that_is_no_text_is_an_error(name: str, text: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        from_mapping({"EMAIL_FROM": "a@example.com", "PASSWORD": "p", name: text})
    assert f"{name} takes UTF-8 text without NUL" in caught.value.facts["problems"]


def test_a_data_dir_in_a_circle_of_links_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    if sys.version_info < (3, 13):
        with pytest.raises(InvalidSettings, match="DATA_DIR takes a path of a folder"):
            from_mapping({"DATA_DIR": "a/x"}, root=tmp_path)


def test_a_key_file_that_is_none_is_an_error_and_its_byte_order_mark_is_not(tmp_path: Path) -> None:
    key = {"project_id": "p", "client_email": "a@b", "private_key": "k"}
    (tmp_path / "key.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(key).encode())
    assert from_mapping({"FIREBASE_SETTINGS": "key.json"}, root=tmp_path).firebase_bucket == "p.appspot.com"
    for content in (b"\xff\xfe{", b"[]", b"{", b"\0"):
        (tmp_path / "key.json").write_bytes(content)
        with pytest.raises(InvalidSettings, match="FIREBASE_SETTINGS takes"):
            from_mapping({"FIREBASE_SETTINGS": "key.json"}, root=tmp_path)
    (tmp_path / "firebase-settings.json").mkdir()
    with pytest.raises(InvalidSettings, match="FIREBASE_SETTINGS takes"):
        from_mapping({}, root=tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b'{"name": 1}', b'{"light": []}', b'{"light": {"ink": 3}}', b'{"nome": "x"}', b'"\xe7"', b"\0"],
)
def test_a_brand_that_cannot_be_used_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "brand.json").write_bytes(content)
    with pytest.raises(InvalidSettings, match=r"brand\.json takes an object of JSON"):
        brand.load(tmp_path / "brand.json")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(InvalidSettings, match=r"folder\.json cannot be read \(Is a directory\)"):
        brand.load(tmp_path / "folder.json")


def test_a_brand_may_say_a_part(tmp_path: Path) -> None:
    (tmp_path / "brand.json").write_bytes(b'\xef\xbb\xbf{"name": "Acme"}')
    assert brand.load(tmp_path / "brand.json").name == "Acme"


def test_a_file_of_certificates_in_env_is_what_tls_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "own-ca.pem"))
    (tmp_path / ".env").write_text("SSL_CERT_FILE=own-ca.pem\n")
    monkeypatch.delenv("SSL_CERT_FILE")
    load(tmp_path)
    trusted: list[Any] = ssl.create_default_context().get_ca_certs()
    assert ["trustme" in str(each["subject"]) for each in trusted] == [True]
    monkeypatch.delenv("SSL_CERT_FILE")  # as load has set it


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_without_certificates_is_an_error_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    if content is not None:
        (tmp_path / "own-ca.pem").write_text(content)
    (tmp_path / ".env").write_text("SSL_CERT_FILE=own-ca.pem\n")
    assert problems(tmp_path) == ["SSL_CERT_FILE takes a file of certificates (PEM)"]

"""Kept reports in a browser: under their ids alone, with nothing that runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import server
from pycemaker import brand
from pycemaker.data.store import Store
from pycemaker.report.runner import ReportDesk
from pycemaker.settings import from_mapping
from tests.services.wsgi import Client

ID = "Zm9vYmFyYmF6cXV4LV9hYg"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A report on the shelf of a data folder, as the pipeline leaves it."""
    kept = tmp_path / "reports" / ID
    (kept / "figures").mkdir(parents=True)
    (kept / "page.html").write_text('<a href="figures/cpu.png"><img src="figures/cpu.png" alt="x"></a> figures/cpu.png')
    (kept / "figures" / "cpu.png").write_bytes(b"\x89PNG")
    (kept / "executed.ipynb").write_text("{}")
    (tmp_path / "secret.png").write_bytes(b"secret")
    say(kept, state="written", stage="mail")
    return kept


def say(kept: Path, **record: object) -> None:
    (kept / "record.json").write_text(json.dumps(record))


@pytest.fixture
def client(store: Store, tmp_path: Path) -> Iterator[Client]:
    desk = ReportDesk({}, tmp_path / "reports", 1, keep_spare=False)
    settings = from_mapping({"DATA_DIR": str(tmp_path), "API_TOKEN": "a-token"})
    yield Client(server.create_app(server.Services(settings, store, desk)))
    shutil.rmtree(tmp_path / "reports", ignore_errors=True)


def test_a_kept_report_is_a_page_that_runs_nothing_and_is_not_indexed(client: Client, folder: Path) -> None:
    answer = client.get(f"/reports/{ID}")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; ")
    assert "script" not in policy
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert answer.headers["Cache-Control"] == "private"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.body.decode() == (
        f'<a href="{ID}/figures/cpu.png"><img src="{ID}/figures/cpu.png" alt="x"></a> figures/cpu.png'
    )


def test_the_brand_s_logo_is_the_only_picture_from_elsewhere(
    client: Client, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = replace(brand.load(), logo="https://farol.example/a/logo.png")
    monkeypatch.setattr(brand, "load", lambda: own)
    policy = client.get(f"/reports/{ID}").headers["Content-Security-Policy"]
    assert "; img-src 'self' https://farol.example/; " in policy


def test_its_figures_are_beside_it(client: Client, folder: Path) -> None:
    answer = client.get(f"/reports/{ID}/figures/cpu.png")
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, "image/png", b"\x89PNG")


@pytest.mark.parametrize(
    "path",
    [
        "/reports/Zm9vYmFyYmF6cXV4LV9hYh",
        "/reports/x",
        "/reports/..",
        "/reports/%2e%2e%2f%2e%2e%2fetc",
        f"/reports/{ID}%00",
        f"/reports/{ID}%0A",
        f"/reports/{'a' * 10_000}",
        f"/reports/{ID}/figures/ram.png",
        f"/reports/{ID}/figures/..%2Fexecuted.ipynb",
        f"/reports/{ID}/figures/..%2F..%2F..%2Fsecret.png",
        f"/reports/{ID}/figures/%2Fetc%2Fpasswd",
        f"/reports/{ID}/figures/cpu.PNG",
    ],
)
def test_anything_else_is_an_unknown_report_or_no_route(client: Client, folder: Path, path: str) -> None:
    answer = client.get(path)
    assert answer.status == 404
    assert answer.json["error"] in ("unknown_report", "not_found")
    assert set(answer.json) == {"msg", "error"}


@pytest.mark.parametrize(
    "record",
    [
        {"state": "failed", "stage": "mail", "error": {"kind": "ReportUnfit", "facts": {}}},
        {"state": "running", "stage": "render"},
    ],
)
def test_a_page_that_did_not_pass_the_check_is_not_shown(
    client: Client, folder: Path, record: dict[str, object]
) -> None:
    say(folder, **record)
    assert client.get(f"/reports/{ID}").json == {"msg": "Relatório desconhecido.", "error": "unknown_report"}


def test_a_page_whose_mail_was_refused_is_shown(client: Client, folder: Path) -> None:
    say(folder, state="failed", stage="mail", error={"kind": "MailRefused", "facts": {}})
    assert client.get(f"/reports/{ID}").status == 200

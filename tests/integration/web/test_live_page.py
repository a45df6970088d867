"""The live page of docs/api.md, out of its own text, in Chromium from a disk, against a server."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pycemaker.mongo.database import Database
from tests.integration.web.test_generated_clients import OWN, block
from tests.integration.web.test_openapi import served
from tests.services.browser import CHROMIUM, chromium, violations

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")


def test_the_page_lives(database: Database, database_url: str, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    minutes = [minute for minute in range(1, 300) if not 100 <= minute < 130]
    database["cpu_usage"].insert_many(
        {"time_series": now - timedelta(minutes=minute), "value": 0.25} for minute in minutes
    )
    page_text = block("html", "## A live page")
    assert len(page_text.splitlines()) <= 40
    with served(database_url, tmp_path) as url, chromium() as browser:
        (tmp_path / "live.html").write_text(page_text.replace(OWN, url), encoding="utf-8")
        page = browser.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto((tmp_path / "live.html").as_uri())
        page.wait_for_function("document.querySelector('path').getAttribute('d')", timeout=20_000)
        cards = page.locator("#now div").all_inner_texts()
        assert [card.split() for card in cards][:2] == [
            ["Consumo", "de", "CPU", "25.0", "%"],
            ["Consumo", "de", "RAM", "-"],
        ]
        line = page.locator("path").get_attribute("d") or ""
        assert (line.count("M"), line.count("L")) == (2, len(minutes) - 2)
        assert {point.split()[1] for point in re.findall(r"[ML]([^ML]+)", line)} == {"75"}
        assert re.fullmatch(r"CPU: newest sample \d+ s ago", page.locator("#age").inner_text())
        assert violations(page) == []
        database["cpu_usage"].insert_one({"time_series": datetime.now(UTC), "value": 0.5})
        page.wait_for_function("document.querySelector('#now b').textContent == '50.0 %'", timeout=20_000)
        assert faults == []
    with chromium() as browser:  # the server is gone
        page = browser.new_page()
        page.goto((tmp_path / "live.html").as_uri())
        page.wait_for_function("document.querySelector('#age').textContent.includes('fetch')", timeout=20_000)

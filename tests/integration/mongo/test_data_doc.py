"""The example of `docs/data.md`, run as it stands, and the index that removes old samples."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import server
from pycemaker.cache.sample_store import Store
from pycemaker.metrics import CPU
from pycemaker.mongo.database import Database
from pycemaker.settings import ROOT, from_mapping
from pycemaker.web.services import Services
from pycemaker.window import Interval
from tests.services.report_service import RecordingReportService
from tests.services.wsgi import Client


def test_the_example_writes_a_sample_that_is_answered(store: Store, database_url: str) -> None:
    text = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    example = example.replace("interval=5", "interval=0.1")
    environment = os.environ | {"MONGO_DB_URL": database_url, "SAMPLES": "2"}
    subprocess.run([sys.executable, "-c", example], env=environment, check=True, timeout=60)
    answer = Client(server.create_app(Services(from_mapping({}), store, RecordingReportService()))).get("/cpu/now/1")
    assert len(answer.json["data"]) == 2
    assert 0 <= answer.json["mean"] <= 1
    assert set(answer.json["data"][0]) == {"_id", "time_series", "value", "criticity"}


def test_an_index_that_removes_old_samples_stands_beside_our_own(store: Store, database: Database) -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert "db.cpu_usage.createIndex({time_series: 1}, {expireAfterSeconds: 400 * 86400})" in text
    database[CPU.collection].create_index([("time_series", 1)], expireAfterSeconds=400 * 86400)
    now = datetime.now(UTC)
    database[CPU.collection].insert_many([{"time_series": now - timedelta(days=age), "value": 0.5} for age in (1, 500)])
    store.reader.prepare(CPU)
    assert len(database[CPU.collection].index_information()) == 3
    assert len(store.read_columns(CPU, Interval(now - timedelta(days=2), now))) == 1

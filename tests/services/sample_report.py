"""A report on the sample history, run and rendered for real: what tests look at, and what the README's pictures show."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pycemaker.collect import demo_history
from pycemaker.metrics import METRICS
from pycemaker.mongo.database import Database
from pycemaker.mongo.indexes import Indexes
from pycemaker.reports.notebook_catalogue import find_notebook
from pycemaker.reports.report_model import ReportRequest
from pycemaker.settings import from_mapping
from pycemaker.tools.preview_builder import RECIPIENT, Preview, PreviewBuilder
from pycemaker.window import Window
from tests.services.shared_template import TEMPLATE

END = datetime(2026, 11, 24, 21, 0, tzinfo=UTC)
PUBLIC_URL = "https://monitor.example.com"
INDEXING_SECONDS = 60.0

_THREAD = ThreadPoolExecutor(1)
"""Runs the notebooks: an open browser of Playwright keeps an event loop running in the tests' own thread."""


@dataclass(frozen=True)
class SampleReport:
    """One report: what it was rendered to, and the preview page of it."""

    made: Preview
    preview: str


def write_sample(database_url: str, hours: int = 48) -> None:
    """The sample history, up to `END`."""
    database = Database(database_url)
    try:
        demo_history.write_history(database, END, hours)
        Indexes(database).ensure(*(metric.collection for metric in METRICS), wait_seconds=INDEXING_SECONDS)
    finally:
        database.close()


def sample_report(
    database_url: str,
    folder: Path,
    notebook: str = "report",
    hours: int | None = None,
    *,
    end: datetime = END,
    parameters: Mapping[str, Any] | None = None,
) -> SampleReport:
    """The notebook's report of the last hours before `end`; without `hours` 6, or as many as the notebook says."""
    found = find_notebook(notebook)
    given = {"MONGO_DB_URL": database_url, "DATA_DIR": str(folder), "PUBLIC_URL": PUBLIC_URL}
    window = Window(end, hours or found.hours)
    request = ReportRequest("Zm9vYmFyYmF6cXV4LV9hYg", found.path, window, RECIPIENT, parameters or {})
    with patch.dict(os.environ, given):
        preview_builder = PreviewBuilder(request, from_mapping(given), folder, template=TEMPLATE)
        _THREAD.submit(preview_builder.run).result()
        made = preview_builder.render()
    return SampleReport(made, preview_builder.file.read_text(encoding="utf-8"))

"""Edits of stored jobs, as an older version, another clock or a server that died would have left them."""

from __future__ import annotations

from typing import Any

from pycemaker.jobs.job_reader import COLLECTION
from pycemaker.mongo.database import Database


def edit_job(database: Database, report_id: str, change: dict[str, Any] | list[dict[str, Any]]) -> None:
    """Apply a MongoDB update to one job document."""
    database[COLLECTION].update_one({"_id": report_id}, change)

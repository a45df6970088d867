"""What is kept of a report: the executed notebook, the page, its figures, the message, a record of what happened."""

from __future__ import annotations

import json
import logging
import re
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pycemaker.errors import PycemakerError
from pycemaker.window import to_iso_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pycemaker.report.attachments.kinds import Attached
    from pycemaker.report.pipeline import Delivery, Page, ReportRequest


_log = logging.getLogger(__name__)


class Shelf:
    """One report's folder, `DATA_DIR/reports/<id>/`. Every write replaces the whole file or leaves the old one.

    Args:
        folder: made where it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.executed_path = folder / "executed.ipynb"
        self._record: dict[str, Any] = {"stage": None, "stage_seconds": {}}
        self._started = 0.0

    def open(self, request: ReportRequest) -> None:
        """Start the record."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._started = time.monotonic()
        self._record = {
            "id": request.report_id,
            "state": "running",
            "stage": None,
            "notebook": request.notebook.stem,
            "parameters": dict(request.more),
            "start": to_iso_text(request.window.start_utc),
            "end": to_iso_text(request.window.end_utc),
            "hours": request.window.hours,
            "email_to": request.email_to,
            "started_at": to_iso_text(datetime.now(UTC)),
            "stage_seconds": {},
        }
        self._save()

    def enter(self, stage: str) -> None:
        """A stage begins, and the one before it has ended."""
        self._clock_stage()
        self._record["stage"] = stage
        self._save()

    def keep_page(self, page: Page) -> None:
        """The page for a browser as a file, its figures beside it; what is mailed stays in the message."""
        figures = self.folder / "figures"
        figures.mkdir(exist_ok=True)
        for figure in page.figures:
            (figures / figure.name).write_bytes(figure.png)
        _replace(self.folder / "page.html", re.sub(r'"figure:([^"]+)"', r'"figures/\1"', page.full_html).encode())
        self._record["subject"] = page.subject
        self._record["figures"] = [figure.name for figure in page.figures]

    def keep_attachments(self, attached: Attached) -> None:
        """The attachments as files, and in the record which there are and which could not be made."""
        folder = self.folder / "attachments"
        folder.mkdir(exist_ok=True)
        for attachment in attached.files:
            (folder / attachment.name).write_bytes(attachment.content)
        self._record["attachments"] = [
            {"kind": each.kind, "name": each.name, "bytes": len(each.content)} for each in attached.files
        ]
        self._record["attachments_missing"] = attached.missing

    def keep_message(self, message: EmailMessage) -> None:
        """The message as it goes out, before it does."""
        _replace(self.folder / "message.eml", message.as_bytes(policy=SMTP))
        self._record["message_id"] = message["Message-ID"]
        self._save()

    def close_delivered(
        self, message: EmailMessage, delivery: Delivery, urls: Mapping[str, str] | None
    ) -> dict[str, Any]:
        """The record's end where the message was accepted; the whole record."""
        self._record |= {
            "delivered_by": delivery.via,
            "reply": delivery.reply,
            "figures_in": "mail" if urls is None else "storage",
            "figure_urls": dict(urls or {}),
            "message_bytes": len(message.as_bytes(policy=SMTP)),
        }
        return self._close("sent" if delivery.via == "smtp" else "written")

    def close_failed(self, error: PycemakerError) -> dict[str, Any]:
        """The record's end where a stage failed; the whole record."""
        self._record["error"] = error.to_facts() | {"message": str(error)}
        return self._close("failed")

    def mark_failed(self, request: ReportRequest, error: PycemakerError) -> None:
        """End the record of a report whose own process cannot do so any more, from what it had written last."""
        record = self.folder / "record.json"
        if record.exists():
            self._record = json.loads(record.read_text(encoding="utf-8"))
            self._started = time.monotonic()
        else:
            self.open(request)
        self.close_failed(error)

    def _close(self, state: str) -> dict[str, Any]:
        self._clock_stage()
        self._record["state"] = state
        self._record["seconds"] = round(sum(self._record["stage_seconds"].values()), 3)
        self._record["ended_at"] = to_iso_text(datetime.now(UTC))
        try:
            self._save()
        except OSError as error:  # what became of the report is known all the same, and told to whoever asked
            _log.error("the record in %s is not up to date: %s", self.folder.name, error.strerror)
        return self._record

    def _clock_stage(self) -> None:
        now = time.monotonic()
        if self._record["stage"]:
            self._record["stage_seconds"][self._record["stage"]] = round(now - self._started, 3)
        self._started = now

    def _save(self) -> None:
        _replace(self.folder / "record.json", json.dumps(self._record, ensure_ascii=False, indent=1).encode())


def _replace(path: Path, content: bytes) -> None:
    """Write beside, then rename over: a reader, or a crash, sees the old file or the new one."""
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(content)
    beside.replace(path)

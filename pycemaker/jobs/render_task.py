"""The render task: the JSON object that a worker process gets of a job, and the request that it stands for. Pure."""

from datetime import datetime
from pathlib import Path
from typing import Any

from pycemaker.jobs.job_document import JobDocument
from pycemaker.reports.report_model import ReportRequest
from pycemaker.window import Window, to_iso_text


def task_of(job: JobDocument, notebook: Path, folder: Path) -> dict[str, Any]:
    """The task of a job: which notebook to run, and in which folder the report is made."""
    return {
        "report_id": job["_id"],
        "request_id": job.get("request_id", ""),
        "notebook": str(notebook),
        "end_utc": to_iso_text(job["end"]),
        "hours": job["hours"],
        "recipients": [recipient["address"] for recipient in job["recipients"]],
        "parameters": job["parameters"],
        "attach": job["attach"],
        "application": job.get("application", ""),
        "notes": job.get("notes", []),
        "folder": str(folder),
    }


def request_of(task: dict[str, Any]) -> ReportRequest:
    """The checked request that a task stands for."""
    return ReportRequest(
        task["report_id"],
        Path(task["notebook"]),
        Window(datetime.fromisoformat(task["end_utc"]), task["hours"]),
        tuple(task["recipients"]),
        task["parameters"],
        tuple(task["attach"]),
        application=task["application"],
        notes=tuple(task["notes"]),
    )

"""Pages and figures of stored reports, with their headers.

Names in a request are compared with a pattern before a lookup: no dot, slash or blank gets through.
"""

import html
import json
import re
from collections.abc import Mapping
from typing import Any

from pycemaker import brand
from pycemaker.errors import UnknownReport
from pycemaker.jobs.artifacts import ArtifactStore
from pycemaker.reports.artifact_names import EXECUTED_NOTEBOOK, FIGURES, PAGE
from pycemaker.reports.notebook_file import authored_source

_HEADERS = {"X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "no-referrer", "Cache-Control": "private"}

_ID = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
_FIGURE = re.compile(r"[a-z0-9_-]{1,80}\.png", re.ASCII)
_RELATIVE = re.compile(rf'\b((?:src|href)=")({FIGURES}[a-z0-9_-]{{1,80}}\.png")'.encode())


def headers() -> dict[str, str]:
    """The headers of each: no script at all, and no picture but our own and the brand's logo.

    Styles may be inline: a pandas table brings its colours so.
    """
    logo = re.match(r"https://[\w.:-]+/", brand.load().logo)
    return _HEADERS | {
        "Content-Security-Policy": f"default-src 'none'; img-src 'self'{f' {logo[0]}' if logo else ''}; "
        "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    }


def check_id(report_id: str) -> str:
    """The id, where its form is right. Raises UnknownReport."""
    if not _ID.fullmatch(report_id):
        raise UnknownReport
    return report_id


def page(files: ArtifactStore, report_id: str, base_path: str = "") -> bytes:
    """The page of a report, its figures linked below `<base_path>/reports`.

    Raises:
        UnknownReport: there is no such report, or it has no page: it was not made, or did not pass the check.
    """
    content = files.get(check_id(report_id), PAGE)
    folder = f"{html.escape(base_path)}/reports/{report_id}/".encode()
    return _RELATIVE.sub(lambda match: match[1] + folder + match[2], content)


def failed_source(files: ArtifactStore, record: Mapping[str, Any]) -> str:
    """The source of the cell in which the report failed; empty where no cell did or the notebook is gone."""
    number = record.get("error", {}).get("facts", {}).get("cell", 0)
    if not number:
        return ""
    try:
        notebook = json.loads(files.get(record["id"], EXECUTED_NOTEBOOK))
    except UnknownReport:
        return ""
    return authored_source(notebook, number)


def figure(files: ArtifactStore, report_id: str, name: str) -> bytes:
    """One of its figures, a PNG. Raises UnknownReport: as `page`, and where it has no such figure."""
    if not _FIGURE.fullmatch(name):
        raise UnknownReport
    return files.get(check_id(report_id), FIGURES + name)

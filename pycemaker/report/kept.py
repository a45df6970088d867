"""Kept reports as a browser gets them: the page and its figures, under an id that nobody guesses.

What a request names is compared with a pattern before it becomes part of a path: no dot, slash or blank gets through.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from pycemaker import brand
from pycemaker.errors import UnknownReport

_HEADERS = {
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private",
}

_ID = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
_FIGURE = re.compile(r"[a-z0-9_-]{1,80}\.png", re.ASCII)
_RELATIVE = re.compile(rb'\b((?:src|href)=")(figures/[a-z0-9_-]{1,80}\.png")')


def headers() -> dict[str, str]:
    """What a browser is told with each: no script at all, and no picture but our own and the brand's logo.

    Styles may be inline: a pandas table brings its colours so.
    """
    logo = re.match(r"https://[\w.:-]+/", brand.load().logo)
    return _HEADERS | {
        "Content-Security-Policy": f"default-src 'none'; img-src 'self'{f' {logo[0]}' if logo else ''}; "
        "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    }


def page(reports: Path, report_id: str) -> bytes:
    """The page of a report, its figures pointed to from `/reports/<id>`.

    Raises:
        UnknownReport: the id is none, the report got no page, or its page did not pass the check.
    """
    content = _read(_folder(reports, report_id) / "page.html")
    return _RELATIVE.sub(rb"\g<1>" + report_id.encode() + rb"/\g<2>", content)


def figure(reports: Path, report_id: str, name: str) -> bytes:
    """One of its figures, a PNG.

    Raises:
        UnknownReport: as `page`, and where it has no such figure.
    """
    if not _FIGURE.fullmatch(name):
        raise UnknownReport
    return _read(_folder(reports, report_id) / "figures" / name)


def _folder(reports: Path, report_id: str) -> Path:
    """The folder of a report that may be shown: it was, at least, about to be sent, and nothing was wrong with it."""
    if not _ID.fullmatch(report_id):
        raise UnknownReport
    folder = reports / report_id
    try:
        record = json.loads(_read(folder / "record.json"))
    except ValueError:
        raise UnknownReport from None
    if record.get("stage") != "mail" or record.get("error", {}).get("kind") == "ReportUnfit":
        raise UnknownReport
    return folder


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise UnknownReport from None

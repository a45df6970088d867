"""`python -m pycemaker report`: the pipeline of the route, without the server."""

from __future__ import annotations

import argparse
import os
import secrets
import webbrowser
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pycemaker.commands.asked import add_interval, read_asked
from pycemaker.errors import PycemakerError, RecipientNotAllowed
from pycemaker.report.attachments.kinds import KINDS, parse_kinds
from pycemaker.report.pipeline import STAGES, ReportRequest
from pycemaker.report.runner import ReportDesk
from pycemaker.settings import Settings, parse_address
from pycemaker.startup import say

_DEFAULT_RECIPIENT = "outbox@localhost.localdomain"


def add(commands: Any) -> None:
    """Add `report` to the parser."""
    report = commands.add_parser(
        "report",
        help="make a report and mail it, as the route /report does, without the server",
        description="Make a report and mail it, as the route /report does, without the server.\n"
        "Without a mail account the message is written to DATA_DIR/outbox.",
        epilog="examples:\n  python -m pycemaker report --hours 24 --to team@example.com --open\n"
        "  python -m pycemaker report --notebook capacity -p limit 0.8",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    report.add_argument("--notebook", metavar="NAME", help="which of notebooks/*.ipynb to run (default: report)")
    report.add_argument("--to", metavar="ADDRESS", help="whom to mail (default: EMAIL_FROM, or only the outbox)")
    add_interval(report)
    report.add_argument(
        "--attach", default="", metavar="KINDS", help=f"what travels with it, by commas: {', '.join(KINDS)}"
    )
    report.add_argument("--open", action="store_true", help="open the page in a browser when it is done")
    report.set_defaults(command=make_report)


def make_report(options: argparse.Namespace, settings: Settings) -> int:
    """`report`: the pipeline of the route, with a progress bar."""
    request = _report_request(options, settings)
    reports = settings.data_dir / "reports"
    desk = ReportDesk(os.environ, reports, settings.report_timeout_seconds, keep_spare=False)
    page = reports / request.report_id / "page.html"
    try:
        with _ProgressBar() as bar:
            record = desk.make(request, bar.show)
    except PycemakerError as error:
        say(_told_failure(error, page.parent))
        return 1
    finally:
        desk.close()
    say(_told(record, settings, page))
    if options.open:
        webbrowser.open(page.as_uri())
    return 0


def _report_request(options: argparse.Namespace, settings: Settings) -> ReportRequest:
    asked = read_asked(options, settings)
    address = parse_address(options.to or settings.email_from or _DEFAULT_RECIPIENT)
    if not settings.may_receive(address):
        raise RecipientNotAllowed(address=address)
    attach = parse_kinds(options.attach)
    return ReportRequest(secrets.token_urlsafe(16), asked.notebook.path, asked.window, address, asked.more, attach)


def _told(record: dict[str, Any], settings: Settings, page: Path) -> str:
    if record["state"] == "sent":
        where = f"mailed to {record['email_to']}"
    else:
        where = f"written to {settings.data_dir / 'outbox' / record['reply']} (no mail account is set)"
    return f"{record['subject']}\n  {where}, {record['seconds']} s\n  page: {page}"


def _told_failure(error: PycemakerError, folder: Path) -> str:
    lines = [f"pycemaker: {error}"]
    if error.facts.get("possibly_sent"):
        lines.append("  the mail may have left all the same: look into the inbox before asking again")
    if folder.is_dir():
        lines.append(f"  what was made until then: {folder}")
    return "\n".join(lines)


class _ProgressBar:
    """Shows a report's stages as one bar: a step for each cell, and one for each stage after it."""

    def __init__(self) -> None:
        self._bar = tqdm(total=0, leave=False, bar_format="  {desc:<10} {bar:30} {n_fmt}/{total_fmt}  {elapsed}")
        self._bar.set_description_str("starting")

    def __enter__(self) -> _ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, stage: str, done: int, total: int) -> None:
        """As `pipeline.OnProgress`."""
        self._bar.set_description_str(stage)
        if stage == "notebook":
            self._bar.total = total + len(STAGES) - 1
            self._bar.n = done
        elif self._bar.total:
            self._bar.n = self._bar.total - len(STAGES) + STAGES.index(stage) + (done == total)
        self._bar.refresh()

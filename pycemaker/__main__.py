"""The command line: `python -m pycemaker`."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import threading
import webbrowser
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pycemaker.data import sample
from pycemaker.data.collect import Collector
from pycemaker.data.database import Database, open_database
from pycemaker.errors import PycemakerError, RecipientNotAllowed
from pycemaker.report.pipeline import STAGES, ReportRequest
from pycemaker.report.runner import ReportDesk
from pycemaker.settings import ROOT, Settings, load, parse_address
from pycemaker.startup import say, write_sample
from pycemaker.window import parse_hours, parse_window

_DEFAULT_RECIPIENT = "outbox@localhost.localdomain"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status: 0 done, 1 it failed, 2 it was asked wrongly, 130 Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        command: Callable[[argparse.Namespace, Settings], int] = options.command
        return command(options, load())
    except PycemakerError as error:
        say(f"pycemaker: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pycemaker",
        description="Tells a team how its application is doing. `python server.py` serves the API;\n"
        "the commands below do the rest. Settings come from the environment and .env.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_report(commands)
    _add_sample(commands)
    _add_collect(commands)
    return parser


def _add_report(commands: Any) -> None:
    report = commands.add_parser(
        "report",
        help="make a report and mail it, as the route /report does, without the server",
        description="Make a report and mail it, as the route /report does, without the server.\n"
        "Without a mail account the message is written to DATA_DIR/outbox.",
        epilog="example:\n  python -m pycemaker report --hours 24 --to team@example.com --open",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    report.add_argument("--to", metavar="ADDRESS", help="whom to mail (default: EMAIL_FROM, or only the outbox)")
    report.add_argument("--hours", default="6", metavar="N", help="length of the interval (default: 6)")
    report.add_argument(
        "--date",
        default="now",
        metavar="DATE",
        help="where the interval ends: dd-mm-yyyy-HH-MM-SS in TIMEZONE, now, or ISO 8601 (default: now)",
    )
    report.add_argument("--open", action="store_true", help="open the page in a browser when it is done")
    report.set_defaults(command=make_report)


def _add_sample(commands: Any) -> None:
    command = commands.add_parser(
        "sample",
        help="write a made-up history into the database, or remove it",
        description="Write a made-up history of all six metrics that ends now, marked as such.\n"
        "A database that has samples already is left alone unless --add is given.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--hours", default="48", metavar="N", help="how far back it reaches (default: 48)")
    choice = command.add_mutually_exclusive_group()
    choice.add_argument("--add", action="store_true", help="write it beside the samples that are there")
    choice.add_argument("--remove", action="store_true", help="remove every made-up sample instead")
    command.set_defaults(command=write_history)


def _add_collect(commands: Any) -> None:
    collect = commands.add_parser(
        "collect",
        help="write this machine's CPU, RAM and disk to the database every 5 s, until Ctrl-C",
        description="Write this machine's CPU, RAM and disk to the database every 5 s, until Ctrl-C.\n"
        "The server does so by itself for the embedded database; this is for one set by MONGO_DB_URL.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    collect.set_defaults(command=collect_samples)


def make_report(options: argparse.Namespace, settings: Settings) -> int:
    """`report`: the pipeline of the route, with a progress bar."""
    request = _report_request(options, settings)
    reports = settings.data_dir / "reports"
    desk = ReportDesk(os.environ, reports, settings.report_timeout_seconds, keep_spare=False)
    page = reports / request.report_id / "page.html"
    try:
        with _ProgressBar() as bar:
            record = desk.make(request, bar.show)
    finally:
        desk.close()
    say(_told(record, settings, page))
    if options.open:
        webbrowser.open(page.as_uri())
    return 0


def _report_request(options: argparse.Namespace, settings: Settings) -> ReportRequest:
    window = parse_window(
        options.date,
        options.hours,
        zone=settings.timezone,
        now_utc=datetime.now(UTC),
        limit=settings.max_range_hours,
    )
    address = parse_address(options.to or settings.email_from or _DEFAULT_RECIPIENT)
    if not settings.may_receive(address):
        raise RecipientNotAllowed(address=address)
    return ReportRequest(secrets.token_urlsafe(16), ROOT / "notebooks" / "report.ipynb", window, address)


def _told(record: dict[str, Any], settings: Settings, page: Path) -> str:
    if record["state"] == "sent":
        where = f"mailed to {record['email_to']}"
    else:
        where = f"written to {settings.data_dir / 'outbox' / record['reply']} (no mail account is set)"
    return f"{record['subject']}\n  {where}, {record['seconds']} s\n  page: {page}"


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


def write_history(options: argparse.Namespace, settings: Settings) -> int:
    """`sample`: the made-up history, written or removed."""
    hours = parse_hours(options.hours, limit=settings.max_range_hours)
    database = open_database(settings.mongo_db_url, settings.data_dir, say)
    try:
        if options.remove:
            say(f"{sample.remove_history(database)} made-up samples removed")
            return 0
        if sample.has_samples(database) and not options.add:
            say("pycemaker: the database has samples already; --add writes the made-up ones beside them")
            return 1
        say(f"{write_sample(database, hours)} made-up samples written, {hours} h up to now")
        return 0
    finally:
        database.close()


def collect_samples(_options: argparse.Namespace, settings: Settings) -> int:
    """`collect`: samples of this machine until Ctrl-C."""
    database: Database = open_database(settings.mongo_db_url, settings.data_dir, say)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    collector = Collector(database, settings.data_dir, on_sample=_count_up())
    say("collecting CPU, RAM and disk every 5 s; Ctrl-C ends it")
    collector.start()
    try:
        threading.Event().wait()
    finally:
        collector.stop()
        database.close()
    return 0


def _count_up() -> Callable[[int], None]:
    written = 0

    def on_sample(count: int) -> None:
        nonlocal written
        written += count
        sys.stderr.write(f"\r  {written} samples written")
        sys.stderr.flush()

    return on_sample


if __name__ == "__main__":
    sys.exit(main())

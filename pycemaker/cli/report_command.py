"""`python -m pycemaker report`: the pipeline of the route, without the server."""

import argparse
import logging
import os
import secrets
import tempfile
import webbrowser
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from tqdm import tqdm

from pycemaker import errors
from pycemaker.cache.sample_store import Store
from pycemaker.cli.arguments import add_interval, read_request
from pycemaker.cli.startup import echo
from pycemaker.jobs import report_result, states
from pycemaker.jobs.artifacts import ArtifactStore
from pycemaker.jobs.job_store import LeaseLost
from pycemaker.jobs.report_service import ReportService
from pycemaker.jobs.service_factory import make_report_service, report_settings_of
from pycemaker.mongo.database import open_database
from pycemaker.reports.artifact_names import EXECUTED_NOTEBOOK, PAGE
from pycemaker.reports.attachments.kinds import KINDS, parse_kinds
from pycemaker.reports.pipeline import STAGES
from pycemaker.reports.report_model import ReportRequest
from pycemaker.settings import Settings

_OTHERS = "a server over the same database goes on with it, or ends it when its time is over"
_DEFAULT_RECIPIENT = "outbox@localhost.localdomain"


def add(command: argparse.ArgumentParser) -> None:
    """Add the options of `report`."""
    command.description = (
        "Make a report and mail it, as the route /report does, without the server.\n"
        "Without a mail account the message is written to DATA_DIR/outbox."
    )
    command.epilog = (
        "examples:\n  python -m pycemaker report --hours 24 --to team@example.com --open\n"
        "  python -m pycemaker report --notebook capacity -p limit 0.8"
    )
    command.add_argument("--notebook", metavar="NAME", help="which of notebooks/*.ipynb to run (default: report)")
    command.add_argument(
        "--to", metavar="ADDRESSES", help="whom to mail, by commas (default: EMAIL_FROM, or the outbox)"
    )
    add_interval(command)
    command.add_argument(
        "--attach", default="", metavar="KINDS", help=f"what travels with it, by commas: {', '.join(KINDS)}"
    )
    command.add_argument(
        "--again", action="store_true", help="make it even where the same report is in flight or was just sent"
    )
    command.add_argument("--open", action="store_true", help="open the page in a browser when it is done")
    command.set_defaults(command=make_report)


def make_report(options: argparse.Namespace, settings: Settings) -> int:
    """`report`: what the route does, in this process, with a progress bar."""
    request = _report_request(options, settings)
    if settings.log_format == "text":
        logging.getLogger("pycemaker").setLevel(logging.WARNING)  # the result is printed below, for a person
    database = open_database(settings.mongo_db_url, settings.data_dir)
    report_settings = replace(report_settings_of(settings), report_workers=1)
    report_service = make_report_service(
        settings, database, os.environ, keep_spare=False, report_settings=report_settings
    )
    report_id = ""
    try:
        Store(database).for_application(request.application)  # it exists
        submission = report_service.submission(request)
        if options.again:
            submission = replace(submission, repeat_key=secrets.token_hex(16))
        report_id, is_new = report_service.enqueue(request, submission, claimed=True)
        if is_new:
            with _ProgressBar() as bar:
                entry = report_service.run_now(report_id, bar.show)
        else:
            echo("the same report was asked for a moment ago; this is what becomes of it (--again makes another)")
            entry = report_service.wait(report_id, settings.report_timeout_seconds)
        return print_outcome(entry, report_service.files, settings, opens=options.open)
    except errors.DatabaseUnreachable as error:
        echo(f"pycemaker: {error}")
        return 1
    except KeyboardInterrupt:
        echo(describe_interruption(report_service, report_id))
        raise
    finally:
        report_service.close()
        database.close()


def _report_request(options: argparse.Namespace, settings: Settings) -> ReportRequest:
    request = read_request(options, settings, secrets.token_urlsafe(16))
    recipients = settings.read_recipients(options.to or settings.email_from or _DEFAULT_RECIPIENT)
    return replace(request, recipients=recipients, attach=parse_kinds(options.attach))


def describe_interruption(report_service: ReportService, report_id: str) -> str:
    """End a report that was interrupted while it was made; what becomes of it, to be printed."""
    try:
        entry = report_service.job_store.get(report_id)
        if entry["state"] == states.RUNNING:
            error = errors.RunnerFailed(stage=entry["stage"] or "start", reason="it was interrupted")
            details = error.to_facts() | {"message": str(error)}
            report_service.job_store.finish(report_id, states.FAILED, {}, error=details)  # so no server takes it up
            return "pycemaker: interrupted; nobody is mailed"
    except errors.UnknownReport:
        return "pycemaker: interrupted before the report was asked for"
    except (LeaseLost, errors.DatabaseUnreachable):
        return f"pycemaker: interrupted\n  {_OTHERS}: {report_id}"
    return f"pycemaker: interrupted; the report was {entry['state']}\n  {_OTHERS}: {report_id}"


def print_outcome(entry: dict[str, Any], files: ArtifactStore, settings: Settings, *, opens: bool) -> int:
    """Print what became of the report, open its page where that is wanted; the exit status."""
    if report_result.is_open(entry):
        why = entry.get("last_error", {}).get("message", "it is not at its end")
        echo(f"pycemaker: {why}\n  {_OTHERS}: {entry['_id']}")
        return 1
    try:
        report_result.raise_unless_delivered(entry)
    except errors.PycemakerError as error:
        echo(_describe_failure(error, str(entry["_id"]), files))
        return 1
    echo(_describe(report_result.record(entry), settings))
    if opens:
        webbrowser.open(_save(str(entry["_id"]), files, files.names(str(entry["_id"])), PAGE).as_uri())
    return 0


def _describe(record: dict[str, Any], settings: Settings) -> str:
    if record["state"] == "sent":
        where = f"mailed to {record['email_to']}"
    else:
        where = f"written to {settings.outbox_dir / record['reply']} (no mail account is set)"
    page = f"{settings.own_url}/reports/{record['id']} (while the server runs)"
    lines = [record["subject"], f"  {where}, {record['seconds']} s", f"  page: {page}"]
    left_out = [recipient["address"] for recipient in record["recipients"] if recipient["state"] == "suppressed"]
    lines += [f"  not to {address}, who wants no reports" for address in left_out]
    lines += [f"  attached: {each['name']}, {each['bytes'] / 1e6:.1f} MB" for each in record.get("attachments", [])]
    lines += [f"  not attached: {kind}: {why}" for kind, why in record.get("attachments_missing", {}).items()]
    lines += [f"  not shown: {line}" for line in record.get("left_out", [])]
    return "\n".join(lines)


def _describe_failure(error: errors.PycemakerError, report_id: str, files: ArtifactStore) -> str:
    lines = [f"pycemaker: {error}"]
    if error.facts.get("possibly_sent"):
        lines.append("  the mail may have left all the same: look into the inbox before asking again")
    if isinstance(error, errors.MailDeferred):
        lines.append("  a server over the same database sends it then; it is made and kept")
    names = [name for name in files.names(report_id) if name == EXECUTED_NOTEBOOK]
    if names and isinstance(error, (errors.ReportFailed, errors.ReportTimedOut)):
        lines.append(f"  what ran until then: {_save(report_id, files, names, EXECUTED_NOTEBOOK)}")
    return "\n".join(lines)


def _save(report_id: str, files: ArtifactStore, names: list[str], wanted: str) -> Path:
    """Copies of a report's files in a folder of their own; where the one that is wanted is."""
    folder = Path(tempfile.mkdtemp(prefix="pycemaker-report-"))
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(files.get(report_id, name))
    return folder / wanted


class _ProgressBar:
    """Shows a report's stages on a terminal as one bar: a step for each cell, and one for each stage after it."""

    def __init__(self) -> None:
        form = "  {desc:<10} {bar:30} {n_fmt}/{total_fmt}  {elapsed}"
        self._bar = tqdm(total=0, leave=False, bar_format=form, disable=None)
        self._bar.set_description_str("starting")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, stage: str, done: int, total: int) -> None:
        """Show a stage's progress; a `pipeline.OnProgress`."""
        self._bar.set_description_str(stage)
        if stage == "notebook":
            self._bar.total = total + len(STAGES) - 1
            self._bar.n = done
        elif self._bar.total:
            self._bar.n = self._bar.total - len(STAGES) + STAGES.index(stage) + (done == total)
        self._bar.refresh()

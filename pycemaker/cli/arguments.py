"""The arguments that several commands share: a notebook, an interval, the notebook's own parameters."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pycemaker.errors import InvalidParameter
from pycemaker.parsing.application_names import parse_application
from pycemaker.reports.notebook_catalogue import DEFAULT_NOTEBOOK, find_notebook
from pycemaker.reports.report_model import ReportRequest
from pycemaker.settings import Settings
from pycemaker.window import parse_window


def add_interval(command: argparse.ArgumentParser) -> None:
    """The options `--hours`, `--date`, `--app` and `-p`."""
    command.add_argument("--hours", metavar="N", help="length of the interval (default: the notebook's own, 6 or 168)")
    command.add_argument(
        "--date",
        default="now",
        metavar="DATE",
        help="where the interval ends: dd-mm-yyyy-HH-MM-SS in TIMEZONE, now, or ISO 8601 (default: now)",
    )
    add_application(command, "whose samples it is about")
    command.add_argument(
        "-p",
        dest="parameters",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="a parameter of the notebook; may be given again",
    )


def notebook_name(typed: str) -> str:
    """The name of a notebook that was typed as its name or as its file: `sales`, `notebooks/sales.ipynb`."""
    return Path(typed).stem if typed.endswith(".ipynb") else typed


def add_application(command: argparse.ArgumentParser, use: str) -> None:
    """The option `--app`."""
    command.add_argument(
        "--app", default="", metavar="NAME", help=f"the application {use} (default: that of samples without a name)"
    )


def read_request(options: Any, settings: Settings, report_id: str, *recipients: str) -> ReportRequest:
    """The request of those options, checked.

    Raises:
        UnknownNotebook, NotebookUnusable, InvalidDate, InvalidRange, InvalidParameter, UnknownApplication.
    """
    notebook = find_notebook(notebook_name(options.notebook or DEFAULT_NOTEBOOK))
    notebook.check_application(parse_application(options.app))
    given = dict(options.parameters)
    if len(given) < len(options.parameters):
        names = [name for name, _ in options.parameters]
        raise InvalidParameter(field=next(n for n in names if names.count(n) > 1), reason="given more than once")
    window = parse_window(
        options.date,
        options.hours or str(notebook.hours),
        zone=settings.timezone,
        now_utc=datetime.now(UTC),
        limit=settings.max_range_hours,
    )
    parameters = notebook.read(given)
    return ReportRequest(
        *(report_id, notebook.path, window, recipients, parameters), date_text=options.date, application=options.app
    )

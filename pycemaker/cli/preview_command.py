"""`python -m pycemaker preview`: a notebook's mail as other people's inboxes would show it."""

from __future__ import annotations

import argparse
import os
import sys
import time
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from pycemaker import brand
from pycemaker.cli.arguments import add_interval, read_arguments
from pycemaker.cli.startup import echo, fill_if_empty
from pycemaker.errors import PycemakerError
from pycemaker.mongo.database import open_database
from pycemaker.reports.model import ReportRequest
from pycemaker.settings import NOTEBOOKS, PACKAGE, TEMPLATES, Settings
from pycemaker.tools.preview_builder import RECIPIENT, Preview, PreviewBuilder

POLL_SECONDS = 0.3


def add(command: argparse.ArgumentParser) -> None:
    """Add the options of `preview`."""
    command.description = (
        "Run a notebook and open one page that shows its mail as Gmail, Outlook (Word's engine), a phone\n"
        "and dark mode show it, with images off and as text, and what is wrong with it. Nothing is mailed."
    )
    command.epilog = (
        "examples:\n  python -m pycemaker preview --watch\n  python -m pycemaker preview capacity -p limit 0.8"
    )
    command.add_argument("notebook", nargs="?", metavar="NOTEBOOK", help="which of notebooks/*.ipynb (default: report)")
    add_interval(command)
    command.add_argument("--watch", action="store_true", help="make it again whenever something is saved, until Ctrl-C")
    command.add_argument("--no-open", action="store_true", help="do not open it in a browser")
    command.set_defaults(command=preview)


def preview(options: argparse.Namespace, settings: Settings) -> int:
    """`preview`: once, or until Ctrl-C. The exit status is 1 where something is wrong with the mail."""
    arguments = read_arguments(options, settings)
    request = ReportRequest("preview", arguments.notebook.path, arguments.window, (RECIPIENT,), arguments.parameters)
    preview_builder = PreviewBuilder(request, settings, settings.data_dir / "preview" / arguments.notebook.name)
    database = open_database(settings.mongo_db_url, settings.data_dir, echo)  # held, so that no run has to start it
    try:
        fill_if_empty(database)
        status = _serve_up(preview_builder, run=True)
        if not options.no_open and preview_builder.file.exists():
            webbrowser.open(preview_builder.file.as_uri())
        if options.watch:
            echo("  watching notebooks/ and pycemaker/; Ctrl-C ends it")
            _keep_up(preview_builder, arguments.notebook.path)
    finally:
        database.close()
    return _start_over() if options.watch else status


def _keep_up(preview_builder: PreviewBuilder, notebook: Path) -> None:
    """Make it again as files are saved: all of it for the notebook and the figures' colours, the page for a template.

    Ends where our own code is saved, which this process has loaded already.
    """
    for changed in _changes():
        if any(path.is_relative_to(PACKAGE) for path in changed):
            return
        if notebook in changed or any("templates" in path.parts for path in changed):
            echo(f"  {', '.join(sorted(path.name for path in changed))} saved")
            _serve_up(preview_builder, run=bool(changed & {notebook, brand.FILE}))


def _changes() -> Iterator[set[Path]]:
    """Which files were saved since the last look, as often as there are any."""
    before = _saved()
    while True:
        time.sleep(POLL_SECONDS)
        now = _saved()
        changed = {path for path in now if now[path] != before.get(path)}
        before = now
        if changed:
            yield changed


def _saved() -> dict[Path, float]:
    """When each file that a preview depends on was last saved."""
    files = [*NOTEBOOKS.glob("*.ipynb"), *(PACKAGE).rglob("*.py")]
    files += [path for path in TEMPLATES.rglob("*") if path.is_file()]
    saved = {}
    for path in files:
        try:
            saved[path] = path.stat().st_mtime
        except FileNotFoundError:  # an editor replaces files
            continue
    return saved


def _start_over() -> NoReturn:
    """Run this very command anew in the place of this process."""
    echo("  pycemaker/ saved: starting over")
    again = [*sys.argv[1:], *([] if "--no-open" in sys.argv else ["--no-open"])]
    os.execv(sys.executable, [sys.executable, "-m", "pycemaker", *again])  # noqa: S606 - this very program


def _serve_up(preview_builder: PreviewBuilder, *, run: bool) -> int:
    """Run where asked, render, say what came of it; what fails is said and ends nothing."""
    try:
        if run:
            echo("  running the notebook ...")
            preview_builder.run()
        built = preview_builder.render()
    except PycemakerError as error:
        echo(f"  {error}")
        return 1
    echo(_describe(built, preview_builder.file))
    return 1 if built.flaws else 0


def _describe(built: Preview, file: Path) -> str:
    wrong = "".join(f"\n  {flaw.rule}: {flaw.message}" for flaw in built.flaws) or "\n  nothing is wrong with it"
    wrong += "".join(f"\n  not shown: {line}" for line in built.page.left_out)
    return (
        f"{built.page.subject}\n  ran {built.run_seconds:.1f} s, rendered {built.render_seconds:.1f} s;"
        f" HTML {len(built.page.html.encode()) / 1000:.0f} KB, {len(built.page.figures)} figures{wrong}"
        f"\n  preview: {file}"
    )

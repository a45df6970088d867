"""`python -m pycemaker preview`: a notebook's mail as other people's inboxes would show it."""

import argparse
import os
import sys
import webbrowser
from collections.abc import Callable, Iterable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import NoReturn

from pycemaker import brand
from pycemaker.cli.arguments import add_interval, read_request
from pycemaker.cli.startup import echo, fill_if_empty
from pycemaker.errors import PycemakerError
from pycemaker.jobs.worker_template import opened_template
from pycemaker.mongo.database import open_database
from pycemaker.settings import PACKAGE, Settings
from pycemaker.tools.preview_builder import RECIPIENT, Preview, PreviewBuilder
from pycemaker.tools.saved_files import saved_files


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
    request = read_request(options, settings, "preview", RECIPIENT)
    folder = settings.data_dir / "preview" / request.notebook.stem
    with (
        closing(open_database(settings.mongo_db_url, settings.data_dir, echo)) as database,  # no run has to start it
        opened_template(os.environ) if options.watch else nullcontext() as template,  # one run alone is faster without
    ):
        preview_builder = PreviewBuilder(request, settings, folder, template=template)
        fill_if_empty(database)
        status = _refresh(preview_builder, run=True)
        if not options.no_open and preview_builder.file.exists():
            webbrowser.open(preview_builder.file.as_uri())
        if options.watch:
            echo("  watching notebooks/ and pycemaker/; Ctrl-C ends it")
            rebuild_on_save(saved_files(), request.notebook, lambda run: _refresh(preview_builder, run=run))
    return _restart() if options.watch else status


def rebuild_on_save(saves: Iterable[set[Path]], notebook: Path, rebuild: Callable[[bool], object]) -> None:
    """Make the preview again as files are saved, until our own code is, which this process has loaded already.

    Args:
        rebuild: makes it; True where the notebook has to run again, as for itself and the figures' colours.
    """
    for saved in saves:
        if any(path.is_relative_to(PACKAGE) for path in saved):
            return
        if notebook in saved or any("templates" in path.parts for path in saved):
            echo(f"  {', '.join(sorted(path.name for path in saved))} saved")
            rebuild(bool(saved & {notebook, brand.FILE}))


def _restart() -> NoReturn:
    """Run this very command anew in the place of this process."""
    echo("  pycemaker/ saved: starting over")
    again = [*sys.argv[1:], *([] if "--no-open" in sys.argv else ["--no-open"])]
    os.execv(sys.executable, [sys.executable, "-m", "pycemaker", *again])  # noqa: S606 - this very program


def _refresh(preview_builder: PreviewBuilder, *, run: bool) -> int:
    """Run if `run`, render, print the result. A failure is printed and ends nothing."""
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
    notes = [f"\n  not shown: {line}" for line in built.page.left_out]
    notes += [f"\n  note: {line}" for line in built.page.remarks]
    usual = "\n  nothing keeps it from being sent; but:" if notes else "\n  nothing is wrong with it"
    wrong = "".join([*(f"\n  {flaw.rule}: {flaw.message}" for flaw in built.flaws)] or [usual]) + "".join(notes)
    return (
        f"{built.page.subject}\n  ran {built.run_seconds:.1f} s, rendered {built.render_seconds:.1f} s;"
        f" HTML {len(built.page.html.encode()) / 1000:.0f} KB, {len(built.page.figures)} figures{wrong}"
        f"\n  preview: {file}"
    )

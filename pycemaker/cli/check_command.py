"""`python -m pycemaker check`: every notebook on hard intervals, before it is merged."""

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

from pycemaker.cache.sample_store import Store
from pycemaker.cli.arguments import notebook_name
from pycemaker.cli.startup import documents_bar, echo
from pycemaker.errors import NotebookUnusable, PycemakerError
from pycemaker.jobs.worker_template import WorkerTemplate, opened_template
from pycemaker.metrics import METRICS
from pycemaker.mongo import embedded
from pycemaker.mongo.database import Database
from pycemaker.reports.notebook_catalogue import Notebook, every_notebook, find_notebook
from pycemaker.settings import Settings
from pycemaker.tools.breaking_intervals import LONG_SPACING_SECONDS, HardInterval, every_case, fill
from pycemaker.tools.notebook_trial import NotebookOutcome, check_notebook

_ROW = "{:<12}  {:<18}  {:<6}  {:>7}  {:>7}  {}"


def add(command: argparse.ArgumentParser) -> None:
    """Add the options of `check`."""
    command.description = (
        "Try a notebook, or every one, on an empty interval, a single sample, gaps, NaN, days on which\n"
        "the clock changes, and 30 days: run it, render it, look the mail over. The exit status is 1 where any fails.\n"
        "The samples are made up, in a MongoDB of their own that is gone afterwards; no other database is touched.\n"
        f"The 30 days have a sample every {LONG_SPACING_SECONDS} s instead of every 5; --spacing 5 takes minutes."
    )
    command.add_argument("notebook", nargs="?", metavar="NOTEBOOK", help="which of notebooks/*.ipynb (default: all)")
    command.add_argument("--keep", type=Path, metavar="FOLDER", help="keep a preview of each case there")
    command.add_argument(
        "--spacing",
        type=int,
        default=LONG_SPACING_SECONDS,
        choices=(5, 10, 20, 30, 60),
        help=f"seconds between the 30 days' samples (default: {LONG_SPACING_SECONDS})",
    )
    command.set_defaults(command=check)


def check(options: argparse.Namespace, settings: Settings) -> int:
    """`check`: a row for each notebook and case, as it is done; 1 where any failed."""
    notebooks = [find_notebook(notebook_name(options.notebook))] if options.notebook else every_notebook()
    scratch = Path(tempfile.mkdtemp(prefix="pm-"))  # short, since mongod's socket is in it
    try:
        with _scratch_database(scratch, settings, options.spacing) as (set_up, cases):
            print(_ROW.format("notebook", "case", "result", "seconds", "peak MB", "").rstrip())
            folder = (options.keep or scratch / "previews").resolve()
            with opened_template(os.environ) as template:
                failed = sum(_failures(notebook, cases, set_up, folder, template) for notebook in notebooks)
    finally:
        rmtree(scratch, ignore_errors=True)
    print(f"\n{failed} failed" if failed else "\nall passed")
    return 1 if failed else 0


@contextmanager
def _scratch_database(
    scratch: Path, settings: Settings, spacing_seconds: int
) -> Iterator[tuple[Settings, list[HardInterval]]]:
    """A MongoDB with the cases in it, which this process's kernels find as theirs; both are gone afterwards."""
    held = embedded.acquire(scratch, echo)
    before = dict(os.environ)
    url = f"{held.url}/check"
    try:
        os.environ |= {"MONGO_DB_URL": url, "MAX_RANGE_HOURS": "744", "DATA_DIR": str(scratch)}
        cases = every_case(settings.timezone, spacing_seconds)
        _fill(url, cases)
        if not any(case.name.startswith("clock") for case in cases):
            echo(f"  {settings.timezone.key} has had no clock change since 2005: those cases are left out")
        yield replace(settings, mongo_db_url=url, data_dir=scratch), cases
    finally:
        os.environ.clear()
        os.environ.update(before)
        held.release()


def _fill(url: str, cases: list[HardInterval]) -> None:
    with closing(Database(url)) as database:
        with documents_bar("writing the cases") as on_progress:
            fill(database, cases, on_progress)
        store = Store(database)
        for metric in METRICS:
            store.reader.prepare(metric)


def _failures(
    notebook: Notebook | NotebookUnusable,
    cases: list[HardInterval],
    settings: Settings,
    folder: Path,
    template: WorkerTemplate | None,
) -> int:
    """Check one notebook, a row at a time; the number of cases that it failed."""
    if isinstance(notebook, PycemakerError):
        print(_ROW.format(notebook.facts["name"], "", "FAILED", "", "", notebook))
        return 1
    failed = 0
    for case in cases:
        case_folder = folder / notebook.name / case.name.replace(" ", "-")
        outcome = check_notebook(notebook, case, settings, case_folder, template)
        failed += bool(outcome.problems)
        print(_row_of_outcome(outcome), flush=True)
    return failed


def _row_of_outcome(outcome: NotebookOutcome) -> str:
    first, *rest = [*outcome.problems, *outcome.notes, ""]
    state = "FAILED" if outcome.problems else "passed"
    row = _ROW.format(
        outcome.notebook, outcome.case, state, f"{outcome.seconds:.1f}", f"{outcome.peak_mb:.0f}", first
    ).rstrip()
    return "\n".join([row, *(_ROW.format("", "", "", "", "", problem) for problem in rest if problem)])

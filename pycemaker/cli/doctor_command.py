"""`python -m pycemaker doctor`: a check of each part that a report needs, with the remedy."""

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from pycemaker.cli.startup import read_sources_file
from pycemaker.errors import InvalidSettings
from pycemaker.jobs.service_factory import smtp_sender
from pycemaker.mail.smtp import SmtpSender
from pycemaker.reports.firebase import FirebaseFigures
from pycemaker.settings import Settings
from pycemaker.telemetry.check_runner import FAIL, OK, SKIP, WARN, Check, CheckResult, CheckRunner, Outcome
from pycemaker.telemetry.secret_masker import Masker
from pycemaker.tools import machine_checks, service_checks
from pycemaker.tools.source_checks import check_sources

_COLOURS = {OK: "32", WARN: "33", FAIL: "31;1", SKIP: "2"}
_MAIL_SECONDS, _BUCKET_SECONDS = 15.0, 20.0


def add(command: argparse.ArgumentParser) -> None:
    """Add the options of `doctor`."""
    command.description = (
        "Look at settings, disk, database, indexes, clocks, mail server, bucket, Dask cluster, kernel, notebooks,\n"
        "fonts and Chromium. No mail is sent. In the bucket a small object is written, read and deleted.\n"
        "The exit status is 0 where nothing failed, 1 where something did, 2 where settings cannot be used."
    )
    command.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    command.set_defaults(command=examine, on_invalid_settings=report_invalid_settings)


def examine(options: argparse.Namespace, settings: Settings) -> int:
    """`doctor`: every check; 1 where one failed."""
    mask = Masker(settings.secrets)
    shared = service_checks.SharedConnection(settings)
    try:
        return _print_results(CheckRunner(_checks(settings, shared)).results(), mask, as_json=options.json)
    finally:
        shared.close()


def report_invalid_settings(options: argparse.Namespace, error: InvalidSettings) -> int:
    """`doctor` where settings cannot be used: nothing else can be checked then."""
    remedy = "mend it in the environment or in .env; .env.example says what each one takes"
    results = [CheckResult("settings", Outcome(FAIL, problem, remedy)) for problem in error.facts["problems"]]
    _print_results(iter(results), Masker([]), as_json=options.json)
    return 2


def _checks(settings: Settings, shared: service_checks.SharedConnection) -> list[Check]:
    return [
        Check("settings", partial(machine_checks.check_settings, settings)),
        Check("folder", partial(machine_checks.check_folder, settings.data_dir)),
        Check("disk", partial(machine_checks.check_disk, settings.data_dir)),
        *service_checks.database_checks(shared),
        Check("sources", partial(check_sources, shared, partial(read_sources_file, settings)), 15.0),
        Check("zones", partial(machine_checks.check_zones, settings.timezone)),
        Check("mail", partial(service_checks.check_mail, _sender(settings), str(settings.outbox_dir)), 20.0),
        Check("bucket", partial(service_checks.check_bucket, _figures(settings)), 30.0),
        Check("dask", partial(service_checks.check_dask, settings.dask_scheduler), 20.0),
        Check("kernel", machine_checks.check_kernel, machine_checks.KERNEL_SECONDS + 10),
        Check("brand", machine_checks.check_brand),
        Check("notebooks", machine_checks.check_notebooks),
        Check("fonts", machine_checks.check_fonts, 60.0),
        Check("chromium", machine_checks.check_browser, 20.0),
    ]


def _sender(settings: Settings) -> SmtpSender | None:
    sender = smtp_sender(settings)
    return replace(sender, timeout_seconds=8.0, total_seconds=_MAIL_SECONDS) if sender else None


def _figures(settings: Settings) -> FirebaseFigures | None:
    if settings.firebase_key is None or settings.firebase_bucket is None:
        return None
    return FirebaseFigures(settings.firebase_key, settings.firebase_bucket, total_seconds=_BUCKET_SECONDS)


def _print_results(results: Iterable[CheckResult], mask: Masker, *, as_json: bool) -> int:
    seen = []
    for result in results:
        seen.append(result)
        if not as_json:
            print(mask(_row(result, is_coloured=sys.stdout.isatty())), flush=True)
    failed = sum(result.outcome.level == FAIL for result in seen)
    if as_json:
        print(mask(json.dumps({"ok": not failed, "checks": [_json_entry(each) for each in seen]}, indent=1)))
    else:
        warned = sum(result.outcome.level == WARN for result in seen)
        print(f"\n{failed} failed, {warned} to be known" if failed or warned else "\nall is well")
    return 1 if failed else 0


def _json_entry(result: CheckResult) -> dict[str, object]:
    outcome = result.outcome
    named = {"name": result.name, "level": outcome.level, "told": outcome.message, "mend": outcome.remedy}
    return named | {"seconds": result.seconds}


def _row(result: CheckResult, *, is_coloured: bool) -> str:
    """One line, and a second one with what to do: ` ok    database    MongoDB 6.0.5, ...`."""
    level = f"{result.outcome.level:<4}"
    if is_coloured:
        level = f"\x1b[{_COLOURS[result.outcome.level]}m{level}\x1b[0m"
    seconds = f"  ({result.seconds:.1f} s)" if result.seconds >= 1 else ""
    remedy = f"\n {'':<4}  {'':<10}  -> {result.outcome.remedy}" if result.outcome.remedy else ""
    return f" {level}  {result.name:<10}  {result.outcome.message}{seconds}{remedy}"

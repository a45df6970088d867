"""`python -m pycemaker doctor`: what a report needs, looked at part by part, and how to mend what is wrong."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from functools import partial

from pycemaker.doctor import machine, services
from pycemaker.doctor.checkup import FAIL, OK, SKIP, WARN, Check, Result, look_at
from pycemaker.errors import InvalidSettings
from pycemaker.logs import Masker
from pycemaker.report.smtp import SmtpSender
from pycemaker.report.storage import FirebaseFigures
from pycemaker.settings import Settings

_COLOURS = {OK: "32", WARN: "33", FAIL: "31;1", SKIP: "2"}
_MAIL_SECONDS, _BUCKET_SECONDS = 15.0, 20.0


def add(command: argparse.ArgumentParser) -> None:
    """Add the options of `doctor`."""
    command.description = (
        "Look at settings, disk, database, indexes, clocks, mail server, bucket, kernel, notebooks, fonts\n"
        "and Chromium. No mail is sent. In the bucket a small object is written, read and deleted.\n"
        "The exit status is 0 where nothing failed, 1 where something did, 2 where settings cannot be used."
    )
    command.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    command.set_defaults(command=examine, on_invalid_settings=tell_settings)


def examine(options: argparse.Namespace, settings: Settings) -> int:
    """`doctor`: every check; 1 where one failed."""
    mask = Masker(settings.secrets)
    shared = services.Shared(settings)
    try:
        return _tell(look_at(_checks(settings, shared)), mask, as_json=options.json)
    finally:
        shared.close()


def tell_settings(options: argparse.Namespace, error: InvalidSettings) -> int:
    """What `doctor` says where settings cannot be used: nothing else can be looked at then."""
    mend = "mend it in the environment or in .env; .env.example says what each one takes"
    found = [Result("settings", FAIL, problem, mend, 0.0) for problem in error.facts["problems"]]
    _tell(iter(found), Masker([]), as_json=options.json)
    return 2


def _checks(settings: Settings, shared: services.Shared) -> list[Check]:
    return [
        Check("settings", partial(machine.look_at_settings, settings)),
        Check("folder", partial(machine.look_at_folder, settings.data_dir)),
        Check("disk", partial(machine.look_at_disk, settings.data_dir)),
        *services.database_checks(shared),
        Check("zones", partial(machine.look_at_zones, settings.timezone)),
        Check("mail", partial(services.look_at_mail, _sender(settings), str(settings.data_dir / "outbox")), 20.0),
        Check("bucket", partial(services.look_at_bucket, _figures(settings)), 30.0),
        Check("kernel", machine.look_at_kernel, machine.KERNEL_SECONDS + 10),
        Check("notebooks", machine.look_at_notebooks),
        Check("fonts", machine.look_at_fonts, 60.0),
        Check("chromium", machine.look_at_browser, 20.0),
    ]


def _sender(settings: Settings) -> SmtpSender | None:
    if settings.email_from is None:
        return None
    where = (settings.smtp_host, settings.smtp_port, settings.smtp_security)
    return SmtpSender(*where, settings.email_from, settings.password, timeout_seconds=8.0, total_seconds=_MAIL_SECONDS)


def _figures(settings: Settings) -> FirebaseFigures | None:
    if settings.firebase_key is None or settings.firebase_bucket is None:
        return None
    return FirebaseFigures(settings.firebase_key, settings.firebase_bucket, total_seconds=_BUCKET_SECONDS)


def _tell(results: Iterable[Result], mask: Masker, *, as_json: bool) -> int:
    seen = []
    for result in results:
        seen.append(result)
        if not as_json:
            print(mask(_row(result, is_coloured=sys.stdout.isatty())), flush=True)
    failed = sum(result.level == FAIL for result in seen)
    if as_json:
        print(mask(json.dumps({"ok": not failed, "checks": [each.entry() for each in seen]}, indent=1)))
    else:
        warned = sum(result.level == WARN for result in seen)
        print(f"\n{failed} failed, {warned} to be known" if failed or warned else "\nall is well")
    return 1 if failed else 0


def _row(result: Result, *, is_coloured: bool) -> str:
    """One line, and a second one with what to do: ` ok    database    MongoDB 6.0.5, ...`."""
    level = f"{result.level:<4}"
    if is_coloured:
        level = f"\x1b[{_COLOURS[result.level]}m{level}\x1b[0m"
    seconds = f"  ({result.seconds:.1f} s)" if result.seconds >= 1 else ""
    mend = f"\n {'':<4}  {'':<10}  -> {result.mend}" if result.mend else ""
    return f" {level}  {result.name:<10}  {result.told}{seconds}{mend}"

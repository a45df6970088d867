"""`python -m pycemaker schedule`: the schedules, over the same fields as `POST /schedules`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from datetime import datetime
from itertools import islice

from pycemaker.cli.startup import echo
from pycemaker.errors import InvalidParameter
from pycemaker.jobs.service_factory import make_report_service
from pycemaker.mongo.database import open_database
from pycemaker.schedules.schedule_fields import FIELDS, FieldReader, recurrence_of
from pycemaker.schedules.schedule_store import Document, report_id_of
from pycemaker.schedules.scheduler import Scheduler, make_scheduler
from pycemaker.settings import Settings
from pycemaker.window import parse_instant, to_iso_text

Action = Callable[[argparse.Namespace, Scheduler], int]


def add(command: argparse.ArgumentParser) -> None:
    """Add the options of `schedule`."""
    command.description = "Reports that come by themselves: made by the servers over the same database."
    command.epilog = (
        'example:\n  python -m pycemaker schedule add --name Week --cron "0 8 * * 1" --period last_week '
        "--recipients ana@example.com"
    )
    parts = command.add_subparsers(title="actions", required=True, metavar="ACTION")
    listing = parts.add_parser("list", help="a line for each: id, next instant, last outcome, recipients, name")
    listing.set_defaults(command=_over_schedules(list_all))
    adding = parts.add_parser("add", help="make one, of the fields of POST /schedules (docs/api.md)")
    for name in FIELDS:
        adding.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar="VALUE")
    adding.set_defaults(command=_over_schedules(add_one))
    for name, action, help_text in (
        ("pause", pause, "pause one, or with --resume let it go on"),
        ("run", run, "make the report of an instant"),
        ("remove", remove, "remove one"),
    ):
        part = parts.add_parser(name, help=help_text)
        part.add_argument("id", metavar="ID")
        if name == "pause":
            part.add_argument("--resume", action="store_true", help="let it go on")
        if name == "run":
            part.add_argument("--at", default="now", metavar="DATE", help="the instant (default: now)")
        part.set_defaults(command=_over_schedules(action))


def list_all(_options: argparse.Namespace, scheduler: Scheduler) -> int:
    """`list`."""
    now = scheduler.store.now()
    for each in scheduler.store.every():
        last = each["last"]["state"] if each["last"] else "-"
        columns = [each["_id"], _next(each, now), last, ",".join(each["recipients"]), each["name"]]
        sys.stdout.write("\t".join(columns) + "\n")
    return 0


def add_one(options: argparse.Namespace, scheduler: Scheduler) -> int:
    """`add`."""
    now = scheduler.store.now()
    given = {name: getattr(options, name) for name in FIELDS if getattr(options, name) is not None}
    schedule = scheduler.store.create(FieldReader(scheduler.settings).read(given), now)
    sys.stdout.write(f"{schedule['_id']}\n")
    for instant in islice(recurrence_of(schedule).after(now), 5):
        echo(f"  {to_iso_text(instant)}")
    return 0


def pause(options: argparse.Namespace, scheduler: Scheduler) -> int:
    """`pause`."""
    store, changes = scheduler.store, {"paused": not options.resume}
    fields = FieldReader(scheduler.settings).read_changed(store.get(options.id), changes)
    store.change(options.id, fields, store.now())
    return 0


def run(options: argparse.Namespace, scheduler: Scheduler) -> int:
    """`run`: the report is entered, and a server makes it."""
    schedule, now = scheduler.store.get(options.id), scheduler.store.now()
    at = parse_instant(options.at, zone=scheduler.settings.timezone, now_utc=now.replace(second=0, microsecond=0))
    if at > now:
        raise InvalidParameter(field="at", reason="in the future")
    scheduler.enter(schedule, at)
    sys.stdout.write(f"{report_id_of(schedule, at)}\n")
    return 0


def remove(options: argparse.Namespace, scheduler: Scheduler) -> int:
    """`remove`."""
    scheduler.store.remove(options.id)
    return 0


def _next(schedule: Document, now: datetime) -> str:
    if schedule["paused"]:
        return "paused"
    upcoming = next(recurrence_of(schedule).after(now), None)
    return to_iso_text(upcoming) if upcoming else "ended"


def _over_schedules(action: Action) -> Callable[[argparse.Namespace, Settings], int]:
    def command(options: argparse.Namespace, settings: Settings) -> int:
        database = open_database(settings.mongo_db_url, settings.data_dir, echo)
        report_service = make_report_service(settings, database, os.environ, keep_spare=False)
        try:
            return action(options, make_scheduler(database, report_service, settings))
        finally:
            report_service.close()
            database.close()

    return command

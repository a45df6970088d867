"""`python -m pycemaker schedule`: the schedules, over the same fields as `POST /schedules`."""

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from functools import partial
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

Action = Callable[[argparse.Namespace, Scheduler], None]


def add(command: argparse.ArgumentParser) -> None:
    """Add the options of `schedule`."""
    command.description = "Reports that come by themselves: made by the servers over the same database."
    command.epilog = (
        'example:\n  python -m pycemaker schedule add --name Week --cron "0 8 * * 1" --period last_week '
        "--recipients ana@example.com"
    )
    parts = command.add_subparsers(title="actions", required=True, metavar="ACTION")
    listing = parts.add_parser("list", help="a line for each: id, next instant, last outcome, recipients, name")
    listing.set_defaults(command=partial(_run, _list))
    adding = parts.add_parser("add", help="make one, of the fields of POST /schedules (docs/api.md)")
    for name in FIELDS:
        adding.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar="VALUE")
    adding.set_defaults(command=partial(_run, _add))
    for name, action, help_text in (
        ("pause", _pause, "pause one, or with --resume let it go on"),
        ("run", _enter, "make the report of an instant"),
        ("remove", _remove, "remove one"),
    ):
        part = parts.add_parser(name, help=help_text)
        part.add_argument("id", metavar="ID")
        if name == "pause":
            part.add_argument("--resume", action="store_true", help="let it go on")
        if name == "run":
            part.add_argument("--at", default="now", metavar="DATE", help="the instant (default: now)")
        part.set_defaults(command=partial(_run, action))


def _run(action: Action, options: argparse.Namespace, settings: Settings) -> int:
    with (
        closing(open_database(settings.mongo_db_url, settings.data_dir, echo)) as database,
        closing(make_report_service(settings, database, os.environ, keep_spare=False)) as report_service,
    ):
        action(options, make_scheduler(database, report_service, settings))
    return 0


def _list(_options: argparse.Namespace, scheduler: Scheduler) -> None:
    now = scheduler.store.now()
    for each in scheduler.store.every():
        last = each["last"]["state"] if each["last"] else "-"
        columns = [each["_id"], _next(each, now), last, ",".join(each["recipients"]), each["name"]]
        sys.stdout.write("\t".join(columns) + "\n")


def _add(options: argparse.Namespace, scheduler: Scheduler) -> None:
    now = scheduler.store.now()
    given = {name: getattr(options, name) for name in FIELDS if getattr(options, name) is not None}
    schedule = scheduler.store.create(FieldReader(scheduler.settings).read(given), now)
    sys.stdout.write(f"{schedule['_id']}\n")
    for instant in islice(recurrence_of(schedule).after(now), 5):
        echo(f"  {to_iso_text(instant)}")


def _pause(options: argparse.Namespace, scheduler: Scheduler) -> None:
    store, changes = scheduler.store, {"paused": not options.resume}
    fields = FieldReader(scheduler.settings).read_changed(store.get(options.id), changes)
    store.change(options.id, fields, store.now())


def _enter(options: argparse.Namespace, scheduler: Scheduler) -> None:
    """`run`: the report is entered, and a server makes it."""
    schedule, now = scheduler.store.get(options.id), scheduler.store.now()
    at = parse_instant(options.at, zone=scheduler.settings.timezone, now_utc=now.replace(second=0, microsecond=0))
    if at > now:
        raise InvalidParameter(field="at", reason="in the future")
    scheduler.enter(schedule, at)
    sys.stdout.write(f"{report_id_of(schedule, at)}\n")


def _remove(options: argparse.Namespace, scheduler: Scheduler) -> None:
    scheduler.store.remove(options.id)


def _next(schedule: Document, now: datetime) -> str:
    if schedule["paused"]:
        return "paused"
    upcoming = next(recurrence_of(schedule).after(now), None)
    return to_iso_text(upcoming) if upcoming else "ended"

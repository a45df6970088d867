"""`python -m pycemaker sample` and `collect`, which fill a database."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable

from pycemaker.cli.arguments import add_application
from pycemaker.cli.startup import echo, write_sample
from pycemaker.collect import demo
from pycemaker.collect.this_machine import Collector
from pycemaker.mongo.database import Database, open_database
from pycemaker.parsing.application_names import parse_application
from pycemaker.settings import Settings
from pycemaker.window import parse_hours


def add_sample(command: argparse.ArgumentParser) -> None:
    """Add the options of `sample`."""
    command.description = (
        "Write a made-up history of every metric that ends now, marked as such.\n"
        "A database that has samples already is left alone unless --add is given."
    )
    command.add_argument("--hours", default="48", metavar="N", help="how far back it reaches (default: 48)")
    command.add_argument(
        "--app",
        default="",
        metavar="NAMES",
        help="applications, by commas (default: the one without a name)",
    )
    choice = command.add_mutually_exclusive_group()
    choice.add_argument("--add", action="store_true", help="write it beside the samples that are there")
    choice.add_argument("--remove", action="store_true", help="remove every made-up sample instead")
    command.set_defaults(command=write_history)


def add_collect(command: argparse.ArgumentParser) -> None:
    """Add the options of `collect`."""
    command.description = (
        "Write this machine's CPU, RAM and disk to the database every 5 s, until Ctrl-C.\n"
        "The server does so by itself for the embedded database; this is for one set by MONGO_DB_URL."
    )
    add_application(command, "whose samples they are")
    command.set_defaults(command=collect_samples)


def write_history(options: argparse.Namespace, settings: Settings) -> int:
    """`sample`: the made-up history, written or removed."""
    hours = parse_hours(options.hours, limit=settings.max_range_hours)
    applications = [parse_application(name.strip()) for name in options.app.split(",")]
    database = open_database(settings.mongo_db_url, settings.data_dir, echo)
    try:
        if options.remove:
            echo(f"{sum(demo.remove_history(database, name) for name in applications)} made-up samples removed")
            return 0
        if any(demo.has_samples(database, name) for name in applications) and not options.add:
            echo("pycemaker: the database has samples already; --add writes the made-up ones beside them")
            return 1
        written = sum(write_sample(database, hours, name) for name in applications)
        echo(f"{written} made-up samples written, {hours} h up to now")
        return 0
    finally:
        database.close()


def collect_samples(options: argparse.Namespace, settings: Settings) -> int:
    """`collect`: samples of this machine until Ctrl-C."""
    database: Database = open_database(settings.mongo_db_url, settings.data_dir, echo)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    application = parse_application(options.app)
    collector = Collector(database, settings.data_dir, on_sample=_count_up(), application=application)
    echo("collecting CPU, RAM and disk every 5 s; Ctrl-C ends it")
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

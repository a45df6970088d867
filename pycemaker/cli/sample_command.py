"""`python -m pycemaker sample`: a made-up history, written or removed."""

import argparse
from contextlib import closing

from pycemaker.cli.startup import echo, write_sample
from pycemaker.collect import demo_history
from pycemaker.mongo.database import open_database
from pycemaker.parsing.application_names import parse_application
from pycemaker.settings import Settings
from pycemaker.window import parse_hours


def add(command: argparse.ArgumentParser) -> None:
    """Add the options of `sample`."""
    command.description = (
        "Write a made-up history of every metric that ends now, marked as such.\n"
        "A database that has samples already is left alone unless --add is given."
    )
    hours = str(demo_history.DEMO_HOURS)
    command.add_argument("--hours", default=hours, metavar="N", help=f"how far back it reaches (default: {hours})")
    command.add_argument(
        "--app", default="", metavar="NAMES", help="applications, by commas (default: the one without a name)"
    )
    choice = command.add_mutually_exclusive_group()
    choice.add_argument("--add", action="store_true", help="write it beside the samples that are there")
    choice.add_argument("--remove", action="store_true", help="remove every made-up sample instead")
    command.set_defaults(command=write_history)


def write_history(options: argparse.Namespace, settings: Settings) -> int:
    """`sample`: the made-up history, written or removed."""
    hours = parse_hours(options.hours, limit=settings.max_range_hours)
    applications = [parse_application(name.strip()) for name in options.app.split(",")]
    with closing(open_database(settings.mongo_db_url, settings.data_dir, echo)) as database:
        if options.remove:
            echo(f"{sum(demo_history.remove_history(database, name) for name in applications)} made-up samples removed")
            return 0
        if any(demo_history.has_samples(database, name) for name in applications) and not options.add:
            echo("pycemaker: the database has samples already; --add writes the made-up ones beside them")
            return 1
        written = sum(write_sample(database, hours, name) for name in applications)
        echo(f"{written} made-up samples written, {hours} h up to now")
        return 0

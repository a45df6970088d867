"""`python -m pycemaker suppressions`: the addresses that get no reports."""

import argparse
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial

from pycemaker.cli.startup import echo
from pycemaker.mail.signing_keys import SigningKeys
from pycemaker.mail.suppressions import EVERY_REPORT, Suppressions
from pycemaker.mongo.database import Database, open_database
from pycemaker.parsing.addresses import parse_address
from pycemaker.reports.notebook_catalogue import find_notebook
from pycemaker.settings import Settings
from pycemaker.window import to_iso_text

Action = Callable[[argparse.Namespace, Database], int]


def add(command: argparse.ArgumentParser) -> None:
    """Add the options of `suppressions`."""
    command.description = (
        "Who gets no reports: those who left by the link in a mail, and those whom you add here.\n"
        "Who was added here cannot come back by the link."
    )
    parts = command.add_subparsers(title="actions", required=True, metavar="ACTION")
    listing = parts.add_parser("list", help="a line for each: address, report (* for all), by whom, since when")
    listing.set_defaults(command=partial(_run, _list))
    for name, action, help_text in (
        ("add", _add, "keep reports from an address"),
        ("remove", _remove, "lift what keeps reports from an address"),
    ):
        part = parts.add_parser(name, help=help_text)
        part.add_argument("address", metavar="ADDRESS")
        part.add_argument("--notebook", metavar="NAME", help="that report alone (default: every report)")
        part.set_defaults(command=partial(_run, action))
    key = parts.add_parser("new-key", help="sign the links of mails to come with a new key")
    key.add_argument("--forget", action="store_true", help="break the links of all mails that are out")
    key.set_defaults(command=partial(_run, _new_key))


def _run(action: Action, options: argparse.Namespace, settings: Settings) -> int:
    with closing(open_database(settings.mongo_db_url, settings.data_dir, echo)) as database:
        return action(options, database)


def _list(_options: argparse.Namespace, database: Database) -> int:
    for each in Suppressions(database).every():
        sys.stdout.write(f"{each.address}\t{each.notebook}\t{each.by}\t{to_iso_text(each.since_utc)}\n")
    return 0


def _add(options: argparse.Namespace, database: Database) -> int:
    address, notebook = _named(options)
    if notebook != EVERY_REPORT:
        find_notebook(notebook)
    is_new = Suppressions(database).add(address, notebook)
    echo(f"{address} gets {_describe(notebook)} no more" + ("" if is_new else " (it was suppressed already)"))
    return 0


def _remove(options: argparse.Namespace, database: Database) -> int:
    """`remove`, whoever added it."""
    address, notebook = _named(options)
    if not Suppressions(database).remove(address, notebook):
        echo(f"pycemaker: nothing keeps {_describe(notebook)} from {address}; `suppressions list` shows what there is")
        return 1
    echo(f"{address} may get {_describe(notebook)} again")
    return 0


def _new_key(options: argparse.Namespace, database: Database) -> int:
    keys = SigningKeys(database)
    number = keys.renew().number
    forgotten = keys.forget_older() if options.forget else 0
    echo(f"links are signed with key {number} from now on; {forgotten} older keys were forgotten")
    return 0


def _named(options: argparse.Namespace) -> tuple[str, str]:
    return parse_address(options.address, single_label=True), options.notebook or EVERY_REPORT


def _describe(notebook: str) -> str:
    return "reports" if notebook == EVERY_REPORT else f"the report {notebook!r}"

"""`python -m pycemaker alerts`: the open alerts of an application, its rules, and what a rule would have given."""

import argparse
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial

from pycemaker.alerts.alert_lifecycle import AT_EASE
from pycemaker.alerts.rule_preview import preview
from pycemaker.alerts.rule_store import RuleStore
from pycemaker.cache.sample_store import Store
from pycemaker.cli.arguments import add_application
from pycemaker.cli.startup import echo
from pycemaker.mongo.database import open_database
from pycemaker.monitor.alert_history import Alert, AlertHistory
from pycemaker.monitor.forecast_reader import ForecastReader
from pycemaker.parsing.application_names import parse_application
from pycemaker.presentation import alert_wording
from pycemaker.settings import Settings
from pycemaker.window import to_iso_text

Action = Callable[[argparse.Namespace, Store], Iterable[Iterable[str]]]


def add(command: argparse.ArgumentParser) -> None:
    """Add the options of `alerts`."""
    command.description = "What the rules of alerts say: evaluated by the servers and workers over the same database."
    parts = command.add_subparsers(title="actions", required=True, metavar="ACTION")
    for name, action, help_text in (
        ("list", _open_alerts, "a line for each open alert: rule, since when, state, worst reading, text"),
        ("rules", _rules, "a line for each rule: id, state, until when it is muted, text"),
        ("preview", _preview, "a line for each alert that a rule would have given over the last 30 days"),
    ):
        part = parts.add_parser(name, help=help_text)
        add_application(part, "whose alerts they are")
        if name == "preview":
            part.add_argument("id", metavar="ID", help="a rule's")
        part.set_defaults(command=partial(_print_rows, action))


def _print_rows(action: Action, options: argparse.Namespace, settings: Settings) -> int:
    with closing(open_database(settings.mongo_db_url, settings.data_dir, echo)) as database:
        for columns in action(options, Store(database).for_application(parse_application(options.app))):
            sys.stdout.write("\t".join(columns) + "\n")
    return 0


def _open_alerts(_options: argparse.Namespace, store: Store) -> Iterable[Iterable[str]]:
    watched = RuleStore(store.database).watched(store.application)
    for alert in AlertHistory(store.database).open(store.application):
        yield alert.rule, to_iso_text(alert.since), watched.get(alert.rule, AT_EASE).state.state, *_worst(alert)


def _rules(_options: argparse.Namespace, store: Store) -> Iterable[Iterable[str]]:
    alerts = RuleStore(store.database)
    watched, now = alerts.watched(store.application), alerts.now()
    for rule in alerts.rules(store.application):
        own = watched.get(rule.id, AT_EASE)
        muted = to_iso_text(own.muted_until) if own.muted_until and own.is_muted(now) else "-"
        text = alert_wording.condition(rule.alert(store.application, now, now))
        yield rule.id, own.state.state if rule.enabled else "off", muted, text


def _preview(options: argparse.Namespace, store: Store) -> Iterable[Iterable[str]]:
    alerts = RuleStore(store.database)
    until = alerts.now().replace(second=0, microsecond=0)
    for alert in preview(store, ForecastReader(), alerts.rule(store.application, options.id), until):
        yield to_iso_text(alert.since), to_iso_text(alert.ended_at) if alert.ended_at else "open", *_worst(alert)


def _worst(alert: Alert) -> tuple[str, str]:
    return "-" if alert.worst is None else f"{alert.worst:g}", alert_wording.condition(alert)

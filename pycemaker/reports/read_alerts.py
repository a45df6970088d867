"""Reads the alerts that a notebook tells of."""

from collections.abc import Sequence
from contextlib import closing

from pycemaker.i18n import language
from pycemaker.mongo.database import open_database
from pycemaker.monitor.alert_history import AlertHistory
from pycemaker.monitor.fired_alerts import FiredAlerts
from pycemaker.reports.read_period import read_window
from pycemaker.settings import Settings, load


def read_alerts(
    date_now: str = "now",
    time_range: float | str = 6,
    application: str = "",
    alerts: Sequence[str] = (),
    settings: Settings | None = None,
) -> FiredAlerts:
    """The alerts of an application. It sets the language, as `read_period`, whose other arguments it takes too.

    Args:
        alerts: the ids of those to read, in their order; those that are gone, or another application's, are left out.
            Without any, all that were open at some time of the interval, the latest first.

    Raises:
        InvalidDate, InvalidRange, InvalidSettings, DatabaseNotStarted, DatabaseUnreachable: as `read_period`.
    """
    settings = settings or load()
    language.speak(settings.report_language)
    window = read_window(date_now, time_range, settings)
    with closing(open_database(settings.mongo_db_url, settings.data_dir)) as database:
        history = AlertHistory(database)
        found = history.get(alerts) if alerts else history.within(application, window.current)
    if alerts:
        found.sort(key=lambda alert: list(alerts).index(alert.id))
    return FiredAlerts(tuple(each for each in found if each.application == application), window, settings.timezone)

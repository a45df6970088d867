"""Reads a fleet notebook's rows: the applications that changed most or are worst."""

from contextlib import closing
from datetime import UTC, datetime

from pycemaker.cache.fleet_hours import read_rows, update_hours
from pycemaker.i18n import language
from pycemaker.mongo.database import open_database
from pycemaker.series.fleet import Fleet
from pycemaker.settings import Settings, load
from pycemaker.window import Window, parse_window


def read_fleet(date_now: str = "now", time_range: int | str = 6, settings: Settings | None = None) -> Fleet:
    """The ten applications that changed most or are worst over whole hours. It sets the language, as `read_period`.

    Args:
        date_now: the interval ends with the last whole UTC hour before this.
        time_range: its length in whole hours, 1 to `MAX_RANGE_HOURS`.

    Raises:
        InvalidDate, InvalidRange, InvalidSettings, DatabaseNotStarted: as `read_period`; DatabaseUnreachable: MongoDB
            is away, took too long, or this user may not write.
    """
    settings = settings or load()
    language.speak(settings.report_language)
    asked = parse_window(
        *(str(date_now), str(time_range)),
        zone=settings.timezone,
        now_utc=datetime.now(UTC),
        limit=settings.max_range_hours,
    )
    hours = int(asked.hours)
    window = Window(asked.end_utc.replace(minute=0, second=0, microsecond=0), hours)
    with closing(open_database(settings.mongo_db_url, settings.data_dir)) as database:
        update_hours(database, window.end_utc, 2 * hours)
        return Fleet(window, settings.timezone, settings.own_url, tuple(read_rows(database, window)))

"""The mail's subject: the first finding, the installation's name and the interval."""

from zoneinfo import ZoneInfo

from pycemaker import i18n
from pycemaker.i18n.language import _, pgettext
from pycemaker.window import Window


def mail_subject(window: Window, zone: ZoneInfo, headline: str = "", *, name: str = "Pycemaker") -> str:
    """The mail's subject: `Relatório Pycemaker: 10/04/2022, 03:43 a 09:43 (6 h)`; with a headline that comes first.

    So `Coleta parada desde 09:02 — Pycemaker, 10/04/2022 09:43, 6 h`: the end says which report of the day it is, since
    mail programs fold messages of one subject into one conversation.
    """
    if not headline:
        facts = {"period": i18n.period(window, zone), "length": _short_length(window.hours)}
        return _("Relatório {name}: {period} ({length})", name=name, **facts)
    end = i18n.clock(window.end_utc, zone, pgettext("date", "dd/MM/yyyy HH:mm"))
    return f"{headline} — {name}, {end}, {_short_length(window.hours)}"


def _short_length(hours: float) -> str:
    """`6 h`, `24,5 h`, `7 dias`: subjects are short."""
    return f"{i18n.decimal(hours, int(hours != int(hours)))} h" if hours <= 48 else i18n.length(hours)

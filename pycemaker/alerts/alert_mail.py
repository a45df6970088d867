"""The mail of what is pending in an application: its plain message, its recipients, and its job.

An address gets `ALERT_LIMIT_PER_HOUR` mails an hour. Alerts that nobody may be mailed of then are held back in MongoDB,
and the next mail names them.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any

from pycemaker import brand
from pycemaker.alerts.alert_lifecycle import CHANGES, Document
from pycemaker.errors import UnknownReport
from pycemaker.i18n.language import _, ngettext, speaking
from pycemaker.jobs.job_document import derived_report_id
from pycemaker.jobs.message_jobs import enqueue_alert, enqueue_message
from pycemaker.jobs.report_service import ReportService
from pycemaker.mail import signed_token
from pycemaker.mail.compose import compose
from pycemaker.mail.signing_keys import SigningKeys
from pycemaker.mail.suppressions import inbox
from pycemaker.mongo.database import Database, one_exchange
from pycemaker.mongo.rate_limits import Admission, RateLimit, RateLimits
from pycemaker.mongo.stored_fields import LENIENT, read_fields
from pycemaker.monitor.alert_history import Alert, AlertHistory
from pycemaker.parsing.route_paths import ALERT_LINK_PREFIX, ALERTS_PATH, application_path
from pycemaker.presentation import alert_wording
from pycemaker.reports.report_model import Page, ReportRequest
from pycemaker.settings import Settings
from pycemaker.window import Window, to_iso_text

NOTEBOOK = "alert"
HELD_COLLECTION = "alerts_held"
LINK_PURPOSE, _HELD_PURPOSE = "pycemaker alert 1", "pycemaker held alerts 1"
_HOURS_BEFORE, _MOST_HOURS = 1, 24
_MOST_HELD = 1000
_MOST_NAMED = 10


class AlertMail:
    """Enqueues the mails of alerts. Threads share it.

    Args:
        database: holds the alerts, the counts of mails and what is held back.
        report_service: makes and sends the mails.
        settings: recipients, their limit, language and zone.
    """

    def __init__(self, database: Database, report_service: ReportService, settings: Settings) -> None:
        self._database, self._report_service, self._settings = database, report_service, settings
        self._limits, self._keys = RateLimits(database), SigningKeys(database)
        self._limit = RateLimit("alert", settings.alert_limit_per_hour)

    @property
    def is_wanted(self) -> bool:
        """True where anybody is mailed."""
        return bool(self._settings.alert_recipients)

    def send_pending(self, document: Document) -> None:
        """Store the alerts that an application's document has pending, and enqueue the mail about them.

        It may be called again for the same document: the mail is there once.

        Raises:
            DatabaseUnreachable: some of it may be done.
        """
        pending = document["pending"]
        alerts = [alert for each in pending["alerts"] if (alert := read_fields(Alert, each))]
        AlertHistory(self._database).save(alerts)
        mailed = [alert for what in CHANGES for alert in alerts if pending["changes"].get(alert.id) == what]
        if not mailed:
            return
        with suppress(UnknownReport):
            self._report_service.job_store.get(report_id_of(document, document["number"]))
            return  # it is enqueued already
        if recipients := self._admitted():
            self._enqueue(document, mailed, recipients)
        else:
            self._hold([alert.id for alert in mailed])

    def send_held(self, now: datetime) -> None:
        """Mail of the alerts that were held back, once an address may be mailed again.

        Raises:
            DatabaseUnreachable: nothing may have been mailed.
        """
        held = self._held()
        if not held or not (recipients := self._admitted()):
            return
        alerts = AlertHistory(self._database).get(held)
        if alerts:
            with speaking(self._settings.report_language):
                subject = ngettext(
                    "{count} alerta retido pelo limite de mensagens por hora",
                    "{count} alertas retidos pelo limite de mensagens por hora",
                    len(held),
                    count=len(held),
                )
                subject = brand.load().subject_prefix + subject
                message = self._plain(subject, alerts[:_MOST_NAMED], recipients[0], now)
            key = self._keys.newest().derived(_HELD_PURPOSE)
            # An alert may be held back more than once.
            report_id = derived_report_id(key, " ".join([to_iso_text(now), *held]))
            request = ReportRequest(report_id, Path(NOTEBOOK), Window(now, 1), recipients)
            enqueue_message(self._report_service, request, message, subject)
        self._let_go(held)

    def _enqueue(self, document: Document, alerts: Sequence[Alert], recipients: tuple[str, ...]) -> None:
        at, zone = document["pending"]["at"], self._settings.timezone
        held = self._held()
        with speaking(self._settings.report_language):
            notes = self._held_notes(held)
            subject = alert_wording.subject(alerts, zone)
            url = self._action_url(report_id_of(document, document["number"]), alerts)
            message = self._plain(subject, alerts, recipients[0], at, notes, url)
        hours = min(_MOST_HOURS, math.ceil((at - min(alert.since for alert in alerts)) / timedelta(hours=1)))
        request = ReportRequest(
            report_id_of(document, document["number"]),
            Path(f"{NOTEBOOK}.ipynb"),
            Window(at, hours + _HOURS_BEFORE),
            recipients,
            {"alerts": [alert.id for alert in alerts], "action_url": url},
            application=document["_id"],
            notes=notes,
        )
        first_number = document["pending"]["first_number"]
        first_id = report_id_of(document, first_number) if first_number < document["number"] else None
        enqueue_alert(self._report_service, request, message, subject, first_id)
        self._let_go(held)

    def _plain(
        self,
        subject: str,
        alerts: Sequence[Alert],
        to: str,
        now: datetime,
        notes: Sequence[str] = (),
        url: str = "",
    ) -> bytes:
        """The message without a notebook: each alert's sentences, what was held back, and where to acknowledge."""
        zone, transport = self._settings.timezone, self._report_service.transport
        blocks = [
            (alert_wording.headline(alert, zone), *alert_wording.sentences(alert, zone, now)[1:]) for alert in alerts
        ]
        page_url = f"{self._settings.own_url}{application_path(alerts[0].application)}{ALERTS_PATH}"
        ends = [*notes, *([_("Reconhecer ou silenciar: {url}", url=url)] if url else []), page_url]
        html = "".join(
            f"<h2>{escape(first)}</h2>" + "".join(f"<p>{escape(sentence)}</p>" for sentence in rest)
            for first, *rest in blocks
        )
        html += "".join(f"<p>{_linked(end)}</p>" for end in ends)
        text = "\n\n".join("\n".join(lines) for lines in (*blocks, *((end,) for end in ends))) + "\n"
        page = Page(subject, f"<!doctype html><body>{html}</body>", text, ())
        return compose(page, to, None, sender=transport.sender, sender_name=brand.load().sender).as_bytes()

    def _action_url(self, report_id: str, alerts: Sequence[Alert]) -> str:
        """The signed link to acknowledge or mute what is open; empty without PUBLIC_URL or anything open."""
        if not self._settings.public_url or not any(alert.is_open for alert in alerts):
            return ""
        token = signed_token.sign(report_id, self._keys.newest(), LINK_PURPOSE)
        return f"{self._settings.public_url}{ALERT_LINK_PREFIX}{token}"

    def _admitted(self) -> tuple[str, ...]:
        """The recipients that have had fewer mails than the limit in the last hour; each is counted."""
        wanted = [(address, [(self._limit, inbox(address))]) for address in self._settings.alert_recipients]
        return tuple(address for address, count in wanted if isinstance(self._limits.admit(count), Admission))

    # --- what is held back

    def _hold(self, ids: Sequence[str]) -> None:
        with one_exchange():
            known = {"$cond": [{"$isArray": "$alerts"}, "$alerts", []]}
            added = {"$literal": list(ids)}
            others = {"$filter": {"input": known, "cond": {"$not": {"$in": ["$$this", added]}}}}
            latest = {"$slice": [{"$concatArrays": [others, added]}, -_MOST_HELD]}
            self._database[HELD_COLLECTION].update_one({"_id": "held"}, [{"$set": {"alerts": latest}}], upsert=True)

    def _held(self) -> list[str]:
        with one_exchange():
            document = self._database[HELD_COLLECTION].with_options(LENIENT).find_one({"_id": "held"})
        held = document.get("alerts") if document else None
        return [each for each in held[-_MOST_HELD:] if isinstance(each, str)] if isinstance(held, list) else []

    def _let_go(self, ids: Sequence[str]) -> None:
        if ids:
            with one_exchange():
                self._database[HELD_COLLECTION].update_one({"_id": "held"}, {"$pullAll": {"alerts": list(ids)}})

    def _held_notes(self, held: Sequence[str]) -> tuple[str, ...]:
        """The sentence about what was held back since the last mail; none where nothing was."""
        if not held:
            return ()
        named = AlertHistory(self._database).get(held[:_MOST_NAMED])
        lines = "; ".join(alert_wording.headline(alert, self._settings.timezone) for alert in named)
        count = ngettext(
            "{count} alerta foi retido pelo limite de mensagens por hora",
            "{count} alertas foram retidos pelo limite de mensagens por hora",
            len(held),
            count=len(held),
        )
        return (f"{count}: {lines}" + ("; …" if len(held) > len(named) else "."),)


def report_id_of(document: Mapping[str, Any], number: int) -> str:
    """The id of an application's mail of that number: the same on every server, and unguessable."""
    return derived_report_id(document["key"], str(number))


def _linked(sentence: str) -> str:
    """A sentence as HTML, the URL at its end a link."""
    before, scheme, rest = sentence.partition("http")
    return (
        f'{escape(before)}<a href="{escape(scheme + rest)}">{escape(scheme + rest)}</a>' if scheme else escape(before)
    )

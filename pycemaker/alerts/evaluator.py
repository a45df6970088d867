"""The evaluator: looks at every application's rules once a minute, in a thread of each server and worker.

Whoever claims the round evaluates it. A minute is looked at `SETTLING_SECONDS` after its end, when its samples have
come. Where nobody evaluated for a while, the last `MOST_MINUTES` minutes are caught up on.
"""

import logging
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from pycemaker.alerts.alert_lifecycle import Document, after_minute, new_document
from pycemaker.alerts.alert_mail import AlertMail
from pycemaker.alerts.default_rules import DEFAULT_RULES
from pycemaker.alerts.evaluation_rounds import CLOCK_STEP_MS, EvaluationRounds
from pycemaker.alerts.observer import Observer
from pycemaker.alerts.rule_store import RuleStore
from pycemaker.analysis.health import MINUTE_MS
from pycemaker.cache.sample_store import Store
from pycemaker.errors import DatabaseUnreachable, IndexesNotReady
from pycemaker.jobs.report_service import ReportService
from pycemaker.monitor.alert_history import AlertHistory
from pycemaker.monitor.forecast_reader import ForecastReader
from pycemaker.settings import Settings
from pycemaker.window import to_epoch_ms

SETTLING_SECONDS = 4
MOST_MINUTES = 30
NOTEBOOK_SECONDS = 20.0
"""The time that an alert waits for its notebook; then the plain message leaves."""

RENEW_SECONDS = 5.0
"""How often the claim of a round is renewed while one minute is evaluated: two minutes, where 10,000 alerts fire."""

MOST_UNWATCHED_MS = 2 * MINUTE_MS
"""After a longer stop silence counts anew: where the server collects too, its own stop was the silence."""

_POLL_SECONDS = 1.0
_RETENTION_TURNS = 60
_log = logging.getLogger(__name__)


class RoundLost(Exception):
    """Another server has claimed the round since."""


@dataclass
class Evaluator:
    """Evaluates rules, and enqueues the mails of what changed.

    Attributes:
        store: rules and states.
        rounds: say which server evaluates.
        observer: sees the minutes.
        mail: tells of alerts.
        report_service: makes the mails; the thread ends when it closes.
        settings: retention.
    """

    store: RuleStore
    rounds: EvaluationRounds
    observer: Observer
    mail: AlertMail
    report_service: ReportService
    settings: Settings
    _turns: int = field(default=0, init=False)
    _done_ms: int = field(default=0, init=False)

    def start(self) -> None:
        """Start the thread; it ends when the report service closes."""
        threading.Thread(target=self._run, daemon=True, name="alerts").start()

    def _run(self) -> None:
        while not self.report_service.closing.wait(_POLL_SECONDS):
            try:
                self.report_service.job_store.release_late_alerts(NOTEBOOK_SECONDS)
                self.evaluate_due(self.store.now())
            except (DatabaseUnreachable, IndexesNotReady):
                continue
            except RoundLost:
                _log.warning("another server has taken the evaluation of alerts over")
            except Exception:  # noqa: BLE001 - nobody would notice the thread's end, and no alert would come any more
                _log.exception("the alerts could not be evaluated")

    def evaluate_due(self, now: datetime) -> int:
        """Evaluate the minutes that are due, where no other server does; the number of them.

        Raises:
            DatabaseUnreachable, IndexesNotReady: whoever calls next goes on; RoundLost: another server has gone on.
        """
        last_ms = (to_epoch_ms(now) - SETTLING_SECONDS * 1000) // MINUTE_MS * MINUTE_MS
        if 0 <= self._done_ms - last_ms <= CLOCK_STEP_MS:
            return 0
        done_ms = self.rounds.claim(last_ms)
        if done_ms is None:
            self._done_ms = self.rounds.last_minute_ms()
            return 0
        if last_ms - done_ms > MOST_UNWATCHED_MS:
            self.observer.watched_from_ms = last_ms
        self._send_left()
        due = range(max(done_ms + MINUTE_MS, last_ms - (MOST_MINUTES - 1) * MINUTE_MS), last_ms + 1, MINUTE_MS)
        for minute_ms in due:
            self.evaluate(minute_ms)
            if not self.rounds.finish(minute_ms, is_last=minute_ms == last_ms):
                raise RoundLost
        self.mail.send_held(now)
        self._turns += 1
        if self._turns % _RETENTION_TURNS == 1:
            AlertHistory(self.store.database).apply_retention(now, self.settings.report_retention_days)
        return len(due)

    def evaluate(self, at_ms: int) -> None:
        """Evaluate every rule of every application at the end of a minute, and enqueue what is to be mailed.

        Raises:
            DatabaseUnreachable, IndexesNotReady, RoundLost: some applications may have been evaluated; evaluating these
                again changes nothing.
        """
        own_rules, documents = self.store.every_rule(), self.store.states()
        self.observer.observe(at_ms)
        renew_at = time.monotonic() + RENEW_SECONDS
        for application in dict.fromkeys([*self.observer.applications, *documents]):
            if time.monotonic() >= renew_at:
                renew_at = time.monotonic() + RENEW_SECONDS
                if not self.rounds.finish(at_ms - MINUTE_MS, is_last=False):
                    raise RoundLost
            document = documents.get(application) or new_document(application, secrets.token_bytes(16))
            if document["pending"]:  # it could not be sent a moment ago: the next minute goes on
                continue
            rules = [rule for rule in own_rules.get(application, DEFAULT_RULES) if rule.enabled]
            with self._alone(application):
                changed = after_minute(
                    document, rules, at_ms, partial(self.observer.seen_by, application), mails=self.mail.is_wanted
                )
                if changed != document and self.store.replace(changed) and changed["pending"]:
                    self._send(changed)

    def _send(self, document: Document) -> None:
        self.mail.send_pending(document)
        self.store.clear_pending(document)

    def _send_left(self) -> None:
        """Send what a server that ended has left."""
        for document in self.store.states().values():
            if document["pending"]:
                with self._alone(document["_id"]):
                    self._send(document)

    @contextmanager
    def _alone(self, application: str) -> Iterator[None]:
        """The work on one application: where it fails, the others' goes on.

        Raises:
            DatabaseUnreachable, IndexesNotReady: it is not this application's own.
        """
        try:
            yield
        except IndexesNotReady:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, it is this application's own as long as MongoDB answers
            self.store.now()
            _log.exception("the alerts of %r could not be evaluated", application)


def make_evaluator(samples: Store, report_service: ReportService, settings: Settings) -> Evaluator:
    """The evaluator of this server or worker."""
    database = samples.database
    mail = AlertMail(database, report_service, settings)
    return Evaluator(
        RuleStore(database),
        EvaluationRounds(database),
        Observer(samples, ForecastReader()),
        mail,
        report_service,
        settings,
    )

"""Checks over the network: MongoDB, its indexes, samples, reports and clock; the mail server; the bucket."""

import secrets
import statistics
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from pycemaker import errors
from pycemaker.alerts.evaluation_rounds import LATE_SECONDS, EvaluationRounds
from pycemaker.collect.collected_metrics import VIEW, CollectedMetric, collection_types, read_collected_metrics
from pycemaker.jobs.artifacts import ArtifactStore
from pycemaker.jobs.dask_cluster import DaskCluster
from pycemaker.jobs.job_store import JobStore
from pycemaker.mail.smtp import SmtpSender
from pycemaker.metrics import METRICS
from pycemaker.mongo.database import Database, one_exchange, open_database
from pycemaker.mongo.indexes import KEY
from pycemaker.monitor.alert_history import AlertHistory
from pycemaker.reports.firebase import FirebaseFigures
from pycemaker.schedules.schedule_store import ScheduleStore
from pycemaker.settings import Settings
from pycemaker.telemetry.check_runner import FAIL, OK, SKIP, WARN, Check, Outcome
from pycemaker.tools import unsafe_settings

DATABASE_SECONDS = 70.0
"""An embedded mongod may have to be started, after a crash with a look through its journal."""

_OLDEST = (5, 0)
_SKEW, _MUCH_SKEW = timedelta(seconds=2), timedelta(seconds=60)
_SLOW_MS = 50.0
_LATE_SECONDS = 60
NO_METRIC = (
    "where the collectors write to another one, its name is the path of MONGO_DB_URL, and the login's database is "
    "authSource: mongodb://user:password@host/pycemaker?authSource=admin"
)
_NO_DATABASE = Outcome(SKIP, "the database does not answer")
_ADDRESS = "see that MongoDB runs, and that MONGO_DB_URL has its host, port, user and password"


class SharedConnection:
    """One connection for the checks that need it, opened when the first does. `settings`: say where it is."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._database: Database | None = None
        self._fault: errors.PycemakerError | None = None

    def open(self) -> Database:
        """The database, which has answered. Raises the first error again at each call."""
        with self._lock:
            if self._fault is not None:
                raise self._fault
            if self._database is None:
                try:
                    self._database = open_database(self._settings.mongo_db_url, self._settings.data_dir)
                    ask(self._database, "ping")
                except errors.PycemakerError as error:
                    self._fault = error
                    raise
            return self._database

    def close(self) -> None:
        """Close the connection; an embedded mongod that nobody else uses ends."""
        if self._database is not None:
            self._database.close()


def ask(database: Database, command: str) -> dict[str, Any]:
    """MongoDB's answer to a command without arguments. Raises DatabaseUnreachable."""
    with one_exchange():
        return database.handle.command(command)


def check_database(shared: SharedConnection) -> Outcome:
    """Checks that MongoDB answers, how soon, and which one it is."""
    try:
        database = shared.open()
        version = ask(database, "buildInfo")["version"]
        hello = ask(database, "hello")
        if hello.get("isreplicaset"):
            raise errors.NoPrimary(reason="not initiated")
        has_metrics = database.is_embedded or not database.has_no_metric()
        ping_ms = statistics.median(_seconds(partial(ask, database, "ping")) * 1000 for _ in range(5))
    except errors.DatabaseUnreachable as error:
        known = type(error) is not errors.DatabaseUnreachable
        return Outcome(FAIL, str(error) if known else f"no answer: {error.facts['reason']}", _database_remedy(error))
    except errors.DatabaseNotStarted as error:
        remedy = "install MongoDB, or set MONGO_DB_URL; its log is DATA_DIR/mongo/mongod.log"
        return Outcome(FAIL, f"the embedded one does not start: {error.facts['reason']}", remedy)
    kind = "a replica set" if "setName" in hello else "sharded" if hello.get("msg") == "isdbgrid" else "one server"
    where = "embedded" if database.is_embedded else "at MONGO_DB_URL"
    message = f"MongoDB {version}, {where}, {kind}, {ping_ms:.1f} ms away"
    if tuple(map(int, version.split(".")[:2])) < _OLDEST:
        return Outcome(FAIL, message, "MongoDB 5.0 or later is needed")
    if not has_metrics:
        return Outcome(WARN, f"{message}; database {database.handle.name!r} has no metric", NO_METRIC)
    if ping_ms > _SLOW_MS:
        return Outcome(WARN, message, "every read waits for it: run Pycemaker nearer to its database")
    if danger := unsafe_settings.of_mongodb(version, datetime.now(UTC).date()):
        return Outcome(WARN, message, danger)
    return Outcome(OK, message)


_REMEDIES: dict[type[errors.DatabaseUnreachable], str] = {
    errors.DatabaseLoginRefused: "see the user, the password (an @ in it is %40) and authSource in MONGO_DB_URL",
    errors.DatabaseTlsFailed: "see tls and tlsCAFile in MONGO_DB_URL, and whether MongoDB listens with TLS",
    errors.WrongReplicaSet: "see replicaSet in MONGO_DB_URL: `rs.conf()._id` in mongosh is its name, "
    "a single server has none",
    errors.NoPrimary: "run rs.initiate() in mongosh on the member that holds the data, "
    "or start the members that are away",
    errors.RightMissing: "give MONGO_DB_URL's user the role readWrite; read alone serves metrics and makes no report",
}


def _database_remedy(error: errors.DatabaseUnreachable) -> str:
    return next((_REMEDIES[kind] for kind in type(error).__mro__ if kind in _REMEDIES), _ADDRESS)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def check_indexes(shared: SharedConnection) -> Outcome:
    """Checks that every metric's collection has the index that bounds its reads. None is made here."""
    missing = []
    try:
        database = shared.open()
        kinds = collection_types(database)
        there = [metric for metric in METRICS if metric.collection in kinds]
        views = [metric.collection for metric in there if kinds[metric.collection] == VIEW]
        for metric in there:
            if metric.collection in views:
                continue
            with one_exchange():
                keys = [list(index["key"].items()) for index in database[metric.collection].list_indexes()]
            missing += [metric.collection] if KEY not in keys else []
    except errors.PycemakerError:
        return _NO_DATABASE
    if missing:
        remedy = "the first read makes them, where MONGO_DB_URL's user may; a big collection takes minutes"
        return Outcome(WARN, f"none on time_series and _id: {', '.join(missing)}", remedy)
    if views:
        return Outcome(WARN, f"a view takes none of its own: {', '.join(views)}", _INDEX_VIEWS)
    message = f"{len(there)} of {len(METRICS)} collections have theirs"
    empty = len(METRICS) - len(there)
    return Outcome(OK, message + (f"; {empty} not there yet" if empty else ""))


def check_samples(shared: SharedConnection) -> Outcome:
    """Checks that this database has metrics, that their documents carry dates, and that samples keep coming."""
    try:
        collected = read_collected_metrics(shared.open())
    except errors.PycemakerError:
        return Outcome(SKIP, "the database does not answer, or a collection has no index")
    if not collected:
        wanted = ", ".join(metric.collection for metric in METRICS)
        return Outcome(
            WARN, "no metric has a document in this database", f"MONGO_DB_URL's path names it; wanted: {wanted}"
        )
    if names := _names(collected, lambda each: each.newest_ms is None and not each.is_view):
        return Outcome(FAIL, f"no document carries a date: {names}", _WRITE_DATES)
    if names := _names(collected, lambda each: not each.has_readings):
        return Outcome(FAIL, f"no number is the reading of the newest documents: {names}", _WRITE_NUMBERS)
    if names := _names(collected, lambda each: each.has_undated):
        return Outcome(WARN, f"some documents carry no date: {names}", _WRITE_DATES)
    now_utc = datetime.now(UTC)
    if silent := {each.metric.collection: s for each in collected if (s := each.silent_seconds(now_utc))}:
        silences = ", ".join(f"{collection} for {seconds / 60:.0f} min" for collection, seconds in silent.items())
        return Outcome(WARN, f"no sample comes any more: {silences}", _START_COLLECTOR)
    if names := _names(collected, lambda each: each.is_view):
        return Outcome(WARN, f"a view is not looked at: {names}", _INDEX_VIEWS)
    steps = sorted({round(each.step_ms / 1000, 1) for each in collected})
    return Outcome(
        OK, f"{len(collected)} of {len(METRICS)} metrics, a sample every {', '.join(f'{step:g} s' for step in steps)}"
    )


def _names(collected: list[CollectedMetric], is_meant: Callable[[CollectedMetric], bool]) -> str:
    return ", ".join(each.metric.collection for each in collected if is_meant(each))


_START_COLLECTOR = "see whether the collector runs and reaches MongoDB"
_WRITE_NUMBERS = "let the collector write value as a number, a share as 0.53; a text such as '53%' counts as none"
_INDEX_VIEWS = "see that what it shows has an index on time_series and _id, and that samples keep coming to it"
_WRITE_DATES = "let the collector write time_series as a BSON date; other documents belong to no interval"


def check_job_store(shared: SharedConnection) -> Outcome:
    """Checks that reports can be stored: a small file is written, read and removed where theirs are."""
    try:
        database = shared.open()
    except errors.PycemakerError:
        return _NO_DATABASE
    files, report_id = ArtifactStore(database), f"doctor-{secrets.token_hex(8)}"
    try:
        files.put(report_id, {"probe": b"probe"})
        was_kept = files.get(report_id, "probe") == b"probe"
        files.remove(report_id)
        waiting = JobStore(database, report_id).count_waiting()
    except errors.PycemakerError as error:
        remedy = "MONGO_DB_URL's user needs the role readWrite: every report stands in the database before it is made"
        return Outcome(FAIL, f"no report can be written down: {_why(error)}", remedy)
    if not was_kept:
        return Outcome(FAIL, "what was written does not come back", "see MongoDB's log")
    return Outcome(OK, f"a file was written, read and removed; reports waiting: {waiting}")


def check_schedules(shared: SharedConnection) -> Outcome:
    """Checks that some server enters the reports of due schedules."""
    try:
        late_seconds = ScheduleStore(shared.open(), mails=False).late_seconds()
    except errors.PycemakerError:
        return _NO_DATABASE
    if late_seconds > _LATE_SECONDS:
        remedy = "see that a server runs over this database; one without EMAIL_FROM leaves alone what one with it saved"
        return Outcome(WARN, f"one has been due for {late_seconds:.0f} s", remedy)
    return Outcome(OK, "none is late")


def check_alerts(shared: SharedConnection) -> Outcome:
    """Checks that some server evaluates the rules of alerts."""
    try:
        late_seconds = EvaluationRounds(shared.open()).late_seconds()
        count = sum(AlertHistory(shared.open()).count_open().values())
    except errors.PycemakerError:
        return _NO_DATABASE
    if late_seconds and late_seconds > LATE_SECONDS:
        message = f"none was evaluated for {late_seconds / 60:.0f} min; open: {count}"
        return Outcome(WARN, message, "see that a server or a worker runs over this database")
    return Outcome(OK, f"open: {count}" if late_seconds else "none was evaluated yet")


def _why(error: errors.PycemakerError) -> str:
    """The cause: where none is known, what the driver calls it."""
    return str(error.facts["reason"]) if type(error) is errors.DatabaseUnreachable else str(error)


def check_clock(shared: SharedConnection) -> Outcome:
    """Checks the distance of this machine's clock and MongoDB's: `now` and the samples' times are by different ones."""
    try:
        database = shared.open()
        before = datetime.now(UTC)
        there = ask(database, "hello")["localTime"].replace(tzinfo=UTC)
        after = datetime.now(UTC)
    except errors.PycemakerError:
        return _NO_DATABASE
    apart = there - (before + (after - before) / 2)
    message = f"MongoDB's is {abs(apart).total_seconds():.2f} s {'ahead' if apart > timedelta() else 'behind'}"
    if abs(apart) <= _SKEW:
        return Outcome(OK, message)
    return Outcome(FAIL if abs(apart) > _MUCH_SKEW else WARN, message, "let both machines follow NTP")


def check_mail(sender: SmtpSender | None, outbox: str) -> Outcome:
    """Checks that the mail server takes the login. Nothing is sent."""
    if sender is None:
        remedy = "set EMAIL_FROM and PASSWORD to mail reports"
        return Outcome(WARN, f"no account is set: reports are written to {outbox}", remedy)
    try:
        security = sender.try_login()
    except errors.MailRefused as error:
        reason = error.facts["reason"]
        return Outcome(FAIL, f"{sender.host}:{sender.port}: {reason}", _mail_remedy(reason))
    if sender.password is None:
        return Outcome(OK, f"{sender.host}:{sender.port} answers; mail goes to it without a login, {security}")
    message = f"{sender.host}:{sender.port} takes the login of {sender.user}, {security}"
    if security == "no TLS":
        return Outcome(WARN, message, "SMTP_SECURITY=ssl or starttls keeps the password from being read on the way")
    return Outcome(OK, message)


def _mail_remedy(reason: str) -> str:
    if "AUTH extension" in reason:
        return "the server offers no login on this port: try SMTP_SECURITY=starttls, or leave PASSWORD out for a relay"
    if "the server offers" in reason:
        return "use a server that takes an app password, or a relay of your own without a login (SMTP_SECURITY=none)"
    if "logging in" in reason:
        return "see EMAIL_FROM and PASSWORD; Gmail takes an app password of 16 letters, not the account's own"
    if "certificate" in reason:
        return "SMTP_HOST has to be the name in the certificate; SSL_CERT_FILE names an authority of your own"
    if "TLS" in reason:
        return "SMTP_SECURITY is ssl for port 465, starttls for port 587"
    return "see SMTP_HOST, SMTP_PORT and SMTP_SECURITY, and whether a firewall is in between"


def check_dask(scheduler: str | None) -> Outcome:
    """Checks that the Dask cluster has workers that make reports, and none that is left out."""
    if scheduler is None:
        return Outcome(OK, "DASK_SCHEDULER is not set: servers and workers make the reports")
    cluster = DaskCluster(scheduler, hand_over_seconds=0)
    try:
        state = cluster.look()
    finally:
        cluster.close()
    if state.is_away:
        return Outcome(FAIL, str(state), "see docs/operations.md for the commands that start a scheduler and workers")
    remedy = "start these workers with the versions of the servers, and with the preload"
    return Outcome(WARN, str(state), remedy) if state.refused else Outcome(OK, str(state))


def check_bucket(figures: FirebaseFigures | None) -> Outcome:
    """Checks that the bucket takes a small object, gives it back and lets it go."""
    if figures is None:
        return Outcome(OK, "no key is set: figures travel inside the mail")
    try:
        figures.try_out()
    except errors.StorageRefused as error:
        remedy = "see FIREBASE_SETTINGS and FIREBASE_BUCKET; the service account needs the role Storage Object Admin"
        return Outcome(FAIL, f"{figures.bucket}: {error.facts['reason']}", remedy)
    return Outcome(OK, f"{figures.bucket}: an object was written, read and deleted")


def database_checks(shared: SharedConnection) -> list[Check]:
    """The checks that share a connection."""
    looks = {
        "database": check_database,
        "indexes": check_indexes,
        "samples": check_samples,
        "ledger": check_job_store,
        "schedules": check_schedules,
        "alerts": check_alerts,
        "clock": check_clock,
    }
    return [Check(name, partial(look, shared), DATABASE_SECONDS) for name, look in looks.items()]

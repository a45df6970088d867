"""Steps of the server's start: address, open files, sample history, banner, end with the parent process."""

import errno
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing import connection, parent_process
from pathlib import Path

from tqdm import tqdm

from pycemaker.cache.sample_store import Store
from pycemaker.collect import demo_history
from pycemaker.collect.collect_file import CollectFile, read_collect_file
from pycemaker.errors import DatabaseUnreachable, InvalidSettings
from pycemaker.mongo.database import Database, one_exchange
from pycemaker.mongo.privileges import read_privileges
from pycemaker.parsing import env_file
from pycemaker.parsing.application_names import DEFAULT_APPLICATION
from pycemaker.parsing.route_paths import REPORT_PREFIX
from pycemaker.settings import ROOT, Settings
from pycemaker.tools import unsafe_settings
from pycemaker.window import to_wall_text

_OTHER_FILES = 512
"""Files that a server has open beside its clients' connections: 125 after 300 reports, and then some."""

_LABELS = ("Pycemaker", "database", "reports", "figures", "times")
_log = logging.getLogger(__name__)


def echo(text: str) -> None:
    """Print one line to the operator, on standard error."""
    print(text, file=sys.stderr, flush=True)


def read_sources_file(settings: Settings) -> CollectFile:
    """The sources of COLLECT_FILE, with their credentials out of the environment and `.env`; none without the file.

    Raises:
        InvalidSettings: see `read_collect_file`.
    """
    return read_collect_file(settings.collect_file, {**env_file.read(ROOT / ".env"), **os.environ})


def listening_address(host: str, port: int) -> str:
    """The address that `host` names, where a server could listen at it now.

    Raises:
        InvalidSettings: nobody knows the host, it is not this machine's, or the port is taken or not ours to take.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise InvalidSettings(problems=[_why_not(error, host, port)]) from None
    return str(address[0])


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"PORT takes a free port; {port} is in use"
    if error.errno == errno.EACCES:
        return f"PORT takes a port that this user may listen on; {port} is not one"
    return f"HOST takes an address of this machine; {host} is not one"


def room_for_connections(wanted: int) -> int:
    """The number of connections that this process may hold, of those wanted; raises its limit of open files to that."""
    if sys.platform == "win32":
        return wanted
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = wanted + _OTHER_FILES if hard == resource.RLIM_INFINITY else min(hard, wanted + _OTHER_FILES)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(1, min(wanted, files - _OTHER_FILES))


def fill_if_empty(database: Database) -> None:
    """Write the made-up history into an embedded database with nothing in it; any other is left as it is."""
    if not database.is_embedded or demo_history.has_samples(database):
        return
    write_sample(database, demo_history.DEMO_HOURS)


def write_sample(database: Database, hours: int, application: str = DEFAULT_APPLICATION) -> int:
    """Write an application's made-up history of the last `hours`, with a progress bar; how many documents that were."""
    with documents_bar("writing sample history") as on_progress:
        return demo_history.write_history(database, datetime.now(UTC), hours, on_progress, application)


@contextmanager
def documents_bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar of documents; yields the function that takes how many are done, and of how many."""
    with tqdm(desc=f"  {text}", unit=" documents", unit_scale=True, leave=False, disable=None) as bar:

        def on_progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield on_progress


def banner(settings: Settings, database: Database) -> str:
    """The text of the start: addresses, database, mail, and three commands to try."""
    facts = _facts(settings, database)
    url = facts["url"]
    tail_start = to_wall_text(datetime.now(UTC) - timedelta(minutes=5), settings.timezone)
    tries = [
        (f"curl {url}/cpu/now/6", "an interval of 6 hours, with the one before it"),
        (f"curl {url}/cpu/{tail_start}", "everything since five minutes ago"),
        (f"curl {url}{REPORT_PREFIX}now/6/{settings.email_from or 'you@example.com'}", "a report"),
    ]
    width = max(len(command) for command, _ in tries)
    return "\n".join(
        [
            "",
            *(f"  {label:<11}  {fact}" for label, fact in zip(_LABELS, facts.values(), strict=True)),
            "",
            *(f"  {command:<{width}}   # {meaning}" for command, meaning in tries),
            "",
            "  Ctrl-C stops everything.",
            "",
        ]
    )


def reporter(settings: Settings) -> Callable[[str], None]:
    """The function that shows a line to the operator: `echo`, or a log line where log lines are JSON."""
    return _log.info if settings.log_format == "json" else echo


def print_banner(settings: Settings, database: Database) -> None:
    """Show the banner, or one log line where log lines are JSON."""
    known = _dangers(settings, database)
    if settings.log_format != "json":
        echo(banner(settings, database))
        for danger in known:
            echo(f"  beware: {danger}")
        return
    for danger in known:
        _log.warning("beware: %s", danger)
    _log.info("serving", extra=_facts(settings, database))


def _facts(settings: Settings, database: Database) -> dict[str, str]:
    return {
        "url": replace(settings, public_url=None).own_url,
        "database": _describe_database(settings, database),
        "reports": _describe_mail(settings),
        "figures": f"Firebase bucket {settings.firebase_bucket}" if settings.firebase_key else "inside the mail",
        "timezone": settings.timezone.key,
    }


def _dangers(settings: Settings, database: Database) -> list[str]:
    version = _version(database)
    ended = unsafe_settings.of_mongodb(version, datetime.now(UTC).date()) if version else None
    return unsafe_settings.of_settings(settings) + unsafe_settings.of_env_file() + ([ended] if ended else [])


def _version(database: Database) -> str | None:
    """MongoDB's version; None where it is not reachable."""
    try:
        with one_exchange():
            return str(database.handle.command("buildInfo")["version"])
    except DatabaseUnreachable:
        return None


def _describe_database(settings: Settings, database: Database) -> str:
    if not database.is_embedded:
        return f"MongoDB at MONGO_DB_URL{_condition(database)}"
    if settings.collect_file:
        return f"embedded MongoDB in {_shown(settings, 'mongo')}: what {settings.collect_file.name} collects"
    made_up = " and a made-up history" if Store(database).sample_history_end() else ""
    return f"embedded MongoDB in {_shown(settings, 'mongo')}: this machine's own metrics{made_up}"


def _condition(database: Database) -> str:
    """The database's fault or missing rights, in brackets; empty where all is well."""
    try:
        if database.has_no_metric():
            return f" (no metric in its database {database.handle.name!r} yet: is that the collectors'?)"
        rights = read_privileges(database)
    except DatabaseUnreachable as error:
        known = type(error) is not DatabaseUnreachable
        return f" ({error}; answers are 503)" if known else " (not reachable now; answers are 503)"
    missing = [word for word, granted in (("write", rights.write), ("make indexes", rights.index)) if not granted]
    return f" (its user may not {' or '.join(missing)}: metrics are served, no report is made)" if missing else ""


def _describe_mail(settings: Settings) -> str:
    if settings.mails:
        how = "" if settings.password else ", without a login"
        return f"mailed from {settings.email_from} through {settings.smtp_host}:{settings.smtp_port}{how}"
    return f"written to {_shown(settings, 'outbox')} (set EMAIL_FROM and PASSWORD to mail them)"


def _shown(settings: Settings, folder: str) -> str:
    path = settings.data_dir / folder
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def end_with_parent() -> None:
    """End this process at once when the one that started it has ended, so that none holds the port behind its back."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        connection.wait([parent.sentinel])
        time.sleep(1.0)  # a parent that ends in good order has stopped this process by now
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent").start()

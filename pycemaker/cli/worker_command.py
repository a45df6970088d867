"""`python -m pycemaker worker`: makes and sends reports, and enters those of schedules, without HTTP."""

import argparse
import os
import signal
import threading
from types import FrameType

from pycemaker.alerts.evaluator import make_evaluator
from pycemaker.cache.sample_store import Store
from pycemaker.cli.startup import echo, read_sources_file
from pycemaker.errors import InvalidParameter
from pycemaker.jobs.service_factory import make_report_service
from pycemaker.mongo.database import open_database
from pycemaker.schedules.scheduler import make_scheduler
from pycemaker.settings import Settings


def add(command: argparse.ArgumentParser) -> None:
    """Add the options of `worker`."""
    command.description = (
        "Make and send the reports that wait in MongoDB, REPORT_WORKERS at a time, on this machine. Any number of\n"
        "workers and servers share the work; MongoDB is all that they share. SIGTERM or Ctrl-C lets those begun be\n"
        "finished, a second one ends at once."
    )
    command.add_argument(
        "--make-only", action="store_true", help="send nothing: the mail account is that of a server or another worker"
    )
    command.set_defaults(command=work)


def work(options: argparse.Namespace, settings: Settings) -> int:
    """`worker`: work until it is told to end; 0 when what was begun is done, 1 where it was not in time."""
    if not settings.report_workers and not settings.dask_scheduler:
        raise InvalidParameter(field="REPORT_WORKERS", reason="a worker makes at least one report at a time")
    stops = threading.Semaphore(0)

    def stop(_number: int, _frame: FrameType | None) -> None:
        stops.release()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    secrets = read_sources_file(settings).secrets
    environment = {name: text for name, text in os.environ.items() if name not in secrets}
    database = open_database(settings.mongo_db_url, settings.data_dir, echo)
    service = make_report_service(settings, database, environment, keep_spare=True)
    service.start(delivers=not options.make_only)
    make_scheduler(database, service, settings).start()
    make_evaluator(Store(database), service, settings).start()
    echo(f"making {'' if options.make_only else 'and sending '}reports; Ctrl-C ends it when those begun are done")
    stops.acquire()
    echo("ending when the reports begun are done; Ctrl-C again ends at once")
    if not service.drain(settings.report_timeout_seconds, lambda seconds: stops.acquire(timeout=seconds)):
        return 1  # what it has begun ends with this process; another worker takes it up when its lease has lapsed
    service.close()
    database.close()
    return 0

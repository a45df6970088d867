"""`python -m pycemaker collect`: samples of the sources of COLLECT_FILE, or of this machine."""

import argparse
import sys
import threading
from collections.abc import Callable
from typing import Any

from pycemaker.cli.arguments import add_application
from pycemaker.cli.startup import echo, read_sources_file
from pycemaker.collect.collect_file import CollectFile
from pycemaker.collect.collector_service import CollectorService
from pycemaker.collect.dry_run import DryRun, dry_runs
from pycemaker.collect.this_machine import Collector
from pycemaker.errors import InvalidParameter, InvalidSettings
from pycemaker.metrics import METRICS, Metric
from pycemaker.mongo.database import open_database
from pycemaker.parsing.application_names import parse_application
from pycemaker.settings import Settings

_CLOCK_SECONDS = 5
_MACHINE_METRICS = "cpu, ram and disk"


def add(command: argparse.ArgumentParser) -> None:
    """Add the options of `collect`."""
    command.description = (
        "Collect from the sources of COLLECT_FILE until Ctrl-C. Without that file: write this machine's CPU, RAM\n"
        "and disk every 5 s, as the server does by itself for the embedded database."
    )
    add_application(command, "whose samples this machine's are")
    command.add_argument(
        "--check", action="store_true", help="ask every source once, show what it gives, write nothing"
    )
    command.set_defaults(command=collect)


def collect(options: argparse.Namespace, settings: Settings) -> int:
    """`collect`: samples until Ctrl-C, or a table of what the sources give now; 1 where one of them fails."""
    file = read_sources_file(settings)
    if options.check:
        return _check(file)
    application = parse_application(options.app)
    if application and file.sources:
        raise InvalidParameter(field="--app", reason="the sources of COLLECT_FILE name their applications")
    database = open_database(settings.mongo_db_url, settings.data_dir, echo)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    count_up = _count_up()
    collector: Collector | CollectorService
    if file.sources:
        collector = CollectorService(database, file.sources, count_up)
        echo(f"collecting from {', '.join(source.name for source in file.sources)}; Ctrl-C ends it")
    else:
        collector = Collector(database, settings.data_dir, on_sample=count_up, application=application)
        echo(
            f"collecting {_MACHINE_METRICS} of this machine every 5 s; Ctrl-C ends it\n"
            "response_time, request_count and http_fail are an application's: see docs/collecting.md"
        )
    collector.start()
    try:
        threading.Event().wait()
    finally:
        collector.stop()
        database.close()
    return 0


def _count_up() -> Callable[[int], None]:
    written = 0

    def on_sample(count: int) -> None:
        nonlocal written
        written += count
        if sys.stderr.isatty():
            sys.stderr.write(f"\r  {written} samples written")
            sys.stderr.flush()

    return on_sample


def _check(file: CollectFile) -> int:
    if not file.sources:
        raise InvalidSettings(
            problems=["COLLECT_FILE takes a file of sources (TOML): there is nothing to check without"]
        )
    failed = 0
    for dry_run in dry_runs(file.sources):
        print("\n".join(_lines(dry_run)), flush=True)
        failed += bool(dry_run.faults) or not dry_run.documents
    print(f"\n{failed} of {len(file.sources)} sources fail" if failed else "\nevery source answers")
    return 1 if failed else 0


def _lines(dry_run: DryRun) -> list[str]:
    """A source's heading, a line for each metric that it is asked for, and the metrics that it is not asked for."""
    source = dry_run.source
    lines = [f"\n{source.name}  ({source.kind} {source.url}, every {source.every_seconds} s)"]
    if "" in dry_run.faults:
        return [*lines, f"  fails: {dry_run.faults['']}"]
    if abs(dry_run.clock_seconds) > _CLOCK_SECONDS:
        way = "ahead of" if dry_run.clock_seconds > 0 else "behind"
        lines.append(f"  its clock is {abs(dry_run.clock_seconds):.0f} s {way} this machine's: let both follow NTP")
    for application in sorted({name for name, _ in dry_run.documents}) or [source.application]:
        lines.append(f"  {application or 'the default application'}")
        lines += [_line(dry_run, metric, application) for metric in METRICS if metric.id in source.metric_ids]
    unasked = [metric.id for metric in METRICS if metric.id not in source.metric_ids]
    return lines + ([f"  not asked for: {', '.join(unasked)}"] if unasked else [])


def _line(dry_run: DryRun, metric: Metric, application: str) -> str:
    document = dry_run.documents.get((application, metric.id))
    if document is None:
        reason = dry_run.faults.get(metric.id) or "nothing matches"
        asked = dry_run.source.queries.get(metric.id) or dry_run.source.expressions.get(metric.id)
        return f"    {metric.id:<15}none: {reason}\n{'':<19}{asked}"
    return f"    {metric.id:<15}{_reading(metric, document, dry_run.source.every_seconds):<48}  {document['criticity']}"


def _reading(metric: Metric, document: dict[str, Any], every_seconds: int) -> str:
    """The reading as a person reads it, with its unit."""
    value = sum(document[name] for name in metric.fields)
    if metric.unit == "ratio":
        return f"{value * 100:.2f} %"
    if metric.unit == "seconds":
        return f"{value:.3f} s"
    failed = f", {round(document['value_fail'], 2):g} of them failed" if "value_fail" in document else ""
    return f"{round(value, 2):g} in {every_seconds} s ({value / every_seconds:.2f} a second){failed}"

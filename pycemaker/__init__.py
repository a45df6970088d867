"""The front door of the notebooks: the names that a cell imports with `from pycemaker import ...`.

The rooms of the package, from the top down; each imports those below it (`docs/architecture.md` draws them):

    cli/            the commands of `python -m pycemaker`
    tools/          doctor's checks, mail preview, notebook checks
    web/            HTTP: routes, middleware, access, pages, error responses, OpenAPI
    alerts/         rules, their states, the evaluator, the mails of alerts
    schedules/      reports that come by themselves: their instants, their documents, the scheduler
    jobs/           the queue of reports in MongoDB, its workers and their processes, retention
    mail/           messages, SMTP, outbox, suppressions, unsubscribe links
    reports/        one report: notebook, page, figures, attachments, checks
    presentation/   figures, tables, the verbs of the notebooks' cells
    monitor/        health and forecasts of stored samples
    analysis/       summaries, data quality, trends, capacity, health, forecasts, findings
    collect/        sources of samples: Prometheus, exporters, this machine, demo data
    cache/          samples in memory, hour summaries and hour samples in MongoDB
    mongo/          connection, indexes, reader, rate limits, the embedded mongod
    columnar/       BSON batches as columns and JSON rows
    series/         runs of samples: batches, cadence, downsampling, period
    telemetry/      logs without secrets, request ids, counters, the check runner
    i18n/           languages and catalogues; numbers and dates as readers write them
    parsing/        addresses, hosts, origins, paths of routes, `.env`
    errors/         each error with its status, code and sentence

Beside them: `settings`, `metrics`, `window` (instants and intervals), `stats` (mean, extremes, criticity shares) and
`brand` (name, logo and colours).

The names below are imported when they are first used, so that the server does not load a plotting library.
"""

# ruff: noqa: F401, F403 - editors read the imports below; `_HOMES` has the same names

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pycemaker.analysis.capacity import review
    from pycemaker.metrics import CPU, DISK, HTTP_FAIL, METRICS, RAM, REQUEST_COUNT, RESPONSE_TIME
    from pycemaker.presentation.figures import course, criticity_shares
    from pycemaker.presentation.figures.canvas import picture, style
    from pycemaker.presentation.notebook_functions import *
    from pycemaker.reports.read_alerts import read_alerts
    from pycemaker.reports.read_fleet import read_fleet
    from pycemaker.reports.read_period import read_period

_HOMES = {
    "pycemaker.analysis.capacity": ("review",),
    "pycemaker.presentation.figures": ("course", "criticity_shares"),
    "pycemaker.presentation.figures.canvas": ("picture", "style"),
    "pycemaker.metrics": ("CPU", "DISK", "HTTP_FAIL", "METRICS", "RAM", "REQUEST_COUNT", "RESPONSE_TIME"),
    "pycemaker.reports.read_alerts": ("read_alerts",),
    "pycemaker.reports.read_fleet": ("read_fleet",),
    "pycemaker.reports.read_period": ("read_period",),
    "pycemaker.presentation.notebook_functions": (
        *("alert_changes", "alert_courses", "alert_list", "alert_order", "capacity_changes", "capacity_section"),
        *("capacity_summary", "changes", "clock", "figure", "fleet_changes", "heading", "health", "moved", "others"),
        *("reading", "section", "summary", "translated", "trust", "what_changed"),
    ),
}

__all__ = sorted(name for names in _HOMES.values() for name in names)


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The names for cells, which Jupyter offers after `pycemaker.`."""
    return list(__all__)

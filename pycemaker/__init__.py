"""Pycemaker tells a team how its application is doing. This is the front door of the notebooks.

A file map, in the order in which data walks:

    settings, env_file, errors     what can be set, and what `.env` says; what can go wrong
    dangers              settings that work and are dangerous
    addresses            mail addresses and lists of them
    hosts, origins       names of hosts as the DNS has them; websites as browsers name them
    language/            the readers' language, and the catalogues of those that are not the source's
    metrics, window      the table of metrics; text to instants and intervals
    data/                MongoDB: connect or start it, read samples, make some up, collect this machine's
    samples, stats       columns of samples; pure numbers over them
    payload              the API's JSON
    period               what a notebook works on
    robust, coverage     statistics that no spike moves; how far samples can be trusted
    data_quality         samples that look like something else than they are meant to be
    cadence, sampling    the usual distance of samples, learned from them; the sentence that says it
    findings/            what changed, in at most three sentences
    capacity, trend      how much room a resource has, and when it would be full
    parameters           a notebook's parameters, read and checked
    digest, criticity    what readers are told of a metric; the names and colours of criticities
    words/               numbers and dates as readers write them
    tables, capacity_tables, capacity_findings, figures/
                         HTML and pictures out of a period
    show                 the cells' verbs: they display tables and figures
    report/              notebook -> page -> figures stored -> mail; the catalogue of notebooks
    period_reader        the period of a notebook, read from the database
    wiring               builds the real parts out of the settings
    commands/            what `python -m pycemaker` does
    brand                name, logo and colours, for templates and tables
    preview/, rehearsal/ a mail in other people's inboxes; notebooks on what breaks them
    home, traffic        the page at /; how the API itself is doing

The names below are imported when they are first used, so that the server does not load a plotting library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pycemaker.capacity import review
    from pycemaker.figures import course, criticity_shares
    from pycemaker.figures.sheet import picture
    from pycemaker.metrics import CPU, DISK, HTTP_FAIL, METRICS, RAM, REQUEST_COUNT, RESPONSE_TIME
    from pycemaker.period_reader import read_period
    from pycemaker.show import (
        capacity_changes,
        capacity_section,
        capacity_summary,
        changes,
        figure,
        heading,
        moved,
        others,
        section,
        summary,
        translated,
        trust,
    )

_HOMES = {
    "pycemaker.capacity": ("review",),
    "pycemaker.figures": ("course", "criticity_shares"),
    "pycemaker.figures.sheet": ("picture",),
    "pycemaker.metrics": ("CPU", "DISK", "HTTP_FAIL", "METRICS", "RAM", "REQUEST_COUNT", "RESPONSE_TIME"),
    "pycemaker.period_reader": ("read_period",),
    "pycemaker.show": (
        "capacity_changes",
        "capacity_section",
        "capacity_summary",
        "changes",
        "figure",
        "heading",
        "moved",
        "others",
        "section",
        "summary",
        "translated",
        "trust",
    ),
}

__all__ = [
    "CPU",
    "DISK",
    "HTTP_FAIL",
    "METRICS",
    "RAM",
    "REQUEST_COUNT",
    "RESPONSE_TIME",
    "capacity_changes",
    "capacity_section",
    "capacity_summary",
    "changes",
    "course",
    "criticity_shares",
    "figure",
    "heading",
    "moved",
    "others",
    "picture",
    "read_period",
    "review",
    "section",
    "summary",
    "translated",
    "trust",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

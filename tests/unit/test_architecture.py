"""The arrows of the house, and who alone may import what."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / "server.py", *sorted((ROOT / "pycemaker").rglob("*.py"))]

# A module may import modules of its own layer and of those below it.
LAYERS = [
    ["server"],
    ["pycemaker.web"],
    [
        "pycemaker",
        "pycemaker.__main__",
        "pycemaker.cli",
        "pycemaker.tools",
        "pycemaker.tools",
        "pycemaker.tools",
        "pycemaker.cli.startup",
        "pycemaker.jobs.worker_entry",
    ],
    [
        "pycemaker.jobs.factories",
        "pycemaker.jobs.service_factory",
        "pycemaker.jobs.report_service",
        "pycemaker.jobs.warm_slot",
        "pycemaker.jobs.subprocess_runner",
    ],
    ["pycemaker.reports", "pycemaker.mongo", "pycemaker.jobs"],
    ["pycemaker.presentation.display"],
    ["pycemaker.web.formats"],
    [
        "pycemaker.web.response_bodies",
        "pycemaker.presentation.figures",
        "pycemaker.presentation.tables",
        "pycemaker.presentation.capacity_tables",
        "pycemaker.presentation.capacity_findings",
    ],
    [
        "pycemaker.analysis.capacity",
        "pycemaker.analysis.data_quality",
        "pycemaker.analysis.findings",
        "pycemaker.presentation.cadence_sentence",
    ],
    [
        "pycemaker.analysis.metric_summary",
        "pycemaker.analysis.criticity",
        "pycemaker.series.period",
        "pycemaker.analysis.rates",
        "pycemaker.i18n",
        "pycemaker.telemetry.traffic",
        "pycemaker.telemetry.logs",
        "pycemaker.telemetry.histogram",
        "pycemaker.analysis.coverage",
    ],
    ["pycemaker.series.cadence"],
    [
        "pycemaker.stats",
        "pycemaker.analysis.trend",
        "pycemaker.series.downsample",
        "pycemaker.series.robust",
        "pycemaker.series.hour_summaries",
    ],
    ["pycemaker.series.batches"],
    ["pycemaker.metrics", "pycemaker.window", "pycemaker.reports.parameters", "pycemaker.reports.parameters_cell"],
    ["pycemaker.brand"],
    ["pycemaker.tools.unsafe_settings"],
    ["pycemaker.settings", "pycemaker.telemetry.request_ids"],
    ["pycemaker.parsing.env_file"],
    ["pycemaker.parsing.addresses", "pycemaker.parsing.origins"],
    ["pycemaker.errors", "pycemaker.parsing.hosts", "pycemaker.i18n.language", "pycemaker.series.once"],
]

ALONE = {
    "bottle": {
        "server",
        "pycemaker.web.access.browser_actions",
        "pycemaker.web.routes.home_routes",
        "pycemaker.web.routes.stored_report_routes",
        "pycemaker.web.routes.metric_routes",
        "pycemaker.web.routes.openapi_routes",
        "pycemaker.web.routes.report_routes",
        "pycemaker.web.error_handling",
        "pycemaker.web.routes.unsubscribe_routes",
        "pycemaker.web.routes.probe_routes",
    },
    "gridfs": {"pycemaker.jobs.artifacts"},
    "granian": {"server"},
    "papermill": {"pycemaker.reports.execute", "pycemaker.reports.kernel_client"},
    "nbclient": {"pycemaker.reports.execute"},
    "jupyter_client": {"pycemaker.reports.execute"},
    "zmq": {"pycemaker.reports.execute"},
    "nbconvert": {"pycemaker.reports.render", "pycemaker.reports.fragments"},
    "nbformat": {"pycemaker.reports.render", "pycemaker.reports.notebook_file"},
    "resvg_py": {"pycemaker.reports.pictures"},
    "plotly": {"pycemaker.reports.charts"},
    "vl_convert": {"pycemaker.reports.charts"},
    "css_inline": {"pycemaker.reports.inline_styles"},
    "inscriptis": {"pycemaker.reports.render"},
    "lxml": {"pycemaker.reports.render", "pycemaker.tools.mail_clients"},
    "bleach": {"pycemaker.reports.sanitize"},
    "firebase_admin": {"pycemaker.reports.firebase"},
    "google": {"pycemaker.reports.firebase"},
    "yagmail": {"pycemaker.mail.smtp"},
    "seaborn": {
        "pycemaker.presentation.figures",
        "pycemaker.presentation.figures.heatmap",
        "pycemaker.presentation.figures.outlook",
        "pycemaker.presentation.figures.criticity_bar",
    },
    "xxhash": {"pycemaker.series.batches"},
    "tsdownsample": {"pycemaker.series.downsample"},
    "pyarrow": {"pycemaker.web.formats"},
    "xlsxwriter": {"pycemaker.reports.attachments.workbook"},
    "babel": {
        "pycemaker.i18n.language",
        "pycemaker.i18n.catalogues",
        "pycemaker.i18n.dates",
        "pycemaker.i18n.numbers",
    },
    "dotenv": {"pycemaker.parsing.env_file"},
    "jsonschema": {"pycemaker.reports.parameters"},
    "prometheus_client": {"pycemaker.web.exposition"},
    "idna": {"pycemaker.parsing.hosts"},
    "orjson": {
        "pycemaker.web.response_bodies",
        "pycemaker.columnar.columns",
        "pycemaker.columnar.decode",
        "pycemaker.columnar.json_rows",
    },
}

PURE = [
    "pycemaker.parsing.addresses",
    "pycemaker.series.cadence",
    "pycemaker.telemetry.histogram",
    "pycemaker.parsing.hosts",
    "pycemaker.series.hour_summaries",
    "pycemaker.parsing.origins",
    "pycemaker.stats",
    "pycemaker.series.downsample",
    "pycemaker.web.formats",
    "pycemaker.series.robust",
    "pycemaker.presentation.cadence_sentence",
    "pycemaker.analysis.coverage",
    "pycemaker.analysis.data_quality",
    "pycemaker.analysis.findings",
    "pycemaker.presentation.figures",
    "pycemaker.web.response_bodies",
    "pycemaker.presentation.tables",
    "pycemaker.i18n",
    "pycemaker.i18n.language",
    "pycemaker.analysis.capacity",
    "pycemaker.presentation.capacity_findings",
    "pycemaker.presentation.capacity_tables",
    "pycemaker.analysis.rates",
    "pycemaker.analysis.trend",
]


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def layer_of(module: str) -> int | None:
    places = [(len(name), place) for place, names in enumerate(LAYERS) for name in names
              if module == name or (module.startswith(name + ".") and name != "pycemaker")]  # fmt: skip
    return max(places)[1] if places else None


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_every_module_has_a_layer_and_imports_nothing_above_it(path: Path) -> None:
    module = module_of(path)
    own = layer_of(module)
    assert own is not None, f"{module} is in no layer"
    upward = [name for name in imports_of(path) if name.startswith(("pycemaker", "server"))
              and (place := layer_of(name)) is not None and place < own and name != "pycemaker"]  # fmt: skip
    assert upward == []


@pytest.mark.parametrize("vendor", ALONE)
def test_one_vendor_is_imported_by_one_module(vendor: str) -> None:
    users = {module_of(path) for path in SOURCES if any(n.split(".")[0] == vendor for n in imports_of(path))}
    assert users == ALONE[vendor]


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_know_no_database_clock_environment_or_http(module: str) -> None:
    paths = [path for path in SOURCES if module_of(path) == module or module_of(path).startswith(module + ".")]
    assert paths
    known = {name.split(".")[0] for path in paths for name in imports_of(path)}
    assert known & {"pymongo", "bson", "os", "time", "requests", "bottle", "socket"} == set()


def test_importing_the_server_loads_neither_a_plotting_library_nor_papermill() -> None:
    heavy = "'seaborn', 'matplotlib', 'pandas', 'pyarrow', 'papermill', 'nbconvert', 'firebase_admin', 'yagmail'"
    code = f"import server, sys; print([m for m in ({heavy}) if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_the_distance_of_our_own_samples_is_known_to_those_who_make_samples_alone() -> None:
    users = {module_of(path) for path in SOURCES if "SAMPLE_SECONDS" in path.read_text(encoding="utf-8")}
    assert users == {
        "pycemaker.metrics",
        "pycemaker.collect.this_machine",
        "pycemaker.collect.demo",
        "pycemaker.tools.hard_intervals",
    }

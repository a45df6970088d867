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
        "pycemaker.commands",
        "pycemaker.doctor",
        "pycemaker.preview",
        "pycemaker.rehearsal",
        "pycemaker.startup",
        "pycemaker.report.child",
    ],
    [
        "pycemaker.wiring",
        "pycemaker.period_reader",
        "pycemaker.dispatch",
        "pycemaker.report.desk",
        "pycemaker.report.bench",
        "pycemaker.report.runner",
    ],
    ["pycemaker.report", "pycemaker.data", "pycemaker.ledger"],
    ["pycemaker.show"],
    ["pycemaker.shapes"],
    [
        "pycemaker.payload",
        "pycemaker.figures",
        "pycemaker.tables",
        "pycemaker.capacity_tables",
        "pycemaker.capacity_findings",
    ],
    ["pycemaker.capacity", "pycemaker.data_quality", "pycemaker.findings", "pycemaker.sampling"],
    [
        "pycemaker.digest",
        "pycemaker.criticity",
        "pycemaker.period",
        "pycemaker.rates",
        "pycemaker.words",
        "pycemaker.traffic",
        "pycemaker.logs",
        "pycemaker.histogram",
        "pycemaker.coverage",
    ],
    ["pycemaker.cadence"],
    ["pycemaker.stats", "pycemaker.trend", "pycemaker.points", "pycemaker.robust", "pycemaker.hour_summaries"],
    ["pycemaker.samples"],
    ["pycemaker.metrics", "pycemaker.window", "pycemaker.parameters", "pycemaker.parameters_cell"],
    ["pycemaker.brand"],
    ["pycemaker.dangers"],
    ["pycemaker.settings", "pycemaker.request_ids"],
    ["pycemaker.env_file"],
    ["pycemaker.addresses", "pycemaker.origins"],
    ["pycemaker.errors", "pycemaker.hosts", "pycemaker.language", "pycemaker.once"],
]

ALONE = {
    "bottle": {
        "server",
        "pycemaker.web.acting",
        "pycemaker.web.home_route",
        "pycemaker.web.kept_routes",
        "pycemaker.web.metric_routes",
        "pycemaker.web.openapi_route",
        "pycemaker.web.report_routes",
        "pycemaker.web.telling",
        "pycemaker.web.unsubscribe_routes",
        "pycemaker.web.watch_routes",
    },
    "gridfs": {"pycemaker.ledger.files"},
    "granian": {"server"},
    "papermill": {"pycemaker.report.notebook", "pycemaker.report.notebook_client"},
    "nbclient": {"pycemaker.report.notebook"},
    "jupyter_client": {"pycemaker.report.notebook"},
    "zmq": {"pycemaker.report.notebook"},
    "nbconvert": {"pycemaker.report.render", "pycemaker.report.fragments"},
    "nbformat": {"pycemaker.report.render", "pycemaker.report.nbformat_first"},
    "resvg_py": {"pycemaker.report.pictures"},
    "plotly": {"pycemaker.report.charts"},
    "vl_convert": {"pycemaker.report.charts"},
    "css_inline": {"pycemaker.report.styles"},
    "inscriptis": {"pycemaker.report.render"},
    "lxml": {"pycemaker.report.render", "pycemaker.preview.clients"},
    "bleach": {"pycemaker.report.clean"},
    "firebase_admin": {"pycemaker.report.storage"},
    "google": {"pycemaker.report.storage"},
    "yagmail": {"pycemaker.report.smtp"},
    "seaborn": {
        "pycemaker.figures",
        "pycemaker.figures.heatmap",
        "pycemaker.figures.forecast",
        "pycemaker.figures.shares",
    },
    "xxhash": {"pycemaker.samples"},
    "tsdownsample": {"pycemaker.points"},
    "pyarrow": {"pycemaker.shapes"},
    "xlsxwriter": {"pycemaker.report.attachments.workbook"},
    "babel": {
        "pycemaker.language",
        "pycemaker.language.messages",
        "pycemaker.words.dates",
        "pycemaker.words.numbers",
    },
    "dotenv": {"pycemaker.env_file"},
    "prometheus_client": {"pycemaker.web.exposition"},
    "idna": {"pycemaker.hosts"},
    "orjson": {"pycemaker.payload", "pycemaker.data.columns", "pycemaker.data.decode", "pycemaker.data.text"},
}

PURE = [
    "pycemaker.addresses",
    "pycemaker.cadence",
    "pycemaker.histogram",
    "pycemaker.hosts",
    "pycemaker.hour_summaries",
    "pycemaker.origins",
    "pycemaker.stats",
    "pycemaker.points",
    "pycemaker.shapes",
    "pycemaker.robust",
    "pycemaker.sampling",
    "pycemaker.coverage",
    "pycemaker.data_quality",
    "pycemaker.findings",
    "pycemaker.figures",
    "pycemaker.payload",
    "pycemaker.tables",
    "pycemaker.words",
    "pycemaker.language",
    "pycemaker.capacity",
    "pycemaker.capacity_findings",
    "pycemaker.capacity_tables",
    "pycemaker.rates",
    "pycemaker.trend",
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
        "pycemaker.data.collect",
        "pycemaker.data.sample",
        "pycemaker.rehearsal.cases",
    }

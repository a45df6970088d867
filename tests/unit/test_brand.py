"""Name, logo and colours stand in one place."""

from __future__ import annotations

import re

from pycemaker import brand
from pycemaker.settings import ROOT

TEMPLATES = ROOT / "notebooks" / "templates"


def test_no_template_has_a_colour_of_its_own() -> None:
    for path in (TEMPLATES / "mail").iterdir():
        assert re.findall(r"#[0-9a-fA-F]{6}\b", path.read_text()) == [], path.name


def test_every_name_that_a_template_uses_is_in_the_brand_and_none_is_unused() -> None:
    used = {name for path in (TEMPLATES / "mail").iterdir() for name in re.findall(r"brand\.(\w+)", path.read_text())}
    used.discard("json")
    assert used == set(brand.load())


def test_the_notebooks_style_sheet_is_filled_in() -> None:
    style = brand.style_sheet(TEMPLATES / "mail" / "style.css")
    assert "{{" not in style
    assert ".pm-cell a { color: #0b5c6b }" in style


def test_where_only_the_package_is_installed_there_is_no_brand() -> None:
    assert brand.load(TEMPLATES / "missing.json") == {}
    assert brand.style_sheet(TEMPLATES / "missing.css") == ""

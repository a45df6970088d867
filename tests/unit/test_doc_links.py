"""The documents among themselves: length, links, headings, the version."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from pycemaker.settings import ROOT
from tests.services.documents import DOCS, README, anchors_of, every_document, links_of, name_of, text_of


def test_the_readme_is_one_short_page() -> None:
    assert README.stat().st_size <= 8_192


def test_every_document_is_reached_from_the_readme() -> None:
    linked = {(ROOT / target).resolve() for target in links_of(README) if target.endswith(".md")}
    assert {name_of(path) for path in DOCS} - {name_of(path) for path in linked} == {"README.md"}


def test_the_version_is_that_of_the_newest_change() -> None:
    newest = re.search(r"^## (\S+) \(\d{4}-\d{2}-\d{2}\)$", text_of("CHANGELOG.md"), re.MULTILINE)
    assert newest is not None
    assert tomllib.loads(text_of("pyproject.toml"))["project"]["version"] == newest[1]


@every_document
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(path: Path) -> None:
    lost = []
    for target in links_of(path):
        file, _, anchor = target.partition("#")
        led = (path.parent / file).resolve() if file else path
        if not led.is_file() or (anchor and anchor not in anchors_of(led)):
            lost.append(target)
    assert lost == []


@every_document
def test_no_heading_is_there_twice(path: Path) -> None:
    headings = re.findall(r"^##? .+$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(set(headings))


@every_document
def test_every_table_begins_with_a_head(path: Path) -> None:
    """A row behind a blank line is shown as text."""
    assert re.findall(r"\n\n(\|.*)\n(?!\|[-:| ]+\|\n)", path.read_text(encoding="utf-8")) == []

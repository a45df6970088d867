"""From an executed notebook to the page that is mailed: nbconvert with our template, literal styles, a text part."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import css_inline
import lxml.html
import nbformat
from inscriptis import Inscriptis
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig
from nbconvert.exporters.html import HTMLExporter
from nbconvert.preprocessors import ExtractOutputPreprocessor

from pycemaker import brand, words
from pycemaker.errors import NothingToSend
from pycemaker.report.clean import clean_html
from pycemaker.report.outputs import says_something, showable, shrink
from pycemaker.report.pipeline import Figure, Page
from pycemaker.settings import ROOT
from pycemaker.window import Window

TEMPLATES = ROOT / "notebooks" / "templates"

HTML_BYTES = 95_000
"""The largest page: Gmail clips at some 102 KB."""

TEXT_COLUMNS = 78
_LONGEST_LINE = 900  # mail servers take 998

_NO_LINKS: Mapping[str, str] = MappingProxyType({})
_OWN_STYLE = re.compile(r'<style data-pycemaker="">.*?</style>', re.DOTALL)


def render_page(
    executed: Path, window: Window, *, zone: ZoneInfo, templates: Path = TEMPLATES, links: Mapping[str, str] = _NO_LINKS
) -> Page:
    """The page of an executed notebook: what its cells show, without code, prompts, stderr, tracebacks and parameters.

    Args:
        executed: the notebook with its outputs; one that ran only in part gives what there is.
        window: what the subject names.
        zone: where readers are.
        templates: the folder in which nbconvert's template `mail` is.
        links: shown at the foot, URL by label.

    Returns:
        HTML of at most `HTML_BYTES` (largest texts are left out first, and say so), its text, and its figures.

    Raises:
        NothingToSend: the notebook left neither text nor figure, or cannot be read.
    """
    notebook = _read(executed)
    subject = words.subject(window, zone)
    zone_phrase = words.zone_phrase(window, zone)
    report = {"subject": subject, "zone": zone_phrase, "links": list(links.items()), "brand": brand.load()}
    exporter = _exporter(templates)
    plain, figures = _export(exporter, notebook, report)
    html, limit = _inline(plain), HTML_BYTES
    while len(html.encode()) > HTML_BYTES and limit > 1000:
        limit //= 2
        if shrink(notebook, limit):
            plain, figures = _export(exporter, notebook, report)
            html = _inline(plain)
    return Page(subject, html, _text(plain), figures)


def warm(templates: Path = TEMPLATES) -> None:
    """Compile the template and whatever else a first page compiles: that takes longer than the page itself."""
    report = {"subject": "", "zone": "", "links": [], "brand": brand.load()}
    html, _ = _export(_exporter(templates), {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}, report)
    _text(_inline(clean_html(html)))


def _read(executed: Path) -> dict[str, Any]:
    try:
        content = json.loads(executed.read_bytes())
        notebook = showable(content)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise NothingToSend(reason=f"the executed notebook cannot be read ({type(error).__name__})") from None
    if not says_something(notebook):
        raise NothingToSend(reason="no cell left text or a figure")
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            _inline_styles(output)
    return notebook


def _inline_styles(output: dict[str, Any]) -> None:
    """Style sheets inside a piece of HTML (a pandas Styler brings one) become style attributes."""
    html = output.get("data", {}).get("text/html", "")
    if "<style" in html:
        html = _OWN_STYLE.sub("", html)
        output["data"]["text/html"] = css_inline.inline_fragment(html, "") if "<style" in html else html


@cache
def _exporter(templates: Path) -> HTMLExporter:
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        template_name="mail",
        extra_template_basedirs=[str(templates)],
        exclude_anchor_links=True,
        default_preprocessors=[],
        preprocessors=[ExtractOutputPreprocessor(enabled=True)],  # type: ignore[no-untyped-call]
    )
    exporter.register_filter("clean_html", clean_html)  # type: ignore[no-untyped-call]
    return exporter


def _export(exporter: HTMLExporter, notebook: dict[str, Any], report: dict[str, Any]) -> tuple[str, tuple[Figure, ...]]:
    node = nbformat.from_dict(notebook)  # type: ignore[no-untyped-call]
    html, resources = exporter.from_notebook_node(node, {"report": report})
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    told = {o["metadata"]["filename"]: o["metadata"]["alt"] for o in outputs if "image/png" in o.get("data", {})}
    figures = tuple(Figure(name, png, told[name]) for name, png in (resources["outputs"] or {}).items())
    return html, figures


def _inline(html: str) -> str:
    """Every rule of the style sheet as style attributes; only what the template marks `keep` stays in the head."""
    inliner = css_inline.CSSInliner(apply_width_attributes=True, load_remote_stylesheets=False)
    return str(inliner.inline(html))


def _text(html: str) -> str:
    """The page as text: tables aligned, figures as their sentences, paragraphs folded."""
    tree = lxml.html.fromstring(html)
    for table in tree.xpath('//table[@role="presentation"]'):  # layout is no table to align
        for part in table.xpath("self::*|tbody|tr|tbody/tr|tr/td|tbody/tr/td"):
            part.tag = "p" if part.tag == "td" else "div"
    for ornament in tree.xpath('//*[@aria-hidden="true"]'):
        ornament.drop_tree()
    for title in tree.xpath("//h1|//h2"):
        rule = ("=" if title.tag == "h1" else "-") * len(title.text_content().strip())
        lxml.html.etree.SubElement(title, "br").tail = rule
    config = ParserConfig(css=CSS_PROFILES["strict"], display_images=True, display_links=True)
    lines = [line.rstrip() for line in Inscriptis(tree, config).get_text().splitlines()]
    text = "\n".join(folded for line in lines for folded in _folded(line))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _folded(line: str) -> list[str]:
    """The line in lines of `TEXT_COLUMNS`; one with columns (two blanks within) stays whole."""
    if len(line) <= TEXT_COLUMNS or ("  " in line.strip() and len(line) < _LONGEST_LINE):
        return [line]
    return textwrap.wrap(line.strip(), TEXT_COLUMNS, break_long_words=len(line) >= _LONGEST_LINE) or [""]

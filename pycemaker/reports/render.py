"""Renders an executed notebook: the mail and the page for a browser by nbconvert with our templates, and plain text."""

import json
import re
import textwrap
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from pycemaker.reports.fast_nbformat import nbformat

# isort: split
import lxml.html
from inscriptis import Inscriptis
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig

from pycemaker import brand, i18n
from pycemaker.errors import NothingToSend
from pycemaker.i18n import language
from pycemaker.i18n.language import _
from pycemaker.parsing.route_paths import LEAVE_TOKEN, REPORTS_PATH, UNSUBSCRIBE_PREFIX
from pycemaker.presentation import mail_width
from pycemaker.presentation.demo_notice import demo_notice
from pycemaker.reports.headline import read_data_digest, read_headline
from pycemaker.reports.html_placeholders import put_pictures
from pycemaker.reports.inline_styles import inline_page
from pycemaker.reports.logo import read_logo
from pycemaker.reports.mail_size import HTML_BYTES
from pycemaker.reports.mail_subject import mail_subject
from pycemaker.reports.missing_glyphs import missing_glyphs
from pycemaker.reports.notebook_file import Json
from pycemaker.reports.notebook_for_readers import (
    HTML_CHARACTERS,
    PAGE_CHARACTERS,
    leave_out,
    says_something,
    showable,
    shown_by_cell,
)
from pycemaker.reports.notices import Link
from pycemaker.reports.picture_cache import PictureCache
from pycemaker.reports.plain_text import joined
from pycemaker.reports.report_model import Figure, Page
from pycemaker.reports.sanitize import sanitize_html
from pycemaker.reports.template_exporter import SandboxedExporter
from pycemaker.series.comparable_samples import Kind, kind_of
from pycemaker.settings import TEMPLATES
from pycemaker.window import Window

TEXT_COLUMNS = 78
_LONGEST_LINE = 900  # mail servers take 998

_NO_LINKS: Mapping[str, str] = MappingProxyType({})


def render_page(
    executed: Path,
    window: Window,
    report_id: str = "",
    notes: Sequence[str] = (),
    *,
    application: str = "",
    zone: ZoneInfo,
    templates: Path = TEMPLATES,
    links: Mapping[str, str] = _NO_LINKS,
    public_url: str | None = None,
    demo_until_utc: datetime | None = None,
) -> Page:
    """Mail and page of an executed notebook: its outputs, without code, prompts, stderr and parameters.

    The mail's HTML has at most `HTML_BYTES`: what exceeds that is left out in the order of `outputs.leave_out`, and a
    notice says so. The page has everything. Both are in the current language.

    Args:
        report_id: the id under which the page is served.
        notes: sentences above the mail's foot.
        application: named in subject and head in place of what the brand says is watched; the default one is not.
        templates: the folder of nbconvert's templates `mail` and `page`.
        public_url: this API as readers reach it; with it the mail links to the page.
        demo_until_utc: the end of the database's demo samples. Where the window has some, subject and page say so.

    Raises:
        NothingToSend: the notebook left neither text nor figure, or cannot be read.
    """
    content = _load(executed)
    headline = read_headline(content)
    own, logo = brand.load(), read_logo(brand.load())
    words = headline.headline if headline else ""
    subject = own.subject_prefix + mail_subject(window, zone, words, name=application or own.watched)
    notice, is_real = demo_notice(window, zone, demo_until_utc), kind_of(window, demo_until_utc) is Kind.REAL
    sample = "" if is_real else " " + _("(dados de exemplo)")
    report = _template_variables(
        subject=words if headline and headline.is_subject else subject + sample,
        preheader=headline.preheader if headline else i18n.period(window, zone),
        zone=i18n.zone_phrase(window, zone),
        links=list(links.items()),
        page_url=f"{public_url}{REPORTS_PATH}/{report_id}" if public_url and report_id else "",
        notes=list(notes),
        logo=logo.source,
        leave_url=f"{public_url}{UNSUBSCRIBE_PREFIX}{LEAVE_TOKEN}" if public_url else "",
        demo_notice="" if notice and _shows(content, notice) else notice,
        watched=application or own.watched,
        compares=not (headline and headline.is_subject),  # an alert's mail compares with no previous interval
    )
    cut = partial(_showable, content, PictureCache())
    page_url = str(report["page_url"])
    link = Link(f"{page_url}.ipynb", _("Abrir o notebook do relatório")) if page_url else None
    whole = cut(PAGE_CHARACTERS, link, is_page=True)
    full, figures = _export(_exporter("page", templates), whole, report)
    mailed = cut(HTML_CHARACTERS, Link(page_url, _("Ver na página completa")) if page_url else None)
    html, plain, mailed_figures = _mail(_exporter("mail", templates), mailed, report)
    known = {figure.name for figure in figures}
    figures += tuple(figure for figure in mailed_figures if figure.name not in known)
    figures += (logo.figure,) if logo.figure else ()
    left_out = (*mailed["metadata"]["left_out"], *missing_glyphs(content), *([logo.problem] if logo.problem else []))
    return Page(
        str(report["subject"]),
        html,
        _text(plain),
        figures,
        full,
        read_data_digest(content),
        left_out,
        shown_by_cell(whole),
        tuple(whole["metadata"]["remarks"]),
        headline.severity if headline else None,
    )


def _mail(exporter: SandboxedExporter, notebook: Json, report: Json) -> tuple[str, str, tuple[Figure, ...]]:
    """The mail's HTML with inlined styles, the HTML before, and its figures."""
    plain, figures = _export(exporter, notebook, report)
    html = inline_page(plain)
    while (excess := len(html.encode()) - HTML_BYTES) > 0:
        left_out = leave_out(notebook, excess)
        if not left_out:
            break
        report["left_out"] += left_out
        plain, figures = _export(exporter, notebook, report)
        html = inline_page(plain)
    return html, plain, figures


def warm(templates: Path = TEMPLATES) -> None:
    """Compile the templates, notebooks' schema, and whatever else a first page compiles: that takes longer than it."""
    report = _template_variables()
    empty = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
    nbformat.validate(empty)
    _export(_exporter("page", templates), empty, report)
    html, _pictures = _export(_exporter("mail", templates), empty, report)
    _text(inline_page(sanitize_html(html)))


def _template_variables(**given: Any) -> Json:
    """The templates' variable `report`: texts not given are empty; `left_out` grows as the mail is shortened."""
    names = ("subject", "preheader", "zone", "page_url", "logo", "demo_notice", "watched", "leave_url")
    known = {
        "links": (),
        "notes": (),
        "left_out": 0,
        "brand": brand.load(),
        "compares": True,
        "language": language.spoken().tag,
    }
    return dict.fromkeys(names, "") | known | given


def _load(executed: Path) -> Json:
    try:
        content: Json = json.loads(executed.read_bytes())
        missing_glyphs(content)
    except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
        raise NothingToSend(reason=f"the executed notebook cannot be read ({type(error).__name__})") from None
    return content


def _shows(content: Json, sentence: str) -> bool:
    """True where a cell's HTML has the sentence."""
    outputs = (output for cell in content.get("cells", []) for output in cell.get("outputs", []))
    return any(escape(sentence) in joined(output.get("data", {}).get("text/html", "")) for output in outputs)


def _showable(content: Json, converter: PictureCache, limit: int, link: Link | None, *, is_page: bool = False) -> Json:
    notebook = showable(content, limit, link=link, converter=converter, is_page=is_page)
    if not says_something(notebook):
        raise NothingToSend(reason="no cell left text or a figure")
    return notebook


@cache
def _exporter(name: str, templates: Path) -> SandboxedExporter:
    functions: dict[str, Callable[..., str]] = {"_": _, "ngettext": language.ngettext}
    return SandboxedExporter(name, [str(templates)], functions, {"put_pictures": put_pictures}, width=mail_width)


def _export(
    exporter: SandboxedExporter, notebook: dict[str, Any], report: dict[str, Any]
) -> tuple[str, tuple[Figure, ...]]:
    node = nbformat.from_dict(notebook)  # type: ignore[no-untyped-call]
    html, resources = exporter.from_notebook_node(node, {"report": report})
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    sentences = {o["metadata"]["filename"]: o["metadata"]["alt"] for o in outputs if "image/png" in o.get("data", {})}
    pngs = dict(resources["outputs"] or {})
    for name, picture in notebook["metadata"].get("pictures", {}).items():
        if f'"figure:{name}"' in html:
            pngs[name], sentences[name] = b64decode(picture["png"]), picture["alt"]
    offsets = {name: html.find(f'"figure:{name}"') for name in pngs}
    return html, tuple(Figure(name, pngs[name], sentences[name]) for name in sorted(pngs, key=offsets.__getitem__))


def _text(html: str) -> str:
    """The HTML as plain text: tables aligned, figures as their alternative texts, lines wrapped."""
    tree = lxml.html.fromstring(html)
    for table in tree.xpath('//table[@role="presentation"]'):  # tables for layout are not aligned
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
    """The line wrapped at `TEXT_COLUMNS`; a line of a table (two blanks in a row) stays whole."""
    if len(line) <= TEXT_COLUMNS or ("  " in line.strip() and len(line) < _LONGEST_LINE):
        return [line]
    return textwrap.wrap(line.strip(), TEXT_COLUMNS, break_long_words=len(line) >= _LONGEST_LINE) or [""]

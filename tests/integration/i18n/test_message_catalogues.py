"""That every text for readers goes through the catalogues, and that these have it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from pycemaker import i18n
from pycemaker.analysis.capacity import Resource
from pycemaker.analysis.findings.choice import find
from pycemaker.analysis.metric_summary import summarize_metric
from pycemaker.analysis.period_health import period_health
from pycemaker.i18n import language
from pycemaker.i18n.language import FOLDER, LANGUAGES, N_, _, find_language, ngettext, pgettext, speak, speaking, spoken
from pycemaker.monitor.fired_alerts import FiredAlerts
from pycemaker.presentation import capacity_tables, figures, fleet_table, tables
from pycemaker.presentation.alert_findings import alert_head, alert_list, alert_order, alert_rows
from pycemaker.presentation.capacity_findings import capacity_findings, capacity_quiet
from pycemaker.presentation.figures import alt_text, full_date_line, health_course, heatmap
from pycemaker.presentation.figures.canvas import WIDTH, Sheet
from pycemaker.reports.attachments.sample_table import table
from pycemaker.reports.attachments.workbook import Workbook
from pycemaker.reports.mail_subject import mail_subject
from pycemaker.series.fleet import Fleet, FleetRow
from pycemaker.series.period import MetricPeriod, Period
from pycemaker.settings import from_mapping
from pycemaker.window import Window
from tests.catalogues import read_catalogue, unfinished
from tests.services.bracketed_language import Bracketed, bracketed, untranslated
from tests.services.noise import quiet_period
from tests.services.periods import SAO_PAULO, WINDOW, busy_period
from tests.services.planted import changed, every_kind, every_resource, lifted
from tests.services.sample_alert import every_alert

ROOT = FOLDER.parents[1]
KEYWORDS = ("_", "N_", "ngettext", "pgettext")
FOR_READERS = ["metrics.py", "analysis/**/*.py", "i18n/*.py", "jobs/collaborators.py", "mail/*.py", "presentation/**/*.py",
               "reports/**/*.py", "web/pages/unsubscribe_page.py"]  # fmt: skip
FOR_CALLERS = {"parameters.py", "parameters_cell.py", "notebook_catalogue.py"}  # the API speaks Portuguese alone
PATHS = [path for pattern in FOR_READERS for path in sorted((ROOT / "pycemaker").glob(pattern))
         if path.name not in FOR_CALLERS]  # fmt: skip
TRANSLATED = [tag for tag in LANGUAGES if tag != language.DEFAULT]


@cache
def periods() -> tuple[Period, ...]:
    """Those of `every_kind`, made once, and not where this file is only collected."""
    return tuple(every_kind())


@cache
def resources() -> tuple[Resource, ...]:
    return tuple(every_resource())


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    path = tmp_path_factory.mktemp("messages") / "messages.pot"
    extract = ["babel.messages.frontend", "-q", "extract", "--mapping", "pyproject.toml", "--output", str(path), "."]
    subprocess.run([sys.executable, "-m", *extract], cwd=ROOT, check=True)
    with path.open("rb") as lines:
        return read_po(lines)


@pytest.mark.parametrize("tag", TRANSLATED)
def test_a_catalogue_has_the_messages_of_the_source_and_no_other(tag: str, messages: Catalog) -> None:
    """If this fails: `make messages`, then translate the messages that it names."""

    def keys(catalogue: Catalog) -> set[object]:
        return {(message.context, message.id) for message in catalogue if message.id}

    assert keys(read_catalogue(tag)) == keys(messages)


@pytest.mark.parametrize("tag", TRANSLATED)
def test_every_message_is_translated_with_the_facts_of_the_source(tag: str) -> None:
    assert list(unfinished(read_catalogue(tag))) == []


def test_what_a_translator_has_to_do_is_reported() -> None:
    catalogue = Catalog(locale="en")
    catalogue.add("Sem interrupção.")
    catalogue.add("{count} vezes", "{number} times")
    catalogue.add("Resumo", "Summary", flags=("fuzzy",))
    catalogue.add(("{days} dia", "{days} dias"), ("a day", "{days} days"))
    catalogue.add(("do dia anterior", "dos {days} dias anteriores"), ("of the day before", "of the {days} days before"))
    assert list(unfinished(catalogue)) == [
        "not translated: Sem interrupção.",
        "other facts: {count} vezes",
        "fuzzy: Resumo",
        "other facts: {days} dia",
    ]


def marked(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KEYWORDS:
            yield node


def literals(nodes: list[ast.expr]) -> list[str]:
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def test_whatever_is_marked_is_found_also_where_it_stands_in_another_text(messages: Catalog) -> None:
    found = {text for message in messages for text in ([message.id] if isinstance(message.id, str) else message.id)}
    contexts = {message.context for message in messages}
    for path in sorted((ROOT / "pycemaker").rglob("*.py")):
        for call in marked(ast.parse(path.read_text(encoding="utf-8"))):
            assert set(literals(call.args)) <= found | contexts, f"{path.name}:{call.lineno}"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.relative_to(ROOT / "pycemaker").as_posix())
def test_no_portuguese_stands_unmarked(path: Path) -> None:
    """If this fails: put the text into `_(...)`, see pycemaker/i18n/language.py, and run `make messages`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    apart = {id(node) for call in marked(tree) for node in ast.walk(call)}
    apart |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    unmarked = [node.value for node in ast.walk(tree)
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in apart
                and re.search(r"[àáâãçéêíóôõú]", node.value, re.IGNORECASE)]  # fmt: skip
    assert unmarked == []


def visible(fragment: str) -> str:
    return unescape(re.sub(r"<[^>]*>", " ", fragment))


def everything_said(period: Period) -> Iterator[str]:
    found = find(period)
    for finding in found:
        yield from (finding.headline, finding.detail, finding.advice)
    head = tables.mail_head(found, period)
    yield from (head["headline"], head["preheader"])
    yield mail_subject(period.window, period.zone)
    yield mail_subject(period.window, period.zone, head["headline"])
    for fragment in (tables.heading(period, "Revisão de capacidade"), tables.findings(found, period),
                     tables.trust(period), tables.summary(period.metrics), tables.summary(period.metrics[1:], is_rest=True), *map(tables.section, period.metrics)):  # fmt: skip
        yield visible(fragment)
    if (health := period_health(period)) is not None:
        yield visible(tables.health(period, health))
    for part in period.metrics:
        numbers = summarize_metric(part)
        yield from (alt_text.whole_sentence(part, numbers), alt_text.shares_sentence(part, numbers))
    yield alt_text.small_sentence(period.metrics)


def drawn_parts() -> Iterator[MetricPeriod]:
    period = busy_period()
    yield from (period["cpu"], period["response_time"], period["http_fail"])
    for hours in (30, 24 * 8):
        yield busy_period(Window(WINDOW.end_utc, hours))["request_count"]
    yield next(part for period in periods() for part in period.metrics if not len(part.current))


@dataclass(frozen=True)
class Written:
    """A text in a figure, and from where to where it goes, in CSS pixels from the left."""

    text: str
    left: float
    right: float


def draw(drawn_resources: Sequence[Resource]) -> tuple[list[Written], list[str]]:
    """All texts written into figures, and the sentences that stand for them."""
    texts: list[Written] = []
    write = Sheet.write

    def overheard(sheet: Sheet, x: float, y: float, text: str, **how: Any) -> None:
        width = sheet.width_of(text, weight=how.get("weight", "normal"))
        left = x - width * {"left": 0, "center": 0.5, "right": 1}[how.get("ha", "left")]
        texts.append(Written(text, left, left + width))
        write(sheet, x, y, text, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sheet, "write", overheard)
        drawn = [
            figure(part)
            for part in drawn_parts()
            for figure in (figures.course, figures.whole, figures.criticity_shares)
        ]
        drawn += [figures.small_courses(busy_period(Window(WINDOW.end_utc, hours)).metrics) for hours in (6, 192)]
        drawn += [
            health_course.health_course(each, health) for each in periods()[:1] if (health := period_health(each))
        ]
        drawn += [
            figure(each)
            for each in drawn_resources
            for figure in (heatmap.hours_of_week, full_date_line.trend_to_limit)
        ]
    return texts, [picture.alt for picture in drawn]


def review() -> Iterator[str]:
    for resource in resources():
        yield visible(tables.capacity(capacity_findings([resource]), capacity_quiet([resource])))
        yield visible(capacity_tables.summary([resource]))
        yield visible(capacity_tables.section(resource))


def fleets() -> Iterator[str]:
    """The fleet's table: an application without samples, a full one, one that changed, and none."""
    rows = (FleetRow("", "cpu", None, 0.2), FleetRow("⟦shop⟧", "disk", 0.99, 0.5), FleetRow("⟦web⟧", "ram", 0.6, 0.2))
    for some in (rows, ()):
        fleet = Fleet(WINDOW, SAO_PAULO, "http://127.0.0.1:5000", some)
        yield visible(fleet_table.table(fleet))
        yield fleet_table.headline(some)


def alerts() -> Iterator[str]:
    """Alerts of each kind, open and ended, in a period in which a metric moved; many at once, and none."""
    quiet = quiet_period(1)
    period = changed(quiet, cpu=lifted(quiet["cpu"], 1, 5.5, 6, add=0.5))
    every = every_alert(WINDOW.end_utc - timedelta(minutes=30))
    for some in (*((each,) for each in every), every[:1] * 2, every * 2):
        fired = FiredAlerts(some, WINDOW, SAO_PAULO)
        html, head = alert_head(fired, period, "http://127.0.0.1:5000")
        rows = alert_rows(fired, period)
        yield from (visible(html), head["headline"].removeprefix("Re: "), head["preheader"])
        yield from (visible(alert_order(fired, period)), rows[1].limit_text, figures.small_courses(*rows).alt)
        yield visible(alert_list(fired))
    yield visible(alert_head(FiredAlerts((), WINDOW, SAO_PAULO), period, "")[0])


@pytest.fixture(scope="module")
def said() -> dict[str, list[str]]:
    """Everything that notebooks say in brackets, by what says it; and every message that was asked for."""
    spoken = bracketed()
    with speaking(spoken):
        report = [text for period in periods() for text in everything_said(period)]
        texts = {"report": report, "review": list(review()), "fleet": list(fleets()), "alerts": list(alerts())}
        written, sentences = draw(resources())
        texts["figures"] = [*(each.text for each in written), *sentences]
    assert isinstance(spoken.catalogue, Bracketed)
    return texts | {"asked": sorted(spoken.catalogue.asked)}


@pytest.mark.parametrize(
    ("what", "least"), [("report", 1500), ("review", 20), ("figures", 300), ("fleet", 3), ("alerts", 50)]
)
def test_nothing_that_a_notebook_says_is_left_untranslated(what: str, least: int, said: dict[str, list[str]]) -> None:
    assert len(said[what]) > least
    assert {word for text in said[what] for word in untranslated(text)} == set()


def test_the_planted_events_make_notebooks_say_all_that_they_can(said: dict[str, list[str]], messages: Catalog) -> None:
    def is_said_here(message: Message) -> bool:
        return any(name.startswith("pycemaker/") and not re.search("/alerts/|/reports/|/web/|/mail/|/jobs/|/schedules/", name)
                   for name, _line in message.locations)  # fmt: skip

    can = {
        message.id if isinstance(message.id, str) else message.id[0] for message in messages if is_said_here(message)
    }
    assert sorted(can - set(said["asked"])) == []


def test_nothing_in_a_workbook_is_left_untranslated(tmp_path: Path) -> None:
    with speaking(bracketed()):
        book = Workbook(tmp_path / "book.xlsx", "", SAO_PAULO)
        for part, step in zip(busy_period().metrics, (0, 60, 60, 60, 60, 60), strict=True):
            book.add(part, summarize_metric(part), table(part.current, step))
        book.close()
    book = openpyxl.load_workbook(tmp_path / "book.xlsx", read_only=True)
    cells = {
        cell for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row if isinstance(cell, str)
    }
    assert len(book.sheetnames) == 7
    assert len(cells) > 30
    assert {word for text in [*cells, *book.sheetnames] for word in untranslated(text)} == set()


@pytest.mark.parametrize("tag", LANGUAGES)
def test_what_stands_in_a_figure_fits_into_it(tag: str) -> None:
    with speaking(tag):
        written, _sentences = draw(resources()[:3])
    assert [each for each in written if each.left < -1 or each.right > WIDTH + 1] == []


def test_the_brackets_show_what_was_not_translated() -> None:
    with speaking(bracketed()):
        assert untranslated(_("{label} chega a {limit}", label="Consumo", limit="9%")) == ["Consumo"]
        assert untranslated(_("{label} chega a {limit}", label=_("Consumo de CPU"), limit="9%")) == []
        assert untranslated("10/04 às 3 h") == ["às", "10/04"]


def test_a_process_speaks_one_language_in_all_its_threads_and_a_block_another() -> None:
    heard: list[str] = []
    try:
        speak("en")
        worker = threading.Thread(target=lambda: heard.append(spoken().tag))
        with speaking("pt-BR"):
            assert _("Sem interrupção.") == "Sem interrupção."
            worker.start()
            worker.join()
        assert _("Sem interrupção.") == "No interruption."
    finally:
        speak(language.DEFAULT)
    assert heard == ["en"]
    assert spoken().tag == "pt-BR"


def test_a_message_without_a_translation_stays_as_it_is_and_an_empty_one_empty() -> None:
    with speaking("en"):
        assert _("Fila de {n} pedidos", n=3) == "Fila de 3 pedidos"
        assert _("") == ""
        assert N_("Resumo") == "Resumo"


def test_number_and_context_choose_the_message() -> None:
    with speaking("en"):
        texts = [ngettext("{days} dia", "{days} dias", n, days=n) for n in (0, 1, 2)]
        assert pgettext("date", "dd/MM/yyyy") == "MMM d, y"
    assert texts == ["0 days", "1 day", "2 days"]


def test_a_catalogue_is_read_once() -> None:
    assert find_language("en") is find_language("en")
    with pytest.raises(KeyError):
        find_language("fr")


@pytest.mark.parametrize(
    ("text", "tag"), [("en", "en"), ("EN", "en"), ("pt-BR", "pt-BR"), ("pt_br", "pt-BR"), ("", "pt-BR")]
)
def test_the_setting_takes_a_tag_however_it_is_spelt(text: str, tag: str) -> None:
    assert from_mapping({"REPORT_LANGUAGE": text}).report_language == tag


def test_numbers_dates_and_lists_are_written_as_the_language_writes_them() -> None:
    with speaking("en"):
        assert i18n.decimal(1234.5, 1) == "1,234.5"
        assert i18n.share(0.0001) == "<0.1%"
        assert i18n.growth(0.0) == "same"
        assert i18n.growth(12.34) == "▲ 13×"
        assert i18n.fold(2.0) == "2×"
        assert i18n.reading_with_unit(12.44, "per_minute") == "12.4 a minute"
        assert i18n.listed(["a", "b", "c"]) == "a, b, and c"
        assert i18n.length(75) == "3 days and 3 hours"
        assert i18n.zone_phrase(WINDOW, SAO_PAULO) == "Brasilia Time (UTC-3)"
        assert i18n.period(WINDOW, SAO_PAULO) == "Apr 10, 2022, 03:43 to 09:43"
        assert i18n.period_in_sentence(WINDOW, SAO_PAULO) == "from 03:43 to 09:43 on Apr 10, 2022"
        assert mail_subject(WINDOW, SAO_PAULO, "CPU usage 12× above normal") == (
            "CPU usage 12× above normal — Pycemaker, Apr 10, 2022 09:43, 6 h"
        )


def test_a_finding_reads_as_a_sentence() -> None:
    with speaking("en"):
        said = {text for period in periods() for finding in find(period) for text in (finding.sentence, finding.advice)}
    for text in (
        "CPU usage critical for 42 min. In 2 stretches; the longest, 30 min, from 07:43 to 08:13.",
        "Disk usage reaches 100% in about 10 days (Apr 20, 2022)."
        " It is at 90.2% and rises 1.0 pp a day, measured over 7 days.",
        "Look for a job scheduled at that hour. See what changed shortly before: a deploy, the database, an external"
        " service; and the logs at that time.",
    ):
        assert text in said
    assert any(text.startswith("RAM usage reaches 100% in about 6 h (Apr 10, 15:00). ") for text in said)

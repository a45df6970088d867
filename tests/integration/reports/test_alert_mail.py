"""The mail of an alert, made by its notebook out of a planted week."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pycemaker.mongo import embedded
from pycemaker.mongo.database import Database
from pycemaker.monitor.alert_history import AlertHistory
from pycemaker.presentation.alert_wording import subject
from pycemaker.reports.read_alerts import read_alerts
from pycemaker.reports.report_model import Page
from pycemaker.settings import from_mapping
from pycemaker.window import to_iso_text
from tests.services.periods import SAO_PAULO
from tests.services.sample_alert import ENDED, FIRED, NOW, SINCE, alert_report, write_alert
from tests.services.sample_report import sample_report


@pytest.fixture(scope="module")
def url(mongod: embedded.EmbeddedMongod) -> Iterator[str]:
    address = f"{mongod.url}/test_alert_mail"
    with closing(Database(address)) as database:
        write_alert(database)
        yield address


def told(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.fixture(scope="module")
def fired(url: str, tmp_path_factory: pytest.TempPathFactory) -> Page:
    made = alert_report(url, tmp_path_factory.mktemp("fired"), FIRED).made
    assert made.flaws == []
    assert made.page.left_out == made.page.remarks == ()
    return made.page


def test_its_subject_is_that_of_the_plain_mail(fired: Page) -> None:
    assert fired.subject == subject([FIRED], SAO_PAULO) == "Consumo de CPU acima de 90% desde 17:40 — 24/11/2026"
    assert fired.severity == 3


def test_it_says_how_bad_that_is_and_what_moved_first(fired: Page) -> None:
    text = told(fired.text)
    assert "Dura 6 min; no pior momento, 97,3%. Na mesma hora dos 7 dias anteriores: 4" in text
    order = [text.index(row) for row in ("17:36 Tempo de", "17:40 Consumo de CPU", "17:42 Falhas", "17:43 Número de")]
    assert order == sorted(order)
    assert "Consumo de RAM" not in text[: text.index("Curso das métricas")]


def test_its_figure_begins_an_hour_before_and_names_what_is_marked(fired: Page) -> None:
    (figure,) = fired.figures
    assert figure.alt.startswith("Curso das métricas de 16:31 a 17:46 de 24/11/2026: Consumo de CPU de ")
    assert figure.alt.endswith("Marcado: início às 17:40 e limite 90%.")


def test_the_end_says_how_long_it_lasted_and_answers_the_first_mail(url: str, fired: Page, tmp_path: Path) -> None:
    with closing(Database(url)) as database:
        history = AlertHistory(database)
        history.save([ENDED])
        page = alert_report(url, tmp_path, ENDED, now=SINCE + timedelta(minutes=39)).made.page
        history.save([FIRED])
    assert page.subject == f"Re: {fired.subject}"
    assert "Terminou: Consumo de CPU acima de 90% das 17:40 às 18:18 Durou 38 min" in told(page.text)


def test_without_ids_it_tells_of_the_period_s_and_says_where_there_is_none(url: str, tmp_path: Path) -> None:
    assert alert_report(url, tmp_path / "now").made.page.subject.startswith("Consumo de CPU acima de 90% desde 17:40")
    page = alert_report(url, tmp_path / "before", now=NOW - timedelta(days=2)).made.page
    assert page.subject.startswith("Nenhum alerta neste período — Pycemaker, 22/11/2026 17:46")
    assert page.figures == ()


def test_a_report_lists_the_alerts_of_its_period_alone(url: str, tmp_path: Path) -> None:
    line = "Alertas ------- Consumo de CPU acima de 90% desde 17:40. Dura 6 min; no pior momento, 97,3%."
    assert line in told(sample_report(url, tmp_path / "now", end=NOW).made.page.text)
    before = sample_report(url, tmp_path / "before", end=NOW - timedelta(days=2)).made.page
    assert "Alertas" not in before.text


def test_alerts_are_read_in_the_order_of_their_ids_and_of_one_application(url: str) -> None:
    settings = from_mapping({"MONGO_DB_URL": url})
    others = [replace(FIRED, id=name, application=name) for name in ("loja", "web")]
    later = replace(FIRED, id="/ram/1", rule="ram", metric="ram", fired_at=NOW)
    with closing(Database(url)) as database:
        history = AlertHistory(database)
        history.save([*others, later])

        def read(*ids: str, application: str = "") -> list[str]:
            found = read_alerts(to_iso_text(NOW), 6, application, ids, settings)
            return [each.id for each in found.alerts]

        assert read() == ["/ram/1", FIRED.id]
        assert read(FIRED.id, "/ram/1", "gone", "loja") == [FIRED.id, "/ram/1"]
        assert read(application="loja") == read("web", "loja", application="loja") == ["loja"]
        database["alerts"].delete_many({"_id": {"$in": ["loja", "web", "/ram/1"]}})


@pytest.mark.parametrize(
    ("alert", "minutes", "hours"),
    [(FIRED, 6, 1.25), (FIRED, 300, 6), (FIRED, 3000, 24), (ENDED, 39, 1.75), (ENDED, 900, 2.75)],
)
def test_the_samples_around_it_begin_an_hour_before_it(alert: object, minutes: int, hours: float, url: str) -> None:
    settings = from_mapping({"MONGO_DB_URL": url})
    now = SINCE + timedelta(minutes=minutes)
    fired = replace(read_alerts(to_iso_text(now), 6, settings=settings), alerts=(alert,))
    assert fired.around[1] == hours
    assert fired.around[0] == to_iso_text(min(now, SINCE + timedelta(minutes=98 if alert is ENDED else 23 * 60)))

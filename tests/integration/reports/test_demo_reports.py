"""Reports over demo samples: they say so whatever their cells show, and compare nothing across the samples' end."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import nbformat
import pytest

from pycemaker.cache.sample_store import Store
from pycemaker.collect import demo_history
from pycemaker.collect.sample_document import sample_document
from pycemaker.jobs.pipeline_factory import report_collaborators
from pycemaker.metrics import REQUEST_COUNT
from pycemaker.mongo.database import Database
from pycemaker.reports.read_period import read_period
from pycemaker.reports.report_model import Page, ReportRequest
from pycemaker.settings import from_mapping
from pycemaker.window import Window, to_iso_text
from tests.services.periods import WINDOW

END = WINDOW.end_utc


def no_kernel(*_given: object) -> NoReturn:
    raise AssertionError("nothing is run here")


def rendered(folder: Path, database_url: str, window: Window, shown: str = "Minha tabela") -> Page:
    output = nbformat.v4.new_output("display_data", {"text/html": f"<p>{shown}</p>"})
    path = folder / "executed.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[output])]), path)
    settings = from_mapping({"MONGO_DB_URL": database_url, "DATA_DIR": str(folder)})
    return report_collaborators(settings, no_kernel).render_page(path, ReportRequest("", path, window, ()), ())


@pytest.mark.parametrize(
    ("hours_later", "sentence", "is_in_subject"),
    [
        (0, "Todas as amostras deste relatório são inventadas.", True),
        (2, "As amostras até 10/04/2022, 09:43 são inventadas; as reais, mais novas, ficam fora das contas.", True),
        (8, "As amostras até 10/04/2022, 09:43 são inventadas, e nada é comparado com elas.", False),
    ],
)
def test_a_notebook_that_says_nothing_of_it_is_said_to_be_made_up(
    tmp_path: Path, database: Database, database_url: str, hours_later: int, sentence: str, is_in_subject: bool
) -> None:
    demo_history.write_history(database, END, 1)
    page = rendered(tmp_path, database_url, Window(END + timedelta(hours=hours_later), 6))
    assert sentence in page.html
    assert sentence in page.full_html
    assert sentence in " ".join(page.text.split())
    assert page.subject.endswith("(dados de exemplo)") is is_in_subject


def test_the_notice_stands_once_where_a_cell_has_it_and_is_absent_without_demo_samples(
    tmp_path: Path, database: Database, database_url: str
) -> None:
    assert "inventadas" not in rendered(tmp_path, database_url, WINDOW).full_html
    demo_history.write_history(database, END, 1)
    sentence = "Todas as amostras deste relatório são inventadas."
    assert rendered(tmp_path, database_url, WINDOW, sentence).full_html.count(sentence) == 1


def test_a_period_read_after_the_demo_samples_has_nothing_to_compare_with(
    database: Database, database_url: str, store: Store, tmp_path: Path
) -> None:
    demo_history.write_history(database, END, 8)
    times = [END + timedelta(seconds=5 * number) for number in range(1, 721 * 6)]
    database[REQUEST_COUNT.collection].insert_many([sample_document(REQUEST_COUNT, time, 1.0) for time in times])
    settings = from_mapping({"MONGO_DB_URL": database_url, "DATA_DIR": str(tmp_path)})
    six_hours_later = read_period(to_iso_text(END + timedelta(hours=6)), 6, settings=settings)["request_count"]
    assert (len(six_hours_later.current), len(six_hours_later.previous)) == (4320, 0)
    assert six_hours_later.history is not None
    assert len(six_hours_later.history) == 0
    two_days_later = read_period(to_iso_text(END + timedelta(hours=12)), 6, settings=settings)["request_count"]
    assert two_days_later.history is not None
    assert two_days_later.history.hour_ms.min() >= END.timestamp() * 1000
    assert store.sample_history_end() == END

"""Reports in English, made by real kernels: no word that a reader sees is Portuguese. And the other way about."""

from __future__ import annotations

import email
import email.policy
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import lxml.html
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

import server
from pycemaker.cache.sample_store import Store
from pycemaker.collect import demo_history
from pycemaker.i18n.language import LANGUAGES, speaking
from pycemaker.mail.compose import compose
from pycemaker.mail.signing_keys import SigningKeys
from pycemaker.mail.unsubscribe import unsubscribe_headers
from pycemaker.mongo.database import Database
from pycemaker.reports.notebook_for_readers import HTML_CHARACTERS
from pycemaker.reports.render import render_page
from pycemaker.reports.report_model import ReportRequest
from pycemaker.settings import ROOT, from_mapping
from pycemaker.tools.preview_builder import PreviewBuilder
from pycemaker.web.services import Services
from pycemaker.window import Window
from tests.catalogues import read_catalogue
from tests.integration.jobs.test_reports import NOW, environment_of
from tests.services.bracketed_language import bracketed, untranslated
from tests.services.periods import SAO_PAULO, WINDOW
from tests.services.report_service import RecordingReportService, make, service_of
from tests.services.shared_template import TEMPLATE
from tests.services.wsgi import Client

WORD = re.compile(r"[^\W\d_]{2,}")
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def words_of(texts: list[str]) -> set[str]:
    """The words of texts in lower case, without facts, addresses and names."""
    plain = (re.sub(r"\{\w*\}|https?://\S+|\S+@\S+|America/Sao_Paulo", " ", text) for text in texts)
    return {word.lower() for text in plain for word in WORD.findall(text)}


def vocabularies() -> tuple[set[str], set[str]]:
    """The words that only the Portuguese messages have, and those that only the English ones have."""
    sides: tuple[list[str], list[str]] = ([], [])
    for message in read_catalogue("en"):
        if message.id and message.context is None:
            for side, texts in zip(sides, (message.id, message.string), strict=True):
                side.extend([texts] if isinstance(texts, str) else texts)
    portuguese, english = map(words_of, sides)
    return portuguese - english, english - portuguese


PORTUGUESE, ENGLISH = vocabularies()


def seen(markup: str) -> str:
    """The text that a reader of HTML sees or hears."""
    tree = lxml.html.fromstring(markup)
    for hidden in tree.xpath("//style|//script|//comment()"):
        hidden.drop_tree()
    attributes = tree.xpath("//@alt|//@title|//@aria-label|//@summary")
    return " ".join([tree.text_content(), *attributes])


def everything_seen(message: EmailMessage, page: str) -> list[str]:
    html, text = message.get_body(("html",)), message.get_body(("plain",))
    assert html is not None
    assert text is not None
    return [str(message["Subject"]), seen(html.get_content()), text.get_content(), seen(page)]


@pytest.fixture
def history(database: Database) -> None:
    demo_history.write_history(database, NOW, 12)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pm-") as made:
        yield Path(made)


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(("tag", "own", "other"), [("en", ENGLISH, PORTUGUESE), ("pt-BR", PORTUGUESE, ENGLISH)])
def test_a_report_is_of_one_language_from_subject_to_foot(
    tag: str,
    own: set[str],
    other: set[str],
    folder: Path,
    database: Database,
    database_url: str,
) -> None:
    links = {"PUBLIC_URL": "https://pm.example.com", "DASHBOARD_URL": "https://panel.example.com"}
    environment = environment_of(folder, MONGO_DB_URL=database_url, REPORT_LANGUAGE=tag, **links)
    report_service = service_of(database, environment)
    try:
        record = make(
            report_service, ReportRequest("a", ROOT / "notebooks" / "report.ipynb", Window(NOW, 6), ("a@b.com",))
        )
    finally:
        report_service.close()
    assert record["state"] == "written"
    (file,) = (folder / "outbox").glob("*.eml")
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    page = report_service.files.get("a", "page.html").decode()
    texts = everything_seen(message, page)
    for text in texts:
        assert words_of([text]) & other == set()
    assert len(words_of(texts) & own) > 60
    assert message["Content-Language"] == tag
    html = message.get_body(("html",)).get_content()
    assert set(re.findall(r' lang="([^"]*)"', html)) == {tag}
    assert f'<html lang="{tag}"' in html
    assert f'<html lang="{tag}"' in page


@pytest.mark.usefixtures("history")
def test_a_preview_and_its_kernel_speak_the_language_of_the_settings(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"REPORT_LANGUAGE": "en", "MONGO_DB_URL": database_url, "DATA_DIR": str(tmp_path)}
    for name, text in given.items():
        monkeypatch.setenv(name, text)
    notebook = ROOT / "notebooks" / "capacity.ipynb"
    preview_builder = PreviewBuilder(
        ReportRequest("preview", notebook, Window(NOW, 6), "a@b.com"),
        from_mapping(given),
        tmp_path / "made",
        template=TEMPLATE,
    )
    preview_builder.run()
    preview = preview_builder.render()
    assert preview.flaws == []
    texts = everything_seen(preview.message, preview.page.full_html)
    assert set.union(*map(words_of, ([text] for text in texts))) & PORTUGUESE == set()
    assert "Capacity review" in texts[1]


@pytest.mark.usefixtures("history")
def test_papermill_by_hand_speaks_it_too(tmp_path: Path, database_url: str) -> None:
    plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    given = {"REPORT_LANGUAGE": "en", "MONGO_DB_URL": database_url, "DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "papermill", "notebooks/report.ipynb", str(tmp_path / "out.ipynb")]
    command += ["-p", "date_now", "10-04-2022-09-43-23", "-p", "time_range", "6", "-k", "python3"]
    subprocess.run(command, cwd=ROOT, env=plain | given, check=True, capture_output=True, timeout=120)
    cells = json.loads((tmp_path / "out.ipynb").read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", []) if "data" in output]
    texts = [seen("".join(output["data"]["text/html"])) for output in outputs if "text/html" in output["data"]]
    texts += ["".join(output["data"]["text/plain"]) for output in outputs if "image/png" in output["data"]]
    assert len(texts) == 19
    assert "What changed" in "".join(texts)
    assert words_of(texts) & PORTUGUESE == set()


def test_the_languages_are_distinct_by_enough_words() -> None:
    assert {"período", "amostras", "média", "relatório"} <= PORTUGUESE
    assert {"period", "samples", "mean", "report"} <= ENGLISH
    assert LANGUAGES == ("pt-BR", "en"), "this test knows two languages"


def executed(path: Path, pieces: int) -> Path:
    """A notebook that left every kind of output in no language, and so much HTML that a mail has no room for it."""
    long = "<p>" + "0 " * (HTML_CHARACTERS // 2) + "</p>"
    shown = [{"image/png": PIXEL}, {"text/html": long}, *({"text/html": "<p>" + "0 " * 9000 + "</p>"},) * pieces]
    outputs = [new_output("display_data", content) for content in shown]
    outputs.append(new_output("stream", text="0 " * 9000))
    outputs.append(new_output("error", ename="", evalue="", traceback=[]))
    nbformat.write(new_notebook(cells=[new_code_cell("", outputs=outputs)]), path / "executed.ipynb")
    return path / "executed.ipynb"


@pytest.mark.parametrize("public_url", [None, "https://pm.example.com"])
@pytest.mark.parametrize("pieces", [6, 9])
def test_nothing_in_the_templates_is_left_untranslated(pieces: int, public_url: str | None, tmp_path: Path) -> None:
    with speaking(bracketed()) as language:
        page = render_page(executed(tmp_path, pieces), WINDOW, "a", zone=SAO_PAULO, public_url=public_url)
        message = compose(page, "a@b.com", None, sender="c@d.com")
    text = re.sub(r"https://\S+|\[\.\.\.|figure:\S+", " ", "\n".join(everything_seen(message, page.full_html)))
    assert untranslated(text) == []
    assert "grande demais" in text
    assert message["Content-Language"] == language.tag


def test_leaving_a_report_is_offered_in_the_same_language(store: Store, database: Database) -> None:
    headers = unsubscribe_headers(SigningKeys(database), "https://pm.example.com", "a@b.com", "report")
    path = headers["List-Unsubscribe"].strip("<>").removeprefix("https://pm.example.com")
    client = Client(
        server.create_app(Services(from_mapping({"REPORT_LANGUAGE": "en"}), store, RecordingReportService()))
    )
    for page in pages_of(client, path):
        assert '<html lang="en">' in page
        assert words_of([seen(page)]) & PORTUGUESE == set()


def pages_of(client: Client, path: str) -> Iterator[str]:
    html = {"accept": "text/html"}
    yield client.ask("GET", path, **html).body.decode()
    yield client.ask("GET", path + "x", **html).body.decode()
    for button in ("cancelar", "cancelar-todos", "voltar"):
        form = {"body": f"acao={button}", "content_type": "application/x-www-form-urlencoded"}
        yield client.ask("POST", path, **form, **html).body.decode()

"""Attachments: samples as a table, as CSV and as a workbook, within the room of a message."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import openpyxl
import pytest

from pycemaker.analysis.metric_summary import summarize_metric
from pycemaker.errors import InvalidParameter
from pycemaker.mail.compose import POLICY, compose
from pycemaker.metrics import CPU, HTTP_FAIL, METRICS, SAMPLE_SECONDS, Metric
from pycemaker.reports.attachments import assemble
from pycemaker.reports.attachments.assemble import AttachmentBuilder, room_bytes
from pycemaker.reports.attachments.csv_archive import CsvArchive, csv_pieces
from pycemaker.reports.attachments.kinds import parse_kinds
from pycemaker.reports.attachments.sample_table import STEPS_SECONDS, step_for, table
from pycemaker.reports.attachments.workbook import Workbook
from pycemaker.reports.report_model import Figure, Page, ReportRequest
from pycemaker.series.batches import no_columns
from pycemaker.series.period import MetricPeriod
from pycemaker.window import Window
from tests.services.periods import NEW_YORK, SAO_PAULO, WINDOW, columns, part

NAN = float("nan")
PAGE = Page(
    "Relatório 10/04/2022", '<p>ação</p><img src="figure:a.png">', "ação\n", (Figure("a.png", b"\x89PNG" * 9, "A"),)
)
SIX = columns(WINDOW.start_utc, [0.1, 0.5, NAN, 0.2, NAN, NAN], ["low", "critical", "low", "low", "high", "low"], 30)
"""Three minutes, two samples each, after 03:43:23."""


@pytest.mark.parametrize(
    ("text", "kinds"),
    [("", ()), ("csv", ("csv",)), ("pdf, XLSX,csv", ("csv", "xlsx", "pdf")), ("csv,csv", ("csv",))],
)
def test_kinds_are_named_by_commas_and_come_in_one_order(text: str, kinds: tuple[str, ...]) -> None:
    assert parse_kinds(text) == kinds


@pytest.mark.parametrize("text", ["zip", "csv,", "csv;pdf", ",", "CSV x"])
def test_a_kind_that_there_is_not_is_named(text: str) -> None:
    with pytest.raises(InvalidParameter, match="attach"):
        parse_kinds(text)


# --- lines


def test_a_line_a_sample_is_the_samples_as_they_are() -> None:
    lines = table(SIX)
    assert (lines.step_seconds, len(lines), lines.samples) == (0, 6, None)
    assert list(lines.numbers) == ["value"]
    assert lines.time_ms is SIX.time_ms


def test_a_line_a_minute_has_the_lowest_the_mean_the_highest_how_many_and_the_worst() -> None:
    moved = replace(SIX, time_ms=SIX.time_ms // 60_000 * 60_000 + np.array([0, 1, 0, 1, 0, 1]))
    lines = table(replace(moved, time_ms=np.repeat(np.array([60, 120, 240]) * 1000, 2)), 60)
    assert lines.time_ms.tolist() == [60_000, 120_000, 240_000]
    assert lines.readings["value_min"].tolist()[:2] == [0.1, 0.2]
    assert lines.readings["value_mean"].tolist()[:2] == [0.3, 0.2]
    assert lines.readings["value_max"].tolist()[:2] == [0.5, 0.2]
    assert all(np.isnan(reading[2]) for reading in lines.readings.values())
    assert lines.samples is not None
    assert lines.samples.tolist() == [2, 2, 2]
    assert [lines.criticity_names[code] for code in lines.criticity] == ["critical", "low", "high"]


@pytest.mark.parametrize("step", STEPS_SECONDS)
def test_no_sample_gives_no_line(step: int) -> None:
    assert len(table(no_columns(), step)) == 0


@pytest.mark.parametrize(
    ("hours", "most", "step"), [(6, 150_000, 0), (24, 150_000, 0), (168, 150_000, 60), (744, 150_000, 300),
                                (168, 1_700_000, 0), (744, 1_700_000, 60), (744, 10, 3600)]
)  # fmt: skip
def test_lines_are_as_fine_as_so_many_lines_allow(hours: int, most: int, step: int) -> None:
    assert step_for(hours, 6, 5, most) == step


# --- CSV


def test_csv_has_units_in_its_header_utc_in_its_times_and_ends_lines_in_crlf() -> None:
    few = columns(WINDOW.start_utc, [0.25, NAN], ["=1+1", 'a"b'])
    assert b"".join(csv_pieces(CPU, table(few))) == (
        b"time_utc,value_ratio,criticity\r\n"
        b"2022-04-10T06:43:28.000Z,0.25,'=1+1\r\n"
        b'2022-04-10T06:43:33.000Z,,"a""b"\r\n'
    )
    assert b"".join(csv_pieces(HTTP_FAIL, table(few, 60))) == (
        b"time_utc,value_min_requests_per_sample,value_mean_requests_per_sample,value_max_requests_per_sample,samples,criticity\r\n"
        b"2022-04-10T06:43:00.000Z,0.25,0.25,0.25,2,"
        b'"a""b"\r\n'
    )


def test_an_archive_has_a_file_a_metric_and_two_that_sum_up(tmp_path: Path) -> None:
    archive = CsvArchive(tmp_path / "a.zip")
    for metric in METRICS:
        own = part(metric, [0.5, 0.1], [0.2])
        archive.add(own, summarize_metric(own), table(own.current))
    archive.close()
    with ZipFile(tmp_path / "a.zip") as made:
        assert made.namelist() == [*(f"{metric.id}.csv" for metric in METRICS), "summary.csv", "criticity.csv"]
        assert made.read("criticity.csv").splitlines()[1] == b"cpu,low,1.0"


# --- the workbook


def workbook(path: Path, own: MetricPeriod, step: int = 0) -> Any:
    made = Workbook(path, "Título", own.zone)
    made.add(own, summarize_metric(own), table(own.current, step))
    made.close()
    return openpyxl.load_workbook(path)


def test_a_workbook_sums_up_and_has_a_sheet_a_metric_in_hours_of_the_readers_and_in_utc(tmp_path: Path) -> None:
    made = workbook(tmp_path / "a.xlsx", part(CPU, [0.5, NAN, 0.1], [0.2], ["low", "critical", "low"]))
    assert made.sheetnames == ["Resumo", "Consumo de CPU"]
    sheet = made["Consumo de CPU"]
    assert [cell.value for cell in sheet[1]] == [
        *("Horário (America/Sao_Paulo)", "Horário (UTC)", "Leitura (de 0 a 100%)", "Criticidade")
    ]
    first, second = sheet[2], sheet[3]
    assert [cell.value for cell in first] == [
        datetime.fromisoformat("2022-04-10T03:43:28"),
        datetime.fromisoformat("2022-04-10T06:43:28"),
        0.5,
        "baixa",
    ]
    assert (first[2].number_format, first[0].number_format) == ("0.0%", "yyyy-mm-dd hh:mm:ss.000")
    assert (second[2].value, second[3].value) == (None, "crítica")
    told = dict(
        zip([cell.value for cell in made["Resumo"][1]], [cell.value for cell in made["Resumo"][2]], strict=True)
    )
    assert told["Métrica"] == "Consumo de CPU"
    assert (told["Amostras"], told["Amostras esperadas"]) == (3, 4320)
    assert told["Média"] == pytest.approx(0.3)
    assert told["Maior: quando (America/Sao_Paulo)"] == datetime.fromisoformat("2022-04-10T03:43:28")
    assert told["Pior criticidade"] == "baixa"


def test_a_word_that_looks_like_a_formula_is_text_in_a_workbook(tmp_path: Path) -> None:
    made = workbook(tmp_path / "a.xlsx", part(CPU, [0.5], names=["=1+1"]))
    cell = made["Consumo de CPU"]["D2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")


def test_an_hour_that_happens_twice_stands_twice_on_the_readers_clock(tmp_path: Path) -> None:
    window = Window(datetime.fromisoformat("2024-11-03T07:00:00+00:00"), 3)
    own = MetricPeriod(CPU, window, NEW_YORK, columns(window.start_utc, [0.5] * 3, every_seconds=3600), no_columns())
    times = [row[0].value.hour for row in workbook(tmp_path / "a.xlsx", own)["Consumo de CPU"].iter_rows(min_row=2)]
    assert times == [1, 1, 2]


def test_minutes_in_a_workbook_have_their_own_columns(tmp_path: Path) -> None:
    sheet = workbook(tmp_path / "a.xlsx", part(CPU, [0.5, 0.1]), step=60)["Consumo de CPU"]
    assert [cell.value for cell in sheet[1]][2:] == [
        *("Menor (de 0 a 100%)", "Média (de 0 a 100%)", "Maior (de 0 a 100%)", "Amostras", "Criticidade")
    ]
    assert [cell.value for cell in sheet[2]][2:] == [0.1, 0.3, 0.5, 2, "baixa"]


def test_nothing_at_all_gives_a_workbook_too(tmp_path: Path) -> None:
    made = workbook(tmp_path / "a.xlsx", part(CPU, []))
    assert (made["Consumo de CPU"].max_row, made["Resumo"]["C2"].value, made["Resumo"]["E2"].value) == (1, 0, None)


# --- what fits


def read(metric: Metric, window: Window, application: str) -> MetricPeriod:
    readings = np.random.default_rng(1).random(window.hours * 3600 // SAMPLE_SECONDS).tolist()
    return MetricPeriod(metric, window, SAO_PAULO, columns(window.start_utc, readings), no_columns())


def request_for(*kinds: str, window: Window = WINDOW) -> ReportRequest:
    return ReportRequest("a-report", Path("report.ipynb"), window, ("a@b.com",), attach=kinds)


@pytest.fixture
def builder() -> AttachmentBuilder:
    return AttachmentBuilder(read, SAO_PAULO, "https://monitor.example.com")


def test_what_fits_by_its_room_fits_into_the_message_and_a_byte_more_does_not_by_much(
    builder: AttachmentBuilder,
) -> None:
    """The room is reckoned, not measured: what fills it is within the limit, and within 5% of it."""
    attached = replace(builder(request_for("csv"), PAGE).files[0], content=bytes(room_bytes(PAGE)))
    message = compose(PAGE, "a@b.com", None, (attached,), sender="c@d.com")
    assert 0.95 * assemble.MESSAGE_BYTES < len(message.as_bytes(policy=POLICY)) < assemble.MESSAGE_BYTES


def test_what_does_not_fit_is_summed_up_and_the_mail_says_so_and_where_all_is(
    builder: AttachmentBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assemble, "room_bytes", lambda _page: 60_000)
    told = builder(request_for("csv"), PAGE)
    (attached,) = told.files
    with ZipFile(BytesIO(attached.content)) as made:
        assert made.read("cpu.csv").startswith(b"time_utc,value_min_ratio,")
    assert len(attached.content) <= 60_000
    assert told.notes == (
        "Anexado a este e-mail: pycemaker-20220410T124323Z-6h-csv.zip.",
        "O anexo em CSV traz uma linha para cada 5 min (menor, média, maior), para caber no e-mail. Todas as amostras:"
        " https://monitor.example.com/cpu/2022-04-10T12:43:23.000Z/6?format=csv, e assim para cada métrica.",
    )
    assert told.missing == {}


def test_an_attachment_that_fits_in_no_way_is_missing(
    builder: AttachmentBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assemble, "room_bytes", lambda _page: 300)
    told = builder(request_for("csv", "xlsx"), PAGE)
    assert told.files == ()
    assert set(told.missing) == {"csv", "xlsx"}
    assert told.missing["xlsx"].endswith("bytes, of which 300 fit into the message")
    assert [note.split(".")[0] for note in told.notes] == [
        *("O anexo em CSV não pôde ser feito", "O anexo em XLSX não pôde ser feito")
    ]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (None, "no Chromium on PATH"),
        ("exit 1", "Chromium failed (CalledProcessError)"),
        ("exit 0", "Chromium gave no PDF"),
    ],
)
def test_a_pdf_that_cannot_be_made_is_named_and_the_others_are_attached(
    builder: AttachmentBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, why: str
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}")
    if script is not None:
        (tmp_path / "chromium").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "chromium").chmod(0o700)
    told = builder(request_for("pdf", "csv", window=Window(WINDOW.end_utc, 1)), PAGE)
    assert [each.kind for each in told.files] == ["csv"]
    assert told.missing == {"pdf": why}
    assert told.notes[1:] == ("O anexo em PDF não pôde ser feito. A página completa pode ser impressa pelo navegador.",)


def test_chromium_is_given_none_of_this_process_s_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "told.txt"
    (tmp_path / "chromium").write_text(f"#!/bin/sh\nenv > {told}\n")
    (tmp_path / "chromium").chmod(0o700)
    monkeypatch.setenv("PASSWORD", "s3cret")
    AttachmentBuilder(read, SAO_PAULO, chromium=str(tmp_path / "chromium"))(request_for("pdf"), PAGE)
    assert "PATH=" in told.read_text()
    assert "s3cret" not in told.read_text()

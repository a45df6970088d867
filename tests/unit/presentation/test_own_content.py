"""What authors build tables and figures of their own with: texts, the style, findings as values."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import matplotlib as mpl
import pandas as pd
import pytest

import pycemaker
from pycemaker import brand
from pycemaker.i18n import language
from pycemaker.presentation.figures.canvas import style
from pycemaker.presentation.notebook_functions import clock, reading, what_changed
from tests.services.periods import SAO_PAULO, busy_period


@pytest.mark.parametrize(
    ("amount", "unit", "text"),
    [
        (0.785, "ratio", "78,5%"),
        (0.183, "seconds", "183 ms"),
        (12.0, "conexões", "12 conexões"),
        (1234.5, "", "1.234"),
        (float("nan"), "ratio", "—"),
        (None, "seconds", "—"),
    ],
)
def test_a_reading_is_written_as_the_report_writes_it(amount: float | None, unit: str, text: str) -> None:
    assert reading(amount, unit) == text


def test_a_time_is_written_on_its_own_clock() -> None:
    moment = pd.Timestamp("2026-11-28 22:56:10", tz="UTC")
    assert clock(moment.tz_convert(SAO_PAULO)) == "19:56"
    assert clock(moment) == "22:56"
    assert clock(datetime(2026, 11, 28, 19, 56), "dd/MM HH:mm") == "28/11 19:56"  # noqa: DTZ001 - a wall time
    assert clock(pd.NaT) == clock(None) == "—"  # type: ignore[arg-type]


def test_both_are_written_in_the_readers_language() -> None:
    with language.speaking("en"):
        assert reading(0.785, "ratio") == "78.5%"
        assert style()["date.autoformatter.day"] == "%b %d"


def test_the_style_is_one_of_matplotlib_with_the_brands_colours() -> None:
    with mpl.rc_context(style()):
        assert mpl.rcParams["figure.figsize"][0] * 96 == 560
        colors = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
        assert colors[0] == brand.load().metric("cpu")
        assert mpl.rcParams["text.color"] == brand.load().figure("ink")
        assert mpl.rcParams["date.autoformatter.day"] == "%d/%m"


def test_what_changed_gives_the_findings_as_values() -> None:
    first = what_changed(busy_period())[0]
    assert (first.metric, first.kind, first.grade) == ("response_time", "critical", "critical")
    assert first.start == datetime(2022, 4, 10, 7, 26, 33, tzinfo=ZoneInfo("America/Sao_Paulo"))
    assert first.end is not None
    assert (first.end.utcoffset(), first.end > first.start) == (first.start.utcoffset(), True)
    assert first.sentence.startswith("Tempo de resposta em estado crítico por 25 min às 07:26. ")
    frame = pd.DataFrame(what_changed(busy_period()))
    assert list(frame.columns) == ["metric", "kind", "grade", "start", "end", "sentence"]


def test_tab_offers_the_names_for_cells_alone() -> None:
    assert dir(pycemaker) == sorted(pycemaker.__all__)
    assert all(hasattr(pycemaker, name) for name in dir(pycemaker))
